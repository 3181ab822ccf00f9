"""What tests share: a real Kafka broker for the session, and both buses under one name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli import main
from flows.topics.port import Topics
from tests.buses import Bus, broker_or_skip
from tests.command import Said, Telltale
from tests.postgres import new_database, start_postgres


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """The address of a real broker; skips where none can be had, or fails under TELLTALE_REQUIRE_KAFKA=1."""
    with broker_or_skip() as servers:
        yield servers


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Bus:
    """One of both buses."""
    if request.param == "sqlite":
        return Bus("sqlite", str(tmp_path / "topics.db"))
    return Bus("kafka", request.getfixturevalue("kafka_servers"))


@pytest.fixture
def topics(bus: Bus) -> Iterator[Topics]:
    """One of both buses, open."""
    opened = bus.open(topic_metadata_propagation_max_ms="500", heartbeat_interval_ms="300")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL."""
    with start_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty database on a real PostgreSQL."""
    return new_database(postgres_server)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'identity.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def telltale(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Telltale:
    """Runs the real entry point with arguments."""

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr("sys.argv", ["telltale", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return run
