"""What the topics are called, and which are created."""

from __future__ import annotations

from flows.topics.names import DECISIONS_KEPT_MS, TopicNames


def test_the_prefix_stands_before_every_name() -> None:
    """A second installation on the same cluster shares no topic and no group with the first."""
    names = TopicNames("acme.")
    own = [spec.name for spec in names.own_topics(4, ["notify"], ["safety"])]
    assert names.telemetry("telemetry") == "acme.telemetry"
    assert names.group("telltale-outbox") == "acme.telltale-outbox"
    assert names.actions("open_case", "service") == "acme.actions.open_case.service"
    assert all(name.startswith("acme.") for name in own)


def test_own_topics_are_compacted_kept_or_plain_as_their_use_demands() -> None:
    """What is asked by key is compacted, what binds is kept by time, rule sets are in one partition: no more."""
    names = TopicNames()
    own = names.own_topics(4, ["notify", "open_case"], ["safety", "service"])
    by_key = {"things", "identity", "rules", "profiles", "consents", "clocks"}
    assert {spec.name for spec in own if spec.compacted} == by_key
    kept = {spec.name: spec.retention_ms for spec in own if spec.retention_ms}
    assert kept == dict.fromkeys(("decisions", "handoffs"), DECISIONS_KEPT_MS)
    assert {spec.name for spec in own if spec.partitions != 4} == {"rules"}
    assert len({spec.name for spec in own}) == len(own)


def test_there_is_a_topic_of_actions_for_each_kind_on_each_lane() -> None:
    """Each connector reads its kind's lanes and no other's."""
    own = {spec.name for spec in TopicNames().own_topics(1, iter(["a", "b"]), iter(["x", "y"]))}
    assert {name for name in own if name.startswith("actions.")} == {
        "actions.a.x",
        "actions.a.y",
        "actions.b.x",
        "actions.b.y",
    }
