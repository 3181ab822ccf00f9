"""Packed customers against a plain dict: whatever is touched, dropped, packed and read again, the same are there."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flows.customers import packed as packed_module
from flows.customers.packed import Packed, generation_of
from flows.customers.packed_base import Base, write_base
from flows.customers.state import Customer
from flows.errors import BaseMissing, StateUnreadable

NAMES = [f"customer:{n:012x}" for n in range(12)]
names = st.sampled_from(NAMES)


def due(customer: Customer) -> int | None:
    """When a customer of these tests is due: at its number, if that is even."""
    return customer.number if customer.number and customer.number % 2 == 0 else None


def read(base: bytes | None, delta: bytes | None) -> Packed:
    return Packed(base, delta, due, most_unpacked=3)


class AgainstADict(RuleBasedStateMachine):
    """A bucket whose base and changes are on disk after each epoch; a crash goes back to what was there."""

    @initialize()
    def begin(self) -> None:
        self.packed, self.plain = read(None, None), dict[str, Customer]()
        self.base: bytes | None = None
        self.disk: tuple[bytes | None, bytes | None, Mapping[str, Customer]] = (None, None, {})

    @rule(name=names, number=st.integers(1, 40), part=st.sampled_from(["", "email:a|c|1"]))
    def touch(self, name: str, number: int, part: str) -> None:
        """Change one customer."""
        for customer in (self.packed.touch(name), self.plain.setdefault(name, Customer())):
            customer.number = number
            customer.part(part).number += 1

    @rule(name=names, number=st.integers(1, 40))
    def put(self, name: str, number: int) -> None:
        """Have another customer in the place of one."""
        self.packed.put(name, Customer(number=number))
        self.plain[name] = Customer(number=number)

    @rule(name=names)
    def look(self, name: str) -> None:
        """Look at one customer."""
        assert self.packed.get(name) == self.plain.get(name)

    @rule(name=names)
    def drop(self, name: str) -> None:
        """Forget one customer."""
        self.packed.drop(name)
        self.plain.pop(name, None)

    @rule()
    def cool(self) -> None:
        """A batch is over."""
        self.packed.cool()

    @rule()
    def rebase(self) -> None:
        """A new base, which is on disk with the next snapshot."""
        self.base = self.packed.rebase()

    @rule()
    def epoch(self) -> None:
        """An epoch ends."""
        self.disk = (self.base, self.packed.snapshot(), copy.deepcopy(self.plain))

    @rule()
    def crash(self) -> None:
        """All since the last epoch's end is gone."""
        self.base, delta, plain = self.disk
        self.packed, self.plain = read(self.base, delta), dict(copy.deepcopy(plain))

    @rule(now=st.integers(0, 41), at_most=st.integers(1, 20))
    def ask_who_is_due(self, now: int, at_most: int) -> None:
        """The longest due come first."""
        wanted = sorted((at, n) for n, c in self.plain.items() if (at := due(c)) is not None and at <= now)
        assert self.packed.due_by(now, at_most) == [name for _, name in wanted[:at_most]]

    @invariant()
    def the_same_are_there(self) -> None:
        """Names, number and the next who is due."""
        assert self.packed.names() == sorted(self.plain)
        assert len(self.packed) == len(self.plain)
        assert [name in self.packed for name in NAMES] == [name in self.plain for name in NAMES]
        dues = [at for c in self.plain.values() if (at := due(c)) is not None]
        assert self.packed.due() == min(dues, default=None)


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def filled(count: int) -> Packed:
    packed = read(None, None)
    for n in range(count):
        packed.touch(f"customer:{n:012x}").number = n
    packed.snapshot()
    return packed


def test_a_snapshot_holds_what_changed_since_the_base_and_nothing_else() -> None:
    """With five of a hundred customers touched, it is a twentieth of what the base takes."""
    packed = filled(1000)
    base = packed.rebase()
    empty = len(packed.snapshot())
    for n in range(50):
        packed.touch(f"customer:{n:012x}").at = 1_700_000_000_000
    assert empty < 40
    assert len(packed.snapshot()) < len(base) / 12


def test_whoever_was_not_touched_stays_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a start nor a snapshot nor a new base unpacks a customer."""
    packed = filled(100)
    base, delta = packed.rebase(), packed.snapshot()
    unpacked: list[bytes] = []

    def decode(data: bytes) -> Customer:
        unpacked.append(data)
        return msgspec.msgpack.decode(data, type=Customer)

    monkeypatch.setattr(packed_module, "_decode", decode)
    again = read(base, delta)
    again.touch(NAMES[3])
    again.snapshot()
    again.rebase()
    assert len(again) == 100
    assert len(unpacked) == 1


def test_a_new_base_is_wanted_once_the_changes_are_an_eighth_of_the_old() -> None:
    """A few changes want none, and after a new base none is wanted again."""
    packed = filled(4000)
    assert packed.wants_base() > 0
    base = packed.rebase()
    assert packed.wants_base() == 0
    touched = 0
    while not packed.wants_base():
        packed.touch(f"customer:{touched:012x}").at = 1_700_000_000_000
        packed.cool()
        touched += 1
    assert len(base) / 8 < packed.nbytes() - len(base) < len(base) / 7
    assert packed.wants_base() == packed.nbytes()


def test_a_base_and_changes_that_do_not_belong_together_are_refused() -> None:
    """An older base, and none at all, would give customers as they never were."""
    packed = filled(10)
    old, between = packed.rebase(), packed.snapshot()
    new, after = packed.rebase(), packed.snapshot()
    assert (generation_of(between), generation_of(after)) == (1, 2)
    for base, delta in ((old, after), (new, between), (None, after), (new, None)):
        with pytest.raises(BaseMissing, match="generation"):
            read(base, delta)
    assert len(read(new, after)) == len(read(old, between)) == 10


@pytest.mark.parametrize(("base", "delta"), [(None, b"\x09"), (None, b""), (b"\x09" * 40, None), (b"", None)])
def test_a_format_that_is_not_known_is_refused(base: bytes | None, delta: bytes | None) -> None:
    """What a later version wrote is not guessed at."""
    with pytest.raises(StateUnreadable, match="the customers"):
        read(base, delta)


def test_two_names_of_one_hash_are_two_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hashes meet the names decide."""
    monkeypatch.setattr("flows.customers.packed_base._hash", lambda _: 7)
    base = Base(write_base([("b", b"2"), ("a", b"1"), ("c", b"3")], {"c": 5}, 1))
    assert [base.get(name) for name in "abcd"] == [b"1", b"2", b"3", None]
    assert list(base.dues()) == [("c", 5)]


def test_who_was_touched_and_not_changed_is_not_written() -> None:
    """Looking through all customers, as a new rule set asks for, does not save them all anew."""
    packed = filled(100)
    packed.rebase()
    for name in packed.names():
        packed.touch(name)
    assert len(packed.snapshot()) < 40
