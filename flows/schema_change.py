"""What a decision does to its customer's state, in all that is needed to do it again without deciding."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from flows.schema_people import Value

WaitingKind = Literal["follow_up", "bid", "quiet", "stage"]


class Opened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item that a decision asked to open."""

    action: Annotated[str, Meta(description="The id of the action that asks.")]
    kind: Annotated[str, Meta(description="`case`, or what else stays open: `appointment`, `process`.")]
    about: Annotated[str, Meta(description="What it is about.")]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A raise counted under a limit."""

    key: Annotated[str, Meta(description="The limit, and of what.")]
    every: Annotated[int, Meta(description="How long it counts, ms of event time.")]


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A message counted in a budget, until its outcome gives it back."""

    budget: Annotated[str, Meta(description="The budget, as `purposes.yaml` names it.")]
    every: Annotated[int, Meta(description="How long it counts, ms of event time.")]
    action: Annotated[str, Meta(description="The id of the action that spent it.")]


class KeptCause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As much of a cause as what follows later needs to be decided and said."""

    trigger: Annotated[str, Meta(description="The alarm or event that began it.")]
    decision: Annotated[str, Meta(description="The decision that began it.")]
    subject: Annotated[str, Meta(description="The identifier or thing it was about.")]
    name: Annotated[str, Meta(description="What a person calls the subject.")]
    at: Annotated[int, Meta(description="Its event time.")]
    roles: Annotated[dict[str, str], Meta(description="Who was what to the subject then.")] = {}
    device: Annotated[str | None, Meta(description="The device, if one began it.")] = None
    episode: Annotated[str | None, Meta(description="The episode, if one began it.")] = None
    values: Annotated[
        dict[str, Value], Meta(description="What conditions and texts still to come name.")
    ] = {}
    evidence: Annotated[
        dict[str, Any] | None, Meta(description="The evidence, where it is attached later.")
    ] = None
    explanation: Annotated[str, Meta(description="What was said of it.")] = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is decided again later: at a time, at an outcome, at an event.

    A `follow_up` is a `then` entry, a `bid` a message that waits for its budget's window, `quiet` a suppression that
    waits for its release, `stage` a stage of life that ends.
    """

    id: Annotated[
        str, Meta(description="The same at each repeat; a decision about it has it as its trigger.")
    ]
    kind: Annotated[WaitingKind, Meta(description="What it is.")]
    rule: Annotated[str, Meta(description="The rule it belongs to.")]
    path: Annotated[str, Meta(description="Which entry of the rule, e.g. `raised.0.then.1`.")] = ""
    action: Annotated[str, Meta(description="The id of the action it follows, or is about.")] = ""
    due: Annotated[
        int | None, Meta(description="When it is looked at again, ms; none until something comes.")
    ] = None
    until: Annotated[
        int, Meta(description="When it is given up or, for a suppression, released at the latest.")
    ]
    dry_run: Annotated[bool, Meta(description="Of a rule that only pretends.")] = False
    purposes: Annotated[tuple[str, ...], Meta(description="Of a suppression: what rests.")] = ()
    items: Annotated[
        tuple[str, ...], Meta(description="Of a suppression: what leaves adverts and carts.")
    ] = ()
    met: Annotated[tuple[int, ...], Meta(description="Of a suppression: which of its conditions came.")] = ()
    stage: Annotated[str, Meta(description="Of a stage: its name.")] = ""
    since: Annotated[
        int, Meta(description="Event time of its beginning: events from then on count for it.")
    ] = 0
    met_at: Annotated[
        tuple[int, ...], Meta(description="Of a suppression: when each of `met` came, event time.")
    ] = ()
    budget: Annotated[str, Meta(description="Of a bid: the budget it competes for.")] = ""
    counted: Annotated[
        bool, Meta(description="Of a bid: guard and limits let its raise act already, or never gate it.")
    ] = False
    held: Annotated[bool, Meta(description="What it follows is held, so it is held as well.")] = False
    cause: Annotated[KeptCause | None, Meta(description="What began it.")] = None


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a decision did to its customer's state: all that is needed to do it again without deciding."""

    number: Annotated[int, Meta(description="The transition's number in its episode.")] = 0
    acted: Annotated[bool, Meta(description="Whether anything was done.")] = False
    dry_run: Annotated[bool, Meta(description="All of it is apart from what is live.")] = False
    opened: Annotated[tuple[Opened, ...], Meta(description="What it opened.")] = ()
    closed: Annotated[
        tuple[str, ...], Meta(description="The ids of the actions that had opened what it closes.")
    ] = ()
    counted: Annotated[tuple[Counted, ...], Meta(description="What it counted under limits.")] = ()
    part: Annotated[str, Meta(description="The part of the customer's state that it is kept in.")] = ""
    spent: Annotated[tuple[Spent, ...], Meta(description="What it counted in budgets.")] = ()
    waiting: Annotated[tuple[Waiting, ...], Meta(description="What is decided again later.")] = ()
    settled: Annotated[
        tuple[str, ...], Meta(description="The ids of what waited and waits no more, sequences among them.")
    ] = ()
