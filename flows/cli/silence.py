"""`telltale silence`: rules that are to say nothing for a while."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from flows.cli import brakes
from flows.cli.brakes import For, Force, Reason, Who
from flows.cli.options import Config, Output, Rows, bus_of, example, settings_of
from flows.errors import ArgumentWrong
from flows.schema import Brake

app = typer.Typer(help="Let rules say nothing for a while.", no_args_is_help=True, rich_markup_mode=None)


@app.command(
    epilog=example(
        "telltale silence add --rule check-engine --for 2h --reason recall",
        "telltale silence add --match model=m3 --reason 'sensor recall'",
    )
)
def add(
    reason: Reason,
    rule: Annotated[
        str, typer.Option("--rule", metavar="RULE", help="Which rule; * stands for any letters.")
    ] = "",
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="PURPOSE", help="Only what is written for it or below it.")
    ] = "",
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match", metavar="NAME=VALUE", help="Only where the device (or event) says so; repeatable."
        ),
    ] = None,
    for_: For = None,
    force: Force = False,
    who: Who = None,
    config: Config = None,
) -> None:
    """Refuse what matches, until it ends or is removed.

    Each refusal is recorded. It holds within an epoch. What serves safety goes on unless --force is given.
    """
    from flows.engine.clock import wall_clock

    if not (rule or purpose or match):
        raise ArgumentWrong("What is to be silent must be said", "Give --rule, --purpose or --match.")
    settings, now = settings_of(config), wall_clock()
    brake = Brake(
        id=secrets.token_hex(4), kind="silence", rule=rule, purpose=purpose, match=brakes.matches(match),
        until=brakes.until(for_, now), safety=force, at=now, who=brakes.person(who), reason=reason,
    )  # fmt: skip
    with bus_of(settings) as topics:
        brakes.check_rule(topics, settings, rule)
        brakes.put(topics, settings, brake, "silence add")
    print(f"Silence {brake.id} is in force{'' if for_ is None else f' for {for_}'}.")


@app.command("list", epilog=example("telltale silence list"))
def list_silences(output: Rows = Output.table, config: Config = None) -> None:
    """Show the silences in force."""
    from flows.engine.clock import wall_clock

    settings, now = settings_of(config), wall_clock()
    with bus_of(settings) as topics:
        found = brakes.in_force(topics, settings, "silence", now)
    brakes.listing(found, output, now, "Nothing is silenced.")


@app.command(epilog=example("telltale silence remove 3f9a12bc --reason 'recall is over'"))
def remove(
    silence: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it, or its beginning.")],
    reason: Reason,
    who: Who = None,
    config: Config = None,
) -> None:
    """End a silence before its time."""
    from flows.engine.clock import wall_clock

    settings, now = settings_of(config), wall_clock()
    with bus_of(settings) as topics:
        found = brakes.found(brakes.in_force(topics, settings, "silence", now), silence)
        brakes.remove(topics, settings, found.id, "silence remove", brakes.person(who), reason, now)
    print(f"Silence {found.id} is removed.")
