"""The tables of the identity service, on SQLite and PostgreSQL alike; `migrations/` makes them.

What is evidence stands in `evidence`, `evidence_key`, `role_claim` and `judgement`. Who is who
(`customer`, `assignment`, and `customer` of the others) follows from it and is kept for speed. Personal values stand in
the three `vault_` tables alone, sealed. Times are ms since the epoch, `token`s are `kind:hash`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData()
_tokens, _read_tokens = msgspec.json.Encoder(), msgspec.json.Decoder(tuple[str, ...])
_MERGED = text("survivor IS NOT NULL")


class Names(TypeDecorator[list[str]]):
    """A short list of names without spaces, as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str:  # noqa: ARG002
        """As it is written."""
        return " ".join(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str]:  # noqa: ARG002
        """As it is read."""
        return value.split() if value else []


class Tokens(TypeDecorator[tuple[str, ...]]):
    """Tokens, whatever stands in them, as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:  # noqa: ARG002
        """As they are written."""
        return _tokens.encode(value or ()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:  # noqa: ARG002
        """As they are read."""
        return _read_tokens.decode(value) if value else ()


def _table(name: str, *parts: Column[Any] | Index) -> Table:
    """A table whose rows lie in the order of their key, where the database can do that."""
    return Table(name, metadata, *parts, sqlite_with_rowid=False)


# A piece of evidence: a row of a source system (its handle), a set of identifiers that events named together, or what a
# person judged. `customer` is who it belongs to by now; a deleted one stays, so that no older version comes back.
# What it holds stands in it for being read at once; `content` is the row as it counts now, a SourceRecord without
# personal values as JSON.
evidence = _table(
    "evidence",
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # record | event | judgement
    Column("source", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("customer", Text),
    Column("tokens", Tokens, nullable=False),
    Column("composites", Tokens, nullable=False),
    Column("content", LargeBinary),
    Index("evidence_by_customer", "customer"),
)

# Who holds a token. `role`: unique (an account), link (its kind is in `match`), composite (several kinds
# of one `match`, no identifier), plain (resolves, never joins).
evidence_key = _table(
    "evidence_key",
    Column("token", Text, primary_key=True),
    Column("evidence", Text, primary_key=True),
    Column("role", Text, nullable=False),
)

# What records say of things. `link` is the number of the change that gave the claim to `customer`.
role_claim = _table(
    "role_claim",
    Column("record", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("thing", Text, primary_key=True),
    Column("since", BigInteger),
    Column("until", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("customer", Text),
    Column("link", BigInteger, nullable=False),
    Column("was", Names, nullable=False),
    Index("role_claim_by_thing", "thing"),
)

# `minted` numbers customers in the order of their beginning. `person` is a digest of what was published of them.
customer = _table(
    "customer",
    Column("id", Text, primary_key=True),
    Column("minted", BigInteger, nullable=False),
    Column("survivor", Text),
    Column("erased", Boolean, nullable=False),
    Column("person", Text),
    Index("customer_by_survivor", "survivor", sqlite_where=_MERGED, postgresql_where=_MERGED),
)

# Whose an identifier is (none: nobody's alone), since which number, and who had it before, newest last. `pieces` is how
# much evidence holds it, `shared` whether it has stopped linking.
assignment = _table(
    "assignment",
    Column("token", Text, primary_key=True),
    Column("customer", Text),
    Column("number", BigInteger, nullable=False),
    Column("was", Names, nullable=False),
    Column("pieces", Integer, nullable=False),
    Column("shared", Boolean, nullable=False),
)

# What a person decided. merge, split: the tokens `a` and `b`. erase: evidence that holds the token `a` and is not newer
# than `at` counts no more, and `b` is the customer who is forgotten.
judgement = Table(
    "judgement",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # merge | split | erase
    Column("a", Text, nullable=False),
    Column("b", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("judgement_by_a", "a"),
    Index("judgement_by_b", "b"),
)

# What is still to be written onto the topic `identity`; a row goes when the bus has it.
outbox = Table(
    "outbox",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

# Up to where topics have been taken in: the offset of the next message.
consumed = Table(
    "consumed",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
)

# What is known of the database itself: its tenant, the last number given, the matching rules it was made with.
state = Table(
    "state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

vault_key = _table(
    "vault_key",
    Column("customer", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

vault_value = _table(
    "vault_value",
    Column("customer", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
)

vault_attribute = _table(
    "vault_attribute",
    Column("record", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Index("vault_attribute_by_customer", "customer"),
)
