"""What `telltale silence` and `telltale actions` share: making, finding and removing brakes, each with its audit."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer

from flows.cli.options import Output, names_of
from flows.cli.show import Row, rows, time_of
from flows.durations import format_duration, parse_duration
from flows.errors import ArgumentWrong, NameUnknown
from flows.hints import did_you_mean
from flows.schema import Brake, BrakeKind
from flows.settings import Settings
from flows.topics.port import Topics

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in `audit`.")]
Who = Annotated[
    str | None, typer.Option("--who", metavar="NAME", help="Who asks for it; else you.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Also hold back what serves safety.")]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="For so long, as 2h; else until it is removed."),
]


def person(who: str | None) -> str:
    """Who commands: the name given, else the user of this machine."""
    return who or os.environ.get("USER") or getpass.getuser()


def until(text: str | None, now: int) -> int | None:
    """When a brake ends (wall clock, ms); raises ArgumentWrong for what is no duration."""
    if text is None:
        return None
    found = parse_duration(text)
    if not found:
        raise ArgumentWrong(f"--for {text!r} is no duration", "Write for example 30m, 2h or 7d.")
    return now + found


def matches(given: list[str] | None) -> dict[str, str]:
    """`--match device.model=m3` as a mapping; raises ArgumentWrong. A bare name is one of the device's."""
    found: dict[str, str] = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name or not value:
            raise ArgumentWrong(f"--match {each!r} names nothing", "Write for example --match model=m3.")
        found[name if "." in name else f"device.{name}"] = value
    return found


def put(topics: Topics, settings: Settings, brake: Brake, command: str) -> None:
    """Write what is asked for down, then put it in force."""
    from flows.audit import write_audit
    from flows.rules.braking import put_brake

    names, what = names_of(settings), {name: value for name, value in shown(brake).items() if value}
    write_audit(topics, names, settings.tenant, brake.at, brake.who, command, what, brake.reason)
    put_brake(topics, names, settings.tenant, brake)


def remove(
    topics: Topics, settings: Settings, brake: str, command: str, who: str, reason: str, now: int
) -> None:
    """Write down that a brake is taken away, then take it away."""
    from flows.audit import write_audit
    from flows.rules.braking import remove_brake

    names = names_of(settings)
    write_audit(topics, names, settings.tenant, now, who, command, {"id": brake}, reason)
    remove_brake(topics, names, settings.tenant, brake)


def in_force(topics: Topics, settings: Settings, kind: BrakeKind, now: int) -> list[Brake]:
    """The brakes of a kind that hold now."""
    from flows.rules.braking import Brakes

    brakes = Brakes(topics, names_of(settings), settings.tenant, lambda: now)
    try:
        brakes.poll()
        return [brake for brake in brakes.active(now) if brake.kind == kind]
    finally:
        brakes.close()


def found(brakes: list[Brake], brake: str) -> Brake:
    """The one of an id or of its beginning; raises NameUnknown."""
    fitting = [each for each in brakes if each.id.startswith(brake)]
    if len(fitting) != 1:
        known = [each.id for each in brakes]
        hint = "Several begin so: write more of it." if fitting else did_you_mean(brake, known)
        raise NameUnknown("silence or pause", brake, hint if known else "None is in force.")
    return fitting[0]


def check_rule(topics: Topics, settings: Settings, rule: str) -> None:
    """Raises NameUnknown for a rule that the set in force does not have; a pattern with `*` may fit later ones."""
    from flows.rules.published import RuleSets

    if not rule or "*" in rule:
        return
    sets = RuleSets(topics, names_of(settings), settings.tenant)
    try:
        sets.poll()
        known = [each.name for each in sets.current.rules]
    finally:
        sets.close()
    if rule not in known:
        raise NameUnknown("rule", rule, did_you_mean(rule, known))


def listing(brakes: list[Brake], output: Output, now: int, empty: str) -> None:
    """Show brakes, a row each."""
    rows([shown(brake, now) for brake in brakes], output, empty)


def shown(brake: Brake, now: int | None = None) -> Row:
    """A brake as a row; with `now` (ms) how long it still holds."""
    left = "until removed" if brake.until is None else time_of(brake.until)
    if now is not None and brake.until is not None:
        left = format_duration(max(0, brake.until - now))
    return {
        "id": brake.id,
        "rule": brake.rule,
        "action": brake.action,
        "purpose": brake.purpose,
        "match": ", ".join(f"{name}={value}" for name, value in brake.match.items()),
        "ends": left,
        "safety": "too" if brake.safety else "",
        "who": brake.who,
        "reason": brake.reason,
    }
