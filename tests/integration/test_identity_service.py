"""The identity service from topics to topic, on both buses, in this process."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flows.audit import write_audit
from flows.clocks import clock_name
from flows.engine.clock import wall_clock
from flows.errors import IdentityInUse
from flows.identity.judgements import ERASE, MERGE, SPLIT
from flows.identity.partitions import GROUP
from flows.identity.seals import MasterKey
from flows.identity.service import run_identity
from flows.identity.tables import outbox
from flows.identity.vault import Vault
from flows.identity.writer import writing
from flows.topics.port import Topics
from tests.integration.identity_site import IDENTITY, NOON, VAULT_KEY, Site, token

CRM, SHOP = token("crm", "1"), token("shop", "a")
ADA = token("email", "ada@example.com")


@pytest.fixture
def site(topics: Topics, tmp_path: Path) -> Iterator[Site]:
    """A site on one of both buses, with its database in a file."""
    made = Site(topics, tmp_path, "sqlite:///identity.db")
    made.create()
    yield made
    made.close()


def test_rows_that_share_an_address_are_one_customer(site: Site) -> None:
    """Both accounts and the address are said to be of one customer, with what the systems say of that one."""
    site.row("crm", "1", 1, mail="Ada@Example.com", lang="en", name="Ada", car="veh-17")
    site.row("shop", "a", 2, mail="ada@example.com")
    site.run()
    entries = site.entries()
    whose = entries[CRM].customer
    assert whose is not None
    assert whose.startswith("customer:")
    assert [entries[each].customer for each in (CRM, SHOP, ADA)] == [whose] * 3
    person = entries[whose].person
    assert person is not None
    assert person.attributes["language"].value == "en"
    assert "name" not in person.attributes
    owner = entries["device:veh-17"].roles[0]
    assert (owner.role, owner.customer, owner.evidence) == ("owner", whose, CRM)
    assert owner.link == entries["device:veh-17"].number


def test_how_far_it_is_is_seen_as_of_any_other_group(site: Site) -> None:
    """For every topic that it reads, so that somebody on call finds it where all others stand."""
    site.row("crm", "1", 1, mail="ada@example.com")
    site.run()
    group = site.names.group(GROUP)
    records = site.names.source_records
    ends = {p: site.topics.bounds(records, p).end for p in range(2)}
    assert sum(ends.values()) == 1
    assert site.topics.committed(group, records) == ends
    assert site.topics.committed(group, site.names.events) == {0: 0, 1: 0}
    assert site.topics.committed(group, site.names.audit) == {0: 0, 1: 0}


def test_a_later_row_merges_and_its_correction_splits(site: Site) -> None:
    """The older customer survives; after the correction the part that leaves is somebody new, and names who had it."""
    site.row("crm", "1", 1, mail="ada@example.com")
    site.run()
    site.row("shop", "a", 2, mail="bob@example.com")
    site.run()
    before = site.entries()
    older, younger = before[CRM].customer, before[SHOP].customer
    assert older
    assert younger
    assert older != younger
    site.row("shop", "a", 3, mail="ada@example.com")
    site.run()
    merged = site.entries()
    assert merged[SHOP].customer == older
    assert merged[younger].survivor == older
    assert merged[SHOP].was == (younger,)
    site.row("shop", "a", 4, mail="bob@example.com")
    site.run()
    split = site.entries()
    assert split[CRM].customer == older
    assert split[SHOP].customer not in (None, older, younger)
    assert split[SHOP].was == (younger, older)


def test_a_deleted_row_leaves_its_identifiers_to_themselves(site: Site) -> None:
    """Its entries say nobody, and who had them; its claims end."""
    site.row("crm", "1", 1, mail="ada@example.com", car="veh-17")
    site.run()
    whose = site.entries()[CRM].customer
    site.row("crm", "1", 2)
    site.run()
    entries = site.entries()
    assert (entries[CRM].customer, entries[CRM].was) == (None, (whose,))
    assert entries["device:veh-17"].roles == ()
    site.row("crm", "1", 1, mail="ada@example.com")
    site.run()
    assert site.entries()[CRM].customer is None


def test_events_tie_what_they_name_together(site: Site) -> None:
    """A page seen with a cookie and an address gives the cookie to whom the address belongs to; a car joins nobody."""
    site.row("crm", "1", 1, mail="ada@example.com")
    site.event("device:veh-17", 2, mail="ada@example.com", cookie="c1")
    site.event("cookie:c2", 3)
    site.run()
    entries = site.entries()
    assert entries[token("cookie", "c1")].customer == entries[CRM].customer
    assert token("cookie", "c2") not in entries
    assert "device:veh-17" not in entries


def test_what_cannot_be_read_is_kept_with_its_reason(site: Site) -> None:
    """A broken row, a row of nobody, a bad address: each in the dead letters, and the batch goes on."""
    site.write(site.names.source_records, b"{", b"k")
    site.row("nobody", "1", 1, mail="a@example.com")
    site.row("crm", "1", 1, mail="no address", lang="en")
    site.event("cookie:c1", 2, mail="nor this")
    site.row("shop", "a", 2, mail="ada@example.com")
    site.run()
    letters = site.messages(site.names.dead_letters)
    reasons = sorted(dict(each.headers)["__connect.errors.exception.class.name"] for each in letters)
    assert reasons == [b"bad_identifier", b"bad_identifier", b"not_json", b"unknown_source"]
    assert site.entries()[SHOP].customer
    assert site.entries()[CRM].customer


def test_what_claims_to_be_of_the_future_ties_nobody(site: Site) -> None:
    """A row of years to come is in the dead letters, an event is not for identity to bury; what is said now counts."""
    far: dict[str, Any] = {"id": "f", "time": "2999-01-01T00:00:00Z"}
    row = {"source": "crm", "type": "record.changed", "data": {"id": "1", "mail": "bob@example.com"}}
    seen = {"source": "web", "type": "page.seen", "subject": "cookie:c1", "data": {"mail": "bob@example.com"}}
    site.write(site.names.source_records, json.dumps({**far, **row}).encode(), b"1")
    site.write(site.names.events, json.dumps({**far, **seen}).encode(), b"c1")
    site.row("crm", "1", 1, mail="ada@example.com")
    site.event("cookie:c1", 2, mail="ada@example.com")
    site.run()
    letters = site.messages(site.names.dead_letters)
    reasons = [dict(each.headers)["__connect.errors.exception.class.name"] for each in letters]
    assert reasons == [b"future"]
    entries = site.entries()
    assert entries[CRM].customer == entries[ADA].customer == entries[token("cookie", "c1")].customer
    assert token("email", "bob@example.com") not in entries


def test_a_persons_judgement_overrides_the_rules(site: Site) -> None:
    """What is judged to be two is two though the rules would join it, and what is judged to be one is one."""
    site.row("crm", "1", 1, mail="ada@example.com")
    site.row("shop", "a", 2, mail="ada@example.com")
    site.row("shop", "b", 3, mail="bob@example.com")
    site.run()
    for command, pair in ((SPLIT, [CRM, SHOP]), (MERGE, [CRM, token("shop", "b")])):
        write_audit(site.topics, site.names, "default", NOON, "kim", command, {"pairs": [pair]}, "they rang")
    site.run()
    entries = site.entries()
    assert entries[CRM].customer != entries[SHOP].customer
    assert entries[CRM].customer == entries[token("shop", "b")].customer


def test_who_was_erased_does_not_come_back(site: Site) -> None:
    """Their entries say so for ever, the vault has nothing, and rows of before that come again change nothing."""
    site.row("crm", "1", 1, mail="ada@example.com", name="Ada")
    site.run()
    whose = site.entries()[CRM].customer
    assert whose is not None
    with closing(site.store()) as store, store.begin() as connection:
        assert Vault(connection, "default", MasterKey(VAULT_KEY, random.randbytes)).person(whose)
    what = {"customer": whose, "tokens": [CRM, ADA]}
    write_audit(site.topics, site.names, "default", NOON, "kim", ERASE, what, "asked for")
    site.run()
    site.row("crm", "1", 1, mail="ada@example.com", name="Ada")
    site.run()
    entries = site.entries()
    assert entries[whose].erased
    assert entries[whose].person is None
    assert entries[CRM].customer is None
    assert entries[ADA].customer is None
    assert (entries[CRM].was, entries[ADA].was) == ((), ())
    with closing(site.store()) as store, store.begin() as connection:
        vault = Vault(connection, "default", MasterKey(VAULT_KEY, random.randbytes))
        assert not vault.reveal([CRM, ADA], [whose])


def test_nobody_hands_over_what_was_known_of_who_is_erased(site: Site) -> None:
    """A handle of theirs was never theirs, nor of who was merged into them; who else had it before still had it."""
    bea, cleo = token("shop", "b"), token("email", "cleo@example.com")
    site.row("crm", "1", 1, mail="ada@example.com")
    site.row("shop", "b", 1, mail="bea@example.com")
    site.row("shop", "c", 1, mail="cleo@example.com")
    site.run()
    other = site.entries()[cleo].customer
    site.row("shop", "c", 2, mail="cleo@example.net")
    site.row("crm", "1", 3, mail="cleo@example.com")
    site.row("shop", "b", 4, mail="cleo@example.com")
    site.run()
    before = site.entries()
    whose = before[CRM].customer
    assert [before[each].customer for each in (bea, cleo)] == [whose, whose]
    assert before[bea].was != ()
    what = {"customer": whose, "tokens": [CRM, bea, cleo]}
    write_audit(site.topics, site.names, "default", NOON, "kim", ERASE, what, "asked for")
    site.run()
    entries = site.entries()
    assert [entries[each].customer for each in (CRM, bea, cleo)] == [None, None, None]
    assert [entries[each].was for each in (CRM, bea, cleo)] == [(), (), (other,)]


def test_entries_that_a_killed_process_left_are_published(site: Site) -> None:
    """What was committed and not yet written goes out first, under its old numbers."""
    site.row("crm", "1", 1, mail="ada@example.com")
    site.run()
    said = site.messages(site.names.identity)
    with closing(site.store()) as store, store.begin() as connection:
        row = {"number": 1, "key": (said[0].key or b"").decode(), "value": said[0].value}
        connection.execute(sa.insert(outbox), [row])
    site.run()
    again = site.messages(site.names.identity)
    assert len(again) == len(said) + 1
    with closing(site.store()) as store, store.begin() as connection:
        assert connection.execute(sa.select(outbox)).all() == []


def test_other_matching_rules_look_at_all_evidence_again(site: Site) -> None:
    """Without the address in `match` two rows are two again, and with it one; the first id is kept."""
    site.row("crm", "1", 1, mail="ada@example.com", phone="030 1234567")
    site.row("shop", "a", 2, mail="ada@example.com")
    site.run()
    first = site.entries()[CRM].customer
    site.publish_rules({"kinds": IDENTITY["kinds"], "match": ["phone"]})
    site.run()
    apart = site.entries()
    assert apart[CRM].customer == first != apart[SHOP].customer
    site.publish_rules(IDENTITY)
    site.run()
    assert site.entries()[SHOP].customer == first


def test_the_clocks_hear_how_far_it_is(site: Site) -> None:
    """While it runs each partition of rows and events that is at its end is as far as the wall clock."""
    site.row("crm", "1", 1, mail="ada@example.com")
    site.flush()
    partitions = [(t, p) for t in (site.names.source_records, site.names.events) for p in range(2)]
    wanted = {clock_name("identity", topic, partition) for topic, partition in partitions}
    begun = wall_clock()
    arguments = (site.settings, site.topics, wall_clock, site.stop)
    service = threading.Thread(target=run_identity, args=arguments)
    service.start()
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and wanted - site.clocks(begun):
            threading.Event().wait(0.02)
    finally:
        site.stop.set()
        service.join()
    assert wanted <= site.clocks(begun)


def test_a_second_service_is_refused(site: Site) -> None:
    """Two would mint two customers for one person."""
    with closing(site.store()) as store, writing(store), pytest.raises(IdentityInUse):
        site.run()
