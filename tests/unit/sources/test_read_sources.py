"""`sources.yaml`: what it declares, and every mistake at once with its place and how to mend it."""

from __future__ import annotations

import pytest

from flows.sources.model import (
    AttributePath,
    ConsentPath,
    IdentifierPath,
    Reconcile,
    RolePath,
    Source,
)
from tests.unit.sources.files import SOURCES, sources


def test_a_source_says_where_everything_stands() -> None:
    """Each entry in its short and its long form; of one kind of identifier several paths."""
    found, mistakes = sources()
    assert mistakes == []
    assert found.systems["crm"] == Source(
        name="crm",
        key="contact_id",
        time="updated_at",
        zone="Europe/Berlin",
        identifiers=(
            IdentifierPath(kind="email", path="mail"),
            IdentifierPath(kind="email", path="contact.work"),
            IdentifierPath(kind="phone", path="phone", country="DE"),
            IdentifierPath(kind="loyalty", path="card_no"),
        ),
        roles=(
            RolePath(role="owner", thing="device", path="vin", since="bought_at", until="sold_at"),
            RolePath(role="member", thing="household", path="home"),
        ),
        attributes=(
            AttributePath(name="language", path="lang"),
            AttributePath(name="score", path="score"),
            AttributePath(name="birth_date", path="born", personal=True),
        ),
        consents=(
            ConsentPath(
                purpose="marketing", path="newsletter", granted=("yes", "true", "1"), at="consent_at"
            ),
            ConsentPath(purpose="service", path="mails"),
        ),
        preferences=(AttributePath(name="channel", path="preferred_channel"),),
        time_zone="tz",
    )
    assert found.readable() == {"language", "score", "channel"}


def test_reconcile_is_by_name_with_a_default() -> None:
    """A word, or the order of the sources."""
    text = (
        "reconcile: {default: most_frequent, language: {source_order: [shop, crm]}, time_zone: last_updated}"
    )
    found, mistakes = sources(SOURCES + text)
    assert mistakes == []
    assert found.default == Reconcile(by="most_frequent")
    assert found.reconcile == {
        "language": Reconcile(by="source_order", order=("shop", "crm")),
        "time_zone": Reconcile(by="last_updated"),
    }


def test_no_sources_are_no_mistake() -> None:
    """Somebody who has none writes so."""
    found, mistakes = sources("sources: {}")
    assert (found.systems, mistakes) == ({}, [])


@pytest.mark.parametrize(
    ("crm", "said"),
    [
        ("time: t", "'key' is missing. Add `key:`."),
        ("key: a..b", "'a..b' is no path"),
        ("key: a\natributes: {}", "Did you mean 'attributes'?"),
        ("key: a\nunit: ms\nzone: Europe/Berlin", "times in ms need no zone"),
        (
            "key: a\nzone: Europe/Berlim",
            "there is no time zone 'Europe/Berlim'. Did you mean 'Europe/Berlin'?",
        ),
        (
            "key: a\nidentifiers: {device: vin}",
            "a thing never joins two people, and 'device' is a kind of thing",
        ),
        ("key: a\nidentifiers: {E-Mail: m}", "'E-Mail' is no kind of identifier"),
        ("key: a\nidentifiers: {customer: m}", "'customer' is no kind of identifier"),
        ("key: a\nidentifiers: {email: }", "'from' is missing"),
        ("key: a\nidentifiers: {email: {form: m}}", "Did you mean 'from'?"),
        ("key: a\nidentifiers: {phone: {from: p, country: UK}}", "there is no country 'UK'"),
        ("key: a\nidentifiers: {email: {from: m, country: DE}}", "only phone numbers have a country"),
        ("key: a\nroles: [{role: owner}]", "a role is to exactly one kind of thing"),
        ("key: a\nroles: [{role: owner, device: d, order: o}]", "a role is to exactly one kind of thing"),
        ("key: a\nroles: [{device: d}]", "'role' is missing"),
        ("key: a\nroles: [{role: The Owner, device: d}]", "'The Owner' cannot be a role"),
        ("key: a\nroles: {role: owner, device: d}", "a list is needed"),
        ("key: a\nattributes: {full name: n}", "'full name' cannot be a name here"),
        ("key: a\nattributes: {stage: s}", "'stage' has a meaning of its own in profiles"),
        (
            "key: a\nattributes: {email: m}\nidentifiers: {email: m}",
            "'email' is a kind of identifier already",
        ),
        ("key: a\nattributes: {crm: m}", "'crm' is a kind of identifier already"),
        (
            "key: a\nattributes: {n: a}\npreferences: {n: b}",
            "'n' is an attribute here, and a preference of 'crm'",
        ),
        ("key: a\nattributes: {n: {from: a, personal: yes}}", "a truth is needed"),
        ("key: a\npreferences: {n: {from: a, personal: true}}", "unknown field 'personal'"),
        ("key: a\nconsent: newsletter", "a consent is for a purpose, and none is named"),
        ("key: a\nconsent: {from: newsletter}", "a consent is for a purpose, and none is named"),
        ("key: a\nconsent: {Marketing: newsletter}", "'Marketing' cannot be a purpose"),
        ("key: a\nconsent: {marketing: {from: n, granted: []}}", "nothing would ever be a yes"),
        ("key: a\nconsent: {marketing: {from: n, granted: [null]}}", "a text is needed"),
    ],
)
def test_a_wrong_source_is_refused(crm: str, said: str) -> None:
    """With its line, and with what to write instead."""
    indented = "\n".join(f"    {line}" for line in crm.splitlines())
    _, mistakes = sources(f"sources:\n  crm:\n{indented}\n")
    assert said in "\n".join(mistakes)
    assert all(mistake.startswith("sources.yaml:") for mistake in mistakes)


@pytest.mark.parametrize(
    ("reconcile", "said"),
    [
        (
            "{lang: most_frequent}",
            "no source has an attribute or a preference 'lang'. Did you mean 'language'?",
        ),
        ("{default: newest}", "'newest' is no way to reconcile"),
        ("{language: source_order}", "'source_order' is no way to reconcile"),
        ("{language: {source_order: [crn]}}", "there is no source 'crn'. Did you mean 'crm'?"),
        ("{language: {source_order: [crm, crm]}}", "the source 'crm' is named twice"),
        ("{language: {}}", "'source_order' is missing"),
    ],
)
def test_a_wrong_reconciliation_is_refused(reconcile: str, said: str) -> None:
    """What it names must be there."""
    assert said in "\n".join(sources(f"{SOURCES}reconcile: {reconcile}\n")[1])


def test_what_is_personal_in_one_source_is_so_in_all() -> None:
    """Else a rule could read from one what the other keeps in the vault."""
    text = SOURCES.replace("{from: birthday, personal: true}", "birthday")
    _, mistakes = sources(text)
    assert len(mistakes) == 1
    assert "'birth_date' is an attribute here, and a personal attribute of 'crm'" in mistakes[0]
    assert mistakes[0].startswith("sources.yaml:29:")


def test_all_mistakes_come_at_once() -> None:
    """One pass finds them in every part of the document."""
    _, mistakes = sources(
        "sources:\n  Crm: {key: a}\n  shop: {zone: x}\n  web: {key: a, roles: [1]}\nreconcil: {}\n"
    )
    assert len(mistakes) == 5
