"""A process that reads in a group without committing, until it is killed: `KIND ADDRESS TOPIC GROUP MEMBER`."""

from __future__ import annotations

import sys

from tests.buses import Bus


def main(kind: str, address: str, topic: str, group: str, member: str) -> None:
    """Print how many messages came first, and go on as a living member."""
    subscription = Bus(kind, address).open().subscribe(group, [topic], member=member)
    count = 0
    while True:
        messages = subscription.poll(100, 0.2)
        if messages:
            count += len(messages)
            print(count, flush=True)


if __name__ == "__main__":
    _kind, _address, _topic, _group, _member = sys.argv[1:]
    main(_kind, _address, _topic, _group, _member)
