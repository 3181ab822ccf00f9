"""Rows of source systems about people, and the slow, obvious answer to who is who after them.

All is seeded. Each person has a row in the CRM; those of the second part get an account in the shop under the same
address, another address, another language, or are new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np

from flows.sources.identifiers import identifier
from load_tests.crowd import TENANT_KEY, Message

PER_ROW = 3
"""Identifiers of a row of the CRM: its own id, an address, a phone number."""
NOBODY = 99_999_999
"""Of a row that only shows that somebody reads."""
_BEGAN = 1_735_689_600_000
_ACCOUNT, _ADDRESS, _LANGUAGE, _NEW = range(4)
_SHARES = (0.4, 0.1, 0.2, 0.3)


class Register(msgspec.Struct, frozen=True):
    """So many people at first, then so many rows about some of them and about others; `people` is the greater."""

    seed: int
    people: int
    rows: int


def first_rows(register: Register) -> Iterator[Message]:
    """A row of the CRM about each."""
    for number in range(register.people):
        yield crm_row(number, _BEGAN)


def next_rows(register: Register) -> Iterator[Message]:
    """The second part, each row about another person."""
    for number, what in _next(register):
        at = _BEGAN + 86_400_000
        if what == _ACCOUNT:
            yield _row("shop", account_of(number), at, mail=mail_of(number), channel="email")
        elif what == _ADDRESS:
            yield crm_row(number, at, mail=new_mail_of(number))
        elif what == _LANGUAGE:
            yield crm_row(number, at, lang="fr")
        else:
            yield crm_row(number, _BEGAN)


def shared_rows(register: Register) -> Iterator[Message]:
    """Everybody's row again, with the number of one card that all have."""
    for number in range(register.people):
        yield crm_row(number, _BEGAN + 86_400_000, card_no="1")


def crm_row(number: int, at: int, **changed: str) -> Message:
    """A contact."""
    row = {
        "mail": mail_of(number),
        "mobile": mobile_of(number),
        "lang": "de",
        "full_name": f"Person {number}",
    }
    return _row("crm", contact_of(number), at, **{**row, **changed})


class Answer(msgspec.Struct):
    """By token who it is of, None for an address that was given up; and the handles of the second part's rows."""

    whose: dict[str, int | None]
    handles: list[str]


def answer(register: Register, every: int) -> Answer:
    """Who is who for every so-manieth row, and all handles of the second part."""
    found = Answer({}, [])
    for number in range(0, register.people, every):
        found.whose |= dict.fromkeys(_tokens(number), number)
    for place, (number, what) in enumerate(_next(register)):
        handle = token("shop", account_of(number)) if what == _ACCOUNT else token("crm", contact_of(number))
        found.handles.append(handle)
        if place % every:
            continue
        found.whose |= dict.fromkeys([*_tokens(number), handle], number)
    for number, what in _next(register):
        mail = token("email", mail_of(number)) if what == _ADDRESS else ""
        if mail in found.whose:
            found.whose[mail] = None
            found.whose[token("email", new_mail_of(number))] = number
    return found


def wrong(answer: Answer, said: dict[str, str | None]) -> str | None:
    """What does not stand together that should, or does that should not; `said` is by token the customer."""
    customer_of, person_of = dict[int, str](), dict[str, int]()
    for each, person in answer.whose.items():
        customer = said.get(each)
        if person is None:
            if customer is not None:
                return f"{each} was given up, and is {customer}'s"
            continue
        if customer is None:
            return f"{each} is nobody's"
        if (
            customer_of.setdefault(person, customer) != customer
            or person_of.setdefault(customer, person) != person
        ):
            return f"{each} is {customer}'s, who is somebody else"
    return None


def token(kind: str, value: str) -> str:
    """What stands for an identifier."""
    return identifier(kind, value, TENANT_KEY.encode(), "DE").token


def contact_of(number: int) -> str:
    """The id of somebody's row in the CRM."""
    return f"c{number:07}"


def account_of(number: int) -> str:
    """The id of somebody's account in the shop."""
    return f"s{number:07}"


def mail_of(number: int) -> str:
    """Somebody's address."""
    return f"person.{number}@example.com"


def new_mail_of(number: int) -> str:
    """Somebody's later address."""
    return f"moved.{number}@example.org"


def mobile_of(number: int) -> str:
    """Somebody's number."""
    return f"+49151{number:08}"


def _tokens(number: int) -> Iterable[str]:
    """What stands in somebody's first row."""
    yield token("crm", contact_of(number))
    yield token("email", mail_of(number))
    yield token("phone", mobile_of(number))


def _next(register: Register) -> Iterator[tuple[int, int]]:
    """(person, what) of each row of the second part."""
    rng = np.random.default_rng(register.seed)
    known = iter(rng.permutation(register.people).tolist())
    fresh = register.people
    for what in rng.choice(4, register.rows, p=_SHARES).tolist():
        number = None if what == _NEW else next(known, None)
        if number is None:
            yield fresh, _NEW
            fresh += 1
        else:
            yield number, what


def _row(source: str, key: str, at: int, **data: str) -> Message:
    """A row that changed, as a CloudEvent."""
    stood = {("contact_id" if source == "crm" else "account"): key, "updated_at": _rfc3339(at), **data}
    event = {
        "specversion": "1.0",
        "id": f"{source}-{key}-{at}",
        "source": source,
        "type": "record.changed",
        "time": _rfc3339(at),
        "data": stood,
    }
    return f"{source}:{key}".encode(), json.dumps(event, separators=(",", ":")).encode()


def _rfc3339(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
