"""`telltale identity`, on a database that the service's own intake filled, and its judgements taken in again."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.cli import scan
from flows.cli.identity_view import masked
from flows.identity.evidence import Batch
from flows.identity.intake import Intake
from flows.identity.judgements import judgements_of
from flows.identity.keeping import Keeping
from flows.identity.matching import Matching
from flows.identity.seals import MasterKey
from flows.identity.store import open_store
from flows.identity.writer import writing
from flows.rules.people import load_people
from flows.schema import Audit, Event
from flows.settings import load_settings
from flows.sources.mapping import Mapper
from flows.topics.sqlite import SqliteTopics
from tests.command import Said, Telltale

KEY = "sixteen characters or more"
SOURCES = """\
sources:
  crm:
    key: id
    identifiers: {email: mail, phone: phone}
    roles: [{role: owner, device: vin}]
    attributes: {language: lang, name: {from: name, personal: true}}
    consent: {marketing: newsletter}
  shop:
    key: id
    identifiers: {email: mail, phone: phone}
    attributes: {language: lang}
"""
IDENTITY = """\
kinds:
  crm: {per_person: 1}
  email: {shared_above: 2}
match: [email]
"""
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("crm", {"id": "0031", "mail": "Ada@Example.com", "phone": "+4930123417", "name": "Ada Lovelace",
             "lang": "en", "newsletter": "no", "vin": "veh-17"}),
    ("shop", {"id": "77", "mail": "ada@example.com", "lang": "de"}),
    ("crm", {"id": "0032", "mail": "bob@example.com", "phone": "+4930123417"}),
]  # fmt: skip
NOBODY = "customer:000000000000"


class World:
    """A project whose identity database is fed as the service would."""

    def __init__(self, folder: Path) -> None:
        self._settings = load_settings(folder / "telltale.toml", {})
        self._sources, self._rules = load_people(self._settings)
        self._mapper = Mapper(self._sources, self._rules, b"tenant")
        self._chance, self._read, self._minute = random.Random(3), 0, 0
        self.bus = SqliteTopics(folder / "state" / "topics.db")

    def rows(self, *rows: tuple[str, dict[str, Any]], year: int = 2026) -> None:
        """Take in rows of a day in March, a minute after each other."""
        records = [
            self._mapper.record_of(
                Event(
                    id=secrets.token_hex(4),
                    source=source,
                    type="record.changed",
                    subject="",
                    time=f"{year}-03-01T08:{self._next():02}:00Z",
                    data=data,
                )
            )
            for source, data in rows
        ]
        self._take(Batch(records=tuple(records)))

    def audits(self) -> list[Audit]:
        """All that was written down, in the order of the wall clock."""
        return sorted(scan.values(self.bus, "audit", Audit), key=lambda entry: entry.at)

    def judge(self) -> None:
        """Take in what was judged since the last time."""
        entries = self.audits()
        self._take(Batch(judgements=tuple(j for e in entries[self._read :] for j in judgements_of(e))))
        self._read = len(entries)

    def _next(self) -> int:
        self._minute += 1
        return self._minute

    def _take(self, batch: Batch) -> None:
        settings = self._settings
        store = open_store(settings.identity.database, settings.path("."))
        master = MasterKey(KEY, secrets.token_bytes)
        matching = Matching(self._rules, self._sources.systems)
        keeping = Keeping(settings.tenant, master)
        try:
            with store.begin() as connection:
                Intake(matching, self._sources, b"tenant", self._chance, keeping).take(connection, batch)
        finally:
            store.close()


@pytest.fixture
def empty(project: Path, bus: SqliteTopics, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two sources and nothing taken in."""
    bus.close()
    (project / "sources.yaml").write_text(SOURCES)
    (project / "identity.yaml").write_text(IDENTITY)
    monkeypatch.setenv("TELLTALE_TENANT_KEY", "tenant")
    monkeypatch.setenv("TELLTALE_IDENTITY_VAULT_KEY", KEY)
    monkeypatch.setenv("USER", "kim")
    return project


@pytest.fixture
def world(empty: Path) -> World:
    """Ada, whom CRM and shop know, and Bob."""
    world = World(empty)
    world.rows(*ROWS)
    return world


@pytest.fixture
def customer(world: World, telltale: Telltale) -> Callable[[str], str]:
    """The customer who has a handle."""

    def of(handle: str) -> str:
        return json.loads(telltale("identity", "show", handle, "-o", "json").out)["customer"]

    assert world.audits() == []
    return of


def judged(world: World, said: Said) -> Said:
    """What a judgement said, after the service took it in."""
    assert said.code == 0, said.err
    world.judge()
    return said


@pytest.mark.usefixtures("world")
def test_a_customer_is_shown_with_masked_values(telltale: Telltale) -> None:
    """Identifiers, attributes with who said them when, consent, role and rows, and no value in clear."""
    said = telltale("identity", "show", "email:ADA@example.com")
    assert said.code == 0
    assert said.lines[0].startswith("customer:")
    for wanted in ("a…@example.com", "language  de  (shop, 2026-03-01 08:02:00)", "name      A…", "no  (crm"):
        assert wanted in said.out
    assert "owner of device:veh-17" in said.out
    assert "of others, too" in said.out
    assert not any(secret in said.out + said.err for secret in ("ada@", "Lovelace", "0031", "30123"))


def test_values_are_shown_when_asked_for_and_that_is_written_down(world: World, telltale: Telltale) -> None:
    """Who, whom and why stand in `audit`; the values do not."""
    said = telltale("identity", "show", "crm:0031", "--reveal", "--reason", "she called")
    for value in ("ada@example.com", "+4930123417", "Ada Lovelace", "0031"):
        assert value in said.out
    (entry,) = world.audits()
    assert (entry.who, entry.command, entry.reason) == ("kim", "identity reveal", "she called")
    assert entry.what == {"customer": said.lines[0]}


def test_an_id_a_token_and_a_handle_show_the_same(customer: Callable[[str], str], telltale: Telltale) -> None:
    """The handle in whatever spelling; each of them is one customer."""
    found = telltale("identity", "show", "email:ada@EXAMPLE.com", "-o", "json")
    shown = json.loads(found.out)
    token = next(each["token"] for each in shown["identifiers"] if each["value"] == "a…@example.com")
    assert {customer(each) for each in (token, shown["customer"], "shop:77", "crm:0031")} == {
        shown["customer"]
    }


@pytest.mark.usefixtures("world")
def test_without_the_vaults_key_tokens_are_shown_alone(
    telltale: Telltale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Showing values then fails and says what is missing."""
    monkeypatch.delenv("TELLTALE_IDENTITY_VAULT_KEY")
    said = telltale("identity", "show", "crm:0031")
    assert said.code == 0
    assert "…@" not in said.out
    assert "`identity.vault_key` is not set here" in said.err
    assert telltale("identity", "show", "crm:0031", "--reveal").code == 2


def test_why_is_a_chain_of_evidence(world: World, telltale: Telltale) -> None:
    """From the row of one system over the address to the row of the other."""
    said = telltale("identity", "why", "crm:0031", "shop:77")
    assert "by 2 pieces of evidence" in said.err
    assert [line.split()[0].partition(":")[0] for line in said.lines] == ["evidence", "crm", "shop"]
    assert all("email:a…@example.com" in line for line in said.lines[1:])
    assert said.lines[2].endswith("email")
    steps = [
        json.loads(line) for line in telltale("identity", "why", "crm:0031", "shop:77", "-o", "json").lines
    ]
    assert [step["source"] for step in steps] == ["crm", "shop"]
    assert world.audits() == []


@pytest.mark.usefixtures("world")
def test_why_not_says_what_is_missing(telltale: Telltale) -> None:
    """A phone number in common that no rule lets join, and the pointer from one command to the other."""
    assert "why-not" in telltale("identity", "why", "crm:0031", "crm:0032").err
    said = telltale("identity", "why-not", "crm:0031", "crm:0032")
    assert said.out == "plain: both hold phone:+49…17, but no rule of `match` says that phone joins\n"
    assert "They are one person" in telltale("identity", "why-not", "crm:0031", "shop:77").err
    assert telltale("identity", "why-not", "crm:0031", "crm:9").out.startswith(
        "unknown: no evidence names crm:"
    )


def test_a_merge_holds_against_a_limit_until_a_split_undoes_it(
    world: World, customer: Callable[[str], str], telltale: Telltale
) -> None:
    """One person may have one row of the CRM, and a person judged otherwise; a later split says whom it overrules."""
    assert customer("crm:0031") != customer("crm:0032")
    merge = telltale("identity", "merge", "email:bob@example.com", "crm:0031", "--reason", "married")
    assert judged(world, merge).out == "Judged: 1 pair.\n"
    assert customer("crm:0031") == customer("crm:0032")
    why = telltale("identity", "why", "crm:0031", "crm:0032").out
    assert "judgement" in why
    assert "married" in why
    split = telltale(
        "identity", "split", "crm:0032", "--from", "crm:0031", "--reason", "divorced", "--who", "lee"
    )
    assert "This overrules the merge of" in judged(world, split).err
    assert "by kim" in split.err
    assert customer("crm:0031") != customer("crm:0032")
    why_not = telltale("identity", "why-not", "crm:0032", "crm:0031").out
    assert "split: lee judged that" in why_not
    assert "divorced" in why_not
    again = telltale("identity", "merge", "crm:0031", "crm:0032", "--reason", "again")
    assert "This overrules the split of" in judged(world, again).err
    assert customer("crm:0031") == customer("crm:0032")


def test_merging_there_and_back_is_harmless(
    world: World, customer: Callable[[str], str], telltale: Telltale
) -> None:
    """B into A after A into B changes nothing, and says so."""
    judged(world, telltale("identity", "merge", "crm:0031", "crm:0032", "--reason", "one"))
    before = customer("crm:0031")
    said = judged(world, telltale("identity", "merge", "crm:0032", "crm:0031", "--reason", "two"))
    assert "They are one person already" in said.err
    assert customer("crm:0031") == customer("crm:0032") == before


def test_who_was_erased_is_gone_with_their_values(
    world: World, customer: Callable[[str], str], telltale: Telltale
) -> None:
    """Rows that are delivered again do not bring them back; a newer row begins a new customer."""
    ada = customer("crm:0031")
    said = judged(world, telltale("identity", "erase", "crm:0031", "--reason", "asked to be forgotten"))
    assert said.out == f"{ada} is to be forgotten, with 2 rows and 3 identifiers.\n"
    gone = telltale("identity", "show", ada)
    assert (gone.code, gone.out) == (2, "")
    assert "was erased" in gone.err
    world.rows(*ROWS[:2])
    assert telltale("identity", "show", "crm:0031").code == 2
    assert customer("crm:0032") != ada
    assert "was erased" in telltale("identity", "why-not", ada, "crm:0032").out
    world.rows(ROWS[0], year=2999)
    assert customer("crm:0031") not in (ada, customer("crm:0032"))


def test_who_has_a_row_from_the_future_is_forgotten_with_it(
    world: World, customer: Callable[[str], str], telltale: Telltale
) -> None:
    """A clock that was years ahead does not keep a row from being erased, nor brings it back."""
    world.rows(("crm", {"id": "9", "mail": "eve@example.com"}), year=2999)
    eve = customer("crm:9")
    judged(world, telltale("identity", "erase", "email:eve@example.com", "--reason", "asked"))
    for handle in ("crm:9", "email:eve@example.com", eve):
        assert telltale("identity", "show", handle).code == 2


def test_what_was_judged_not_to_be_theirs_is_shown_as_judged_alone(world: World, telltale: Telltale) -> None:
    """An address that a person split off stands no more among the identifiers of the row that names it."""
    split = ("identity", "split", "email:ada@example.com", "--from", "crm:0031", "--reason", "her son's")
    judged(world, telltale(*split))
    found = json.loads(telltale("identity", "show", "crm:0031", "-o", "json").out)
    assert "email" not in {each["token"].partition(":")[0] for each in found["identifiers"]}
    assert {each["kind"] for each in found["judgements"]} == {"split"}


def test_another_secret_takes_over_the_vault(
    world: World, telltale: Telltale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one opens what the old one sealed, the old one nothing; neither stands in `audit` or on the screen."""
    new = "another secret, long enough"
    arguments = ("identity", "reseal", "--new-key-from", "NEW_KEY", "--reason", "a laptop was lost")
    assert telltale(*arguments).code == 2
    monkeypatch.setenv("NEW_KEY", KEY)
    assert "in force" in telltale(*arguments).err
    monkeypatch.setenv("NEW_KEY", "short")
    assert telltale(*arguments).code == 2
    assert world.audits() == []
    monkeypatch.setenv("NEW_KEY", new)
    with (
        closing(open_store("sqlite:///state/identity.db", Path.cwd())) as store,
        writing(store),
    ):
        assert "Another process writes" in telltale(*arguments).err
    assert world.audits() == []
    said = telltale(*arguments)
    assert (said.code, said.out) == (0, "2 keys sealed anew.\n")
    (entry,) = world.audits()
    assert (entry.who, entry.command, entry.what) == ("kim", "identity reseal", {})
    assert new not in said.out + said.err + entry.reason
    assert telltale("identity", "show", "crm:0031").code == 2
    monkeypatch.setenv("TELLTALE_IDENTITY_VAULT_KEY", new)
    assert "a…@example.com" in telltale("identity", "show", "crm:0031").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", NOBODY), "Nobody has that id"),
        (("show", "email:nobody@example.com"), "No evidence names it, or several do"),
        (("show", "phone:+4930123417"), "No evidence names it, or several do"),
        (("show", "device:veh-17"), "things are nobody"),
        (("show", "email:none"), "the e-mail address is none"),
        (("show", "ada"), "no handle of the form kind:value"),
        (("merge", "crm:0031", "crm:0031", "--reason", "x"), "one and the same already"),
        (("split", "shop:77", "--from", NOBODY, "--reason", "x"), "Nobody has that id"),
        (("erase", "crm:9", "--reason", "x"), "No evidence names it"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_paragraph(
    world: World, telltale: Telltale, arguments: tuple[str, ...], words: str
) -> None:
    """With exit code 2, nothing on standard output, and nothing written down."""
    said = telltale("identity", *arguments)
    assert (said.code, said.out) == (2, "")
    assert words in " ".join(said.err.split())
    assert world.audits() == []


@pytest.mark.usefixtures("empty")
def test_before_the_service_ran_there_is_nothing_to_show(telltale: Telltale) -> None:
    """The database is not made by looking for it."""
    said = telltale("identity", "show", "crm:0031")
    assert said.code == 2
    assert "telltale run identity" in said.err
    assert not Path("state/identity.db").exists()


def test_masks_tell_apart_and_give_nothing_away() -> None:
    """As much of each kind as helps to recognise it."""
    assert masked("email", "ada.b@example.com") == "a…@example.com"
    assert masked("phone", "+4930123417") == "+49…17"
    assert masked("phone", "+4911") == "+…"
    assert masked("name", "Ada") == "A…"
    assert masked("crm", "31") == "…"


@pytest.mark.usefixtures("world")
def test_a_database_that_is_none_or_anothers_is_refused(
    telltale: Telltale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with one paragraph: the wrong kind of URL, and the database of another tenant."""
    assert telltale("identity", "show", "crm:0031").code == 0
    monkeypatch.setenv("TELLTALE_TENANT", "other")
    assert telltale("identity", "show", "crm:0031").code == 2
    monkeypatch.setenv("TELLTALE_IDENTITY_DATABASE", "mysql://here")
    assert telltale("identity", "show", "crm:0031").code == 2
