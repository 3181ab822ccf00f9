"""The demonstration in order: start the processes, let fleet and people live, wait for the last outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from flows.children import Children
from flows.demo.fleet import plan_for
from flows.demo.judgement import Judgement, judge
from flows.demo.news import Newsroom
from flows.demo.people import handles_in, people_for
from flows.demo.people_judgement import is_known, judge_people
from flows.demo.reasons import Reasons
from flows.demo.registry import Registry
from flows.demo.stage import Audience, Stage
from flows.demo.telling import Telling
from flows.rules.load import load_configuration
from flows.settings import Settings
from flows.simulator.expectation import expected
from flows.simulator.people.expectation import expected as expected_of_people
from flows.simulator.send import Names
from flows.topics.names import TopicNames
from flows.topics.open import open_topics
from flows.topics.port import Topics

_STREAM = "vehicle"
_PARTS = {
    "identity": ["identity"],
    "devices": ["devices"],
    "customers": ["customers"],
    "outbox": ["connector", "outbox"],
}


class Play:
    """One performance in a folder; `now` gives ms since the epoch, `clock` seconds."""

    def __init__(
        self, settings: Settings, file: Path, now: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self._settings, self._file = settings, file
        self._now, self._clock = now, clock
        self._names = TopicNames(settings.topics.prefix)
        stream = load_configuration(settings).streams[_STREAM]
        self._telemetry = self._names.telemetry(stream.topic)
        self._logs = settings.path("logs")

    def run(self, seconds: float, audience: Audience) -> Judgement:
        """Play it; topics and rules must be there. Raises ProcessEnded and ProcessSilent."""
        self._logs.mkdir(exist_ok=True)
        topics = open_topics(self._settings)
        registry = Registry(self._settings.tenant_key.encode())
        newsroom = Newsroom(topics, self._names, registry, Reasons(self._settings, registry).of)
        try:
            with Children(self._keep) as children:
                for name, arguments in _PARTS.items():
                    file = str(self._file.absolute())
                    children.start(name, ["run", *arguments, "--process-id", "0", "--config", file])
                stage = Stage(children, newsroom, audience, self._clock, str(self._logs))
                return self._perform(seconds, stage, topics, newsroom, audience)
        finally:
            audience.over()
            newsroom.close()
            topics.close()

    def _perform(
        self, seconds: float, stage: Stage, topics: Topics, newsroom: Newsroom, audience: Audience
    ) -> Judgement:
        telling = Telling(topics, self._places(), seconds, self._clock)
        stage.warm(lambda: self._is_ready(topics))
        handles = telling.introduce(plan_for(self._now(), seconds))
        stage.warm(lambda: self._is_introduced(newsroom, handles))
        plan = plan_for(self._now(), seconds)
        people = people_for(plan, seconds)
        truths = expected_of_people(people)
        newsroom.registry.await_changes(handles_in(people), truths.changes)
        audience.begins(plan, people, seconds)
        with telling.begin(plan, people) as voice:
            stage.watch(voice.going)
        messages = expected(plan, "paced").counts.messages
        stage.settle(lambda: newsroom.settled(messages) and is_known(truths, newsroom))
        telling.conclude(people)
        stage.settle(lambda: newsroom.settled(messages) and judge_people(people, newsroom).right)
        return judge(plan, people, newsroom)

    def _places(self) -> Names:
        names = self._names
        return Names(
            telemetry=self._telemetry,
            things=names.things,
            identity=names.identity,
            events=names.events,
            source_records=names.source_records,
        )

    def _keep(self, name: str, line: str) -> None:
        """What a process says goes into a file of its own."""
        with (self._logs / f"{name}.log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _is_ready(self, topics: Topics) -> bool:
        """Whether both flows have an epoch on disk, which they show by noting their offsets."""
        group = self._names.group
        read = {group("telltale-devices"): self._telemetry, group("telltale-customers"): self._names.alarms}
        return all(
            len(topics.committed(group, topic)) == topics.partitions(topic) for group, topic in read.items()
        )

    def _is_introduced(self, newsroom: Newsroom, handles: Iterable[str]) -> bool:
        """Whether it was said whose each row is, and the customers flow knows them all."""
        newsroom.look()
        registry = newsroom.registry
        return all(registry.knows(each) and registry.whose(each) in newsroom.profiles for each in handles)
