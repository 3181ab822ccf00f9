"""`telltale backtest --events`: what rules decide for customers on archives of events, rows and readings."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.archives import batches, jsonl
from flows.backtest import people_side
from flows.backtest.people_inputs import in_order
from flows.settings import Settings
from flows.sources.identifiers import identifier
from tests.command import Said, Telltale

START = 1_772_352_000_000  # 2026-03-01 08:00 UTC
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FILES = {
    "telltale.toml": "",
    "streams.yaml": """\
streams:
  car: {topic: cars, key: device, time: at, unit: ms, fields: {coolant_c: {type: float}}}
events:
  cart.updated: {identifiers: {email: email, cookie: cookie}, fields: {cart: {type: text}}}
  order.placed: {identifiers: {email: email, cookie: cookie}, fields: {cart: {type: text}, amount: {type: float}}}
  shipment.damaged: {identifiers: {email: email}, fields: {sku: {type: text}}}
""",
    "sources.yaml": """\
sources:
  crm:
    key: contact
    time: updated
    identifiers: {email: mail}
    roles: [{role: owner, device: vin}, {role: driver, device: vin}]
    consent: {marketing: newsletter}
""",
    "identity.yaml": "kinds: {email: {shared_above: 2}, crm: {per_person: 1}}\nmatch: [email, cookie]\n",
    "purposes.yaml": """\
purposes:
  service: {}
  marketing: {consent: marketing, budget: offers}
budgets: {offers: {at_most: 1, every: 7d}}
""",
    "profile.yaml": "values: {spent: {event: order.placed, take: sum, field: amount}}\n",
    "look_ups.yaml": """\
look_ups:
  inventory: {http: "http://127.0.0.1:9/{key}", fields: {available: quantity}, timeout: 1s, cache: 60s}
""",
    "rules/hot.yaml": """\
rule: hot
team: care
stream: car
when: {run: 2, of: coolant_c >= 100}
clear: {run: 2, of: coolant_c < 90}
do: {raised: [{notify: {to: driver, purpose: service, template: hot}}]}
limits: [{per: rule, at_most: 100, every: 1h}]
""",
    "rules/cart.yaml": """\
rule: cart
team: shop
sequence:
  - {event: cart.updated, as: cart}
  - {no: order.placed, where: event.cart == cart.cart, within: 30m}
do:
  - notify: {purpose: marketing, template: waiting}
limits: [{per: rule, at_most: 100, every: 1h}]
""",
    "rules/damaged.yaml": """\
rule: damaged
team: care
event: shipment.damaged
look_up: {stock: {from: inventory, key: event.sku, within: 5s}}
do:
  - choose:
      - name: replace
        if: profile.spent >= 100 and stock.available > 0
        do:
          - start_process: {process: replace, about: shipment}
            then:
              - outcome: accepted
                do: [{notify: {purpose: service, template: coming}}]
              - outcome: failed
                do: [{open_case: {about: shipment, queue: care, subject: Replace it by hand}}]
      - name: ask
        do: [{notify: {purpose: service, template: sorry}}]
limits: [{per: rule, at_most: 100, every: 1h}]
""",
}
Json = dict[str, Any]
People = Callable[..., Said]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small configuration of its own, in whose folder one stands."""
    folder = tmp_path / "shop"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TELLTALE_CONFIG", raising=False)
    return folder


def when(at: int) -> str:
    """So many ms after the start, as RFC 3339."""
    return datetime.fromtimestamp((START + at) / 1000, UTC).isoformat()


def event(number: int, kind: str, at: int, **data: object) -> Json:
    """An event as it stands in an archive."""
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "web",
        "type": kind,
        "time": when(at),
        "data": data,
    }


def write(path: Path, found: Iterable[Json]) -> Path:
    """One a line."""
    path.write_text("".join(json.dumps(one) + "\n" for one in found))
    return path


def history(shop: Path) -> list[Json]:
    """Ann and Ben use the shop; Ann on a second device, whose cookie is tied to her by her address later."""
    found = [
        event(1, "order.placed", 0, email="ann@x.example", cart="k0", amount=120),
        event(2, "shipment.damaged", HOUR, email="ann@x.example", sku="suit"),
        event(3, "cart.updated", 2 * HOUR, cookie="c1", cart="k1"),
        event(4, "cart.updated", 2 * HOUR + MINUTE, email="ben@x.example", cart="k2"),
        event(5, "order.placed", 2 * HOUR + 20 * MINUTE, email="ben@x.example", cart="k2", amount=10),
        event(6, "cart.updated", 2 * HOUR + 25 * MINUTE, email="ann@x.example", cookie="c1", cart="k1"),
        event(7, "shipment.damaged", 5 * HOUR, email="ben@x.example", sku="suit"),
        event(8, "cart.updated", DAY, email="ben@x.example", cart="k3"),
        event(9, "order.placed", DAY + HOUR, email="ben@x.example", cart="k9", amount=5),
    ]
    write(shop / "events.jsonl", found)
    rows = [
        {"contact": "A", "mail": "ann@x.example", "vin": "car-1", "newsletter": "yes", "updated": when(-DAY)},
        {"contact": "B", "mail": "ben@x.example", "vin": "car-2", "newsletter": "no", "updated": when(-DAY)},
    ]
    write(shop / "crm.jsonl", rows)
    (shop / "crm.csv").write_text(
        "contact,mail,vin,newsletter,updated\n" + "".join(",".join(row.values()) + "\n" for row in rows)
    )
    hot = [
        {"device": car, "at": START + 3 * HOUR + i * 10_000, "coolant_c": c}
        for i, c in enumerate((90, 101, 102))
        for car in ("car-1", "car-3")
    ]
    write(shop / "cars.jsonl", hot)
    write(shop / "answers.jsonl", [{"source": "inventory", "key": "suit", "values": {"available": 3}}])
    return found


@pytest.fixture
def people(telltale: Telltale, shop: Path) -> People:
    """The command over the whole history."""
    history(shop)
    return partial(telltale, "backtest", "--events", "events.jsonl", "--source-records", "crm=crm.jsonl")


def decisions(said: Said) -> list[Json]:
    """The decisions among the lines, those that came to nothing left out."""
    lines = [json.loads(line) for line in said.lines]
    return [one for one in lines if "decision" in one and one["verdict"] != "nothing"]


def done(said: Said) -> list[tuple[str, str, str]]:
    """(rule, how long after the start, what) of all that went out."""
    return [
        (
            one["rule"],
            f"{(one['at'] - START) / MINUTE:g}m",
            action["parameters"].get("template", action["name"]),
        )
        for one in decisions(said)
        for action in one["actions"]
        if action["status"] == "published"
    ]


def test_rows_readings_and_events_meet(people: People) -> None:
    """An alarm reaches whoever owns the device by the row, a cart whoever its cookie turns out to be; each in time."""
    said = people("cars.jsonl", "--answers", "answers.jsonl", "--json")
    assert said.code == 0
    assert done(said) == [
        ("damaged", "60m", "start_process"),
        ("damaged", "60m", "coming"),
        ("cart", "150m", "waiting"),
        ("hot", "180.333m", "hot"),
        ("damaged", "300m", "sorry"),
    ]
    found = decisions(said)
    ann = {
        one["customer"]
        for one in found
        if one["at"] <= START + 3 * HOUR + MINUTE and one["verdict"] != "refused"
    }
    assert len(ann) == 1
    assert re.fullmatch(r"customer:[0-9a-f]{12}", ann.pop())
    # Nobody drives car-3, so there is nobody to write to; Ann's second cart finds her budget drawn on.
    refused = {(one["rule"], one["reason"]) for one in found if one["verdict"] == "refused"}
    assert ("hot", "nobody is the driver of car-3") in refused
    assert any(rule == "cart" and said.startswith("the consent to marketing") for rule, said in refused)
    assert any(rule == "cart" and said.startswith("budget: offers") for rule, said in refused)
    alarms = [json.loads(line) for line in said.lines if "evidence" in line]
    assert [one["device"] for one in alarms] == ["car-1", "car-3"]


def test_summary(people: People) -> None:
    """By rule, by day, what refused, who got most, messages, budgets, who turned out to be whom."""
    said = people("cars.jsonl", "--answers", "answers.jsonl")
    assert "Every action is taken as accepted at once" in said.err
    text = said.out
    assert re.search(r"^damaged +3 +0 +0 +0 +0 +0 +3 ", text, re.M)
    assert re.search(r"^cart +budget +1$", text, re.M)
    assert re.search(
        r"^2026-03-01 +\d+ +5 +2 +4 +customer:[0-9a-f]{12} +cart 1, damaged 3, hot 1$", text, re.M
    )
    assert re.search(r"^2026-03-02 ", text, re.M)
    assert re.search(r"^events +9: 9 taken, 0 dead$", text, re.M)
    assert re.search(r"^source records +2: 2 taken, 0 dead$", text, re.M)
    assert re.search(r"^customers +\d+; 0 merged into others, 0 split off$", text, re.M)
    assert re.search(r"^actions +5; most for one 4 \(customer:\S+\), on one day 4 on 2026-03-01", text, re.M)
    assert re.search(r"^messages +4 to 2 customers: half got at most 1, 99 % at most 3, one 3$", text, re.M)
    assert re.search(r"^budget offers +1 in 7d: drawn on 1 by 1, most by one 1; refused 1$", text, re.M)
    assert re.search(r"^look-ups +2 answered, 0 unknown$", text, re.M)
    assert re.search(r"^car-1|^hot +\d", text, re.M)


def test_the_same_bytes_however_it_is_read(
    people: People, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the cuts of reading, packed or plain, rows as lines or table, lines out of order: the same bytes."""
    told = {people("cars.jsonl", "--answers", "answers.jsonl", "--json").out}
    read = batches.read_batches
    for size in (1, 3):
        monkeypatch.setattr(batches, "read_batches", partial(read, readings=size))
        monkeypatch.setattr(jsonl, "_BLOCK_BYTES", size * 64)
        told.add(people("cars.jsonl", "--answers", "answers.jsonl", "--json").out)
    lines = (shop / "events.jsonl").read_text().splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    (shop / "events.jsonl").write_bytes("".join(lines).encode())
    told.add(people("cars.jsonl", "--answers", "answers.jsonl", "--json").out)
    (shop / "events.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    said = partial(people.func, "backtest", "--events", "events.jsonl.gz", "cars.jsonl", "--json")  # type: ignore[attr-defined]
    told.add(said("--source-records", "crm=crm.csv", "--answers", "answers.jsonl").out)
    assert len(told) == 1
    assert told.pop().count("\n") > 9


def test_merges_and_splits(people: People, shop: Path) -> None:
    """Two rows become one person by an address they share, until too many accounts have it, and the count says so."""
    rows = [{"contact": f"N{i}", "mail": f"n{i}@x.example", "updated": when(i * MINUTE)} for i in (1, 2)]
    rows += [{"contact": "N2", "mail": "n1@x.example", "updated": when(90 * MINUTE)}]
    write(shop / "more.jsonl", rows)
    # Between the rows something happens, so that they are two before they are one.
    said = people("--source-records", "crm=more.jsonl", "--to", when(2 * HOUR))
    assert re.search(r"^customers +\d+; 0 merged", said.out, re.M)
    identity = shop / "identity.yaml"
    identity.write_text("kinds: {email: {shared_above: 3}, crm: {per_person: 3}}\nmatch: [email, cookie]\n")
    merged = people("--source-records", "crm=more.jsonl", "--to", when(2 * HOUR))
    assert re.search(r"^customers +\d+; 1 merged into others, 0 split off$", merged.out, re.M)
    split = write(
        shop / "split.jsonl", [{"contact": "N2", "mail": "n9@x.example", "updated": when(3 * HOUR)}]
    )
    said = people("--source-records", "crm=more.jsonl", "--source-records", f"crm={split}")
    assert re.search(r"^customers +\d+; 1 merged into others, 1 split off$", said.out, re.M)


def test_judgements_from_a_file(people: People, shop: Path) -> None:
    """From its time on a merge counts as it did; other commands and tenants are passed over, what is none is dead."""
    key = Settings().tenant_key.encode()
    pair = [identifier("email", mail, key).token for mail in ("ann@x.example", "ben@x.example")]
    merge = {"id": "a1", "tenant": "default", "at": START + 4 * HOUR, "who": "eve", "command": "identity merge",
             "what": {"pairs": [pair]}, "reason": "they said so"}  # fmt: skip
    audit = [
        {**merge, "id": "a0", "at": START, "tenant": "another"},
        {**merge, "id": "a2", "at": START, "command": "actions pause", "what": {}},
        {**merge, "id": "a3", "at": START, "what": {"pairs": [["ann"]]}},
    ]
    asked = "--answers", "answers.jsonl", "--audit", "audit.jsonl"
    write(shop / "audit.jsonl", audit)
    apart = people(*asked)
    assert "; 0 merged into others" in apart.out
    assert re.search(r"^judgements +1: 0 taken, 1 dead$", apart.out, re.M)
    write(shop / "audit.jsonl", [*audit, merge])
    said = people(*asked, "--json")
    # Ben's second shipment is Ann's as well, and what she spent counts for it.
    assert [each for each in done(said) if each[1] == "300m"] == [
        ("damaged", "300m", "start_process"), ("damaged", "300m", "coming"),
    ]  # fmt: skip
    assert re.search(r"^customers +\d+; 1 merged into others, 0 split off$", said.err, re.M)


def test_what_nobody_answers_is_unknown(people: People) -> None:
    """Without answers the alternative that needs one does not hold."""
    assert [what for rule, _, what in done(people("--json")) if rule == "damaged"] == ["sorry", "sorry"]


def test_outcomes_from_a_file(people: People, shop: Path) -> None:
    """What became of an action comes at its time, by the action's id; without one nothing follows."""
    first = people("--answers", "answers.jsonl", "--json")
    started = next(a for one in decisions(first) for a in one["actions"] if a["kind"] == "start_process")
    outcome = {"id": started["id"], "tenant": "default", "customer": "customer:of-then", "kind": "start_process",
               "status": "failed", "at": START + HOUR + 9 * MINUTE, "connector": "erp"}  # fmt: skip
    write(shop / "outcomes.jsonl", [outcome, {**outcome, "id": "of-something-else"}])
    said = people("--answers", "answers.jsonl", "--outcomes", "outcomes.jsonl", "--json")
    assert [each for each in done(said) if each[0] == "damaged"] == [
        ("damaged", "60m", "start_process"), ("damaged", "69m", "open_case"), ("damaged", "300m", "sorry"),
    ]  # fmt: skip
    assert "accepted at once" not in said.err
    assert re.search(r"^outcomes +2: 2 taken, 0 dead$", said.err, re.M)
    assert "1 of actions that were not done here" in said.err


def test_a_period(people: People) -> None:
    """--from counts what is decided from then on, all before it known; --to is when time ends, whatever was read."""
    late = people("--from", when(4 * HOUR), "--json", "--answers", "answers.jsonl")
    assert done(late) == [("damaged", "300m", "sorry")]
    assert all(one["at"] >= START + 4 * HOUR for one in decisions(late))
    early = people("--to", when(2 * HOUR + 40 * MINUTE), "--json")
    assert ("cart", "150m", "waiting") in done(early)
    assert "3 after --to left out" in early.err
    # The last cart is from 2h25m: half an hour later nothing more was played, but time is over only at --to.
    assert [one["at"] - START for one in decisions(people("--to", when(3 * HOUR), "--json"))][
        -1
    ] == 175 * MINUTE


def test_against_another(people: People, shop: Path) -> None:
    """Another folder of rules: what is the same, what comes otherwise, and what only one of them does."""
    old = shop / "old"
    old.mkdir()
    for rule in (shop / "rules").iterdir():
        text = (
            rule.read_text().replace("within: 30m", "within: 20m").replace("template: sorry", "template: oh")
        )
        (old / rule.name).write_text(text)
    same = people("--against", "rules", "--exit-code", "cars.jsonl")
    assert same.code == 0
    assert "Nothing differs." in same.err
    assert re.search(r"^cart +0 +0 +0 +0 +1$", same.out, re.M)
    said = people("--against", "old", "--exit-code", "cars.jsonl")
    assert said.code == 1
    marked = [line for line in said.lines if line[:2] in ("+ ", "- ")]
    assert any(line.startswith("+") and "says something else" in line for line in marked)
    # Before, the cart was reminded of while its cookie was nobody's, who had agreed to nothing; then the next one.
    assert any(line.startswith("+") and line.endswith("15m earlier") for line in marked)
    lines = [json.loads(line) for line in people("--against", "old", "--json").lines]
    assert [one["at"] for one in lines] == sorted(one["at"] for one in lines)
    assert {one["difference"] for one in lines} == {"changed", "shifted"}


def test_only_the_rules_that_are_named(people: People, shop: Path) -> None:
    """--rule plays one, also a disabled one; a name that nobody knows is said."""
    rule = shop / "rules" / "cart.yaml"
    rule.write_text(rule.read_text().replace("team: shop", "team: shop\nmode: disabled"))
    assert "Left out, because disabled: cart" in people().err
    assert {each[0] for each in done(people("--rule", "cart", "--json"))} == {"cart"}
    wrong = people("--rule", "cat")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Did you mean 'cart'?" in wrong.err


def test_exit_code(people: People, shop: Path) -> None:
    """1 when anything was done, 0 when nothing was."""
    assert people("--exit-code").code == 1
    write(shop / "events.jsonl", [event(1, "order.placed", 0, email="a@x.example", cart="k", amount=1)])
    assert people("--exit-code").code == 0


def test_what_cannot_be_read(people: People, shop: Path) -> None:
    """Broken lines are counted with their places; the rest is played."""
    with (shop / "events.jsonl").open("a") as file:
        file.write("broken\n")
        file.write(json.dumps(event(20, "cart.updated", DAY, cart="k")) + "\n")
        file.write(json.dumps(event(21, "cart.updated", DAY, email="no address", cart="k")) + "\n")
    (shop / "crm.jsonl").open("a").write('{"mail": "c@x.example"}\n')
    said = people()
    assert said.code == 0
    assert re.search(r"^events +12: 9 taken, 3 dead$", said.out, re.M)
    assert re.search(r"^source records +3: 2 taken, 1 dead$", said.out, re.M)
    assert re.search(r"^dead not_json +1 in events\.jsonl, line 10: ", said.out, re.M)
    assert re.search(
        r"^dead missing_field +1 in events\.jsonl, line 11: the event names no subject", said.out, re.M
    )
    assert re.search(r"^dead bad_identifier +1 in events\.jsonl, line 12: ", said.out, re.M)


def test_an_archive_out_of_order(people: People, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is further back than is looked ahead ends it, with the line, after what stands before was told."""
    monkeypatch.setattr(people_side, "in_order", lambda found, ahead=0: in_order(found, min(ahead, 3)))
    lines = (shop / "events.jsonl").read_text().splitlines(keepends=True)
    (shop / "events.jsonl").write_text("".join([*lines[1:], lines[0]]))
    said = people()
    assert said.code == 2
    assert re.search(r"events\.jsonl:9: what is said there is \d+ s older than what was played", said.err)
    assert re.search(r"^events +8: 8 taken, 0 dead$", said.out, re.M)


def test_wrong_arguments(people: People, telltale: Telltale, shop: Path) -> None:
    """One paragraph, nothing printed, code 2."""
    write(shop / "bad.jsonl", [{"source": "inventory", "value": 3}])
    for wrong, words in (
        (telltale("backtest"), "No archive is given"),
        (telltale("backtest", "--outcomes", "x.jsonl", "cars.jsonl"), "--outcomes is for what rules decide"),
        (telltale("backtest", "--audit", "x.jsonl", "cars.jsonl"), "--audit is for what rules decide"),
        (telltale("backtest", "--events", "none.jsonl"), r"none\.jsonl: No such file"),
        (people("--answers", "bad.jsonl"), r"bad\.jsonl:1: is no answer"),
        (people("--source-records", "crn=crm.jsonl"), "There is no source 'crn'|Did you mean 'crm'"),
        (people("--from", "2026-03-02", "--to", "2026-03-01"), "--to is not after --from"),
    ):
        assert (wrong.code, wrong.out) == (2, "")
        assert re.search(words, wrong.err)
