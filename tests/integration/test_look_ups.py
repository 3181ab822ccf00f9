"""The process that asks: every question gets an answer, also those under way when a process ended, in any order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flows.cli import scan
from flows.engine.clock import wall_clock
from flows.errors import LookUpsMissing, RulesWrong
from flows.look_up_files import AskedSystem
from flows.look_ups.service import GROUP, Answering, declared_systems
from flows.metrics import Metrics
from flows.schema import Answer, LookUp, encode
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import Topics, TopicSpec
from tests.unit.look_ups.shop import Shop
from tests.unit.look_ups.test_asking import one, stock

NAMES = TopicNames()
_LONG_S = 20.0


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.close()


@pytest.fixture
def prepared(topics: Topics) -> Topics:
    """Both buses, with what the process needs."""
    topics.create([TopicSpec(name, 2) for name in (NAMES.look_ups, NAMES.answers, NAMES.dead_letters)])
    return topics


@contextmanager
def answering(bus: Topics, shop: Shop) -> Iterator[None]:
    """A process's loop in a thread."""
    stop = threading.Event()
    declared = {"stock": stock(shop, timeout=60_000)}
    process = Answering(bus, NAMES, declared, {}, wall_clock, 8, Metrics())
    thread = threading.Thread(target=process.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_LONG_S)
        assert not thread.is_alive()


def ask(bus: Topics, *keys: str) -> None:
    """Put questions on their topic, and something that is none."""
    writer = bus.writer()
    for key in keys:
        question = LookUp(
            id=f"q-{key}", tenant="t", customer="c", rule="r", name="stock", source="stock", key=key,
            until=wall_clock() + 60_000,
        )  # fmt: skip
        writer.write(NAMES.look_ups, encode(question), key=b"c")
    writer.close()


def wait_for(bus: Topics, topic: str, count: int) -> None:
    """Until so many messages are there."""
    reached = threading.Event()
    for _ in range(round(_LONG_S * 20)):
        if sum(bus.bounds(topic, p).end for p in range(2)) >= count:
            return
        reached.wait(0.05)
    raise AssertionError(f"{topic} has not {count} messages")


def test_quick_questions_are_answered_past_a_slow_one_which_is_asked_again_after_an_end(
    prepared: Topics, shop: Shop
) -> None:
    """Nothing is committed past a question that is still under way; whoever comes next asks it again."""
    ask(prepared, "slow", "one", "two")
    with answering(prepared, shop):
        wait_for(prepared, NAMES.answers, 2)
    assert {a.id for a in scan.values(prepared, NAMES.answers, Answer)} == {"q-one", "q-two"}
    assert sum(prepared.committed(GROUP, NAMES.look_ups).values()) == 0
    shop.quick = True
    with answering(prepared, shop):
        wait_for(prepared, NAMES.answers, 5)
    said = {a.id: a.status for a in scan.values(prepared, NAMES.answers, Answer)}
    assert said == dict.fromkeys(("q-slow", "q-one", "q-two"), "answered")
    assert sum(prepared.committed(GROUP, NAMES.look_ups).values()) == 3


def test_what_is_no_question_goes_to_the_dead_letters_and_the_rest_goes_on(
    prepared: Topics, shop: Shop
) -> None:
    """A broken message costs itself alone."""
    writer = prepared.writer()
    writer.write(NAMES.look_ups, b"{", key=b"c")
    writer.close()
    ask(prepared, "one")
    with answering(prepared, shop):
        wait_for(prepared, NAMES.answers, 1)
        wait_for(prepared, NAMES.dead_letters, 1)
    (letter,) = scan.messages(prepared, NAMES.dead_letters)
    assert letter.value == b"{"


def test_a_file_without_look_ups_or_with_mistakes_is_said_at_once(tmp_path) -> None:
    """A process that could ask nobody does not start."""
    settings = Settings(folder=str(tmp_path))
    with pytest.raises(LookUpsMissing, match=r"look_ups\.yaml"):
        declared_systems(settings)
    (tmp_path / "look_ups.yaml").write_text("look_ups:\n  stock: {http: ftp://x}\n", encoding="utf-8")
    with pytest.raises(RulesWrong, match="address of http"):
        declared_systems(settings)


def test_postgresql_is_only_read_and_gives_up_in_time(postgres_url: str) -> None:
    """What writes is refused, what takes too long is ended there too, and a plain question is answered."""

    def answer(asks: str) -> Answer:
        declared = AskedSystem(name="o", sql=asks, url=postgres_url, fields={"x": "x"}, timeout=500)
        return one(declared, "o-1")

    assert answer("select cast(:key as text) as x").values == {"x": "o-1"}
    assert answer("select current_setting('statement_timeout') as x where :key <> ''").values == {
        "x": "500ms"
    }
    assert answer("select current_setting('transaction_read_only') as x where :key <> ''").values == {
        "x": "on"
    }
    assert answer("select 1 as x where 1 = :key").status == "unknown"
