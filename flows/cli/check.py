"""`telltale check`: reads every file of a configuration against every other, and says what was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from flows.cli.options import Config, Output, Rows, example, settings_file, settings_of
from flows.cli.show import counted, rows, say
from flows.errors import RulesWrong, StepsUnreadable
from flows.rules.heard import heard
from flows.rules.load import Configuration, load_configuration
from flows.rules.model import actions_in
from flows.settings import Settings
from flows.sources.model import IdentityRules
from flows.sources.names import kinds_of

EXAMPLE = example("telltale check", "telltale check --config DIR")


def check(output: Rows = Output.table, config: Config = None) -> None:
    """Check every file of a configuration against every other.

    These are settings, streams, events, rules, purposes, profile, sources, identity and steps. Every mistake of every
    file is shown at once. What is right, but looks forgotten, is remarked on.
    """
    from flows.steps import NO_STEPS, load_steps

    settings = settings_of(config)
    found, steps, wrong = None, NO_STEPS, 0
    try:
        found = load_configuration(settings)
    except RulesWrong as error:
        say(str(error))
        wrong += 1
    try:
        steps = load_steps(settings)
    except StepsUnreadable as error:
        say(str(error))
        wrong += 1
    if found is None or wrong:
        raise typer.Exit(2)
    rows(_table(settings, settings_file(config), found, steps.defined()), output, "")
    for remark in remarks(found):
        say(remark)


def _table(
    settings: Settings, file: Path, found: Configuration, points: tuple[str, ...]
) -> list[dict[str, str]]:
    """What was checked: a row a file."""
    fields = sum(len(stream.fields) for stream in found.streams.values())
    tests = sum(len(rule.tests) for rule in found.rules)
    table = [
        ("settings", str(file) if file.exists() else "(none)", f"bus {settings.topics.bus}"),
        ("streams", settings.streams, f"{counted(len(found.streams), 'stream')}, {counted(fields, 'field')}"),
        ("events", settings.streams, counted(len(found.events), "event") if found.events else "not declared"),
        ("rules", settings.rules, f"{counted(len(found.rules), 'rule')}, {counted(tests, 'test')}"),
        ("purposes", settings.purposes, _purposes(found)),
        ("profile", settings.profile, counted(len(found.profile), "value")),
    ]
    if found.sources.systems:
        kinds = counted(len(kinds_of(found.sources)), "kind")
        held = f"{counted(len(found.sources.systems), 'source')}, {kinds} of identifiers"
        table.append(("sources", settings.sources, held))
    if found.identity != IdentityRules():
        held = f"{counted(len(found.identity.match), 'way')} to match"
        table.append(("identity", settings.matching, held))
    if found.look_ups:
        table.append(("look-ups", settings.look_ups, counted(len(found.look_ups), "look-up")))
    if settings.steps:
        table.append(("steps", settings.steps, ", ".join(points)))
    return [{"what": what, "file": name, "holds": holds} for what, name, holds in table]


def _purposes(found: Configuration) -> str:
    """How many purposes, and budgets if there are any."""
    budgets = f", {counted(len(found.budgets), 'budget')}" if found.budgets else ""
    return counted(len(found.purposes), "purpose") + budgets


def remarks(found: Configuration) -> Iterator[str]:
    """What is no mistake, but may be forgotten."""
    if found.sources.systems and not found.identity.match:
        yield "Nothing joins two handles of one person: identity.yaml has no `match`."
    untested = [rule.name for rule in found.rules if not rule.tests]
    if untested:
        yield f"Rules without tests: {', '.join(untested)}."
    watched = {rule.stream for rule in found.rules} | {each.stream for each in found.measured}
    watched |= set() if found.position is None else {found.position.stream}
    unwatched = [name for name in found.streams if name not in watched]
    if unwatched:
        yield f"Streams that no rule watches: {', '.join(unwatched)}."
    actions = [each for rule in found.rules for entries in rule.do.values() for each in actions_in(entries)]
    used = {action.purpose for action in actions}
    used |= {name for each in actions if each.suppress is not None for name in each.suppress.purposes}
    unused = [name for name in found.purposes if name not in used]
    if unused:
        yield f"Purposes that no action has: {', '.join(unused)}."
    asked = frozenset[str]().union(*(heard(rule) for rule in found.rules))
    asked |= {aggregate.source.removeprefix("event:") for aggregate in found.profile}
    asked |= {aggregate.closed_by for aggregate in found.profile if aggregate.closed_by}
    forgotten = [name for name in found.events if not asked & {name, "any"}]
    if forgotten:
        yield f"Events that no rule and no value of the profile uses: {', '.join(forgotten)}."
    questions = {entry.source for rule in found.rules for entry in rule.look_ups}
    unasked = [name for name in found.look_ups if name not in questions]
    if unasked:
        yield f"Look-ups that no rule asks: {', '.join(unasked)}."
    budgets = {purpose.budget for purpose in found.purposes.values()}
    idle = [name for name in found.budgets if name not in budgets]
    if idle:
        yield f"Budgets that no purpose is counted in: {', '.join(idle)}."
