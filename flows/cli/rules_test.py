"""`telltale rules test`: runs the rules' own tests and shows what failed, with a picture of the series."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import Config, example
from flows.cli.rule_folder import rule_named, settings_with
from flows.cli.show import counted, harmless, say
from flows.errors import ArgumentWrong, FileUnwritable
from flows.rules.load import Configuration, load_configuration
from flows.rules.model import Rule
from flows.rules.places import CaseLines, lines_of
from flows.rules.testing import Result, told
from flows.streams import Stream

EXAMPLE = example("telltale rules test engine-overheating --verbose", "telltale rules test --junit rules.xml")


def test(
    rules: Annotated[
        list[str] | None,
        typer.Argument(metavar="RULE", help="Names or files of rules, or a folder; else all."),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", "-r", metavar="RULE", help="Only the tests of this rule.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML, too.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what passes, too.")] = False,
    config: Config = None,
) -> None:
    """Run the tests in the rules; exit code 1 if one fails.

    The objects that run them are the very ones that the flows run.
    """
    from flows.backtest.cases import Backtest
    from flows.cli.logs import log_to_read
    from flows.rules.testing import run_tests
    from flows.steps import load_steps

    log_to_read()
    named = [*(rules or ()), *(() if rule is None else (rule,))]
    folders = [Path(each) for each in named if Path(each).is_dir()]
    if len(folders) > 1:
        raise ArgumentWrong("Two folders of rules are named", "Test them one after the other.")
    settings = settings_with(config, folders[0] if folders else None)
    found = load_configuration(settings)
    chosen = _chosen(found, [each for each in named if not Path(each).is_dir()])
    player = Backtest(found.rule_set(settings.tenant), load_steps(settings))
    results = run_tests(chosen, found.streams, player)
    if junit is not None:
        _write(junit, results, found.streams)
    _show(results, found.streams, verbose=verbose)
    untested = [each.name for each in chosen if not each.tests]
    if untested:
        say(f"Without tests: {', '.join(untested)}.")
    failed = sum(not result.passed for result in results)
    if failed:
        print(f"{failed} of {counted(len(results), 'test')} failed.")
        raise typer.Exit(1)
    print(f"{counted(len(results), 'test')} passed.")


def _chosen(found: Configuration, named: Sequence[str]) -> tuple[Rule, ...]:
    """The rules that are named, each once, in the order of their names; all if none is."""
    if not named:
        return found.rules
    wanted = {rule_named(found, each).name for each in named}
    return tuple(rule for rule in found.rules if rule.name in wanted)


def _show(results: Sequence[Result], streams: Mapping[str, Stream], *, verbose: bool) -> None:
    """A line for what passed, if wanted, and for what failed all that helps."""
    lines: dict[str, dict[str, CaseLines]] = {}
    unicode = _has_unicode()
    for result in results:
        if result.passed and not verbose:
            continue
        file = result.rule.file
        place = lines.setdefault(file, lines_of(file)).get(result.case.name, CaseLines())
        print(_shown(f"{'passed' if result.passed else 'FAILED'}  {file}:{place.case}  {result.case.name}"))
        if not result.passed:
            for line in [*_both_sides(result, place), *_drawn(result, streams, unicode=unicode)]:
                print(_shown(f"    {line}"))


def _both_sides(result: Result, place: CaseLines) -> list[str]:
    """What was expected, each with its place in the file, and what came instead."""
    file = result.rule.file
    found: list[str] = []
    for each in result.missing:
        found += [f"expected  {told(each)}", f"          at {file}:{place.of(each.place)}"]
    for each in result.unexpected:
        found.append(
            f"got       {told(each, result.missing)}" + (f"  # {each.because}" if each.because else "")
        )
    if result.missing and not result.unexpected:
        found.append("got       nothing" if len(result.missing) == 1 else "got       nothing of it")
    if result.unexpected and not result.missing:
        found.append("expected  nothing more" if result.case.expect else "expected  nothing")
    return [*found, *result.unplayed]


def _drawn(result: Result, streams: Mapping[str, Stream], *, unicode: bool) -> list[str]:
    """The picture, with room around it."""
    from flows.rules.picture import picture

    stream = None if result.rule.stream is None else streams[result.rule.stream]
    lines = picture(result, stream, unicode=unicode)
    return ["", *lines, ""] if lines else []


def _write(file: Path, results: Sequence[Result], streams: Mapping[str, Stream]) -> None:
    """The results as JUnit XML; raises FileUnwritable."""
    from flows.rules.junit import junit

    def details(result: Result, place: CaseLines) -> list[str]:
        return [*_both_sides(result, place), *_drawn(result, streams, unicode=True)]

    try:
        file.write_bytes(junit(results, details))
    except OSError as error:
        raise FileUnwritable(str(file), error.strerror or str(error)) from error


def _has_unicode() -> bool:
    """Whether standard output can show the characters of pictures."""
    return _shown("⣀┤▲┈━") == "⣀┤▲┈━"


def _shown(line: str) -> str:
    """A line in characters that standard output can show."""
    coding = _coding()
    return harmless(line).rstrip().encode(coding, "replace").decode(coding)


def _coding() -> str:
    """How standard output is encoded."""
    return sys.stdout.encoding or "ascii"
