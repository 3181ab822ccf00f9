"""What the messages about people are made of: values with where they come from, and consents."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Value = float | int | str | bool | None


class Attested(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value, and who said so when."""

    value: Annotated[Value, Meta(description="The value.")]
    source: Annotated[str, Meta(description="The source system, or the event's type.")]
    at: Annotated[int, Meta(description="Since when, event time.")]


class Consent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether somebody may be written to for a purpose, and who said so when."""

    granted: Annotated[bool, Meta(description="Yes or no; of several the most restrictive wins.")]
    source: Annotated[str, Meta(description="The source system.")]
    at: Annotated[int, Meta(description="Since when, event time.")]


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the source systems say of a customer, reconciled; personal values stay in the vault."""

    attributes: Annotated[
        dict[str, Attested], Meta(description="By name, as `sources.yaml` declares them.")
    ] = {}
    consents: Annotated[dict[str, Consent], Meta(description="By purpose.")] = {}
    preferences: Annotated[dict[str, Attested], Meta(description="By name, e.g. `channel`.")] = {}
    time_zone: Annotated[Attested | None, Meta(description="An IANA name.")] = None
