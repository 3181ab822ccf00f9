"""The team's steps in the devices flow: `readings` before the conditions, `alarms` behind the shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Stream
from bytewax.inputs import AbortExecution
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main, run_main

from flows.devices.flow import devices_flow
from flows.engine.messages import Watch
from flows.errors import StepsUnreadable
from flows.schema import Alarm, decode
from flows.steps import Columns, Steps
from flows.topics.port import Message
from tests.flow.test_devices_flow import COLD, HOT, NAMES, Site

HERE = Path(__file__)
EPOCH = timedelta(milliseconds=20)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One with its topics, whose devices are hot at 100."""
    site = Site(tmp_path)
    site.create()
    for device in "abcdef":
        site.know(device, 100)
    return site


def messages(site: Site, topic: str) -> list[Message]:
    """All of a topic."""
    found: list[Message] = []
    for partition in range(site.bus.partitions(topic)):
        reader = site.bus.reader(topic, partition, 0)
        while read := reader.read(1000):
            found += read
        reader.close()
    return found


def alarms(site: Site) -> list[Alarm]:
    """All alarms."""
    return [decode(Alarm, m.value or b"") for m in messages(site, NAMES.alarms)]


def letters(site: Site) -> list[tuple[bytes | None, dict[str, str]]]:
    """The dead letters: value and what the headers say."""
    return [
        (m.value, {name.rpartition(".")[2]: value.decode() for name, value in m.headers})
        for m in messages(site, NAMES.dead_letters)
    ]


def test_rules_read_what_the_readings_step_makes(site: Site) -> None:
    """Its coolant is in Fahrenheit; a reading that it cannot take is a dead letter with its place in the topic."""
    site.publish(HOT)

    def celsius(columns: Columns) -> Columns:
        if any(device == "c" for device in columns.devices):
            raise LookupError("c is not ours")
        return columns.replace(coolant_c=(columns.values["coolant_c"] - 32) / 1.8)

    site.steps = Steps(file=HERE, readings=celsius)

    def scenario() -> Iterator[Callable[[], bool]]:
        site.send("a", 0, 101, 102, 103)
        site.send("b", 0, 230, 231, 232)
        site.send("c", 0, 230, 231, 232)
        yield lambda: site.taken() == 9

    site.run(scenario())
    assert [(alarm.device, alarm.transition) for alarm in alarms(site)] == [("b", "raised")]
    found = letters(site)
    assert len(found) == 3
    assert {headers["name"] for _, headers in found} == {"step_failed"}
    assert all("readings step, test_devices_steps.py:" in headers["message"] for _, headers in found)
    assert all(b'"device":"c"' in (value or b"") for value, _ in found)


def picky(alarm: Alarm) -> Alarm:
    """Writes an explanation, but knows no device b."""
    if alarm.device == "b":
        raise KeyError(alarm.device)
    return msgspec.structs.replace(alarm, explanation=f"look at {alarm.device}")


def test_alarms_go_by_way_of_the_step_and_one_that_it_cannot_take_goes_to_the_dead_letters(
    site: Site,
) -> None:
    """The others, accounts and everything else go on; the letter has the alarm whole, and is counted."""
    site.publish(HOT)
    site.steps = Steps(file=HERE, alarms=lambda s: op.map("explain", s, picky))

    def scenario() -> Iterator[Callable[[], bool]]:
        for device in "abc":
            site.send(device, 0, 101, 102, 103)
        yield lambda: site.taken() == 9

    site.run(scenario())
    assert {(alarm.device, alarm.explanation) for alarm in alarms(site)} == {
        ("a", "look at a"),
        ("c", "look at c"),
    }
    ((value, headers),) = letters(site)
    kept = decode(Alarm, value or b"")
    assert (kept.device, kept.transition, kept.explanation) == ("b", "raised", "b")
    line = picky.__code__.co_firstlineno + 3
    assert headers["message"] == f"alarms step, test_devices_steps.py:{line}: KeyError: 'b'"
    assert (headers["topic"], headers["name"]) == (NAMES.alarms, "step_failed")
    counted = site.metrics.registry.get_sample_value
    assert counted("telltale_dead_letters_total", {"reason": "step_failed"}) == 1


def test_an_alarm_that_would_be_another_one_after_a_crash_is_refused(site: Site) -> None:
    """Its id follows from its episode and its number."""
    site.publish(HOT)

    def renamed(alarm: Alarm) -> Alarm:
        return msgspec.structs.replace(alarm, id="mine") if alarm.device == "b" else alarm

    site.steps = Steps(file=HERE, alarms=lambda s: op.map("rename", s, renamed))

    def scenario() -> Iterator[Callable[[], bool]]:
        for device in "ab":
            site.send(device, 0, 101, 102, 103)
        yield lambda: site.taken() == 6

    site.run(scenario())
    assert [alarm.device for alarm in alarms(site)] == ["a"]
    ((_, headers),) = letters(site)
    assert "'mine' is not the id of transition 1 of its episode" in headers["message"]


def numbered(stream: Stream[Alarm]) -> Stream[Alarm]:
    """Each alarm of a device with its number, kept as state."""

    def number(state: int | None, alarm: Alarm) -> tuple[int, Alarm]:
        state = (state or 0) + 1
        return state, msgspec.structs.replace(alarm, explanation=f"{alarm.device} {state}")

    keyed = op.key_on("device", stream, lambda alarm: alarm.device)
    return op.key_rm("bare", op.stateful_map("number", keyed, number))


class End:
    """Asks for the end once `done` holds, or aborts then."""

    def __init__(self, done: Callable[[], bool], *, abort: bool) -> None:
        self._done, self._abort, self._asked = done, abort, 0

    def __call__(self) -> bool:
        self._asked += 1
        over = self._asked % 8 == 0 and self._done()
        if over and self._abort:
            raise AbortExecution
        return over


def test_the_state_of_a_keyed_step_outlives_crashes_on_one_worker_and_on_two(
    site: Site, tmp_path: Path
) -> None:
    """Whichever worker an alarm came from and however often the flow was aborted, the numbers go on."""
    site.publish(HOT, COLD)
    site.rule_sets.poll()
    store = tmp_path / "store"
    store.mkdir()
    init_db_dir(store, 1)
    steps = Steps(file=HERE, alarms=numbered)

    def go(done: Callable[[], bool], *, abort: bool = False) -> None:
        watch = Watch(stopping=End(done, abort=abort))
        flow = devices_flow(site.settings, site.open, site.rule_sets, site.metrics, watch, steps=steps)
        recovery = RecoveryConfig(str(store))
        if abort:  # an aborted worker leaves a second one waiting for ever
            run_main(flow, epoch_interval=EPOCH, recovery_config=recovery)
        else:
            cluster_main(flow, [], 0, epoch_interval=EPOCH, recovery_config=recovery, worker_count_per_proc=2)

    devices = "abcdef"
    for part in range(2):  # each part raises and clears once for each device
        for device in devices:
            site.send(device, part * 6, 101, 102, 103, 99, 50, 50)
        sent = len(devices) * 6 * (part + 1)
        before = site.count(NAMES.alarms)
        go(lambda before=before: site.count(NAMES.alarms) > before, abort=True)
        go(lambda sent=sent: site.taken() >= sent)
    said = {alarm.id: alarm.explanation for alarm in alarms(site)}
    by_device = {d: sorted(e for e in said.values() if e.startswith(d)) for d in devices}
    assert by_device == {d: [f"{d} {n}" for n in range(1, 5)] for d in devices}
    assert all(
        said[alarm.id] == alarm.explanation for alarm in alarms(site)
    )  # what came twice came with one content


def test_a_step_that_cannot_be_built_stops_the_flow_before_it_starts(site: Site) -> None:
    """With the step's name and the mend."""
    site.publish(HOT)
    site.steps = Steps(file=HERE, alarms=lambda s: s.nothing())
    with pytest.raises(StepsUnreadable, match="the alarms step cannot be built: AttributeError"):
        site.run(iter(()))
