"""Three hours in which a part of the product is down: who lives through them, and what happens to them when.

Minutes are counted from the beginning of the three hours. Each downtime has people and cars of its own, told apart by
their name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import msgspec

from flows.schema import Event, encode
from flows.simulator.people.told import rfc3339, row
from flows.simulator.plan import MINUTE

CARS = 9
LONG = 180
BEFORE = 40
ERASED_AT = 90
HOT, SILENT, PAUSING = (0, 1, 2), 3, 4
HOT_FROM = (20, 100, 165)
_CLIMB = (105, 107, 106, 109, 108, 111, 110, 113, 112, 115, 119, 121, 110, 98, 97, 96)
_SILENT_FROM, _PAUSE = 60, range(31, 46)
_MONTH = 30 * 24 * 60
PEOPLE = ("ann", "ben", "cal", "dan", "eve", "fay", "gus", "hal", "ian", "ida", "jon")
_OWNERS = ("hal", "ian", "jon")
# (minute, who, what, the rest of its data)
_EVENTS: tuple[tuple[int, str, str, dict[str, object]], ...] = (
    # Marketing rests for Ann until two hours have passed, for Ben until half an hour after he was satisfied.
    (-30, "ann", "complaint.opened", {"case": "K-1", "about": "delivery", "item": "tyres"}),
    (-5, "ben", "complaint.opened", {"case": "K-2", "about": "delivery", "item": "tyres"}),
    (20, "ben", "case.resolved", {"case": "K-2"}),
    (21, "ben", "survey.answered", {"case": "K-2", "score": 5}),
    (100, "ann", "cart.updated", {"cart": "C-1", "item": "hat", "value": 20.0}),
    # Carts: ordered before the half hour was over, long ago, ordered in the third hour, and not ordered then.
    (-10, "cal", "cart.updated", {"cart": "C-2", "item": "hat", "value": 20.0}),
    (10, "cal", "order.placed", {"cart": "C-2", "order": "O-2", "amount": 20.0}),
    (-10, "dan", "cart.updated", {"cart": "C-3", "item": "hat", "value": 20.0}),
    (140, "eve", "cart.updated", {"cart": "C-4", "item": "hat", "value": 20.0}),
    (160, "eve", "order.placed", {"cart": "C-4", "order": "O-4", "amount": 20.0}),
    (125, "fay", "cart.updated", {"cart": "C-5", "item": "hat", "value": 20.0}),
    # A complaint in each hour; the first lets marketing rest until the third.
    (15, "gus", "complaint.opened", {"case": "K-3", "about": "invoice", "item": "hat"}),
    (90, "hal", "complaint.opened", {"case": "K-4", "about": "invoice", "item": "hat"}),
    (175, "ian", "complaint.opened", {"case": "K-5", "about": "invoice", "item": "hat"}),
    # Orders of somebody who is erased in between, and of somebody whose account turns out to be somebody else's.
    (-20, "ida", "order.placed", {"order": "O-5", "amount": 50.0}),
    (30, "ida", "order.placed", {"order": "O-6", "amount": 60.0}),
    (120, "ida", "order.placed", {"order": "O-7", "amount": 70.0}),
    (-20, "jon", "order.placed", {"order": "O-8", "amount": 5.0}),
    (130, "jon", "order.placed", {"order": "O-9", "amount": 6.0}),
    (-20, "account", "order.placed", {"order": "O-10", "amount": 100.0}),
    (30, "account", "order.placed", {"order": "O-11", "amount": 200.0}),
    (120, "account", "order.placed", {"order": "O-12", "amount": 300.0}),
)
Timed = tuple[int, str, bytes, bytes]
"""The minute, the topic as `TopicNames` calls it, key and value."""


class Cast(msgspec.Struct, frozen=True):
    """Who lives through a downtime; `begin` (ms) is when it begins."""

    name: str
    begin: int
    number: int

    def at(self, minute: int) -> int:
        """A minute as a time, ms."""
        return self.begin + minute * MINUTE

    def email(self, who: str) -> str:
        """The address of a person."""
        return f"{who}.{self.name}@example.com"

    @property
    def account(self) -> str:
        """The account that is Jon's at first."""
        return f"S-{self.name}"

    def car(self, number: int) -> str:
        """The name of a car of this cast."""
        return f"veh-{self.number * CARS + number:04d}"

    def known(self) -> list[Timed]:
        """Rows, and what is known of cars, a little before all else."""
        return [*self._things(), *self._rows()]

    def happens(self) -> list[Timed]:
        """What is done, but for what cars say, in the order of time."""
        ids = count()
        events = [
            (minute, "events", *self._event(f"{self.name}-{next(ids)}", minute, who, kind, data))
            for minute, who, kind, data in _EVENTS
        ]
        corrected = self._account_row(60, "sam")
        return sorted([*events, corrected], key=lambda each: each[0])

    def _things(self) -> Iterator[Timed]:
        for number in range(CARS):
            yield -BEFORE, "things", self.car(number).encode(), encode({"hot_c": 105.0, "model": "m1"})

    def _rows(self) -> Iterator[Timed]:
        at = self.at(-_MONTH)
        for who in PEOPLE:
            contact = f"C-{who}-{self.name}"
            data: dict[str, object] = {
                "contact": contact,
                "email": self.email(who),
                "language": "de",
                "newsletter": "yes",
                "channel": "email",
                "time_zone": "Etc/UTC",
                "updated_at": rfc3339(at),
            }
            yield self._row("crm", contact, at, data, -BEFORE)
        yield self._account_row(-BEFORE, "jon")
        for number, who in zip(HOT, _OWNERS, strict=True):
            plate = f"P-{number}-{self.name}"
            data = {
                "plate": plate,
                "email": self.email(who),
                "vin": self.car(number),
                "registered_at": rfc3339(at),
            }
            yield self._row("registry", plate, at, data, -BEFORE)
            data = {
                "set": plate,
                "email": self.email(who),
                "vin": self.car(number),
                "handed_out_at": rfc3339(at),
            }
            yield self._row("keys", plate, at, data, -BEFORE)

    def _account_row(self, minute: int, who: str) -> Timed:
        """The row of the account as it says since a minute."""
        at = self.at(minute)
        data: dict[str, object] = {
            "account": self.account,
            "email": self.email(who),
            "language": "de",
            "advertising": "yes",
            "changed_at": rfc3339(at),
        }
        return self._row("shop", self.account, at, data, minute)

    def _row(self, system: str, subject: str, at: int, data: dict[str, object], minute: int) -> Timed:
        told = row(system, subject, at, data, act="before", appended=at)
        return minute, "source_records", told.key, told.value

    def _event(
        self, number: str, minute: int, who: str, kind: str, data: dict[str, object]
    ) -> tuple[bytes, bytes]:
        handle = f"shop:{self.account}" if who == "account" else f"email:{self.email(who)}"
        of, _, value = handle.partition(":")
        named = {"account" if of == "shop" else of: value}
        time = rfc3339(self.at(minute))
        event = Event(id=number, source="town", type=kind, subject=handle, time=time, data={**named, **data})
        return handle.encode(), encode(event)


def readings(casts: Iterable[Cast], first: int, after: int) -> Iterator[tuple[int, bytes, bytes]]:
    """What all cars say between two times (ms), a reading a minute each: (when, key, value)."""
    for cast in casts:
        for minute in range(-(-(first - cast.begin) // MINUTE), -(-(after - cast.begin) // MINUTE)):
            for number in range(CARS):
                if not _is_silent(number, minute):
                    device, at = cast.car(number), cast.at(minute)
                    value = {
                        "device": device,
                        "at": at,
                        "coolant_c": _coolant(number, minute),
                        "battery_v": 13.1,
                        "speed_kmh": 50.0,
                        "mil": "off",
                    }
                    yield at, device.encode(), encode(value)


def _is_silent(number: int, minute: int) -> bool:
    """One car says nothing for the last two hours and 40 minutes on, another nothing for a quarter of an hour."""
    return (number == SILENT and _SILENT_FROM <= minute < LONG + BEFORE) or (
        number == PAUSING and minute in _PAUSE
    )


def _coolant(number: int, minute: int) -> float:
    if number not in HOT:
        return 90.0
    since = minute - HOT_FROM[HOT.index(number)]
    return float(_CLIMB[since]) if 0 <= since < len(_CLIMB) else 90.0
