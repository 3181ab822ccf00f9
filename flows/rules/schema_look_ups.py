"""The JSON Schema of `look_ups.yaml`."""

from __future__ import annotations

from flows.look_up_files import MAX_FIELDS, MAX_LOOK_UPS
from flows.rules.schema_parts import Schema, duration, mapping, named, text

_ENVIRONMENT = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"


def look_ups() -> Schema:
    """The systems that rules may ask."""
    variable = text("The environment variable that holds it.", pattern=_ENVIRONMENT)
    of_http: Schema = {"required": ["http"], "properties": dict.fromkeys(("sql", "url", "url_from"), False)}
    of_sql: Schema = {
        "required": ["sql"],
        "properties": dict.fromkeys(("http", "headers"), False),
        "oneOf": [{"required": ["url"]}, {"required": ["url_from"]}],
    }
    system = mapping(
        "One system, asked over http or with SQL.",
        {
            "http": text(
                "The address, with {key} where the key belongs.", pattern=r"^https?://[^{}]+(\{key\}.*)+$"
            ),
            "headers": named("Headers, each with the environment variable that holds it.", variable, None),
            "sql": text("The question, with :key where the key belongs; the first row counts."),
            "url": text("The database, as SQLAlchemy writes it, without a password."),
            "url_from": {**variable, "description": "Or the environment variable that holds it."},
            "fields": named(
                "What rules read: a dotted path in the JSON answer, or a column.",
                text("Where it stands."),
                minProperties=1,
                maxProperties=MAX_FIELDS,
            ),
            "timeout": duration("How long an answer is waited for. Default 2s."),
            "cache": duration("How long an answer is kept. Default 0s."),
        },
        ["fields"],
        oneOf=[of_http, of_sql],
    )
    found = named("The systems by name; rules ask them by `look_up`.", system, maxProperties=MAX_LOOK_UPS)
    return mapping("Which systems rules may ask, and how.", {"look_ups": found}, ["look_ups"])
