"""Reading `look_ups.yaml`: which systems rules may ask, and how.

```yaml
look_ups:
  inventory:
    http: "https://stock.example/items/{key}"     # {key} is what is asked about, percent-encoded
    headers: {Authorization: STOCK_TOKEN}         # each value stands in the environment, under this name
    fields: {available: quantity}                 # what rules read: where it stands in the JSON answer, dotted
    timeout: 2s                                   # default 2s
    cache: 60s                                    # how long an answer holds; by default none is kept
  orders:
    sql: "select status from orders where id = :key"    # the first row counts; :key is bound, never written in
    url: "sqlite:///orders.db"                          # of SQLAlchemy, a file beside telltale.toml, no password …
    # url_from: ORDERS_URL                              # … or the environment's variable that holds it
    fields: {status: status}                            # of which column
```

No secret stands in the file: whatever is one comes from the environment, by name.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

import msgspec

from flows.documents import Located, Mistakes
from flows.field_files import NAME
from flows.fields import DAY, Fields, read_entries
from flows.path_files import read_path

MAX_LOOK_UPS = 100
MAX_FIELDS = 64
DEFAULT_TIMEOUT = 2_000
LONGEST_TIMEOUT = 60_000
_MAX_TEXT = 4000
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}\Z")
_HOLE = re.compile(r"\{([^{}]*)\}")
_BOUND = re.compile(r"(?<![:\w\\]):(\w+)")
_QUESTION = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_FIELDS = ("http", "headers", "sql", "url", "url_from", "fields", "timeout", "cache")
_OF_SQL = ("url", "url_from")


class AskedSystem(msgspec.Struct, frozen=True, kw_only=True):
    """A system that can be asked: over `http`, or with `sql` at the database `url`.

    `fields` lead from what rules read to where it stands in the answer. `headers` and `url_from` are names of
    environment variables. `timeout` and `cache` are in ms; with a `cache` of 0 no answer is kept.
    """

    name: str
    http: str = ""
    headers: dict[str, str] = {}
    sql: str = ""
    url: str = ""
    url_from: str = ""
    fields: dict[str, str] = {}
    timeout: int = DEFAULT_TIMEOUT
    cache: int = 0


def read_look_ups(document: Located, mistakes: Mistakes) -> dict[str, AskedSystem]:
    """The systems of a document `look_ups: {inventory: {http: …, fields: {…}}}` by name."""
    fields = Fields(document, mistakes, ("look_ups",))
    if not fields.require("look_ups"):
        return {}
    at = fields.entries["look_ups"]
    entries = read_entries(at, mistakes)
    if len(entries) > MAX_LOOK_UPS:
        mistakes.add(at, f"more than {MAX_LOOK_UPS} look-ups", "Remove some.")
        return {}
    for name in entries:
        if not _NAME.match(name):
            mistakes.add(
                at, f"{name!r} cannot name a look-up", "Use small letters, digits, - and _.", key=name
            )
    return {name: _system(name, below, mistakes) for name, below in entries.items()}


def _system(name: str, at: Located, mistakes: Mistakes) -> AskedSystem:
    """One system."""
    fields = Fields(at, mistakes, _FIELDS)
    ways = [way for way in ("http", "sql") if fields.has(way)]
    if len(ways) != 1 and isinstance(at.value, dict):
        hint = 'For example `http: "https://stock.example/items/{key}"`.'
        mistakes.add(at, "one of `http` and `sql` is needed", hint)
    if ways == ["http"]:
        _check_http(fields)
        for field in _OF_SQL:
            if field in fields.entries:
                fields.wrong(field, f"{field!r} belongs to `sql`", "Remove it.")
    elif ways == ["sql"]:
        _check_sql(fields)
    timeout = fields.duration("timeout", 1, LONGEST_TIMEOUT)
    return AskedSystem(
        name=name,
        http=fields.text("http"),
        headers=_headers(fields),
        sql=fields.text("sql"),
        url=fields.text("url"),
        url_from=fields.text("url_from"),
        fields=_answers(fields),
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
        cache=fields.duration("cache", 0, DAY) or 0,
    )


def _check_http(fields: Fields) -> None:
    """An address of http or https that holds `{key}` behind its host, and no secret."""
    text = fields.text("http")
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        hint = 'For example "https://stock.example/items/{key}".'
        fields.wrong("http", "not an address of http or https", hint)
        return
    _check_secret(fields, "http", parts)
    holes = _HOLE.findall(text)
    if "{" in parts.netloc or "}" in parts.netloc:
        fields.wrong("http", "whom to ask cannot depend on the key", "Write {key} behind the host.")
    elif [hole for hole in holes if hole != "key"] or text.count("{") != len(holes):
        fields.wrong("http", "only {key} can be filled in", "Remove the other braces.")
    elif "key" not in holes:
        fields.wrong("http", "it does not say what is asked about", "Write {key} where the key belongs.")
    if len(text) > _MAX_TEXT or any(letter.isspace() for letter in text):
        fields.wrong("http", "an address is short and has no blanks", "Mend it.")


def _check_sql(fields: Fields) -> None:
    """One question to a database, of which the key is bound, never written in."""
    text = fields.text("sql")
    bound = set(_BOUND.findall(text))
    if not _QUESTION.match(text):
        fields.wrong("sql", "a look-up only asks", "Begin with `select` or `with`.")
    elif ";" in text:
        fields.wrong("sql", "more than one statement", "Write one, without `;`.")
    elif bound != {"key"}:
        hint = "Write `where id = :key`; nothing else can be bound."
        fields.wrong("sql", "a question binds :key, and it alone", hint)
    if len(text) > _MAX_TEXT:
        fields.wrong("sql", f"longer than {_MAX_TEXT} characters", "Make a view of it.")
    given = [name for name in _OF_SQL if fields.has(name)]
    if len(given) != 1:
        message = "one of `url` and `url_from` is needed"
        fields.wrong(given[-1] if given else "sql", message, 'For example `url: "sqlite:///orders.db"`.')
    if "headers" in fields.entries:
        fields.wrong("headers", "'headers' belongs to `http`", "Remove it.")
    if fields.has("url"):
        parts = _split(fields.text("url"))
        if parts is None or not parts.scheme or "://" not in fields.text("url"):
            fields.wrong("url", "not the address of a database", 'For example "sqlite:///orders.db".')
        else:
            _check_secret(fields, "url", parts)
    _check_environment(fields, "url_from")


def _split(text: str) -> SplitResult | None:
    """An address in parts, None for what is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _check_secret(fields: Fields, name: str, parts: SplitResult) -> None:
    """No password stands in the file; in an address of http no user either."""
    if parts.password is not None or (name == "http" and "@" in parts.netloc):
        hint = "Name an environment variable under `headers` instead."
        if name == "url":
            hint = "Put the address into an environment variable, and name it with `url_from`."
        fields.wrong(name, "a secret stands in the file", hint)


def _check_environment(fields: Fields, name: str) -> None:
    """The name of an environment variable."""
    text = fields.text(name)
    if text and not _ENVIRONMENT.match(text):
        fields.wrong(name, f"{text[:100]!r} names no environment variable", "For example ORDERS_URL.")


def _headers(fields: Fields) -> dict[str, str]:
    """The environment variables of headers by their names."""
    at = fields.get("headers")
    if at is None:
        return {}
    names = Fields(at, fields.mistakes, tuple(read_entries(at, fields.mistakes)))
    for name in names.entries:
        if not _HEADER.match(name):
            fields.mistakes.add(at, f"{name[:100]!r} is no header", "For example Authorization.", key=name)
        if names.require(name):
            _check_environment(names, name)
    return {name: names.text(name) for name in names.entries}


def _answers(fields: Fields) -> dict[str, str]:
    """Where in the answer each field stands that rules read."""
    if not fields.require("fields"):
        return {}
    at = fields.entries["fields"]
    entries = read_entries(at, fields.mistakes)
    if not 1 <= len(entries) <= MAX_FIELDS and isinstance(at.value, dict):
        fields.mistakes.add(at, f"1 to {MAX_FIELDS} fields are needed", "Name what rules read.")
        return {}
    paths = Fields(at, fields.mistakes, tuple(entries))
    for name in entries:
        if not NAME.match(name):
            hint = "Use letters, digits and _."
            fields.mistakes.add(at, f"{name[:100]!r} cannot be a field's name", hint, key=name)
    paths.require(*entries)
    return {name: read_path(paths, name) for name in entries if paths.has(name)}
