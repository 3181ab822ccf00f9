"""`telltale rules`: check the files, list the rules, and the commands that test, publish and tell."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import rules_publish, rules_report, rules_show, rules_test
from flows.cli.options import Config, Output, Rows, bus_of, example, names_of
from flows.cli.rule_folder import Folder, settings_with
from flows.cli.show import counted, rows
from flows.rules.load import load_configuration
from flows.rules.model import Rule
from flows.settings import Settings

app = typer.Typer(help="Check, test, publish and list rules.", no_args_is_help=True, rich_markup_mode=None)


@app.command(epilog=example("telltale rules check"))
def check(folder: Folder = None, config: Config = None) -> None:
    """Show every mistake in the rules, with its place.

    Streams, purposes and profile are read with them, and their mistakes are shown too.
    """
    found = load_configuration(settings_with(config, folder))
    print(
        f"All good: {counted(len(found.rules), 'rule')}, {counted(len(found.streams), 'stream')}, "
        f"{counted(len(found.purposes), 'purpose')}, {counted(len(found.profile), 'value')} of the profile."
    )


app.command(epilog=rules_test.EXAMPLE)(rules_test.test)
app.command(epilog=rules_show.EXAMPLE)(rules_show.show)


app.command(epilog=rules_publish.EXAMPLE)(rules_publish.publish)
app.command(epilog=rules_report.EXAMPLE)(rules_report.report)


@app.command("list", epilog=example("telltale rules list", "telltale rules list --published -o json"))
def list_rules(
    folder: Folder = None,
    published: Annotated[bool, typer.Option("--published", help="The set in force, not the files.")] = False,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show the rules of the files, or of the published set."""
    settings = settings_with(config, folder)
    if published:
        found, number = _published(settings)
        empty = f"Rule set {number} holds no rules."
    else:
        found = load_configuration(settings).rules
        empty = f"There are no rules in {settings.path(settings.rules)}."
    rows([_row(rule) for rule in found], output, empty)


def _published(settings: Settings) -> tuple[tuple[Rule, ...], int]:
    """The rules of the newest published set, and its number."""
    from flows.rules.published import RuleSets

    with bus_of(settings) as topics:
        sets = RuleSets(topics, names_of(settings), settings.tenant)
        sets.poll()
        current = sets.current
        sets.close()
    return current.rules, current.number


def _row(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.name,
        "mode": rule.mode,
        "on": rule.stream or f"event {rule.event}",
        "looks_for": " or ".join(str(pattern.__struct_config__.tag) for pattern in rule.patterns) or "event",
        "tests": len(rule.tests),
        "about": rule.about,
    }
