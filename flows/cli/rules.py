"""`telltale rules`: check the files, run the rules' own tests, publish the set, list it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows.cli.options import Config, Output, Rows, bus_of, names_of, settings_of
from flows.cli.show import rows, say
from flows.errors import NameUnknown
from flows.fields import did_you_mean
from flows.rules.load import Configuration, load_configuration
from flows.rules.model import Rule
from flows.rules.testing import Result, line_of, told
from flows.settings import Settings

app = typer.Typer(help="Check, test, publish and list rules.", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="The folder of the rules, if not the one in the settings."),
]


def _settings(config: Path | None, folder: Path | None) -> Settings:
    """The settings, with another folder of rules if one is named."""
    settings = settings_of(config)
    return settings if folder is None else msgspec.structs.replace(settings, rules=str(folder.absolute()))


@app.command()
def check(folder: Folder = None, config: Config = None) -> None:
    """Read streams, rules, purposes and profile, and show every mistake with its place."""
    found = load_configuration(_settings(config, folder))
    print(
        f"All good: {_count(len(found.rules), 'rule')}, {_count(len(found.streams), 'stream')}, "
        f"{_count(len(found.purposes), 'purpose')}, {_count(len(found.profile), 'value')} of the profile."
    )


@app.command()
def test(
    folder: Folder = None,
    rule: Annotated[str | None, typer.Option("--rule", "-r", help="Only the tests of this rule.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what passes, too.")] = False,
    config: Config = None,
) -> None:
    """Run the tests in the rules, with the very objects that the flows run; exit code 1 if one fails."""
    from flows.backtest.cases import Backtest
    from flows.rules.testing import run_tests

    settings = _settings(config, folder)
    found = load_configuration(settings)
    chosen = found.rules if rule is None else (_rule_named(found, rule),)
    results = run_tests(chosen, found.streams, Backtest(found.rule_set(settings.tenant)))
    for result in results:
        if verbose or not result.passed:
            _print(result)
    failed = sum(not result.passed for result in results)
    untested = [each.name for each in chosen if not each.tests]
    if untested:
        say(f"Without tests: {', '.join(untested)}.")
    if failed:
        print(f"{failed} of {_count(len(results), 'test')} failed.")
        raise typer.Exit(1)
    print(f"{_count(len(results), 'test')} passed.")


@app.command()
def publish(folder: Folder = None, config: Config = None) -> None:
    """Check the files and put them on the topic `rules` as the next numbered set; flows take it up by themselves."""
    from flows.provision import publish_rules

    settings = _settings(config, folder)
    print(f"Rule set {publish_rules(settings)} is in force.")


@app.command("list")
def list_rules(
    folder: Folder = None,
    published: Annotated[bool, typer.Option("--published", help="The set in force, not the files.")] = False,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show the rules of the files, or of the published set."""
    settings = _settings(config, folder)
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


def _rule_named(found: Configuration, name: str) -> Rule:
    rule = next((each for each in found.rules if each.name == name), None)
    if rule is None:
        raise NameUnknown("rule", name, did_you_mean(name, [each.name for each in found.rules]))
    return rule


def _print(result: Result) -> None:
    """One line for what passed, and for what failed the place and both sides."""
    word = "passed" if result.passed else "FAILED"
    print(f"{word}  {result.file}:{line_of(result)}  {result.case}")
    for expected in result.missing:
        print(f"        expected  {told(expected)}")
    for happened in result.unexpected:
        print(f"        got       {told(happened)}")
    if result.missing and not result.unexpected:
        print("        got       nothing" if len(result.missing) == 1 else "        got       nothing of it")
    if result.unexpected and not result.missing:
        print("        expected  nothing more")
    for reason in result.unreadable:
        print(f"        a reading of the test cannot be read: {reason}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
