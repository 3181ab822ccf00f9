"""The half of `telltale why` that is about a device: one rule over its readings, from the topic or from archives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flows.cli import scan
from flows.cli.logs import log_to_read
from flows.cli.options import Output, bus_of, names_of
from flows.cli.progress import progress
from flows.cli.show import say
from flows.durations import parse_duration
from flows.errors import ArgumentWrong, NameUnknown, RulesWrong, TopicMissing
from flows.hints import did_you_mean
from flows.ids import partition_of
from flows.rules.load import load_configuration
from flows.rules.model import Rule, RuleSet
from flows.rules.published import RuleSets
from flows.settings import Settings
from flows.steps import load_steps
from flows.topics.names import TopicNames
from flows.topics.port import Topics, read_latest

if TYPE_CHECKING:
    from flows.backtest.explained import Explained, Question
    from flows.backtest.verdict import Verdict
    from flows.topics.port import RawBatch

_EVERY = 1 << 40
_KNOWN = 1_000
_FAR_MS = 365 * 24 * 3600 * 1000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked on the command line; `last` readings are shown, None the usual number."""

    device: str
    rule: str
    at: str | None = None
    archives: tuple[Path, ...] = ()
    things: Path | None = None
    last: int | None = None
    since: str | None = None
    every: bool = False
    output: Output = Output.table


def why_device(asked: Asked, settings: Settings) -> None:
    """Print the readings with how far the rule was, and a last paragraph: why, or why not.

    Raises NameUnknown, ArgumentWrong, RulesWrong, ArchiveUnreadable, ThingsWrong, TopicMissing.
    """
    if asked.archives:
        _of_archives(asked, settings)
        return
    if asked.things is not None:
        raise ArgumentWrong(
            "--things goes with --archive", "Without one, attributes are read from the topic `things`."
        )
    with bus_of(settings) as topics:
        _of_topic(asked, settings, topics)


def moment_given(text: str, now: int) -> int:
    """A time as ms since the epoch: RFC 3339 or its beginning (without a zone UTC), ms, or `-10m` before now.

    Raises ArgumentWrong.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    ago = parse_duration(text[1:]) if text.startswith("-") else None
    if ago is not None:
        return now - ago
    try:
        found = datetime.fromisoformat(text)
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ArgumentWrong(
            f"--at {text!r} is not a time",
            "Write it as 2026-03-01T08:02:00Z, '2026-03-01 08:02', in ms since 1970, or -10m.",
        ) from error


def _of_archives(asked: Asked, settings: Settings) -> None:
    """One run over the archives, in the order given."""
    from flows.archives.batches import read_batches
    from flows.backtest.explain import explain
    from flows.backtest.things import read_things

    rule_set = load_configuration(settings).rule_set(settings.tenant)
    rule = _rule_named(rule_set, asked.rule)
    _remark(rule)
    stream = rule_set.streams[rule.stream or ""]
    things = read_things(asked.things) if asked.things is not None else []
    thing = next((m.value for m in reversed(things) if m.key == asked.device.encode()), None)
    if asked.at is not None and asked.at.startswith("-"):
        raise ArgumentWrong(f"--at {asked.at!r} goes by the clock", "Of an archive, give the time itself.")
    if rule.attributes and thing is None:
        reads = ", ".join(f"device.{name}" for name in rule.attributes)
        where = (
            f"{asked.things} says nothing of {asked.device}" if asked.things else "give it with --things FILE"
        )
        say(f"The rule reads {reads}: {where}.")
    question = _question(asked, settings, rule_set, rule, thing)

    def batches(read: Callable[[int], None]) -> Iterator[RawBatch]:
        for path in asked.archives:
            yield from read_batches(path, stream, read=read)

    with progress(asked.archives, "Reading") as read:
        told = explain(question, batches(read))
    since = _since(asked)
    if since is not None and told.until is not None:
        shown = tuple(step for step in told.steps if step.at >= told.until - since)
        told = msgspec.structs.replace(told, steps=shown, passed=told.passed + len(told.steps) - len(shown))
    verdict = _print(told, asked)
    if verdict.outcome == "not_heard":
        _say_unheard(question, batches(lambda _read: None), [str(path) for path in asked.archives])
    _say_far(told)


def _say_far(told: Explained) -> None:
    """Say that something in the archives is much later than all of the device: it ends what others are silent for."""
    last = max((step.at for step in told.steps if step.status == "taken"), default=None)
    if last is not None and told.clock - last > _FAR_MS:
        say(
            f"Some clock in what was read says {_moment(told.clock)}, and {told.device!r} was last heard at "
            f"{_moment(last)}: such a time ends silences. Leave it out with --at."
        )


def _of_topic(asked: Asked, settings: Settings, topics: Topics) -> None:
    """A run over as much of the device's partition as the rule needs."""
    from flows.cli import why_topic

    names = names_of(settings)
    rule_set = _in_force(settings, topics, names, asked.rule)
    rule = _rule_named(rule_set, asked.rule)
    _remark(rule)
    topic = names.telemetry(rule_set.streams[rule.stream or ""].topic)
    thing = _thing(topics, names, asked.device) if rule.attributes else None
    question = _question(asked, settings, rule_set, rule, thing)
    found = why_topic.follow(topics, topic, question, _since(asked))
    verdict = _print(found.told, asked)
    if verdict.outcome == "not_heard":
        last = f" It was last heard at {_moment(found.last)}." if found.last is not None else ""
        if last:
            say(f"Nothing of {asked.device!r} is on {topic} in the time looked at ({found.span}).{last}")
            return
        _say_unheard(question, why_topic.newest(topics, topic), [topic], last)
        return
    if not found.told.settled:
        say(f"Only {found.span} was looked at; an episode may have begun before. --since looks further back.")
    if verdict.episode is not None and asked.output is Output.table:
        _say_decided(topics, names, verdict.episode)


def _in_force(settings: Settings, topics: Topics, names: TopicNames, name: str) -> RuleSet:
    """The published set, as the flow uses it, else the files; says when the two differ in the rule."""
    published = RuleSets(topics, names, settings.tenant)
    try:
        with suppress(TopicMissing):
            published.poll()
    finally:
        published.close()
    newest = published.newest
    if newest is None:
        return load_configuration(settings).rule_set(settings.tenant)
    try:
        files = {rule.name: rule for rule in load_configuration(settings).rules}
    except RulesWrong:
        return newest
    running = {rule.name: rule for rule in newest.rules}
    mine, theirs = files.get(name), running.get(name)
    if mine is not None and theirs is None:
        say(
            f"The rule {name!r} stands in {mine.file} and is not published: `telltale rules publish` does that."
        )
        return load_configuration(settings).rule_set(settings.tenant)
    if mine is not None and theirs is not None and mine.fingerprint != theirs.fingerprint:
        say(f"This is the rule as published in set {newest.number}; {mine.file} says something else by now.")
    return newest


def _rule_named(rule_set: RuleSet, name: str) -> Rule:
    """A rule that watches readings; raises NameUnknown, ArgumentWrong."""
    found = next((rule for rule in rule_set.rules if rule.name == name), None)
    if found is None:
        watching = [rule.name for rule in rule_set.rules if rule.stream is not None]
        raise NameUnknown("rule", name, did_you_mean(name, watching))
    if found.stream is None:
        raise ArgumentWrong(
            f"The rule {name!r} decides on events of the type {found.event}, not on readings",
            "Ask `telltale why --customer C --rule R`.",
        )
    return found


def _remark(rule: Rule) -> None:
    if rule.mode == "disabled":
        say(f"The rule {rule.name!r} is disabled, so nothing watches it: this is what it would have done.")


def _question(
    asked: Asked, settings: Settings, rule_set: RuleSet, rule: Rule, thing: bytes | None
) -> Question:
    from flows.backtest.explained import KEPT, Question

    now = time.time_ns() // 1_000_000
    log_to_read()
    return Question(
        rule_set=rule_set,
        rule=rule,
        device=asked.device,
        thing=thing,
        until=None if asked.at is None else moment_given(asked.at, now),
        kept=_EVERY if asked.every else max(KEPT, asked.last or 0),
        stale_after=round(settings.devices.stale_after_s * 1000),
        max_bytes=settings.devices.max_message_bytes,
        steps=load_steps(settings),
    )


def _since(asked: Asked) -> int | None:
    if asked.since is None:
        return None
    found = parse_duration(asked.since)
    if not found:
        raise ArgumentWrong(f"--since {asked.since!r} is not a duration", "Write it as 30m, 6h or 2d.")
    return found


def _thing(topics: Topics, names: TopicNames, device: str) -> bytes | None:
    """What `things` says of a device now."""
    key = device.encode()
    try:
        latest, _ = read_latest(topics, names.things, partition_of(key, topics.partitions(names.things)))
    except TopicMissing:
        return None
    return latest[key].value if key in latest else None


def _print(told: Explained, asked: Asked) -> Verdict:
    from flows.backtest.verdict import verdict_of
    from flows.cli.why_view import print_json, print_steps, print_verdict

    verdict = verdict_of(told)
    if asked.output is Output.json:
        print_json(told, verdict, asked.last)
    elif verdict.outcome != "not_heard":
        print_steps(told, asked.last, asked.every or asked.since is not None)
        print_verdict(verdict)
    return verdict


def _say_unheard(
    question: Question, batches: Iterator[RawBatch], places: Sequence[str], last: str = ""
) -> None:
    """Why nothing is told of a device, and which one may be meant."""
    from flows.backtest.device_rows import devices_in

    stream = question.rule_set.streams[question.rule.stream or ""]
    known = devices_in(stream, batches, _KNOWN)
    where = ", ".join(places)
    if not known:
        say(f"No reading of the stream {stream.name!r} is in {where}.")
        return
    if question.device in known:
        say(f"Nothing of {question.device!r} is in {where} up to that time.{last}")
        return
    hint = did_you_mean(question.device, known)
    near = hint if hint.startswith("Did") else f"There are, for example, {', '.join(sorted(known)[:3])}."
    others = [name for name in question.rule_set.streams if name != stream.name]
    also = f" The rule watches only that stream, not {' or '.join(others)}." if others else ""
    say(f"The device {question.device!r} is unknown on the stream {stream.name!r} ({where}). {near}{also}")


def _say_decided(topics: Topics, names: TopicNames, episode: str) -> None:
    """What was decided on an episode, in a line each."""
    from flows.customers.why import why_id
    from flows.schema import Decision

    try:
        decisions = [d for d in scan.values(topics, names.decisions, Decision) if d.episode == episode]
    except TopicMissing:
        return
    for told in why_id(episode, decisions, ()):
        print(f"Decided when {told.transition}: {told.said}  (telltale why {episode})")


def _moment(at: int) -> str:
    from flows.backtest.wording import moment

    return moment(at)
