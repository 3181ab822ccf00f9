"""The device table is a dict from ids to slots, whatever the ids, however it grows, however often it is restored."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.devices.shard_state import pack_lengths, unpack_lengths
from flows.devices.table import DeviceTable, hash_of
from flows.ids import partition_of

bounded = settings(derandomize=True, max_examples=60, deadline=None)
ids = st.one_of(
    st.text(min_size=1, max_size=12).map(lambda text: text.encode("utf-8", "replace")),
    st.integers(0, 60).map(lambda n: b"veh-%d" % n),
    st.binary(min_size=1, max_size=255),
)


def slots_of(table: DeviceTable, devices: list[bytes]) -> list[int]:
    """A batch of rows, as the decoder hands them over."""
    data = np.frombuffer(b"".join(devices), np.uint8)
    high = np.cumsum([len(device) for device in devices]).astype(np.int64)
    low = high - np.array([len(device) for device in devices], np.int64)
    hashes = np.array([hash_of(device) for device in devices], np.uint64)
    return table.slots(data, low, high, hashes).tolist()


def restored(table: DeviceTable) -> DeviceTable:
    """Through a snapshot's bytes."""
    arena, offsets = table.contents()
    return DeviceTable(arena, unpack_lengths(pack_lengths(offsets)))


@bounded
@given(st.lists(st.lists(ids, min_size=1, max_size=80), min_size=1, max_size=5), st.integers(0, 31))
def test_slots_are_those_of_a_dict(batches: list[list[bytes]], restarts: int) -> None:
    """Slots are dense, in the order of first sight, and for ever, across restores at random places."""
    table, known = DeviceTable(), dict[bytes, int]()
    for i, devices in enumerate(batches):
        wanted = [known.setdefault(device, len(known)) for device in devices]
        assert slots_of(table, devices) == wanted
        assert [table.slot_of(device) for device in devices] == wanted
        if restarts >> i & 1:
            table = restored(table)
    assert table.count == len(known)
    assert [table.device(slot) for slot in known.values()] == [d.decode("utf-8", "replace") for d in known]


def test_growth() -> None:
    """Twenty thousand devices in one batch, then restored, keep their slots."""
    devices = [f"véhicule-{n * 7919 % 20_000}".encode() for n in range(20_000)]
    table = DeviceTable()
    assert slots_of(table, devices) == list(range(20_000))
    again = restored(table)
    assert slots_of(again, devices[::-1]) == list(range(20_000))[::-1]
    assert again.slot_of(b"new") == 20_000


@bounded
@given(st.lists(ids, min_size=1, max_size=30, unique=True), st.integers(1, 64), st.integers(0, 63))
def test_misplaced(devices: list[bytes], partitions: int, partition: int) -> None:
    """The first device whose key Kafka would put into another partition is the one that `partition_of` says."""
    table = DeviceTable()
    slots_of(table, devices)
    wrong = [slot for slot, d in enumerate(devices) if partition_of(d, partitions) != partition % partitions]
    for start in (0, len(devices) // 2, len(devices)):
        later = [slot for slot in wrong if slot >= start]
        assert table.first_misplaced(start, partitions, partition % partitions) == (later[0] if later else -1)
