"""What a backtest is given: a stream, the rules of one or two configurations, a period; and what will not be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flows.cli.options import SETTINGS_FILE, settings_of
from flows.cli.show import say, time_of
from flows.errors import ArgumentWrong, NameUnknown
from flows.hints import did_you_mean
from flows.rules.load import Configuration, load_configuration, load_rules
from flows.rules.model import RuleSet
from flows.settings import Settings
from flows.streams import Stream

if TYPE_CHECKING:
    from flows.backtest.archive import Backtest
    from flows.steps import Steps
    from flows.topics.port import Message


def rules_against(folder: Path, found: Configuration) -> Configuration:
    """The other rules: of a folder with settings its whole configuration, else its rules over the same streams.

    Raises RulesWrong, SettingsWrong.
    """
    if folder.is_file() or (folder / SETTINGS_FILE).exists():
        return load_configuration(settings_of(folder))
    rules = load_rules(folder, found.surroundings())
    return msgspec.structs.replace(found, rules=rules)


def steps_against(folder: Path | None, settings: Settings) -> Steps:
    """The steps of the other side: its own where it has settings; raises StepsUnreadable, SettingsWrong."""
    from flows.steps import load_steps

    if folder is not None and (folder.is_file() or (folder / SETTINGS_FILE).exists()):
        settings = settings_of(folder)
    return load_steps(settings)


def stream_named(streams: Mapping[str, Stream], name: str | None) -> str:
    """The stream that is meant, or the only one; raises NameUnknown, ArgumentWrong."""
    if name is None:
        if len(streams) != 1:
            known = ", ".join(sorted(streams)) or "none"
            raise ArgumentWrong(
                "Of which stream the archives are must be said", f"Give --stream; known are {known}."
            )
        return next(iter(streams))
    if name not in streams:
        raise NameUnknown("stream", name, did_you_mean(name, list(streams)))
    return name


def rules_named(configurations: Sequence[Configuration], stream: str, named: Sequence[str]) -> None:
    """Each rule that is named must watch the stream, on one side at least; raises NameUnknown, ArgumentWrong."""
    rules = {rule.name: rule for each in configurations for rule in each.rules}
    of_stream = {rule.name for each in configurations for rule in each.rules if rule.stream == stream}
    for name in named:
        if name not in rules:
            raise NameUnknown("rule", name, did_you_mean(name, of_stream))
        if name not in of_stream:
            watches = rules[name].stream or f"events of the type {rules[name].event}"
            raise ArgumentWrong(
                f"The rule {name!r} watches {watches}, not the stream {stream!r}",
                "Name a rule of that stream, or another --stream.",
            )


def remark(
    found: Configuration, chosen: RuleSet, stream: str, things: Sequence[Message], named: Sequence[str]
) -> None:
    """Say what will not be seen, and why: rules that are disabled, and attributes that nothing gives."""
    asleep = [r.name for r in found.rules if r.stream == stream and r.mode == "disabled"]
    if asleep and not named:
        say(f"Left out, because disabled: {', '.join(asleep)}. --rule plays one all the same.")
    elif not chosen.rules:
        say(f"No rule watches the stream {stream!r}, so nothing can be raised.")
    given = {name for message in things for name in msgspec.json.decode(message.value or b"{}")}
    for rule in chosen.rules:
        missing = [f"device.{name}" for name in rule.attributes if name not in given]
        if missing:
            say(
                f"{rule.name} reads {', '.join(missing)}, which nothing gives, so what it asks of that stays unknown. "
                "Give attributes of devices with --things FILE."
            )


def time_given(text: str | None, option: str) -> int | None:
    """A time as ms since the epoch; without a zone it is UTC. Raises ArgumentWrong."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentWrong(
            f"{option} {text!r} is not a time", "Write it as 2024-05-31 or 2024-05-31T08:30:00Z."
        ) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def any_rule_named(configurations: Sequence[Configuration], named: Sequence[str]) -> None:
    """Each rule that is named must be there, on one side at least; raises NameUnknown."""
    known = {rule.name for each in configurations for rule in each.rules}
    for name in named:
        if name not in known:
            raise NameUnknown("rule", name, did_you_mean(name, known))


def only_named(rule_set: RuleSet, named: Sequence[str]) -> RuleSet:
    """The set with only the named rules, which play even if disabled; whole when none is named."""
    if not named:
        return rule_set
    rules = (rule for rule in rule_set.rules if rule.name in named)
    awake = (msgspec.structs.replace(r, mode="live") if r.mode == "disabled" else r for r in rules)
    return msgspec.structs.replace(rule_set, rules=tuple(awake))


def remark_people(found: Configuration, settings: Settings, named: Sequence[str], *, outcomes: bool) -> None:
    """Say what is taken for granted, and what is not played: rules that are disabled, a team's other steps."""
    from flows.steps import load_steps

    if not outcomes:
        say("Every action is taken as accepted at once: --outcomes FILE says what became of each.")
    asleep = [rule.name for rule in found.rules if rule.mode == "disabled"]
    if asleep and not named:
        say(f"Left out, because disabled: {', '.join(asleep)}. --rule plays one all the same.")
    steps = [each for each in load_steps(settings).defined() if each != "readings"]
    if steps:
        say(f"Your own steps at {', '.join(steps)} are hung into the flow, and a backtest does not run them.")


def say_outlying(side: Backtest) -> None:
    """Say that some clock is far from all else, if one is."""
    far = side.outlying
    if far is not None:
        usual, last = map(time_of, far)
        say(
            f"Nine of ten devices end by {usual}, and some clock says {last}: such a time ends what others are "
            "silent for, and counts as days covered. Leave it out with --to."
        )
