"""Rule sets on their topic, on a real embedded bus."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flows.errors import RuleSetMissing, RuleSetTooBig, RulesWrong
from flows.rules.load import Configuration, compile_documents
from flows.rules.published import KEPT, PublishedSet, RuleSets, publish
from flows.topics.names import TopicNames
from flows.topics.port import Topics, TopicSpec, read_latest
from flows.topics.sqlite import SqliteTopics
from tests.unit.rules.test_starter import starter

NAMES = TopicNames("x.")
PARTITIONS = 3


@pytest.fixture
def topics(tmp_path: Path) -> Topics:
    """A bus with the topic of the rules."""
    found = SqliteTopics(tmp_path / "topics.db")
    found.create([TopicSpec(NAMES.rules, PARTITIONS, compacted=True)])
    return found


def clock() -> int:
    """A time that does not go on."""
    return 1_000


def changed(configuration: Configuration, about: str) -> Configuration:
    """The same with another text in one rule."""
    documents = configuration.documents
    rules = {**documents.rules, "complaint.yaml": {**documents.rules["complaint.yaml"], "about": about}}
    return compile_documents(msgspec.structs.replace(documents, rules=rules))


def values(topics: Topics) -> dict[bytes, PublishedSet]:
    """What is on the topic."""
    found: dict[bytes, PublishedSet] = {}
    for partition in range(PARTITIONS):
        for key, message in read_latest(topics, NAMES.rules, partition)[0].items():
            assert message.value is not None
            found[key] = msgspec.json.decode(message.value, type=PublishedSet)
    return found


def test_a_set_is_published_whole_under_its_number(topics: Topics) -> None:
    """Numbers count up for each tenant, and each keeps its own key."""
    first = starter()
    second = changed(first, "Another text.")
    assert [publish(topics, NAMES, each, "acme", clock) for each in (first, second)] == [1, 2]
    assert publish(topics, NAMES, first, "other", clock) == 1
    found = values(topics)
    assert set(found) == {b"acme/1", b"acme/2", b"other/1"}
    assert found[b"acme/2"].documents() == second.documents
    assert (found[b"acme/2"].number, found[b"acme/2"].tenant, found[b"acme/2"].at) == (2, "acme", 1_000)


def test_the_same_set_is_not_published_twice(topics: Topics) -> None:
    """A restart that publishes what is in force changes nothing; going back to an older one does."""
    first = starter()
    second = changed(first, "Another text.")
    numbers = [publish(topics, NAMES, each, "acme", clock) for each in (first, first, second, second, first)]
    assert numbers == [1, 1, 2, 2, 3]


def test_a_process_reads_what_is_there_and_then_what_is_new(topics: Topics) -> None:
    """The newest is in force, and older numbers can still be had."""
    sets = RuleSets(topics, NAMES, "acme")
    assert not sets.poll()
    assert sets.newest is None
    with pytest.raises(RuleSetMissing, match="telltale rules publish"):
        _ = sets.current
    first = starter()
    publish(topics, NAMES, first, "acme", clock)
    publish(topics, NAMES, first, "other", clock)
    assert sets.poll()
    assert not sets.poll()
    one = sets.current
    publish(topics, NAMES, changed(first, "Another text."), "acme", clock)
    assert sets.current is one
    assert sets.poll()
    assert sets.current.number == 2
    assert sets.get(1) is one
    late = RuleSets(topics, NAMES, "acme")
    assert late.poll()
    assert late.current.number == 2
    assert late.get(1).fingerprint == one.fingerprint
    with pytest.raises(RuleSetMissing, match="rule set 7"):
        late.get(7)
    sets.close()
    late.close()


def test_a_published_set_means_what_its_files_meant(topics: Topics) -> None:
    """Rules, streams, purposes and profile come back equal, fingerprints too."""
    configuration = starter()
    publish(topics, NAMES, configuration, "acme", clock)
    sets = RuleSets(topics, NAMES, "acme")
    sets.poll()
    found, meant = sets.current, configuration.rule_set("acme", 1)
    without = {"file": ""}
    assert [msgspec.structs.replace(rule, **without) for rule in found.rules] == [
        msgspec.structs.replace(rule, **without) for rule in meant.rules
    ]
    assert (found.streams, found.purposes, found.profile) == (meant.streams, meant.purposes, meant.profile)
    assert (found.number, found.tenant, found.fingerprint) == (1, "acme", meant.fingerprint)


def test_a_set_that_cannot_be_compiled_is_told_once_and_the_one_before_stays(topics: Topics) -> None:
    """A newer version may publish words that this one does not have."""
    configuration = starter()
    publish(topics, NAMES, configuration, "acme", clock)
    sets = RuleSets(topics, NAMES, "acme")
    sets.poll()
    wrong = msgspec.structs.replace(values(topics)[b"acme/1"], number=2, rules={"new.yaml": {"rule": "new"}})
    writer = topics.writer()
    writer.write(NAMES.rules, msgspec.json.encode(wrong), key=b"acme/2")
    writer.close()
    with pytest.raises(RulesWrong, match=r"x\.rules/acme/2/new\.yaml: "):
        sets.poll()
    assert sets.current.number == 1
    assert not sets.poll()


def test_the_oldest_sets_are_removed(topics: Topics) -> None:
    """The topic does not grow for ever, and a process forgets with it."""
    configuration = starter()
    publish(topics, NAMES, configuration, "acme", clock)
    first = values(topics)[b"acme/1"]
    writer = topics.writer()
    for number in range(2, KEPT + 1):
        older = msgspec.structs.replace(first, number=number, fingerprint=str(number))
        writer.write(NAMES.rules, msgspec.json.encode(older), key=f"acme/{number}".encode())
    writer.close()
    sets = RuleSets(topics, NAMES, "acme")
    sets.poll()
    assert sets.get(1).number == 1
    assert publish(topics, NAMES, configuration, "acme", clock) == KEPT + 1
    assert sorted(found.number for found in values(topics).values()) == list(range(2, KEPT + 2))
    sets.poll()
    assert sets.current.number == KEPT + 1
    with pytest.raises(RuleSetMissing):
        sets.get(1)


def test_a_set_that_no_message_can_hold_is_refused(topics: Topics) -> None:
    """Before anything is written."""
    with pytest.raises(RuleSetTooBig):
        publish(topics, NAMES, changed(starter(), "x" * 1_000_000), "acme", clock)
    assert values(topics) == {}
