"""A process that writes numbers to a bus: `KIND ADDRESS TOPIC NAME COUNT`, and prints how many are delivered.

A count of 0 goes on for ever, so that the process can be killed while it writes.
"""

from __future__ import annotations

import itertools
import sys

from tests.buses import Bus

_EVERY = 500


def main(kind: str, address: str, topic: str, name: str, count: int) -> None:
    """Write `name:0`, `name:1`, … under one key."""
    topics = Bus(kind, address).open()
    writer = topics.writer()
    for i in itertools.islice(itertools.count(), count or None):
        writer.write(topic, f"{name}:{i}".encode(), key=name.encode())
        if i % _EVERY == _EVERY - 1:
            writer.flush()
            print(i + 1, flush=True)
    writer.close()


if __name__ == "__main__":
    _kind, _address, _topic, _name, _count = sys.argv[1:]
    main(_kind, _address, _topic, _name, int(_count))
