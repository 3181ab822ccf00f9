"""All commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import backtest, dead_letters, demo, rules, run, settings, simulate, topics, why


def _version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from importlib.metadata import version

        print(f"telltale {version('telltale-flows')}")
        raise typer.Exit


app = typer.Typer(
    help="Watches what every device says, knows whose it is, and sees to it that something sensible happens.",
    no_args_is_help=True,
    add_completion=False,
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


app.command()(demo.demo)
app.command()(run.run)
app.add_typer(rules.app, name="rules")
app.command(epilog=backtest.EXAMPLE)(backtest.backtest)
app.command()(simulate.simulate)
app.command()(why.why)
app.add_typer(topics.app, name="topics")
app.add_typer(settings.app, name="settings")
app.add_typer(dead_letters.app, name="dead-letters")
