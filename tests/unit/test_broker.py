"""When no broker can be had, one line says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from load_tests.broker import start_broker
from load_tests.broker_jars import NoBrokerError


def test_a_running_broker_is_taken_as_it_is() -> None:
    """KAFKA_BOOTSTRAP_SERVERS goes before all else."""
    with start_broker({"KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092"}) as servers:
        assert servers == "broker.example:9092"


def test_without_java_the_reason_is_java(tmp_path: Path) -> None:
    """Neither Docker nor Java on the path: the line names what to install."""
    with (
        pytest.raises(NoBrokerError, match="Java 17 or later is not installed"),
        start_broker({"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}),
    ):
        pass


@pytest.mark.parametrize(("said", "named"), [("11.0.2", "11"), ("1.8.0_402", "1"), ("", "unknown")])
def test_an_old_java_is_named(tmp_path: Path, said: str, named: str) -> None:
    """A Java that cannot run the broker is refused with its version."""
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{said}\"' >&2\n")
    java.chmod(0o755)
    with pytest.raises(NoBrokerError, match=f"is version {named}"), start_broker({"PATH": str(tmp_path)}):
        pass


def test_without_maven_and_jars_the_reason_is_maven(tmp_path: Path) -> None:
    """A good Java is not enough when nothing can bring the jars."""
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"21\"' >&2\n")
    java.chmod(0o755)
    with (
        pytest.raises(NoBrokerError, match="Maven is not installed"),
        start_broker({"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}),
    ):
        pass
