"""What a rule does, in plain words: its actions, its choices, and what follows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.rules.case import exact
from flows.rules.model import ActionEntry, Choose, Entry, EventMatch, FollowUp, SetStage, Suppress
from flows.rules.phrases import phrase, unless

_STEP = "  "


def doings(entries: Sequence[Entry], indent: str) -> Iterator[str]:
    """A line an action, alternative or follow-up; what lies inside another is further to the right."""
    for entry in entries:
        if isinstance(entry, Choose):
            yield f"{indent}- the first of these that holds:"
            for alternative in entry.alternatives:
                holds = "else" if alternative.condition is None else unless(alternative.condition)
                does = "" if alternative.do else " nothing"
                yield f"{indent}{_STEP}- {alternative.name}, {holds}:{does}"
                yield from doings(alternative.do, indent + 2 * _STEP)
        else:
            yield f"{indent}- {action(entry)}."
            for follow_up in entry.then:
                yield f"{indent}{_STEP}- {_when(follow_up)}:{'' if follow_up.do else ' nothing'}"
                yield from doings(follow_up.do, indent + 2 * _STEP)


def action(entry: ActionEntry) -> str:
    """One action with all that it was given."""
    given = {name: value for name, value in entry.parameters.items() if name not in ("attach", "reserve")}
    said = _said(entry, given)
    if entry.purpose:
        said += f" for {entry.purpose}"
    said += "".join(f', {name} "{_plain(value)}"' for name, value in given.items())
    said += _reserved(entry)
    if entry.parameters.get("attach"):
        said += f", with the {' and the '.join(entry.parameters['attach'])}"
    named = f" ({entry.name})" if entry.name != entry.kind else ""
    late = "" if entry.valid_for is None else f", not later than {exact(entry.valid_for)}"
    return f"{said}{late}{'' if entry.condition is None else f', {unless(entry.condition)}'}{named}"


def _said(entry: ActionEntry, given: dict[str, object]) -> str:  # noqa: PLR0911 - one return a kind of action
    """The verb, whom it is for and what it is about; takes from what was given what it says."""
    queue = given.pop("queue", "")
    at = f" at {queue}" if queue else ""
    about = f" about {entry.about}" if entry.about else ""
    to = f" for the {entry.to}" if entry.to else ""
    match entry.kind:
        case "open_case":
            return f"opens a case{about}{at}{to}"
        case "close_case":
            return f"closes the case{about}{to}"
        case "notify":
            return f"writes to the {entry.to}{about}"
        case "task":
            return f"gives a task{at or ' to somebody'}{about}{to}"
        case "offer_appointment":
            return f"offers the {entry.to} an appointment with the {given.pop('with', '')}{about}"
        case "start_process":
            return f"starts the process {given.pop('process', '')}{about}{to}"
        case "suppress":
            return "" if entry.suppress is None else _suppress(entry.suppress)
        case "set_stage":
            return "" if entry.stage is None else _stage(entry.stage)


def _reserved(entry: ActionEntry) -> str:
    """What is put aside."""
    reserve = entry.parameters.get("reserve")
    if reserve is None:
        return ""
    condition = entry.conditions.get("reserve")
    return f", reserving {reserve['what']}" + ("" if condition is None else f" {unless(condition)}")


def _suppress(found: Suppress) -> str:
    """What rests, and until when."""
    what = [*found.purposes, *(f'"{item}"' for item in found.items)]
    until = found.until
    bound = f"for at most {exact(until.at_most)}"
    if not until.events:
        return f"lets {', '.join(what)} rest {bound}"
    events = (" and " if until.all else " or ").join(_event(each) for each in until.events)
    rest = f"{exact(until.rest)} after " if until.rest else ""
    return f"lets {', '.join(what)} rest until {rest}{events}, {bound}"


def _stage(found: SetStage) -> str:
    lasts = "" if found.lasts is None else f" for {exact(found.lasts)}"
    return f"sets the stage {found.stage}{lasts}"


def _when(found: FollowUp) -> str:
    """When something follows, and whether."""
    outcomes = " or ".join(found.outcomes)
    after = "" if found.after is None else f"{exact(found.after)} later"
    said = f"once {outcomes}{f', {after}' if after else ''}" if outcomes else after
    if found.condition is not None:
        said += f", {unless(found.condition)}"
    return said + ("" if found.unless is None else f", unless {_event(found.unless)} comes before")


def _event(found: EventMatch) -> str:
    """An event that is waited for."""
    return f"{found.event}{'' if found.where is None else f' with {phrase(found.where)}'}"


def _plain(value: object) -> str:
    """A parameter as text."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
