"""Asking other systems: real HTTP and a real database, cached, in time, and nobody slowed by another."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from flows.errors import SettingsWrong
from flows.look_up_files import AskedSystem
from flows.look_ups.asking import MOST_WAITING, Asking
from flows.look_ups.breaker import FAILURES, PAUSE_MS
from flows.look_ups.memory import Memory
from flows.look_ups.systems import system_of
from flows.schema import Answer, LookUp, Value
from tests.unit.look_ups.shop import Shop

NOW = 1_800_000_000_000


class Time:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.close()


def stock(shop: Shop, **more: object) -> AskedSystem:
    """The shop as it is declared."""
    return AskedSystem(
        **{"name": "stock", "http": shop.address, "fields": {"available": "stock.quantity"}, **more}  # type: ignore[arg-type]
    )


def question(key: Value, source: str = "stock", until: int = NOW + 5_000) -> LookUp:
    """A rule's question."""
    return LookUp(
        id=f"q-{key}", tenant="t", customer="c", rule="r", name="stock", source=source, key=key, until=until
    )


def asked(
    declared: list[AskedSystem],
    work: Callable[[Asking], object],
    clock: Time | None = None,
    environment: Mapping[str, str] | None = None,
    at_once: int = 4,
) -> object:
    """What comes of working with the declared systems."""

    async def run() -> object:
        systems = {each.name: system_of(each, environment or {}) for each in declared}
        asking = Asking({each.name: each for each in declared}, systems, clock or Time(), at_once)
        try:
            return await work(asking)  # type: ignore[misc]
        finally:
            for system in systems.values():
                await system.close()

    return asyncio.run(run())


def one(declared: AskedSystem, key: Value, **more: object) -> Answer:
    """The answer to one question."""
    return asked([declared], lambda asking: asking.answer(question(key, declared.name)), **more)  # type: ignore[return-value, arg-type]


def test_what_the_system_says_is_read_by_the_rules_names(shop: Shop) -> None:
    """A dotted path leads to the value; a key is escaped; a secret of the environment goes along as a header."""
    declared = stock(shop, headers={"Authorization": "TOKEN"})
    answer = one(declared, "a/b c", environment={"TOKEN": "s3cret"})
    assert (answer.status, answer.values) == ("answered", {"available": 5})
    assert shop.asked == {"a/b c": 1}
    assert shop.headers == ["s3cret"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("404", "it said 404"),
        ("500", "it said 500"),
        ("302", "it said 302, and no redirect is followed"),
        ("text", "no JSON"),
        ("long", "too long"),
        ("wordy", "a text that is too long"),
        ("great", "a number that is too great"),
        (None, "nothing to ask about"),
        ("", "nothing to ask about"),
        ("..", "nothing to ask about"),
        ("x" * 70_000, "nothing to ask about"),
    ],
)
def test_what_is_no_answer_is_unknown_with_its_reason(shop: Shop, key: Value, reason: str) -> None:
    """Refusals, redirects, nonsense and endless answers: the decision's branch for unknown is taken."""
    answer = one(stock(shop), key)
    assert (answer.status, answer.values) == ("unknown", {})
    assert reason in (answer.reason or "")


def test_what_lies_elsewhere_than_declared_is_missing(shop: Shop) -> None:
    """A value that is no plain one, or not there, is missing in an answer that is known."""
    answer = one(stock(shop, fields={"available": "nowhere.deep", "lies": "lies"}), "sku")
    assert (answer.status, answer.values) == ("answered", {"available": None, "lies": None})


def test_a_database_answers_with_its_first_row_and_the_key_is_bound(tmp_path: Path) -> None:
    """A key that looks like SQL is only a key."""
    with sqlite3.connect(tmp_path / "orders.db") as database:
        database.execute("create table orders (id text, status text, amount numeric)")
        database.executemany(
            "insert into orders values (?, ?, ?)", [("o-1", "sent", 12.5), ("o-1", "late", 1)]
        )
    database.close()
    orders = AskedSystem(
        name="orders", sql="select status, amount from orders where id = :key order by amount desc",
        url=f"sqlite:///{tmp_path / 'orders.db'}", fields={"status": "status", "amount": "amount"},
    )  # fmt: skip
    assert one(orders, "o-1").values == {"status": "sent", "amount": 12.5}
    injected = one(orders, "x' or '1'='1")
    assert (injected.status, injected.reason) == ("unknown", "it knows nothing of it")
    broken = one(AskedSystem(name="o", sql="select x from nowhere where id = :key", url=orders.url), "o-1")
    assert "refused" in (broken.reason or "")


@pytest.mark.parametrize("key", [1 << 80, "nul\0", 1.5, True, "o-1"])
def test_a_database_that_cannot_take_a_key_is_unknown_and_not_to_blame(tmp_path: Path, key: Value) -> None:
    """Whatever is asked, there is an answer; and questions of before do not close the way for the next."""
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    with sqlite3.connect(tmp_path / "orders.db") as database:
        database.execute("create table orders (id text, status text)")
        database.execute("insert into orders values ('o-2', 'sent')")
    database.close()
    orders = AskedSystem(
        name="orders", sql="select status from orders where id = :key", url=url, fields={"s": "status"}
    )

    async def work(asking: Asking) -> Answer:
        for _ in range(FAILURES):
            assert (await asking.answer(question(key, "orders"))).status == "unknown"
        return await asking.answer(question("o-2", "orders"))

    assert asked([orders], work).status == "answered"  # type: ignore[attr-defined]


def test_a_database_is_only_read_and_never_made(tmp_path: Path) -> None:
    """A statement that writes is refused, and a file that is not there stays away; its place is the folder's."""
    file = tmp_path / "orders.db"
    asks = AskedSystem(
        name="o", sql="select id from orders where id = :key", url="sqlite:///orders.db", fields={"id": "id"}
    )

    def answer(declared: AskedSystem) -> Answer:
        async def work() -> Answer:
            system = system_of(declared, {}, tmp_path)
            try:
                return await Asking({"o": declared}, {"o": system}, Time(), 4).answer(question("o-1", "o"))
            finally:
                await system.close()

        return asyncio.run(work())

    assert answer(asks).status == "unknown"
    assert not file.exists()
    with sqlite3.connect(file) as database:
        database.execute("create table orders (id text)")
        database.execute("insert into orders values ('o-1')")
    database.close()
    assert answer(asks).values == {"id": "o-1"}
    writes = msgspec.structs.replace(asks, sql="with x as (select :key) delete from orders returning id")
    assert answer(writes).reason == "the database refused (OperationalError)"
    assert answer(asks).values == {"id": "o-1"}


@pytest.mark.parametrize("url", ["nowhere://host/db", "postgresql+nothing://u:s3cret@host/db", "s3cret"])
def test_a_database_that_nothing_here_speaks_to_is_said_at_the_start(url: str) -> None:
    """With the name of the look-up, without the address, whose password it may hold."""
    orders = AskedSystem(name="orders", sql="select :key", url_from="ORDERS", fields={"x": "x"})
    with pytest.raises(SettingsWrong, match="'orders'") as wrong:
        system_of(orders, {"ORDERS": url})
    assert "s3cret" not in str(wrong.value)


def test_a_system_that_never_answers_is_unknown_when_nobody_waits_any_more(shop: Shop) -> None:
    """The earlier of the system's time-out and the question's end counts."""
    assert one(stock(shop, timeout=50), "slow").reason == "it did not answer in time"

    async def until_soon(asking: Asking) -> Answer:
        return await asking.answer(question("slow", until=NOW + 50))

    patient = asked([stock(shop, timeout=60_000)], until_soon)
    assert patient.reason == "it did not answer in time"  # type: ignore[attr-defined]
    over = asked([stock(shop)], lambda asking: asking.answer(question("sku", until=NOW)))
    assert over.reason == "nobody waits any more"  # type: ignore[attr-defined]


def test_an_answer_holds_as_long_as_declared_and_who_asks_the_same_waits_together(shop: Shop) -> None:
    """Two at once ask once; so does who comes within the cache's time, and no longer."""
    clock = Time()

    async def work(asking: Asking) -> None:
        await asyncio.gather(asking.answer(question("sku")), asking.answer(question("sku")))
        assert shop.asked["sku"] == 1
        clock.now += 59_999
        await asking.answer(question("sku", until=clock.now + 5_000))
        assert shop.asked["sku"] == 1
        clock.now += 1
        await asking.answer(question("sku", until=clock.now + 5_000))
        assert shop.asked["sku"] == 2

    asked([stock(shop, cache=60_000)], work, clock)


def test_a_slow_system_slows_no_other(shop: Shop) -> None:
    """While every turn of the slow one is taken, the quick one answers."""
    slow = AskedSystem(name="slow", http=shop.address, fields={"x": "x"}, timeout=60_000)

    async def work(asking: Asking) -> Answer:
        hanging = [
            asyncio.create_task(asking.answer(question(f"slow{n}", "slow", NOW + 60_000))) for n in range(20)
        ]
        answer = await asyncio.wait_for(asking.answer(question("sku")), 20)
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        return answer

    answer = asked([stock(shop), slow], work, at_once=4)
    assert answer.status == "answered"  # type: ignore[attr-defined]


def test_a_system_that_is_down_is_left_alone_for_a_while_and_then_tried_once(shop: Shop) -> None:
    """What it cannot know does not count against it; what it fails at does."""
    clock = Time()

    async def ask(asking: Asking, key: str) -> Answer:
        return await asking.answer(question(key, until=clock.now + 5_000))

    async def work(asking: Asking) -> None:
        for n in range(FAILURES * 2):
            await ask(asking, f"40{n % 4}")
        shop.broken = True
        for n in range(FAILURES):
            assert (await ask(asking, f"sku{n}")).reason == "it said 503"
        before = shop.asked.total()
        assert "left alone" in ((await ask(asking, "sku")).reason or "")
        assert shop.asked.total() == before
        shop.broken = False
        clock.now += PAUSE_MS
        assert (await ask(asking, "sku")).status == "answered"
        assert (await ask(asking, "sku2")).status == "answered"

    asked([stock(shop)], work, clock)


def test_who_waits_for_a_turn_is_not_kept_waiting_for_a_system_that_is_down(shop: Shop) -> None:
    """After the fifth time-out those behind are told at once; they do not try it one after the other."""

    async def work(asking: Asking) -> list[Answer]:
        keys = [f"slow{n}" for n in range(100)]
        return await asyncio.gather(*(asking.answer(question(key, until=NOW + 60_000)) for key in keys))

    answers = asked([stock(shop, timeout=100)], work, at_once=FAILURES)
    reasons = [each.reason for each in answers]  # type: ignore[attr-defined]
    late = reasons.count("it did not answer in time")
    # A turn may go on to the next before the last of those in time out.
    assert FAILURES <= late == shop.asked.total() < 2 * FAILURES
    assert sum("left alone" in reason for reason in reasons) == len(reasons) - late


def test_a_system_has_a_bound_of_who_waits_for_it(shop: Shop) -> None:
    """Beyond it who asks is told so at once, and others are asked as before."""
    slow = AskedSystem(name="slow", http=shop.address, fields={"x": "x"}, timeout=60_000)

    async def work(asking: Asking) -> tuple[Answer, Answer]:
        waiting = [
            asyncio.create_task(asking.answer(question("slow", "slow", NOW + 60_000)))
            for _ in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        refused = await asking.answer(question("slow", "slow", NOW + 60_000))
        other = await asking.answer(question("sku"))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return refused, other

    refused, other = asked([stock(shop), slow], work)  # type: ignore[misc]
    assert refused.reason == "too many wait for it already"
    assert other.status == "answered"


def test_a_truth_is_not_the_number_one(shop: Shop) -> None:
    """What is known of 1 does not answer what is asked of true, though Python takes them for equal."""

    async def number(asking: Asking) -> None:
        await asking.answer(question(True))
        await asking.answer(question(1))

    asked([stock(shop, cache=60_000)], number)
    assert shop.asked == {"1": 1, "true": 1}


def test_a_secret_that_the_environment_lacks_is_said_before_anything_is_asked(shop: Shop) -> None:
    """The message names the variable."""
    with pytest.raises(SettingsWrong, match="STOCK_TOKEN"):
        system_of(stock(shop, headers={"Authorization": "STOCK_TOKEN"}), {})


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    """However many keys are asked for, no more are kept than said."""
    memory = Memory(most=2)
    for n in range(3):
        memory.put(("s", "int", n), {"x": n}, NOW)
    assert [memory.get(("s", "int", n), 0) for n in range(3)] == [None, {"x": 1}, {"x": 2}]
