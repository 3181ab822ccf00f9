"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _evidence()
    _persons()
    _service()
    _vault()


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _text(name: str, *, key: bool = False, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _evidence() -> None:
    _table(
        "evidence",
        _text("id", key=True),
        _text("kind"),
        _text("source"),
        _number("first"),
        _number("last"),
        _text("version"),
        sa.Column("deleted", sa.Boolean, nullable=False),
        _text("customer", nullable=True),
        _text("tokens"),
        _text("composites"),
        sa.Column("content", sa.LargeBinary),
    )
    op.create_index("evidence_by_customer", "evidence", ["customer"])
    _table("evidence_key", _text("token", key=True), _text("evidence", key=True), _text("role"))
    _table(
        "role_claim",
        _text("record", key=True),
        _text("role", key=True),
        _text("thing", key=True),
        _number("since", nullable=True),
        _number("until", nullable=True),
        _number("at"),
        _text("customer", nullable=True),
        _number("link"),
        _text("was"),
    )
    op.create_index("role_claim_by_thing", "role_claim", ["thing"])
    op.create_table(
        "judgement",
        _text("id", key=True),
        _text("kind"),
        _text("a"),
        _text("b"),
        _number("at"),
        _text("who"),
        _text("reason"),
    )
    op.create_index("judgement_by_a", "judgement", ["a"])
    op.create_index("judgement_by_b", "judgement", ["b"])


def _persons() -> None:
    _table(
        "customer",
        _text("id", key=True),
        _number("minted"),
        _text("survivor", nullable=True),
        sa.Column("erased", sa.Boolean, nullable=False),
        _text("person", nullable=True),
    )
    merged = sa.text("survivor IS NOT NULL")
    op.create_index(
        "customer_by_survivor", "customer", ["survivor"], sqlite_where=merged, postgresql_where=merged
    )
    _table(
        "assignment",
        _text("token", key=True),
        _text("customer", nullable=True),
        _number("number"),
        _text("was"),
        sa.Column("pieces", sa.Integer, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
    )


def _service() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        _text("key"),
        _bytes("value"),
    )
    op.create_table(
        "consumed",
        _text("topic", key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        _number("next"),
    )
    op.create_table("state", _text("name", key=True), _text("value"))


def _vault() -> None:
    _table("vault_key", _text("customer", key=True), _bytes("sealed"))
    _table("vault_value", _text("customer", key=True), _text("token", key=True), _bytes("ciphertext"))
    _table(
        "vault_attribute",
        _text("record", key=True),
        _text("name", key=True),
        _text("customer"),
        _bytes("ciphertext"),
    )
    op.create_index("vault_attribute_by_customer", "vault_attribute", ["customer"])
