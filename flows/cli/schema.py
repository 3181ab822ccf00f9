"""`telltale schema`: JSON Schemas, for editors and for programs in other languages."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated

import typer

from flows.cli.options import example

EXAMPLE = example("telltale schema rules > rule.schema.json")


class Kind(Enum):
    """What there is a schema of."""

    rules = "rules"
    streams = "streams"
    purposes = "purposes"
    profile = "profile"
    look_ups = "look_ups"
    sources = "sources"
    identity = "identity"
    topics = "topics"


def schema(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND", help="Of a rule's file, of another file, or of the messages on topics."
        ),
    ],
) -> None:
    """Print the JSON Schema of files, or of messages on topics.

    Files are those that people write; the schemas are of the draft 2020-12.
    """
    from flows.message_schemas import topics_schema
    from flows.rules.json_schema import schema_of

    match kind:
        case Kind.topics:
            found = topics_schema()
        case Kind.rules:
            found = schema_of("rule")
        case _:
            found = schema_of(kind.value)
    print(json.dumps(found, indent=2, ensure_ascii=False))
