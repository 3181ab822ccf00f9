"""What happens in the town, in phases: each is sent when all before it is known everywhere.

Phases are there because of what may come in any order otherwise, and be decided otherwise then, kill or no kill: a
complaint before or after the merge that makes its owner a good customer, a cart before or after the complaint that lets
marketing rest. Within a phase events come among the merges that concern them; what they add up to is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import msgspec

from flows.schema import Event, encode
from flows.simulator.people.plan import PeoplePlan, PeopleShares
from flows.simulator.people.planted.planted import PlantedPeople
from flows.simulator.people.planting import plant as plant_people
from flows.simulator.people.told import Act, Told, rfc3339, row
from flows.simulator.plan import MINUTE, Plan, Shares
from flows.simulator.planting import plant
from flows.simulator.records import things
from flows.simulator.simulate import simulate
from flows.topics.names import TopicNames
from tests.integration.town import Sent

VEHICLES, PEOPLE = 30, 16
DURATION = 30 * MINUTE
_SHARES = Shares(
    overheating=0.1, battery=0.07, lamp=0.1, silence=0.03, garbage=0.03, duplicates=0.03,
    stuck_hot=0, bursts=0, stale_overheating=0, disorder=0, fast_clocks=0, slightly_fast_clocks=0, gateways=0,
)  # fmt: skip
_ONCE = 1 / PEOPLE
_MONTH = 30 * 24 * 60 * MINUTE
_FIELDS = {"email": "email", "shop": "account", "crm": "contact", "cookie": "cookie", "app": "installation"}
Message = tuple[str, bytes, bytes]
"""Which topic (`events`, `source_records`, `things` or `telemetry`), the key and the value."""


class Life:
    """The life of a town whose half an hour ends at `now` (ms); the same seed and moment give the same bytes."""

    def __init__(self, seed: int, now: int) -> None:
        start = now - DURATION
        self.fleet = Plan(seed=seed, vehicles=VEHICLES, start=start, duration=DURATION, shares=_SHARES)
        self._people = PeoplePlan(
            seed=seed, people=PEOPLE, start=start, duration=DURATION, pace=None,
            shares=PeopleShares(**dict.fromkeys(PeopleShares.__struct_fields__, _ONCE)),
        )  # fmt: skip
        society = plant_people(self._people)
        self._planted = {one.name: one for one in society.planted}
        self._everybody = (*society.planted, *society.ordinary)
        self._ordinary = society.ordinary
        self._ids = count()

    def phases(self, names: TopicNames) -> list[list[Sent]]:
        """All of it, for topics of these names."""
        topics = {
            "events": names.events,
            "source_records": names.source_records,
            "things": names.things,
            "telemetry": names.telemetry("telemetry"),
        }
        return [[(topics[topic], key, value) for topic, key, value in phase] for phase in self._phases()]

    def handle(self, truth: str, kind: str) -> str:
        """The first handle of a kind of whoever has a truth."""
        handles = (handle for person in self._planted[truth].truths.persons for handle in person.handles)
        return next(handle for handle in handles if handle.startswith(f"{kind}:"))

    # -- phases ---------------------------------------------------------------------------------------------------

    def _phases(self) -> list[list[Message]]:
        known = [*self._things(), *self._cars(), *_sent(self._told(act="before"))]
        first, second, third, fourth = self._readings(4)
        return [
            known,
            [*self._as_they_are(), *first],
            [*self._merges(), *second],
            self._split(),
            [*self._carts(), *third],
            [*self._in_the_end(), *fourth],
        ]

    def _as_they_are(self) -> list[Message]:
        """What all do before anybody turns out to be somebody else, and the complaint."""
        told = [
            *(each for one in self._ordinary for each in _during(one)),
            *_during(self._planted["log_ins"], until=0.2, plan=self._people),
            *_during(self._planted["second_accounts"], until=0.2, plan=self._people),
            *_during(self._planted["offices"], until=0.2, plan=self._people),
            *_during(self._planted["broken"]),
            *(each for each in _during(self._planted["complaints"]) if _kind(each) == "complaint.opened"),
        ]
        return _sent(sorted(told, key=lambda each: each.appended))

    def _merges(self) -> list[Message]:
        """A log-in and a row that is completed, and orders under each name before, among and after."""
        cookie, email = self.handle("log_ins", "cookie"), self.handle("log_ins", "email")
        account, contact = self.handle("second_accounts", "shop"), self.handle("second_accounts", "crm")
        log_in, app = _during(self._planted["log_ins"], since=0.2, plan=self._people)
        (completed,) = _during(self._planted["second_accounts"], since=0.2, plan=self._people)
        return [
            *(self._order(each, 0.31) for each in (cookie, account, contact)),
            *_sent([log_in]),
            *(self._order(each, 0.41) for each in (cookie, email, account)),
            *_sent([completed, app]),
            *(self._order(each, 0.51) for each in (account, contact, cookie, email)),
        ]

    def _split(self) -> list[Message]:
        """Two more accounts come with an office's address, and the first orders meanwhile."""
        account, contact = self.handle("offices", "shop"), self.handle("offices", "crm")
        rows = _during(self._planted["offices"], since=0.2, plan=self._people)
        return [
            *(self._order(each, 0.54) for each in (account, contact)),
            *_sent(rows),
            *(self._order(each, 0.56) for each in (account, contact)),
        ]

    def _carts(self) -> list[Message]:
        """Carts, one of them ordered at once; what is due of them is due by now."""
        truths = [self._planted[name] for name in ("abandoned_carts", "ordered_carts")]
        filled = [each for each in _during(self._planted["complaints"]) if _kind(each) == "cart.updated"]
        return _sent([*filled, *(each for one in truths for each in _during(one))])

    def _in_the_end(self) -> list[Message]:
        """Complaints of who was merged and of who was split, and the solution of the first."""
        solved = [
            each
            for each in _during(self._planted["complaints"])
            if _kind(each) in ("case.resolved", "survey.answered")
        ]
        # All who were split do something later than all before: who of them was the last to do that, else, is open.
        late = [self._event("page.viewed", handle, 0.99, {}) for handle in self._of_the_office()]
        return [*_sent([*solved, *self._told(act="after")]), *late]

    def _told(self, act: Act) -> list[Told]:
        return [each for one in self._everybody for each in one.told() if each.act == act]

    def _order(self, handle: str, share: float) -> Message:
        return self._event("order.placed", handle, share, {"order": f"X-{handle}", "amount": 12.5})

    def _event(self, kind: str, handle: str, share: float, data: dict[str, object]) -> Message:
        """Something that whoever has a handle does, when so much of the half an hour is over."""
        of = handle.partition(":")[0]
        event = Event(
            id=f"town-{next(self._ids)}",
            source="town",
            type=kind,
            subject=handle,
            time=rfc3339(self._people.place(share)),
            data={**({_FIELDS[of]: _value(handle)} if of in _FIELDS else {}), **data},
        )
        return "events", handle.encode(), encode(event)

    # -- cars -----------------------------------------------------------------------------------------------------

    def _things(self) -> list[Message]:
        return [("things", each.key, each.value) for each in things(self.fleet)]

    def _cars(self) -> list[Message]:
        """Whose the cars are in which something is planted, and who drives them; one that overheats is nobody's.

        Those of the two who are merged overheat meanwhile, and nothing is heard of the office's while it is split.
        """
        world = plant(self.fleet)
        cars = {one.name: [world.vehicles.names[int(slot)] for slot in one.slots] for one in world.planted}
        (second,) = (each for each in self._handles("second_accounts") if each.endswith("@example.org"))
        others = [each.truths.persons[0].handles[0] for each in self._ordinary]
        owners = {
            **dict(zip(cars.pop("overheating")[1:], (self.handle("log_ins", "email"), second), strict=True)),
            **dict(zip(cars.pop("silence"), [self._office()], strict=True)),
            **dict(zip((each for found in cars.values() for each in found), others, strict=False)),
        }
        rows: list[Told] = []
        at = self._people.start - 2 * _MONTH
        drivers = [*owners.values()]
        for number, (device, email) in enumerate(owners.items()):
            plate, driver = f"P-{number}", drivers[number - 3]
            data: dict[str, object] = {"plate": plate, "email": _value(email), "vin": device}
            rows.append(
                row("registry", plate, at, {**data, "registered_at": rfc3339(at)}, act="before", appended=at)
            )
            data = {"set": plate, "email": _value(driver), "vin": device}
            rows.append(
                row("keys", plate, at, {**data, "handed_out_at": rfc3339(at)}, act="before", appended=at)
            )
        return _sent(rows)

    def _handles(self, truth: str) -> tuple[str, ...]:
        return self._planted[truth].truths.persons[0].handles

    def _office(self) -> str:
        """The address of the office."""
        rows = (each.value for each in self._planted["offices"].told() if each.topic == "source_records")
        return f"email:{msgspec.json.decode(next(rows), type=Event).data['email']}"

    def _of_the_office(self) -> Iterator[str]:
        """The handles of all rows with the address of the office."""
        for topic, key, value in [*self._cars(), *_sent([*self._told("before"), *self._told("during")])]:
            if topic == "source_records" and _value(self._office()).encode() in value:
                yield key.decode()

    def _readings(self, pieces: int) -> list[list[Message]]:
        """The readings in pieces that are alike long."""
        found: list[list[Message]] = [[] for _ in range(pieces)]
        for sent in simulate(self.fleet):
            place = min(pieces - 1, (sent.appended - self.fleet.start) * pieces // DURATION)
            found[place].append(("telemetry", sent.key, sent.value))
        return found


def _during(
    one: PlantedPeople, since: float = 0.0, until: float = 1.0, plan: PeoplePlan | None = None
) -> list[Told]:
    """What people do while the plan goes on, in a part of it."""
    told = [each for each in one.told() if each.act == "during"]
    if plan is None:
        return told
    return [each for each in told if plan.place(since) <= each.appended < plan.place(until)]


def _value(handle: str) -> str:
    return handle.partition(":")[2]


def _kind(told: Told) -> str:
    return msgspec.json.decode(told.value, type=_Kind).type


class _Kind(msgspec.Struct):
    type: str


def _sent(told: Iterable[Told]) -> list[Message]:
    return [(each.topic, each.key, each.value) for each in told]
