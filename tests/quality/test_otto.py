"""Real sessions of a web shop (OTTO): the starter's abandoned cart reminds whom a slow reading of its words reminds.

A session is a customer, known by an address. Whoever orders begins another cart. Of every five customers the last has
not agreed to advertising, and every other one has a complaint open in the middle of it all.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.command import Telltale

STARTER = Path(__file__).parents[2] / "flows" / "starter"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TYPES = {"clicks": "page.viewed", "carts": "cart.updated", "orders": "order.placed"}
SESSIONS, EVENTS = 20, 862
Json = dict[str, Any]


class Shopped(msgspec.Struct, frozen=True):
    """One thing that somebody did, at `at` (ms); a cart is numbered by the orders before it."""

    at: int
    type: str
    cart: str
    item: str


@pytest.fixture(scope="module")
def sessions(public_data: Path) -> dict[int, list[Shopped]]:
    """What was done in each session, in order."""
    found: dict[int, list[Shopped]] = {}
    for line in (public_data / "otto" / "sessions.jsonl").read_text().splitlines():
        session = json.loads(line)
        done: list[Shopped] = []
        cart, ordered = 0, None
        for each in session["events"]:
            # All articles of an order are ordered at one time.
            if ordered not in (None, each["ts"]):
                cart, ordered = cart + 1, None
            if each["type"] == "orders":
                ordered = each["ts"]
            done.append(
                Shopped(each["ts"], TYPES[each["type"]], f"{session['session']}/{cart}", str(each["aid"]))
            )
        found[session["session"]] = done
    assert len(found) == SESSIONS
    assert sum(map(len, found.values())) == EVENTS
    return found


def agreed(session: int) -> bool:
    """Whether a customer has agreed to advertising."""
    return session % 5 != 4


def complaint(session: int, done: list[Shopped]) -> tuple[int, int] | None:
    """When a customer's complaint was opened, and when resolved: after a third of what they did, and two."""
    if session % 2 == 0:
        return None
    length = done[-1].at - done[0].at
    return done[0].at + length // 3 + 1, done[0].at + 2 * length // 3 + 1


def write(folder: Path, sessions: dict[int, list[Shopped]]) -> None:
    """The archives: events by time, rows of the CRM that are known before all else."""
    events: list[tuple[int, Json]] = []

    def add(at: int, session: int, kind: str, **data: str) -> None:
        time = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
        said = {"email": f"s{session}@otto.example", **data}
        events.append(
            (at, {"specversion": "1.0", "source": "shop", "type": kind, "time": time, "data": said})
        )

    for session, done in sessions.items():
        for each in done:
            if each.type == "page.viewed":
                add(each.at, session, each.type, page=each.item)
            else:
                add(each.at, session, each.type, cart=each.cart, item=each.item)
        if (between := complaint(session, done)) is not None:
            add(between[0], session, "complaint.opened", case=f"case-{session}", about="delivery")
            add(between[1], session, "case.resolved", case=f"case-{session}")
    events.sort(key=lambda each: each[0])
    lines = [json.dumps({"id": f"e{number}", **event}) for number, (_, event) in enumerate(events)]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n")
    rows = [
        {"contact": f"C{s}", "email": f"s{s}@otto.example", "newsletter": "yes" if agreed(s) else "no"}
        for s in sessions
    ]
    (folder / "crm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


class Reminders:
    """What the rule's words ask for one customer, read in plain Python from all that they ever did.

    A change of the cart that nothing follows for half an hour, neither another change nor an order of that cart, is
    abandoned then. It is not for who has a complaint open, was reminded less than 7 days before, or has not agreed.
    Then it waits ten minutes whether something better comes for the budget of two in 7 days. A day after that comes
    the last call, in the same way, unless that cart was ordered since or a complaint is open.
    """

    def __init__(self, done: list[Shopped], upset: tuple[int, int] | None, end: int) -> None:
        self._done, self._upset, self._end = done, upset, end
        self._counted: list[int] = []
        self._sent: list[int] = []
        self.told: list[tuple[int, str]] = []

    def tell(self) -> list[tuple[int, str]]:
        """(when, template) of all messages."""
        due: list[tuple[int, int, str, str]] = []
        changes = [each for each in self._done if each.type == "cart.updated"]
        for i, change in enumerate(changes):
            end = change.at + 30 * MINUTE
            if (
                not any(c.at < end for c in changes[i + 1 :])
                and self._ordered(change.cart, change.at, end) is None
            ):
                due.append((end, 0, "cart-waiting", change.cart))
        while due:
            due.sort()
            at, step, template, cart = due.pop(0)
            if at > self._end:
                continue
            if step == 0 and self._may_begin(at, template, cart):
                due.append((at + 10 * MINUTE, 1, template, cart))
            elif step == 1 and sum(sent > at - 7 * DAY for sent in self._sent) < 2:
                self._sent.append(at)
                self.told.append((at, template))
                if template == "cart-waiting":
                    due.append((at + DAY, 0, "last-call", cart))
        return self.told

    def _may_begin(self, at: int, template: str, cart: str) -> bool:
        if self._upset is not None and self._upset[0] <= at < self._upset[1]:
            return False
        if template == "last-call":
            return self._ordered(cart, 0, at) is None
        if any(counted > at - 7 * DAY for counted in self._counted):
            return False
        self._counted.append(at)
        return True

    def _ordered(self, cart: str, since: int, end: int) -> int | None:
        orders = (
            e.at for e in self._done if e.type == "order.placed" and e.cart == cart and since <= e.at < end
        )
        return next(orders, None)


def test_the_same_people_are_reminded_at_the_same_times(
    telltale: Telltale, sessions: dict[int, list[Shopped]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hears what when, over four weeks of real sessions, is what reading each session by itself gives."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, sessions)
    archives = ("--events", "events.jsonl", "--source-records", "crm=crm.jsonl")
    said = telltale("backtest", "--config", STARTER, *archives, "--rule", "abandoned-cart", "--json")
    assert said.code == 0
    lines = [json.loads(line) for line in said.lines]
    customers: dict[str, list[tuple[int, str]]] = {}
    for one in lines:
        for action in one.get("actions", ()):
            if action["status"] == "published":
                message = (one["at"], action["parameters"]["template"])
                customers.setdefault(action["customer"], []).append(message)
    end = max(done[-1].at for done in sessions.values())
    wanted = {
        session: told
        for session, done in sessions.items()
        if agreed(session) and (told := Reminders(done, complaint(session, done), end).tell())
    }
    assert sorted(customers.values()) == sorted(wanted.values())
    every = [template for told in wanted.values() for _, template in told]
    assert {"cart-waiting", "last-call"} == set(every)
    refused = {one["reason"].partition(":")[0] for one in lines if one["verdict"] == "refused"}
    assert {"guard", "limit"} <= refused
    assert any(reason.startswith(("no consent", "the consent")) for reason in refused)
