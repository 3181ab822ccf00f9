"""A fleet in the shards of one process, and nothing else: what a device takes in memory and in a snapshot.

It builds the product's own objects, because the memory of a running flow cannot be told from the memory of everything
around it. It prints one JSON line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from flows.devices.shard import Shard, ShardPlace
from flows.ids import partition_of
from flows.rules.load import load_configuration
from flows.settings import load_settings
from flows.topics.port import RawBatch
from load_tests.children import OneSet, resident
from load_tests.load import BEGAN

_BATCH = 4096
_ROUNDS = 12
_MINUTE = 60_000
_QUIET_ROUNDS = (0, 5, 11)  # a healthy device is heard in these, one in trouble in all


class Memory(msgspec.Struct, frozen=True):
    """Bytes of all devices together: the growth of the process, the state's own arrays, and the snapshots."""

    devices: int
    resident: int
    arrays: int
    snapshot: int
    raised: int


def fleet(devices: int, partitions: int) -> list[list[int]]:
    """The numbers of the devices of each partition."""
    found: list[list[int]] = [[] for _ in range(partitions)]
    for number in range(devices):
        found[partition_of(b"veh-%07d" % number, partitions)].append(number)
    return found


def readings(numbers: list[int], partition: int, trouble: int) -> Iterator[RawBatch]:
    """What the devices of a partition say in twelve minutes; every `trouble`-th runs hot, half of them rising."""
    offset = 0
    for minute in range(_ROUNDS):
        heard = numbers if minute in _QUIET_ROUNDS else [n for n in numbers if n % trouble == 0]
        for start in range(0, len(heard), _BATCH):
            values = [_reading(number, minute, trouble) for number in heard[start : start + _BATCH]]
            count = len(values)
            yield RawBatch(
                topic="telemetry",
                partition=partition,
                data=b"".join(values),
                ends=np.cumsum(np.fromiter(map(len, values), np.int64, count)),
                offsets=np.arange(offset, offset + count, dtype=np.int64),
                appended=np.full(count, BEGAN + minute * _MINUTE, np.int64),
                at_end=False,
            )
            offset += count


def _reading(number: int, minute: int, trouble: int) -> bytes:
    """One message."""
    hot = 106 + minute if number % (2 * trouble) == 0 else 106
    coolant = hot if number % trouble == 0 else 90
    return b'{"device":"veh-%07d","at":%d,"coolant_c":%d.5,"battery_v":13.50,"speed_kmh":50.0}' % (
        number,
        BEGAN + minute * _MINUTE,
        coolant,
    )


def _fill(shards: list[Shard], numbers: list[list[int]], trouble: int) -> int:
    """Let all shards take their devices' readings; returns how many episodes were raised."""
    raised = 0
    for partition, (shard, own) in enumerate(zip(shards, numbers, strict=True)):
        for batch in readings(own, partition, trouble):
            raised += sum(alarm.transition == "raised" for alarm in shard.on_readings(batch).alarms)
    return raised


def measure(config: Path, devices: int, partitions: int, trouble: int) -> Memory:
    """Fill the shards of one process; a small fleet before, so that code and tables of others are not counted."""
    configuration = load_configuration(load_settings(config, {}))
    rule_sets = OneSet(configuration.rule_set("default", 1))

    def shards() -> list[Shard]:
        stream = configuration.streams["vehicle"]
        return [
            Shard(ShardPlace(tenant="default", stream=stream, partition=p, partitions=partitions), rule_sets)
            for p in range(partitions)
        ]

    small = shards()
    _fill(small, fleet(partitions * 200, partitions), trouble)
    del small
    numbers = fleet(devices, partitions)
    before = resident()
    full = shards()
    raised = _fill(full, numbers, trouble)
    grown = resident() - before
    return Memory(
        devices=devices,
        resident=grown,
        arrays=sum(shard.nbytes() for shard in full),
        snapshot=sum(len(shard.snapshot()) for shard in full),
        raised=raised,
    )


def main() -> None:
    """As the leg calls it."""
    parser = argparse.ArgumentParser(description="What a device takes in memory and in a snapshot.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--devices", type=int, required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--trouble", type=int, default=50, help="every so-manieth device is in trouble")
    chosen = parser.parse_args()
    found = measure(chosen.config, chosen.devices, chosen.partitions, chosen.trouble)
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
