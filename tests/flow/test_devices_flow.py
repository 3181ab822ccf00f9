"""The devices flow under Bytewax on the embedded bus: what it takes up while it runs, what it refuses to run with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main
from structlog.testing import capture_logs

from flows.devices.flow import devices_flow
from flows.engine.clock import wall_clock
from flows.engine.messages import Watch
from flows.errors import OffsetExpired, TooFewPartitions, TopicMissing
from flows.ids import partition_of
from flows.metrics import Metrics
from flows.rules.load import load_configuration
from flows.rules.published import PublishedSet, RuleSets, publish
from flows.schema import Account, Alarm, decode, encode
from flows.settings import Settings
from flows.steps import NO_STEPS
from flows.topics.names import TopicNames
from flows.topics.port import Topics, TopicSpec
from flows.topics.sqlite import SqliteTopics

NAMES = TopicNames()
TELEMETRY = NAMES.telemetry("telemetry")
EPOCH = timedelta(milliseconds=50)
PARTITIONS = 2
STREAMS = """
streams:
  vehicle: {{topic: telemetry, key: device, time: at, fields: {fields}, attributes: {attributes}}}
"""
FIELDS = "{coolant_c: {type: float}, speed_kmh: {type: float}}"
ATTRIBUTES = "{hot_c: {type: float}}"
HOT, FAST, COLD = "hot", "fast", "cold"
RULE = """
rule: {name}
about: Three readings in a row.
team: fleet
stream: vehicle
customer: owner
when: {{run: 3, of: {condition}}}
clear: {{run: 1, of: not ({condition})}}
ends: {{silent: 6h}}
do: {{raised: [{{task: {{queue: fleet, subject: "{{device}}"}}}}]}}
limits: [{{per: rule, at_most: 100, every: 1h}}]
explain: "{{device}}"
"""
OILY = "oily"
CONDITIONS = {
    HOT: "coolant_c >= device.hot_c",
    FAST: "speed_kmh > 200",
    COLD: "coolant_c < 0",
    OILY: "oil_c > device.oily_c",
}


class Site:
    """An embedded bus with a configuration, and the flow over it, driven by a scenario."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(folder=str(folder))
        self.metrics = Metrics()
        self.steps = NO_STEPS
        self._folder = folder
        self._start = wall_clock() - 3_600_000
        (folder / "rules").mkdir()
        self.declare(FIELDS, ATTRIBUTES)
        self.bus: Topics = self.open()
        self.rule_sets = RuleSets(self.open(), NAMES, self.settings.tenant)

    def open(self) -> Topics:
        """A connection of one's own."""
        return SqliteTopics(self._folder / "topics.db")

    def create(self, *, without: str = "", things: int = PARTITIONS) -> None:
        """The topics of the flow, perhaps one short."""
        specs = [
            TopicSpec(TELEMETRY, PARTITIONS),
            *(spec for spec in NAMES.own_topics(PARTITIONS, (), ()) if spec.name != NAMES.things),
            TopicSpec(NAMES.things, things, compacted=True),
        ]
        self.bus.create([spec for spec in specs if spec.name != without])

    def declare(self, fields: str, attributes: str) -> None:
        """What the stream of the next rule set is."""
        text = STREAMS.format(fields=fields, attributes=attributes)
        (self._folder / "streams.yaml").write_text(text)

    def publish(self, *rules: str) -> int:
        """A rule set of these rules and no others."""
        for file in (self._folder / "rules").iterdir():
            file.unlink()
        for name in rules:
            text = RULE.format(name=name, condition=CONDITIONS[name])
            (self._folder / "rules" / f"{name}.yaml").write_text(text)
        return publish(self.bus, NAMES, load_configuration(self.settings), self.settings.tenant, wall_clock)

    def publish_broken(self, number: int) -> None:
        """A set with a rule that only a later version would understand."""
        documents = load_configuration(self.settings).documents
        rule = {**documents.rules[f"{HOT}.yaml"], "rule": "odd", "when": {"moonphase": "full"}}
        later = PublishedSet(
            number=number,
            tenant=self.settings.tenant,
            fingerprint="later",
            at=0,
            streams=documents.streams,
            rules={**documents.rules, "odd.yaml": rule},
            purposes=documents.purposes,
            profile=documents.profile,
        )
        writer = self.bus.writer()
        writer.write(NAMES.rules, encode(later), key=f"{self.settings.tenant}/{number}".encode())
        writer.close()

    def send(
        self,
        device: str,
        first: int,
        *coolants: float,
        speed: float = 50,
        oil: float = 50,
        partition: int | None = None,
    ) -> None:
        """Readings of one device, ten seconds apart, the first being its `first`-th."""
        writer = self.bus.writer()
        for i, coolant in enumerate(coolants, first):
            at = self._start + i * 10_000
            reading = {"device": device, "at": at, "coolant_c": coolant, "speed_kmh": speed, "oil_c": oil}
            writer.write(TELEMETRY, encode(reading), key=device.encode(), partition=partition)
        writer.close()

    def know(self, device: str, hot_c: float, **more: float) -> None:
        """Say when a device is hot."""
        writer = self.bus.writer()
        writer.write(NAMES.things, encode({"hot_c": hot_c, **more}), key=device.encode())
        writer.close()

    def alarms(self) -> list[tuple[str, str, str, int]]:
        """Device, rule, transition and rule set of all alarms, those of a device in order."""
        found = [decode(Alarm, value) for value in self._values(NAMES.alarms)]
        return [(a.device, a.rule, a.transition, a.rule_set) for a in found]

    def taken(self) -> int:
        """How many messages the accounts tell of."""
        return sum(decode(Account, value).messages for value in self._values(NAMES.accounts))

    def count(self, topic: str) -> int:
        """How many messages a topic has taken."""
        return sum(self.bus.bounds(topic, p).end for p in range(self.bus.partitions(topic)))

    def _values(self, topic: str) -> list[bytes]:
        found: list[bytes] = []
        for partition in range(self.bus.partitions(topic)):
            reader = self.bus.reader(topic, partition, self.bus.bounds(topic, partition).low)
            while messages := reader.read(1000):
                found += [m.value or b"" for m in messages]
            reader.close()
        return found

    def run(self, scenario: Iterator[Callable[[], bool]]) -> None:
        """Run the flow: go on in the scenario whenever what it waits for is so, and stop at its end."""
        self.rule_sets.poll()
        watch = Watch(stopping=Script(scenario))
        flow = devices_flow(self.settings, self.open, self.rule_sets, self.metrics, watch, steps=self.steps)
        store = self._folder / "recovery"
        if not store.exists():
            store.mkdir()
            init_db_dir(store, 1)
        run_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(store)))


class Script:
    """Goes through a scenario while a flow asks whether to stop, which its sources do all the time."""

    def __init__(self, scenario: Iterator[Callable[[], bool]], patience_s: float = 60.0) -> None:
        self._scenario = scenario
        self._awaited: Callable[[], bool] | None = lambda: True
        self._patience_s = patience_s
        self._look_at = 0.0
        self._give_up = time.monotonic() + patience_s

    def __call__(self) -> bool:
        """Whether the scenario is over; fails when it is stuck."""
        now = time.monotonic()
        if self._awaited is not None and now >= self._look_at:
            self._look_at = now + 0.02
            if self._awaited():
                self._awaited = next(self._scenario, None)
                self._give_up = now + self._patience_s
            elif now > self._give_up:
                pytest.fail("the scenario is stuck")
        return self._awaited is None


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A fresh one."""
    return Site(tmp_path)


def test_a_rule_set_is_taken_up_while_running_and_keeps_the_episodes_of_other_rules(site: Site) -> None:
    """A run under way and an episode go on over the change, a new rule begins, a removed one lets its episode lapse."""
    site.create()
    site.know("a", 100)
    site.know("b", 100)
    site.publish(HOT, COLD)

    def scenario() -> Iterator[Callable[[], bool]]:
        site.send("a", 0, 101, 102, 103)
        site.send("b", 0, 101, 102)
        site.send("c", 0, -1, -2, -3)
        yield lambda: site.taken() == 8
        assert site.publish(HOT, FAST) == 2
        yield lambda: site.rule_sets.current.number == 2
        for i in range(2):  # what comes in one epoch after the next is judged by the new set
            site.send("d", i, 50)
            site.send("c", 3 + i, -4)
            yield lambda done=10 + 2 * i: site.taken() == done
        site.send("a", 3, 104, 99)
        site.send("b", 2, 103)
        site.send("d", 2, 50, 50, 50, speed=250)
        yield lambda: site.taken() == 18

    site.run(scenario())
    by_device = {device: [a[1:] for a in site.alarms() if a[0] == device] for device in "abcd"}
    assert by_device == {
        "a": [(HOT, "raised", 1), (HOT, "cleared", 2)],
        "b": [(HOT, "raised", 2)],
        "c": [(COLD, "raised", 1), (COLD, "lapsed", 2)],
        "d": [(FAST, "raised", 2)],
    }


@pytest.mark.parametrize("running", [True, False])
def test_a_rule_set_with_other_fields_and_attributes_is_taken_up(site: Site, running: bool) -> None:
    """What the new set declares is read, what it no longer declares is not, published on the way or between runs."""
    site.create()
    site.know("a", 100)
    site.publish(HOT, FAST)

    def change() -> None:
        site.declare(
            "{oil_c: {type: float}, coolant_c: {type: float}}",
            "{oily_c: {type: float}, hot_c: {type: float}}",
        )
        assert site.publish(HOT, OILY) == 2

    def before() -> Iterator[Callable[[], bool]]:
        site.send("a", 0, 101, 102, 103)
        yield lambda: site.taken() == 3
        if running:
            change()
            yield lambda: site.rule_sets.current.number == 2
            site.send("a", 3, 104)
            yield lambda: site.taken() == 4

    def after() -> Iterator[Callable[[], bool]]:
        for i in range(4, 6):
            site.send("a", i, 104)
            yield lambda done=i + running: site.taken() == done
        site.send("a", 6, 104, 104, 104, oil=90)
        site.send("a", 9, 99)
        yield lambda: site.taken() == 9 + running

    site.run(before())
    if not running:
        change()
    site.know("a", 100, oily_c=80)  # what is new of a device is known when it is said, or at a start
    site.run(after())
    by_rule = {rule: [a[2:] for a in site.alarms() if a[1] == rule] for rule in (HOT, OILY)}
    assert by_rule == {HOT: [("raised", 1), ("cleared", 2)], OILY: [("raised", 2), ("cleared", 2)]}


def test_a_rule_set_that_cannot_be_compiled_is_refused_and_the_one_in_force_stays(site: Site) -> None:
    """The reason is logged, alarms go on under the old set, and the next good set is taken up."""
    site.create()
    site.know("a", 100)
    site.publish(HOT)

    def scenario() -> Iterator[Callable[[], bool]]:
        site.publish_broken(2)
        yield lambda: any(entry["event"] == "the rule set in force stays" for entry in log)
        site.send("a", 0, 101, 102, 103)
        yield lambda: site.taken() == 3
        assert site.publish(FAST) == 3
        yield lambda: site.rule_sets.current.number == 3
        for i in range(3, 5):
            site.send("a", i, 104)
            yield lambda done=i + 1: site.taken() == done

    with capture_logs() as log:
        site.run(scenario())
    assert site.alarms() == [("a", HOT, "raised", 1), ("a", HOT, "lapsed", 3)]
    said = [entry for entry in log if entry["event"] == "the rule set in force stays"]
    assert len(said) == 1
    assert "moonphase" in said[0]["reason"]


def test_a_flow_whose_offset_has_expired_refuses_to_start(site: Site) -> None:
    """Readings that retention took unread are never skipped in silence: topic, offsets and mend are named."""
    site.create()
    site.publish(HOT)

    def scenario() -> Iterator[Callable[[], bool]]:
        site.send("a", 0, 50, 50, 50)
        yield lambda: site.taken() == 3

    site.run(scenario())
    partition = partition_of(b"a", PARTITIONS)
    site.send("a", 3, 50, 50)
    SqliteTopics(Path(site.settings.folder) / "topics.db").delete_before(TELEMETRY, partition, 4)
    with pytest.raises(BytewaxRuntimeError) as raised:
        site.run(iter(()))
    expired = raised.value.__cause__
    assert isinstance(expired, OffsetExpired)
    assert (expired.topic, expired.partition, expired.wanted, expired.low) == (TELEMETRY, partition, 3, 4)
    assert "remove the recovery directory" in str(expired)


@pytest.mark.parametrize("topic", [TELEMETRY, NAMES.things, NAMES.rules])
def test_a_missing_topic_is_named_with_what_creates_it(site: Site, topic: str) -> None:
    """The flow does not start, and does not create what it was not asked to."""
    site.create(without=topic)
    if topic != NAMES.rules:
        site.publish(HOT)
    with pytest.raises(TopicMissing, match="telltale topics create") as raised:
        site.run(iter(()))
    assert raised.value.topic == topic


def test_a_stream_whose_things_are_divided_otherwise_is_refused(site: Site) -> None:
    """A device's attributes must come to the shard that watches it, so both topics need equal partitions."""
    site.create(things=PARTITIONS - 1)
    site.publish(HOT)
    with pytest.raises(TooFewPartitions, match="1 partitions and needs 2") as raised:
        site.run(iter(()))
    assert raised.value.topic == NAMES.things


def test_a_device_in_a_partition_that_is_not_its_own_is_said(site: Site) -> None:
    """Once in the log with the shard and the device, and counted: two shards may be watching it."""
    site.create()
    site.publish(HOT)
    wrong = 1 - partition_of(b"stray", PARTITIONS)

    def scenario() -> Iterator[Callable[[], bool]]:
        site.send("stray", 0, 50, partition=wrong)
        site.send("a", 0, 50)
        yield lambda: site.taken() == 2

    with capture_logs() as log:
        site.run(scenario())
    said = [entry for entry in log if entry["event"].startswith("a device is in a partition")]
    assert [(entry["shard"], entry["device"]) for entry in said] == [(f"vehicle/{wrong}", "stray")]
    assert (
        site.metrics.registry.get_sample_value("telltale_misplaced_devices_total", {"stream": "vehicle"}) == 1
    )
