"""What a backtest of customers reads comes in one order of time, however it stands in its archives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.backtest.people_inputs import Input, Kind, Refused, events_of, in_order, merged, outcomes_of
from flows.errors import ArchiveDisordered, ArchiveUnreadable
from flows.streams import EventType, Field

bounded = settings(derandomize=True, max_examples=150, deadline=None)
kinds = st.sampled_from(list(Kind))


def found(times: Sequence[int], archive: int = 0, kind: Kind = Kind.EVENT) -> list[Input]:
    """An archive of inputs at those times."""
    return [Input(at, kind, archive, line, b"", "a.jsonl") for line, at in enumerate(times, 1)]


@bounded
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(0, 12))
def test_looking_ahead_sorts_or_says_where_it_cannot(times: list[int], ahead: int) -> None:
    """All comes by time and place; or what comes is in order, and the line is named that would have gone before it."""
    taken: list[Input] = []
    archive = found(times)
    try:
        for each in in_order(archive, ahead):
            taken.append(each)
    except ArchiveDisordered as error:
        late = archive[error.line - 1]
        before = sorted(archive[: error.line - 1], key=lambda one: one.order)
        # So many had gone before it was read as those ahead leave no room for, and one of them is younger.
        assert late.at < before[len(before) - ahead - 1].at
        assert taken == before
    else:
        assert taken == sorted(archive, key=lambda one: one.order)


@bounded
@given(st.lists(st.tuples(kinds, st.lists(st.integers(0, 9), max_size=8)), max_size=5), st.integers(0, 10))
def test_many_archives_are_one(archives: list[tuple[Kind, list[int]]], end: int) -> None:
    """Merged they are what sorting all by time, kind, archive and line gives, without what is after the end."""
    every = [found(sorted(times), place, kind) for place, (kind, times) in enumerate(archives)]
    left: Counter[Kind] = Counter()

    def leave_out(kind: Kind) -> None:
        left[kind] += 1

    taken = list(merged([iter(each) for each in every], end, leave_out))
    flat = sorted(
        (one for each in every for one in each), key=lambda one: (one.at, one.kind, one.archive, one.line)
    )
    assert taken == [one for one in flat if one.at < end]
    assert left == Counter(one.kind for one in flat if one.at >= end)


def test_a_broken_archive_gives_what_stands_before() -> None:
    """What was read comes, in order, before the error does."""

    def broken() -> Iterator[Input]:
        yield from found([5, 3, 4])
        raise ArchiveUnreadable("a.jsonl", 3, "it is cut off")

    played = in_order(broken())
    assert [next(played).at for _ in range(3)] == [3, 4, 5]
    with pytest.raises(ArchiveUnreadable):
        next(played)


def test_a_table_of_events_says_what_lines_say(tmp_path: Path) -> None:
    """Texts that are declared stay texts, numbers are numbers, what is empty is nothing; a row has its place as id."""
    path = tmp_path / "orders.csv"
    path.write_text(
        "type,time,email,cart,amount,gift\n"
        "order.placed,2026-03-01T08:00:00Z,a@b.example,007,12.5,true\n"
        "order.placed,2026-03-01T08:00:01Z,,008,,\n"
        "order.placed,soon,,009,,\n"
        "order.placed,2026-03-01T08:00:02Z\n"
    )
    cart, amount = (
        Field(name="cart", type="text"),
        Field(name="amount", type="float"),
    )
    declared = {"order.placed": EventType(name="order.placed", fields=(cart, amount))}
    refused = Refused()
    said = [
        (one.at, json.loads(one.what))
        for one in events_of(path, 0, declared, refused)
        if isinstance(one.what, bytes)
    ]
    assert said[0][0] == 1_772_352_000_000
    assert said[0][1]["data"] == {"email": "a@b.example", "cart": "007", "amount": 12.5, "gift": True}
    assert said[0][1]["id"] == "orders.csv:2"
    assert said[1][1]["data"] == {"cart": "008"}
    assert [(dead.reason, dead.lines) for dead in refused.dead] == [("bad_time", [4]), ("wrong_type", [5])]
    assert refused.lines == {Kind.EVENT: 2}


def test_outcomes_come_bare_or_in_their_envelope(tmp_path: Path) -> None:
    """Both are the same outcome; a line that is neither is counted."""
    bare = {
        "id": "a",
        "tenant": "t",
        "customer": "c",
        "kind": "notify",
        "status": "failed",
        "at": 7,
        "connector": "x",
    }
    path = tmp_path / "outcomes.jsonl"
    lines = [bare, {"specversion": "1.0", "id": "a", "data": bare}, {"id": "b"}]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    refused = Refused()
    one, other = outcomes_of(path, 0, refused)
    assert one.what == other.what
    assert (one.at, one.kind) == (7, Kind.OUTCOME)
    assert refused.lines == {Kind.OUTCOME: 1}
