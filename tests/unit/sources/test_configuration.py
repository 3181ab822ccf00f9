"""Sources and identity in the whole configuration: checked against the other files, published with the rules."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flows.errors import RulesWrong
from flows.rules.load import Configuration, compile_documents, load_configuration
from flows.rules.people import load_people
from flows.rules.published import RuleSets, publish
from flows.settings import Settings
from flows.topics.names import TopicNames
from flows.topics.port import TopicSpec
from flows.topics.sqlite import SqliteTopics
from tests.unit.sources.files import IDENTITY, SOURCES, identity, sources

STREAMS = "streams: {}\nevents: {page.seen: {identifiers: {cookie: id}}}\n"
PURPOSES = "purposes: {marketing.cart: {}, service: {}}\n"
RULE = """\
rule: hello
event: page.seen
customer: owner
guard: profile.language == "de"
do:
  - notify: {purpose: service, template: hello}
limits: [{per: rule, at_most: 1000, every: 1h}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with sources, and a rule that reads what they tell."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "hello.yaml").write_text(RULE)
    files = {"streams": STREAMS, "purposes": PURPOSES, "sources": SOURCES, "identity": f"{IDENTITY}\n"}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def load(folder: Path) -> Configuration:
    """What its files say."""
    return load_configuration(Settings(folder=str(folder)))


def mistakes(folder: Path) -> str:
    """What is wrong with its files."""
    with pytest.raises(RulesWrong) as error:
        load(folder)
    return str(error.value)


def test_they_are_part_of_the_rule_set(folder: Path) -> None:
    """As they are by themselves."""
    found = load(folder).rule_set("acme")
    assert (found.sources, found.identity) == (sources()[0], identity()[0])
    assert load_people(Settings(folder=str(folder))) == (found.sources, found.identity)


def test_a_published_set_holds_them(folder: Path, tmp_path: Path) -> None:
    """Whoever reads the topic has what was published; a change of them alone is another set."""
    topics, names = SqliteTopics(tmp_path / "topics.db"), TopicNames("")
    topics.create([TopicSpec(names.rules, 1, compacted=True)])
    first = load(folder)
    assert publish(topics, names, first, "acme", lambda: 0) == 1
    sets = RuleSets(topics, names, "acme")
    sets.poll()
    assert (sets.current.sources, sets.current.identity) == (first.sources, first.identity)
    (folder / "identity.yaml").write_text("match: [loyalty]\n")
    assert publish(topics, names, load(folder), "acme", lambda: 0) == 2
    sets.poll()
    assert sets.current.identity.match == (("loyalty",),)
    sets.close()


def test_without_them_a_set_is_what_it_was(folder: Path) -> None:
    """Files that are not there, and a document that declares nothing, change no fingerprint."""
    (folder / "rules" / "hello.yaml").unlink()
    for name in ("sources", "identity"):
        (folder / f"{name}.yaml").unlink()
    none = load(folder)
    (folder / "sources.yaml").write_text("sources: {}\n")
    (folder / "identity.yaml").write_text("{}\n")
    assert load(folder).documents == none.documents
    older = msgspec.structs.replace(none.documents, sources={}, identity={})
    assert compile_documents(older).rule_set("acme") == none.rule_set("acme")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "sources.yaml",
            "service: mails",
            "servis: mails",
            "no purpose needs the consent 'servis'. Did you mean 'service'?",
        ),
        ("sources.yaml", "language: lang", "lang: lang", "'profile.language'"),
        ("rules/hello.yaml", "profile.language", "profile.birth_date", "'profile.birth_date'"),
        ("identity.yaml", "loyalty", "loyalti", "Did you mean 'loyalty'?"),
        ("streams.yaml", "cookie", "cooky", "Did you mean 'cooky'?"),
    ],
)
def test_what_one_file_says_of_another_must_be_there(
    folder: Path, file: str, old: str, new: str, said: str
) -> None:
    """Consents, attributes that rules read (never personal ones), kinds that match."""
    (folder / "identity.yaml").write_text("match: [email, loyalty, cookie]\n")
    assert load(folder).identity.match == (("email",), ("loyalty",), ("cookie",))
    path = folder / file
    path.write_text(path.read_text().replace(old, new, 1))
    assert said in mistakes(folder)


def test_a_value_of_the_profile_and_an_attribute_have_different_names(folder: Path) -> None:
    """Else nobody could say which of them profile.language is."""
    (folder / "profile.yaml").write_text("values: {language: {event: page.seen, take: count}}\n")
    assert "'language' is a value of the profile already" in mistakes(folder)
    assert "sources.yaml:15:7" in mistakes(folder)


def test_a_file_that_is_named_must_be_there(folder: Path) -> None:
    """Only the default names may be missing."""
    with pytest.raises(RulesWrong, match=r"crm\.yaml.*cannot be read"):
        load_configuration(Settings(folder=str(folder), sources="crm.yaml"))
    with pytest.raises(RulesWrong, match=r"who\.yaml.*cannot be read"):
        load_people(Settings(folder=str(folder), matching="who.yaml"))
