"""`telltale profile show`: by any handle of a customer, readable, and whole as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.schema import Consents, Identity, Origin, Profile, Role, encode
from flows.schema_people import Consent
from flows.sources.identifiers import private
from flows.topics.sqlite import SqliteTopics
from tests.command import Telltale

AT = 1_772_352_140_000
WHO, OLD, GONE = "customer:0123456789ab", "customer:aaaaaaaaaaaa", "customer:bbbbbbbbbbbb"
MAIL = "email:ada@example.org"
KEY = "a secret of this test"


def told(number: int, spent: float) -> Profile:
    """A profile."""
    return Profile(
        customer=WHO,
        number=number,
        at=AT,
        values={"spent": spent, "cases": 50, "seen": None, "channel": "sms"},
        origins={
            "spent": Origin(source="event:order.placed", at=AT - 1000),
            "cases": Origin(source="alarm:hot", at=AT),
            "channel": Origin(source="app", at=AT),
        },
        open={"case:engine": 2, "task:": 1},
        stage="mourning",
        labels=("crm:1", "device:veh-17"),
        full=("cases",),
    )


@pytest.fixture
def known(bus: SqliteTopics, monkeypatch: pytest.MonkeyPatch) -> SqliteTopics:
    """A customer who is known by an address, owns a car, took another one in; and one who was erased."""
    monkeypatch.setenv("TELLTALE_TENANT_KEY", KEY)
    consents = Consents(
        customer=WHO,
        number=4,
        consents={"marketing": Consent(granted=False, source="shop", at=AT)},
        preferences={"channel": "sms"},
        quiet={"marketing.cart": AT + 86_400_000},
        items=("sku-1\x1b[2J",),
    )
    owner, before = Role(role="owner", customer=OLD, since=9), Role(role="owner", customer=GONE, until=9)
    alone = private("crm:9", KEY.encode())
    writer = bus.writer()
    for topic, key, message in (
        ("identity", private(MAIL, KEY.encode()), Identity(number=1, customer=OLD)),
        ("identity", OLD, Identity(number=2, survivor=WHO)),
        ("identity", "device:veh-17", Identity(number=3, roles=(before, owner))),
        ("identity", GONE, Identity(number=4, erased=True)),
        ("profiles", WHO, told(7, 42.5)),
        ("profiles", WHO, told(6, 1)),
        ("consents", WHO, consents),
        ("consents", alone, Consents(customer=alone, number=1, quiet={"service": AT})),
    ):
        writer.write(topic, encode(message), key=key.encode())
    writer.close()
    return bus


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "handle", [WHO, OLD, MAIL, "email:Ada@Example.org ", private(MAIL, KEY.encode()), "device:veh-17"]
)
def test_a_customer_is_shown_by_any_handle(telltale: Telltale, handle: str) -> None:
    """By an id, one that was merged away, an address in clear or as a token, a thing that is owned."""
    said = telltale("profile", "show", handle, "--output", "json")
    found = json.loads(said.out)
    assert (said.code, found["customer"]) == (0, WHO)
    assert found["profile"]["values"]["spent"] == 42.5
    assert found["consents"]["consents"]["marketing"]["granted"] is False
    assert "ada" not in said.out


@pytest.mark.usefixtures("known")
def test_everything_is_told_with_where_it_came_from_and_when(telltale: Telltale) -> None:
    """One line a value; what is full says so, what is unknown too, and nothing steers the terminal."""
    assert telltale("profile", "show", WHO).lines == [
        WHO,
        "  up to     2026-03-01 08:02:20 UTC",
        "  known by  crm:1, device:veh-17",
        "  stage     mourning",
        "  values",
        "    spent  42.5        event order.placed, 2026-03-01 08:02:19",
        "    cases  50 or more  alarm of hot, 2026-03-01 08:02:20",
        "    seen   unknown",
        "  open",
        "    case, engine  2",
        "    task          1",
        "  consents",
        "    marketing  no  shop, 2026-03-01 08:02:20",
        "  preferences",
        "    channel  sms  app, 2026-03-01 08:02:20",
        "  rests",
        "    marketing.cart  until 2026-03-02 08:02:20 UTC at the latest",
        "  not advertised  sku-1?[2J",
    ]


@pytest.mark.usefixtures("known")
def test_consents_are_shown_without_a_profile(telltale: Telltale) -> None:
    """As far as there is something."""
    assert telltale("profile", "show", "crm:9").lines == [
        private("crm:9", KEY.encode()),
        "  rests",
        "    service  until 2026-03-01 08:02:20 UTC at the latest",
    ]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("handle", "code", "part"),
    [
        (GONE, 0, "was erased"),
        ("email:nobody@example.org", 0, "Nothing is known of email:nobody@example.org"),
        ("c-17", 0, "Nothing is known of c-17: no event, alarm or source record"),
        ("email:", 2, "This names no customer"),
        ("email:no address", 2, "Write email:VALUE, or an id."),
    ],
)
def test_where_nothing_is_shown_it_is_said_why(telltale: Telltale, handle: str, code: int, part: str) -> None:
    """On standard error, in one paragraph."""
    said = telltale("profile", "show", handle)
    assert (said.code, said.out) == (code, "")
    assert part in said.err


def test_without_a_bus_it_is_said_how_to_get_one(telltale: Telltale, project: Path) -> None:
    """Nothing is made by looking."""
    said = telltale("profile", "show", WHO)
    assert said.code == 2
    assert not (project / "state").exists()
