"""`look_ups.yaml`: which systems may be asked, without a secret in the file and with every question bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.documents import Mistakes, locate, read_text
from flows.look_up_files import AskedSystem, read_look_ups

HTTP = 'http: "https://stock.example/items/{key}"'
SQL = 'sql: "select status from orders where id = :key"'
URL = 'url: "sqlite:///orders.db"'
FIELDS = "fields: {status: status}"


def read(text: str) -> tuple[dict[str, AskedSystem], list[tuple[str, int, str]]]:
    """The systems, and (path, line, message and hint) of each mistake."""
    mistakes = Mistakes()
    document = read_text(text, "look_ups.yaml", mistakes)
    found = {} if document is None else read_look_ups(document, mistakes)
    return found, [(each.path, each.line, f"{each.message} {each.hint}") for each in mistakes.found]


def one(said: str) -> str:
    """A document with one system."""
    return f"look_ups:\n  stock: {{{said}}}\n"


def test_a_system_is_asked_over_http_or_with_sql() -> None:
    """With what it says, and with defaults for what it does not."""
    text = (
        f"look_ups:\n  stock: {{{HTTP}, headers: {{Authorization: STOCK_TOKEN}}, fields: {{available: on.hand}}, "
        f"timeout: 500ms, cache: 60s}}\n  orders: {{{SQL}, {URL}, {FIELDS}}}\n"
        f"  sealed: {{{SQL}, url_from: ORDERS_URL, {FIELDS}}}\n"
    )
    found, wrong = read(text)
    assert wrong == []
    assert found == {
        "stock": AskedSystem(
            name="stock",
            http="https://stock.example/items/{key}",
            headers={"Authorization": "STOCK_TOKEN"},
            fields={"available": "on.hand"},
            timeout=500,
            cache=60_000,
        ),
        "orders": AskedSystem(
            name="orders",
            sql="select status from orders where id = :key",
            url="sqlite:///orders.db",
            fields={"status": "status"},
            timeout=2000,
        ),
        "sealed": AskedSystem(
            name="sealed",
            sql="select status from orders where id = :key",
            url_from="ORDERS_URL",
            fields={"status": "status"},
        ),
    }


@pytest.mark.parametrize(
    ("said", "path", "part"),
    [
        (FIELDS, "", "one of `http` and `sql` is needed"),
        (f"{HTTP}, {SQL}, {FIELDS}", "", "one of `http` and `sql` is needed"),
        (HTTP, "", "'fields' is missing"),
        (f"{HTTP}, fields: {{}}", ".fields", "1 to 64 fields"),
        (f"{HTTP}, fields: {{a b: c}}", ".fields.a b", "cannot be a field's name"),
        (f"{HTTP}, fields: {{a: c..d}}", ".fields.a", "is no path"),
        (f'http: "ftp://stock.example/{{key}}", {FIELDS}', ".http", "not an address of http or https"),
        (f'http: "file:///etc/passwd?{{key}}", {FIELDS}', ".http", "not an address of http or https"),
        (f'http: "https://stock.example/items", {FIELDS}', ".http", "does not say what is asked about"),
        (f'http: "https://{{key}}.example/items", {FIELDS}', ".http", "whom to ask cannot depend on the key"),
        (f'http: "https://stock.example/{{key}}/{{id}}", {FIELDS}', ".http", "only {key} can be filled in"),
        (f'http: "https://me:pw@stock.example/{{key}}", {FIELDS}', ".http", "a secret stands in the file"),
        (f'http: "https://token@stock.example/{{key}}", {FIELDS}', ".http", "a secret stands in the file"),
        (f'http: "https://stock.example:x/{{key}}", {FIELDS}', ".http", "not an address"),
        (f"{HTTP}, {URL}, {FIELDS}", ".url", "belongs to `sql`"),
        (f'{HTTP}, headers: {{Authorization: "Bearer abc"}}, {FIELDS}', ".headers.Authorization",
         "names no environment variable"),
        (f"{HTTP}, headers: {{a b: TOKEN}}, {FIELDS}", ".headers.a b", "is no header"),
        (f"{SQL}, {FIELDS}", ".sql", "one of `url` and `url_from` is needed"),
        (f"{SQL}, {URL}, url_from: X, {FIELDS}", ".url_from", "one of `url` and `url_from`"),
        (f'{SQL}, url: "postgresql://me:pw@host/db", {FIELDS}', ".url", "name it with `url_from`"),
        (f"{SQL}, url: orders.db, {FIELDS}", ".url", "not the address of a database"),
        (f"{SQL}, url_from: a-b, {FIELDS}", ".url_from", "names no environment variable"),
        (f'sql: "delete from orders where id = :key", {URL}, {FIELDS}', ".sql", "a look-up only asks"),  # noqa: S608 - refused
        (f'sql: "select 1; drop table orders", {URL}, {FIELDS}', ".sql", "more than one statement"),
        (f'sql: "select 1", {URL}, {FIELDS}', ".sql", "binds :key, and it alone"),
        (f'sql: "select 1 where a = :key and b = :other", {URL}, {FIELDS}', ".sql", "binds :key, and it alone"),
        (f"{SQL}, {URL}, headers: {{A: B}}, {FIELDS}", ".headers", "belongs to `http`"),
        (f"{HTTP}, {FIELDS}, timeout: 2m", ".timeout", "out of bounds"),
        (f"{HTTP}, {FIELDS}, cache: 60", ".cache", "with a unit"),
        (f"{HTTP}, {FIELDS}, cach: 60s", ".cach", "Did you mean 'cache'?"),
    ],
)  # fmt: skip
def test_a_wrong_system_is_refused_at_its_place(said: str, path: str, part: str) -> None:
    """One mistake gives one finding, with its line."""
    ((where, line, message),) = read(one(said))[1]
    assert (where, line) == (f"look_ups.stock{path}", 2)
    assert part in message


def test_a_cast_of_postgresql_binds_nothing() -> None:
    """Two colons are no parameter."""
    assert read(one(f'sql: "select a::text from b where c = :key", {URL}, {FIELDS}'))[1] == []  # noqa: S608 - fixed text


def test_a_name_that_rules_cannot_write_is_refused() -> None:
    """It stands in `from:`."""
    ((path, line, _),) = read(f"look_ups:\n  Stock!: {{{HTTP}, {FIELDS}}}\n")[1]
    assert (path, line) == ("look_ups.Stock!", 2)


@given(path=st.text("ab/?=&{}key. ", max_size=12))
def test_an_address_that_is_taken_changes_with_the_key_behind_its_host_alone(path: str) -> None:
    """Filled in with whatever is asked about, it leads to the same host."""
    mistakes = Mistakes()
    plain: dict[str, Any] = {"http": f"https://stock.example/{path}", "fields": {"a": "b"}}
    (found,) = read_look_ups(locate({"look_ups": {"stock": plain}}, "f"), mistakes).values()
    right = not mistakes.found
    braces = path.replace("{key}", "")
    assert right == ("{key}" in path and not set("{} ") & set(braces))
    assert found.http.replace("{key}", "%2F").startswith("https://stock.example/")
