"""All commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import (
    actions,
    backtest,
    check,
    dead_letters,
    demo,
    identity,
    init,
    profile,
    rules,
    run,
    schema,
    settings,
    silence,
    simulate,
    sources,
    streams,
    topics,
    why,
)
from flows.cli.options import example


def _version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from importlib.metadata import version

        print(f"telltale {version('telltale-flows')}")
        raise typer.Exit


app = typer.Typer(
    help="Watches what every device says, knows whose it is, and sees to it that something sensible happens.",
    no_args_is_help=True,
    # --install-completion and --show-completion: commands, options, and names of topics, rules and streams.
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def telltale(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watches what every device says, knows whose it is, and sees to it that something sensible happens."""


app.command(short_help="Show the whole loop on a simulated fleet.", epilog=example("telltale demo"))(
    demo.demo
)
app.command(epilog=init.EXAMPLE)(init.init)
app.command(epilog=example("telltale run --all", "telltale run devices"))(run.run)
app.command(epilog=check.EXAMPLE)(check.check)
app.add_typer(rules.app, name="rules")
app.command(short_help="Run the rules over archives, in event time.", epilog=backtest.EXAMPLE)(
    backtest.backtest
)
app.command(
    short_help="Let a simulated fleet drive, and people live beside it.",
    epilog=example(
        "telltale simulate --vehicles 200 --duration 30m",
        "telltale simulate --folder fleet --compress zst --seed 7",
    ),
)(simulate.simulate)
app.command(short_help="Tell why something was done, or was not.", epilog=why.EXAMPLE)(why.why)
app.add_typer(profile.app, name="profile")
app.add_typer(silence.app, name="silence")
app.add_typer(actions.app, name="actions")
app.add_typer(topics.app, name="topics")
app.add_typer(settings.app, name="settings")
app.add_typer(streams.app, name="streams")
app.add_typer(identity.app, name="identity")
app.add_typer(sources.app, name="sources")
app.command(epilog=schema.EXAMPLE)(schema.schema)
app.add_typer(dead_letters.app, name="dead-letters")
