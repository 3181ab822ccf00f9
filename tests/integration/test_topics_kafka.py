"""What only a real Kafka can show: a broker that is away, and one that comes back."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows.errors import BrokerUnreachable
from flows.topics.kafka import KafkaTopics
from tests.buses import broker_or_skip, new_topic

_PATIENCE_S = 60.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _eventually(true: Callable[[], bool], what: str) -> None:
    """Ask until it is so; what is asked does its own waiting."""
    give_up = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < give_up, what


def test_a_broker_that_does_not_answer_is_named() -> None:
    """The error holds the servers and the transport's own reason, and never the options."""
    port = _free_port()
    topics = KafkaTopics(f"127.0.0.1:{port}", {"sasl.password": "hush", "sasl.username": "u"}, answer_s=1.0)
    with pytest.raises(BrokerUnreachable, match=f"127.0.0.1:{port}") as raised:
        topics.partitions("telemetry")
    assert "hush" not in str(raised.value)


@pytest.mark.kafka
@pytest.mark.slow
def test_readers_and_writers_wait_for_a_broker_that_is_away(tmp_path: Path) -> None:
    """While the broker is away a reader is not at its end and a flush beats; afterwards nothing is lost."""
    port = _free_port()
    topics = KafkaTopics(f"127.0.0.1:{port}", answer_s=30.0)
    with ExitStack() as first:
        first.enter_context(broker_or_skip(port=port, directory=tmp_path))
        topic = new_topic(topics)
        writer = topics.writer()
        writer.write(topic, b"before")
        writer.flush()
        reader = topics.reader(topic, 0, 0)
        assert [message.value for message in reader.read(10, wait=_PATIENCE_S)] == [b"before"]
        _eventually(lambda: reader.read(1, wait=0.1) == [] and reader.at_end, "the end was never seen")
    _eventually(
        lambda: reader.read(1, wait=0.1) == [] and not reader.at_end,
        "the reader still thinks it is at the end",
    )
    writer.write(topic, b"meanwhile")
    with ExitStack() as second:
        beats: list[int] = []

        def beat() -> None:
            if not beats:
                second.enter_context(broker_or_skip(port=port, directory=tmp_path))
            beats.append(1)

        writer.flush(beat)
        assert beats
        assert [message.value for message in reader.read(10, wait=_PATIENCE_S)] == [b"meanwhile"]
        _eventually(lambda: reader.read(1, wait=0.1) == [] and reader.at_end, "the end was never seen again")
        reader.close()
        writer.close()
