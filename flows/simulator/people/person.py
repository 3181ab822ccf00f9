"""Who a simulated person is: the names under which each system knows them, none of which is anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from flows.simulator.people.plan import PeoplePlan

_NOON = 12
_OLDEST, _YOUNGEST = date(1945, 1, 1), date(2004, 1, 1)
_LANGUAGES = ("de", "de", "de", "en", "fr", "tr")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person; `contact` is their id in the crm, `account` in the shop, `cookie` and `app` what they browse with.

    `phone` is the last digits of a number of a block that is given to nobody.
    """

    number: int
    contact: str
    account: str
    email: str
    phone: str
    born: date
    language: str
    zone: str
    cookie: str
    app: str


def people(plan: PeoplePlan) -> Iterator[Person]:
    """All people of a plan, in the order of their numbers."""
    rng = plan.generator("persons")
    days = rng.integers(0, (_YOUNGEST - _OLDEST).days, plan.people).tolist()
    languages: list[int] = rng.integers(0, len(_LANGUAGES), plan.people).tolist()
    zone = daytime_zone(plan.end)
    for number in range(plan.people):
        handle = rng.bytes(3).hex()
        yield Person(
            number=number,
            contact=f"C-{number:05d}",
            account=f"S-{number:05d}",
            email=f"p{number}@example.com",
            phone=f"23125{number:05d}",
            born=_OLDEST + timedelta(days=days[number]),
            language=_LANGUAGES[languages[number]],
            zone=zone,
            cookie=f"web-{handle}",
            app=f"app-{handle[::-1]}",
        )


def daytime_zone(now: int) -> str:
    """A time zone in which it is noon or a little later at `now` (ms), so that nobody's quiet hours are disturbed."""
    ahead = _NOON - datetime.fromtimestamp(now / 1000, UTC).hour
    # The sign of these names is that of what must be added to reach UTC.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
