"""The JSON Schema (2020-12) of every message that Telltale writes or reads on its topics, made from their structs.

`flows/reference/topics.schema.json` holds it as it was last released; a test holds the structs to it, since only
fields are ever added.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flows import schema, schema_change, schema_people
from flows.rules.published import PublishedSet

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def messages() -> tuple[type[msgspec.Struct], ...]:
    """The structs of all messages, in the order of their declaration."""
    found = {
        kind: None
        for module in (schema_people, schema_change, schema)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    }
    return (*found, PublishedSet)


def topics_schema() -> dict[str, Any]:
    """All of them under `$defs`, by the names that the reference page of the topics gives them."""
    _, components = msgspec.json.schema_components(messages(), ref_template="#/$defs/{name}")
    about = (
        "The messages on Telltale's topics; which topic holds which, the reference page of the topics says."
    )
    defined = {name: components[name] for name in sorted(components)}
    found = {"$schema": DRAFT, "title": "Messages of Telltale", "description": about, "$defs": defined}
    # Once through JSON: defaults are lists then, as in the file.
    return msgspec.json.decode(msgspec.json.encode(found))
