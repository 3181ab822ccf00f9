"""What devices measure on its way through the devices flow, over a stop, onto the topic of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from flows.ids import partition_of
from flows.schema import Event, decode
from tests.flow.test_devices_flow import HOT, NAMES, PARTITIONS, Site

MINUTE = 60_000
PROFILE = "streams: {temperature: {stream: vehicle, field: coolant_c, every: 1m, keep: [count, mean]}}"


def told(site: Site) -> list[Event]:
    """All that is on the topic of events, each in the partition of its device."""
    found: list[Event] = []
    for partition in range(PARTITIONS):
        reader = site.bus.reader(NAMES.events, partition, 0)
        for message in reader.read(1000):
            event = decode(Event, message.value or b"")
            assert message.key == event.subject.encode()
            assert partition_of(message.key, PARTITIONS) == partition
            found.append(event)
        reader.close()
    return found


def test_what_devices_measure_is_told_as_events_also_over_a_stop(tmp_path: Path) -> None:
    """A window that was under way when the flow stopped is told whole by the next, and each window once."""
    (tmp_path / "profile.yaml").write_text(PROFILE)
    site = Site(tmp_path)
    site.create()
    site.know("a", 200)
    site.publish(HOT)

    def readings(first: int, number: int) -> Iterator[Callable[[], bool]]:
        site.send("a", first, *range(90 + first, 90 + first + number))
        yield lambda: site.taken() == first + number

    site.run(readings(0, 9))
    before = len(told(site))
    site.run(readings(9, 13))
    events = told(site)
    assert before in (1, 2)
    assert len({event.id for event in events}) == len(events)
    assert {event.type for event in events} == {"telltale.measured.temperature"}
    # 22 readings, ten seconds apart: three minutes are over, of which the middle ones are whole
    counts = [event.data["count"] for event in events]
    assert counts[1:] == [6] * (len(counts) - 1)
    means = [event.data["mean"] for event in events]
    assert means[1] == 90 + counts[0] + 2.5
