"""`telltale actions`: what is held back, holding back, and letting go of it."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from flows.cli import brakes, scan
from flows.cli.brakes import For, Force, Reason, Who
from flows.cli.options import Config, Output, Rows, bus_of, example, names_of, settings_of
from flows.cli.show import counted, rows, say, time_of
from flows.errors import ArgumentWrong
from flows.schema import Action, Brake, Decision
from flows.settings import Settings
from flows.topics.port import Topics

app = typer.Typer(help="Hold actions back, and let go of them.", no_args_is_help=True, rich_markup_mode=None)

_Rule = Annotated[str, typer.Option("--rule", metavar="RULE", help="Which rule; * stands for any letters.")]
_Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="Which kind of action, e.g. notify.")]
_Purpose = Annotated[
    str, typer.Option("--purpose", metavar="PURPOSE", help="Which purpose, and all below it.")
]


@app.command("list", epilog=example("telltale actions list", "telltale actions list --rule complaint"))
def list_held(rule: _Rule = "", kind: _Kind = "", output: Rows = Output.table, config: Config = None) -> None:
    """Show what is held back and can be released."""
    from flows.engine.clock import wall_clock

    settings = settings_of(config)
    with bus_of(settings) as topics:
        found = _held(topics, settings, rule, kind, wall_clock())
    rows([_row(action) for action in found], output, "Nothing is held back.")


@app.command(epilog=example("telltale actions pause --kind notify --reason 'wrong template'"))
def pause(
    reason: Reason,
    rule: _Rule = "",
    kind: _Kind = "",
    purpose: _Purpose = "",
    for_: For = None,
    force: Force = False,
    who: Who = None,
    config: Config = None,
) -> None:
    """Hold back the actions that match.

    They are decided and recorded, and wait for `release`. It holds within an epoch. What
    serves safety goes out all the same unless --force is given.
    """
    from flows.engine.clock import wall_clock

    settings, now = settings_of(config), wall_clock()
    brake = Brake(
        id=secrets.token_hex(4), kind="pause", rule=rule, action=kind, purpose=purpose,
        until=brakes.until(for_, now), safety=force, at=now, who=brakes.person(who), reason=reason,
    )  # fmt: skip
    with bus_of(settings) as topics:
        brakes.check_rule(topics, settings, rule)
        brakes.put(topics, settings, brake, "actions pause")
    what = " of ".join(each for each in (kind or "Every action", rule) if each)
    print(f"Pause {brake.id} is in force: {what}{f' for {purpose}' if purpose else ''} is held back.")


@app.command(epilog=example("telltale actions resume --reason 'template mended'"))
def resume(
    reason: Reason,
    pause: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Which pause; else all that are in force.")
    ] = None,
    who: Who = None,
    config: Config = None,
) -> None:
    """End a pause; what it held stays held until `release`."""
    from flows.engine.clock import wall_clock

    settings, now = settings_of(config), wall_clock()
    with bus_of(settings) as topics:
        found = brakes.in_force(topics, settings, "pause", now)
        ended = found if pause is None else [brakes.found(found, pause)]
        for each in ended:
            brakes.remove(topics, settings, each.id, "actions resume", brakes.person(who), reason, now)
    if not ended:
        say("Nothing is paused.")
        return
    print(f"{counted(len(ended), 'pause')} ended; `telltale actions list` shows what is still held.")


@app.command(epilog=example("telltale actions release --rule complaint --reason 'checked by hand'"))
def release(
    reason: Reason,
    rule: _Rule = "",
    kind: _Kind = "",
    everything: Annotated[bool, typer.Option("--all", help="Whatever is held back.")] = False,
    who: Who = None,
    config: Config = None,
) -> None:
    """Send what is held back.

    Each goes out once, under its own id, as far as it is still worth doing.
    """
    from flows.audit import write_audit
    from flows.customers.outgoing import of_action
    from flows.engine.clock import wall_clock

    if not (rule or kind or everything):
        raise ArgumentWrong("What is to be released must be said", "Give --rule, --kind or --all.")
    settings, now = settings_of(config), wall_clock()
    names = names_of(settings)
    with bus_of(settings) as topics:
        found = _held(topics, settings, rule, kind, now)
        if not found:
            say("Nothing is held back.")
            return
        what = {"actions": [action.id for action in found]}
        write_audit(topics, names, settings.tenant, now, brakes.person(who), "actions release", what, reason)
        writer = topics.writer()
        try:
            for action in found:
                message = of_action(action, names)
                writer.write(message.topic, message.value, key=message.key)
            writer.flush()
        finally:
            writer.close()
    print(f"{counted(len(found), 'action')} released.")


def _held(topics: Topics, settings: Settings, rule: str, kind: str, now: int) -> list[Action]:
    """The held actions that are worth doing and of which nothing became yet, oldest first."""
    from fnmatch import fnmatchcase

    names = names_of(settings)
    found: dict[str, Action] = {}
    for decision in scan.values(topics, names.decisions, Decision):
        for planned in decision.actions:
            action = planned.action
            fits = fnmatchcase(action.rule, rule or "*") and kind in ("", action.kind)
            if planned.status == "held" and fits and action.valid_until >= now:
                found[action.id] = action
    for outcome in scan.outcomes(topics, names.outcomes):
        found.pop(outcome.id, None)
    for topic in topics.list():
        if found and topic.startswith(names.actions("", "").rstrip(".")):
            for message in scan.messages(topics, topic):
                found.pop(_id_of(message.value), None)
    return sorted(found.values(), key=lambda action: (action.at, action.id))


def _id_of(value: bytes | None) -> str:
    """The id of a published action; empty for what is none."""
    import msgspec

    class Envelope(msgspec.Struct, frozen=True):
        id: str

    try:
        return msgspec.json.decode(value or b"", type=Envelope).id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _row(action: Action) -> dict[str, object]:
    return {
        "action": action.id,
        "kind": action.kind,
        "rule": action.rule,
        "customer": action.customer,
        "at": time_of(action.at),
        "worth_until": time_of(action.valid_until),
    }
