"""The identity service under `kill -9`: wherever the kills fall, who is who comes out as without them."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flows.audit import write_audit
from flows.identity.judgements import MERGE, SPLIT
from flows.identity.tables import assignment, outbox
from flows.schema import Identity, decode
from tests.buses import Bus
from tests.integration.identity_site import NOON, Site, token

# Where to die, and about how many steps a round takes there.
PLACES = {
    "Service.step": 60,
    "Service.take": 20,
    "Taking.take": 60,
    "Intake.follow": 80,
    "Service.publish": 120,
    "Service.confirm": 12,
}
ROOT = Path(__file__).parents[2]


def run_process(bus: Bus, site: Site, *death: object) -> int:
    """Run the service to its end and return how that came."""
    program = [sys.executable, "-m", "tests.integration.identity_process"]
    arguments = [bus.kind, bus.address, site.names.prefix, str(site.folder), site.database, *map(str, death)]
    return subprocess.run([*program, *arguments], cwd=ROOT, timeout=120, check=False).returncode


def send(sites: list[Site], chance: random.Random, number: int) -> None:
    """The same things happen at each site: rows that come, change and go, pages seen, a judgement."""
    for _ in range(12):
        key, minute = str(chance.randint(1, 6)), chance.randint(0, 50)
        data: dict[str, Any] = {"mail": f"m{chance.randint(1, 5)}@example.com"}
        if chance.random() < 0.3:
            data["car"] = f"veh-{chance.randint(1, 2)}"
        if chance.random() < 0.15:
            data = {}
        source = chance.choice(["crm", "shop"])
        for site in sites:
            site.row(source, key, minute, **data)
    for _ in range(6):
        mail, cookie = f"m{chance.randint(1, 5)}@example.com", f"c{chance.randint(1, 4)}"
        account, minute = f"shop:{chance.randint(1, 6)}", chance.randint(0, 50)
        for site in sites:
            site.event(account, minute, mail=mail, cookie=cookie)
    pair = [token("crm", str(chance.randint(1, 3))), token("crm", str(chance.randint(4, 6)))]
    command = chance.choice([MERGE, SPLIT])
    for site in sites:
        write_audit(site.topics, site.names, "default", NOON + number, "kim", command, {"pairs": [pair]}, "")
        site.write(site.names.source_records, b"no row", b"k")
        site.flush()


@pytest.fixture(params=["sqlite", "postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Bus, str]:
    """Bus and database: all of this machine, one or both of them real servers."""
    if request.param == "sqlite":
        return Bus("sqlite", str(tmp_path / "topics.db")), "sqlite:///identity.db"
    database = str(request.getfixturevalue("postgres_url"))
    if request.param == "postgres":
        return Bus("sqlite", str(tmp_path / "topics.db")), database
    return Bus("kafka", request.getfixturevalue("kafka_servers")), database


@pytest.mark.slow
def test_kills_leave_who_is_who_as_it_would_be(where: tuple[Bus, str], tmp_path: Path) -> None:
    """After a kill in each place the partition is that of a run without kills, and the topic says what is kept."""
    chance, (bus, database_url) = random.Random(11), where
    topics = bus.open()
    killed = Site(topics, tmp_path, database_url)
    spared = Site(topics, tmp_path / "spared", "sqlite:///identity.db")
    sites = [killed, spared]
    for site in sites:
        site.create()
    number = 0
    places = list(PLACES)
    while places:
        number += 1
        send(sites, chance, number)
        ended = run_process(bus, killed, places[-1], chance.randint(1, PLACES[places[-1]]))
        assert ended in (0, -signal.SIGKILL)
        if ended:
            places.pop()
    assert run_process(bus, killed) == 0
    spared.run()
    assert killed.partition() == spared.partition()
    check_published(killed)
    for site in sites:
        site.close()
    topics.close()


def check_published(site: Site) -> None:
    """Every entry came, those that came twice are equal, and the last of each key is what the database says."""
    values: dict[int, bytes] = {}
    for message in site.messages(site.names.identity):
        value = message.value or b""
        number = decode(Identity, value).number
        assert values.setdefault(number, value) == value
    assert sorted(values) == list(range(1, len(values) + 1))
    entries = site.entries()
    with closing(site.store()) as store, store.begin() as connection:
        assert connection.execute(sa.select(outbox)).all() == []
        columns = sa.select(assignment.c.token, assignment.c.customer, assignment.c.number)
        for identifier, customer, number in connection.execute(columns.where(assignment.c.number > 0)):
            assert (entries[identifier].customer, entries[identifier].number) == (customer, number)
