"""The vault against a plain dictionary, and what nobody may be able to read."""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import TelltaleError, VaultKeyMissing, VaultKeyWrong, VaultUnreadable
from flows.identity.seals import MasterKey, master_of
from flows.identity.store import Store, open_store
from flows.identity.tables import evidence, metadata, vault_attribute, vault_key, vault_value
from flows.identity.vault import Kept, Move, Vault, reseal
from flows.schema_people import Attested
from flows.sources.model import Identifier

WORDS = "sixteen characters or more"
ADA, ADA_TOKEN = "ada@example.com", "email:a"
NAME = Attested(value="Ada Lovelace", source="crm", at=1)


def master(secret: str = WORDS) -> MasterKey:
    return MasterKey(secret, secrets.token_bytes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("sqlite:///identity.db", tmp_path)
    yield opened
    opened.close()


def ada(customer: str = "customer:1") -> Kept:
    """One person with an address, a row's id and a name."""
    return Kept(
        customer=customer,
        identifiers=[Identifier("email", ADA_TOKEN, ADA), Identifier("crm", "crm:31", "0031")],
        personal={"crm:31": {"name": NAME}},
    )


TOKENS = [f"email:{i}" for i in range(4)] + ["crm:0", "crm:1"]
CUSTOMERS = [f"customer:{i}" for i in range(4)]
THEIRS = ["customer:1", "customer:2", "customer:9"]
some_tokens = st.sets(st.sampled_from(TOKENS), max_size=4)
customers = st.sampled_from(CUSTOMERS)
steps = st.one_of(
    st.tuples(st.just("keep"), customers, some_tokens, st.sampled_from([None, "crm:0", "crm:1"])),
    st.tuples(st.just("move"), customers, customers, some_tokens, some_tokens),
    st.tuples(st.just("forget"), customers, some_tokens),
    st.tuples(st.just("erase"), customers),
)


class Plain:
    """What the vault is to know, unsealed: by customer the tokens, and by record whose name it holds."""

    def __init__(self) -> None:
        self.tokens: dict[str, set[str]] = {customer: set() for customer in CUSTOMERS}
        self.records: dict[str, tuple[str, int]] = {}

    def keep(self, customer: str, tokens: set[str], record: str | None, number: int) -> None:
        self.tokens[customer] |= tokens
        if record is not None:
            self.records[record] = (customer, number)

    def move(self, source: str, target: str, tokens: set[str], shared: set[str]) -> None:
        if source == target:
            return
        going = tokens & self.tokens[source]
        self.tokens[target] |= going
        self.tokens[source] -= going - shared
        for record, (customer, number) in list(self.records.items()):
            if customer == source and record in tokens:
                self.records[record] = (target, number)

    def forget(self, customer: str, tokens: set[str]) -> None:
        self.tokens[customer] -= tokens
        self.records = {r: (c, n) for r, (c, n) in self.records.items() if c != customer or r not in tokens}

    def erase(self, customer: str) -> None:
        self.tokens[customer] = set()
        self.records = {r: (c, n) for r, (c, n) in self.records.items() if c != customer}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(steps, max_size=4), max_size=5))
def test_the_vault_knows_what_a_plain_dictionary_knows(batches: list[list[tuple[Any, ...]]]) -> None:
    """Any keeping, moving, forgetting and erasing leaves each customer what is theirs, and who has nothing no key."""
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    plain, numbers = Plain(), itertools.count()
    for batch in batches:
        with engine.begin() as connection:
            vault = Vault(connection, "acme", master())
            for what, subject, *rest in batch:
                if what == "keep":
                    tokens, record = rest
                    number = next(numbers)
                    name = Attested(value=number, source="crm", at=1)
                    identifiers = [Identifier(t.split(":")[0], t, f"value of {t}") for t in sorted(tokens)]
                    vault.keep(
                        [
                            Kept(
                                customer=subject,
                                identifiers=identifiers,
                                personal={} if record is None else {record: {"name": name}},
                            )
                        ]
                    )
                    plain.keep(subject, tokens, record, number)
                elif what == "move":
                    target, tokens, shared = rest
                    # What is shared is a token that several rows hold, never a row's own id.
                    shared = {token for token in shared if token.startswith("email")}
                    vault.move([Move(tokens=tokens, source=subject, target=target, shared=shared)])
                    plain.move(subject, target, tokens, shared)
                elif what == "forget":
                    vault.forget([(token, subject) for token in rest[0]])
                    plain.forget(subject, rest[0])
                else:
                    vault.erase([subject])
                    plain.erase(subject)
    with engine.begin() as connection:
        vault = Vault(connection, "acme", master())
        known = set().union(*plain.tokens.values())
        assert vault.reveal(TOKENS, CUSTOMERS) == {token: f"value of {token}" for token in known}
        rows = connection.execute(sa.select(vault_value.c.customer, vault_value.c.token)).all()
        assert {(c, t) for c, t in rows} == {(c, t) for c in CUSTOMERS for t in plain.tokens[c]}
        for customer in CUSTOMERS:
            names = {r: said["name"].value for r, said in vault.person(customer).items()}
            assert names == {r: n for r, (c, n) in plain.records.items() if c == customer}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(customers, customers, some_tokens), max_size=6))
def test_moves_in_one_batch_come_to_what_they_come_to_one_by_one(
    moves: list[tuple[str, str, set[str]]],
) -> None:
    """Chains, and there and back, too."""

    def held(cut: list[list[Move]]) -> tuple[set[tuple[str, str]], dict[str, dict[str, Any]]]:
        engine = sa.create_engine("sqlite://")
        metadata.create_all(engine)
        with engine.begin() as connection:
            vault = Vault(connection, "acme", master())
            vault.keep(
                Kept(
                    customer=CUSTOMERS[i % 4],
                    identifiers=[Identifier("email", token, f"value of {token}")],
                    personal={token: {"name": NAME}} if token.startswith("crm") else {},
                )
                for i, token in enumerate(TOKENS)
            )
            for some in cut:
                vault.move(some)
            assert vault.reveal(TOKENS, CUSTOMERS) == {token: f"value of {token}" for token in TOKENS}
            pairs = connection.execute(sa.select(vault_value.c.customer, vault_value.c.token)).all()
            return {(c, t) for c, t in pairs}, {c: vault.person(c) for c in CUSTOMERS}

    batch = [Move(tokens=tokens, source=source, target=target) for source, target, tokens in moves]
    assert held([batch]) == held([[move] for move in batch])


def copy_of(connection: sa.Connection) -> dict[sa.Table, list[dict[str, Any]]]:
    """The sealed rows as they are now, without the keys."""
    return {
        table: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        for table in (vault_value, vault_attribute)
    }


def put_back(connection: sa.Connection, copy: dict[sa.Table, list[dict[str, Any]]]) -> None:
    for table, rows in copy.items():
        connection.execute(sa.delete(table))
        connection.execute(sa.insert(table), rows)


def test_who_was_erased_cannot_be_read_from_a_copy_of_the_rows_either(store: Store) -> None:
    """The rows come back from a backup and say nothing, for the key is gone; those of others still open."""
    with store.begin() as connection:
        vault = Vault(connection, "acme", master())
        vault.keep(
            [ada(), Kept(customer="customer:2", identifiers=[Identifier("email", "email:b", "b@c.d")])]
        )
        assert vault.reveal([ADA_TOKEN, "crm:31"], THEIRS) == {ADA_TOKEN: ADA, "crm:31": "0031"}
        copy = copy_of(connection)
        vault.erase(["customer:1"])
        put_back(connection, copy)
        assert vault.reveal([ADA_TOKEN, "crm:31", "email:b"], THEIRS) == {"email:b": "b@c.d"}
        assert vault.person("customer:1") == {}


def test_who_was_merged_away_is_erased_with_the_survivor(store: Store) -> None:
    """A copy made before the merge does not open after the survivor was erased."""
    with store.begin() as connection:
        vault = Vault(connection, "acme", master())
        vault.keep(
            [ada(), Kept(customer="customer:2", identifiers=[Identifier("email", "email:b", "b@c.d")])]
        )
        copy = copy_of(connection)
        vault.move([Move(tokens=[ADA_TOKEN, "crm:31"], source="customer:1", target="customer:2")])
        assert vault.reveal([ADA_TOKEN, "email:b"], THEIRS) == {ADA_TOKEN: ADA, "email:b": "b@c.d"}
        assert vault.person("customer:2") == {"crm:31": {"name": NAME}}
        vault.erase(["customer:2"])
        put_back(connection, copy)
        assert vault.reveal([ADA_TOKEN, "email:b"], THEIRS) == {}


def test_what_left_in_a_split_does_not_open_with_the_key_of_who_stayed(store: Store) -> None:
    """After the one who left was erased, neither the rows of now nor those of before the split tell of them."""
    with store.begin() as connection:
        vault = Vault(connection, "acme", master())
        vault.keep(
            [ada(), Kept(customer="customer:1", identifiers=[Identifier("email", "email:b", "b@c.d")])]
        )
        copy = copy_of(connection)
        vault.move([Move(tokens=[ADA_TOKEN, "crm:31"], source="customer:1", target="customer:9")])
        vault.erase(["customer:9"])
        assert vault.reveal([ADA_TOKEN, "email:b"], THEIRS) == {"email:b": "b@c.d"}
        put_back(connection, copy)
        with pytest.raises(VaultUnreadable):
            vault.reveal([ADA_TOKEN], THEIRS)


def test_a_deleted_key_is_in_no_free_page_of_the_file(store: Store, tmp_path: Path) -> None:
    """Erasing overwrites what was deleted; a file that only forgot where it stands could be read."""
    with store.begin() as connection:
        Vault(connection, "acme", master()).keep([ada()])
        sealed = bytes(connection.execute(sa.select(vault_key.c.sealed)).scalar_one())

    def on_disk() -> bool:
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return any(sealed in file.read_bytes() for file in tmp_path.iterdir())

    assert on_disk()
    with store.begin() as connection:
        Vault(connection, "acme", master()).erase(["customer:1"])
    assert not on_disk()


def test_a_value_opens_in_its_own_place_alone(store: Store) -> None:
    """A ciphertext laid over another token's, or read for another tenant, is refused."""
    with store.begin() as connection:
        vault = Vault(connection, "acme", master())
        vault.keep([ada()])
        with pytest.raises(VaultKeyWrong):
            Vault(connection, "other", master()).reveal([ADA_TOKEN], THEIRS)
        own = sa.select(vault_value.c.ciphertext).where(vault_value.c.token == ADA_TOKEN).scalar_subquery()
        connection.execute(
            sa.update(vault_value).where(vault_value.c.token.in_(["crm:31"])).values(ciphertext=own)
        )
        with pytest.raises(VaultUnreadable, match="crm:31"):
            vault.reveal(["crm:31"], THEIRS)


def test_nothing_is_written_in_clear(store: Store, tmp_path: Path) -> None:
    """Neither values nor attributes nor keys stand in any file of the database."""
    with store.begin() as connection:
        Vault(connection, "acme", master()).keep([ada()])
    store.close()
    on_disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert ADA_TOKEN.encode() in on_disk
    assert not any(text in on_disk for text in (ADA.encode(), b"Lovelace", b"0031", WORDS.encode()))


def test_no_value_is_in_a_log_an_error_or_a_repr(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at its most talkative, and with errors of the vault and of the database."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    told: list[str] = []
    try:
        with store.begin() as connection:
            vault = Vault(connection, "acme", master())
            vault.keep([ada()])
            vault.reveal([ADA_TOKEN], THEIRS)
            vault.person("customer:1")
            told += [repr(ada()), repr(vault), repr(master()), str(vars(vault))]
            with pytest.raises(TelltaleError) as wrong:
                Vault(connection, "acme", master("another secret of 16")).reveal([ADA_TOKEN], THEIRS)
            told += [str(wrong.value), repr(wrong.value.args)]
            connection.execute(sa.text("DROP TABLE vault_value"))
            with pytest.raises(sa.exc.SQLAlchemyError) as broken:
                vault.keep([ada("customer:2")])
            told.append(repr(broken.value) + str(broken.value))
            with pytest.raises(sa.exc.SQLAlchemyError) as refused:
                connection.execute(sa.insert(evidence), {"id": "1", "source": WORDS})
            told.append(repr(refused.value) + str(refused.value))
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    text = "\n".join([*told, caplog.text])
    assert "vault_value" in text
    assert not any(secret in text for secret in (ADA, "Lovelace", "'0031'", WORDS))


def test_another_master_key_takes_over_what_one_had_sealed(store: Store) -> None:
    """After resealing the new secret opens everything, and the old one nothing."""
    new = master("a quite different secret")
    with store.begin() as connection:
        many = [ada(f"customer:{i:04}") for i in range(1200)]
        Vault(connection, "acme", master()).keep(many)
        assert reseal(connection, "acme", master(), new) == 1200
        assert Vault(connection, "acme", new).reveal([ADA_TOKEN], ["customer:0007"]) == {ADA_TOKEN: ADA}
        with pytest.raises(VaultKeyWrong, match=r"another `identity\.vault_key`"):
            Vault(connection, "acme", master()).reveal([ADA_TOKEN], ["customer:0007"])
        with pytest.raises(VaultKeyWrong):
            reseal(connection, "acme", master(), new)


def test_a_row_that_says_less_leaves_less(store: Store) -> None:
    """The attributes of a record are those of its last version; keeping a value again writes nothing."""
    with store.begin() as connection:
        vault = Vault(connection, "acme", master())
        vault.keep([ada()])
        before = connection.execute(sa.select(vault_value)).all()
        vault.keep([Kept(customer="customer:1", identifiers=ada().identifiers, personal={"crm:31": {}})])
        assert vault.person("customer:1") == {}
        assert connection.execute(sa.select(vault_value)).all() == before


def test_without_a_secret_only_nothing_can_be_kept(store: Store) -> None:
    """An installation that keeps nothing personal needs none; else it is told how to make one."""
    with store.begin() as connection:
        vault = Vault(connection, "acme", None)
        vault.keep([Kept(customer="customer:1")])
        assert vault.reveal([ADA_TOKEN], THEIRS) == {}
        with pytest.raises(VaultKeyMissing, match="openssl rand -hex 32"):
            vault.keep([ada()])
    with pytest.raises(VaultKeyMissing, match="has 5 characters"):
        master("short")
    assert master_of("", False, secrets.token_bytes) is None
    with pytest.raises(VaultKeyMissing, match="is empty"):
        master_of("", True, secrets.token_bytes)
