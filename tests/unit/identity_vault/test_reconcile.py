"""One person of many records: against an oracle that asks every record in turn, in any order."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.identity.reconcile import MOST_PURPOSES, person_of, personal_of
from flows.schema_people import Attested, Consent, Person, Value
from flows.sources.model import AttributePath, Reconcile, ReconcileBy, Source, SourceRecord, Sources

SYSTEMS = ("app", "crm", "shop")


def systems(**reconcile: Reconcile) -> Sources:
    """Three systems of one shape, whose attribute `name` is personal."""
    attributes = (
        AttributePath(name="language", path="lang"),
        AttributePath(name="segment", path="segment"),
        AttributePath(name="name", path="name", personal=True),
    )
    channel = (AttributePath(name="channel", path="channel"),)
    each = {name: Source(name=name, key="id", attributes=attributes, preferences=channel) for name in SYSTEMS}
    return Sources(systems=each, reconcile=reconcile)


def said(value: Value, source: str = "crm", at: int = 1) -> Attested:
    return Attested(value=value, source=source, at=at)


def row(handle: str, at: int = 1, **fields: object) -> SourceRecord:
    return msgspec.structs.replace(
        SourceRecord(source=handle.split(":", maxsplit=1)[0], handle=handle, at=at), **fields
    )


VALUES = st.sampled_from(["de", "en", "fr", 1, 1.0, 2, True, False, None])


@st.composite
def records(draw: st.DrawFn) -> list[SourceRecord]:
    """Versions of a few rows, with times that collide."""
    made: list[SourceRecord] = []
    for _ in range(draw(st.integers(0, 8))):
        source = draw(st.sampled_from(SYSTEMS))
        at = draw(st.integers(0, 4))

        def attested(source: str = source) -> Attested:
            return Attested(value=draw(VALUES), source=source, at=draw(st.integers(0, 4)))

        names = draw(st.sets(st.sampled_from(["language", "segment", "name", "unheard_of"])))
        purposes = draw(st.sets(st.sampled_from(["marketing", "service"])))
        made.append(
            SourceRecord(
                source=source,
                handle=f"{source}:{draw(st.integers(0, 1))}",
                at=at,
                deleted=draw(st.integers(0, 5)) == 0,
                attributes={name: attested() for name in sorted(names)},
                preferences={"channel": attested()} if draw(st.booleans()) else {},
                consents={
                    purpose: Consent(granted=draw(st.booleans()), source=source, at=draw(st.integers(0, 4)))
                    for purpose in sorted(purposes)
                },
                time_zone=attested() if draw(st.booleans()) else None,
            )
        )
    return made


def oracle_value(words: list[Attested], how: Reconcile) -> tuple[Value, int] | None:
    """What is believed, by striking out one word after the other that another beats."""
    left = [word for word in words if word.value is not None]

    def same(a: Value, b: Value) -> bool:
        return a == b and isinstance(a, bool) == isinstance(b, bool)

    def keep(beats: list[float]) -> None:
        nonlocal left
        left = [word for word, score in zip(left, beats, strict=True) if score == max(beats)]

    if not left:
        return None
    if how.by == "source_order":
        order = [*how.order, *(s for s in SYSTEMS if s not in how.order)]
        keep([-min(order.index(word.source), len(how.order)) for word in left])
    if how.by == "most_frequent":
        keep([sum(same(word.value, other.value) for other in left) for word in left])
        # Ties by value, which is what the words themselves are ordered by.
        best = max(left, key=lambda w: rank(w.value))
        left = [word for word in left if same(word.value, best.value)]
    keep([word.at for word in left])
    best = max(left, key=lambda w: rank(w.value))
    return best.value, best.at


def rank(value: Value) -> tuple[int, object]:
    if isinstance(value, bool):
        return 0, value
    return (2, value) if isinstance(value, str) else (1, value)


def standing(found: list[SourceRecord]) -> list[SourceRecord]:
    """The rows whose last version is no deletion; of versions of one time any, unless one deletes."""
    rows: dict[str, list[SourceRecord]] = {}
    for record in found:
        rows.setdefault(record.handle, []).append(record)
    last = [[r for r in each if r.at == max(x.at for x in each)] for each in rows.values()]
    return [each[0] for each in last if not any(r.deleted for r in each)]


def one_version(found: list[SourceRecord]) -> list[SourceRecord]:
    """Without rows that say two things at one time: the oracle does not say which of them counts."""
    return list({(r.handle, r.at): r for r in found}.values())


HOW = st.builds(
    Reconcile,
    by=st.sampled_from(["last_updated", "most_frequent", "source_order"]),
    order=st.lists(st.sampled_from(SYSTEMS), unique=True).map(tuple),
)


@settings(max_examples=120)
@given(records(), HOW)
def test_what_is_believed_is_what_is_left_when_all_weaker_words_are_struck_out(
    found: list[SourceRecord], how: Reconcile
) -> None:
    """Attributes, preferences and zone are those of the oracle, and nothing undeclared or personal is among them."""
    sources = systems(language=how, channel=how, time_zone=how)
    once = one_version(found)
    person = person_of(once, sources)
    rows = standing(once)

    def expected(words: list[Attested], by: Reconcile = how) -> tuple[Value, int] | None:
        return oracle_value(words, by)

    def given_as(attested: Attested | None) -> tuple[Value, int] | None:
        return None if attested is None else (attested.value, attested.at)

    language = [r.attributes["language"] for r in rows if "language" in r.attributes]
    segment = [r.attributes["segment"] for r in rows if "segment" in r.attributes]
    channel = [r.preferences["channel"] for r in rows if "channel" in r.preferences]
    assert given_as(person.attributes.get("language")) == expected(language)
    assert given_as(person.attributes.get("segment")) == expected(segment, Reconcile())
    assert given_as(person.preferences.get("channel")) == expected(channel)
    assert given_as(person.time_zone) == expected([r.time_zone for r in rows if r.time_zone is not None])
    assert set(person.attributes) <= {"language", "segment"}


@settings(max_examples=120)
@given(records())
def test_a_no_that_its_own_source_did_not_take_back_holds(found: list[SourceRecord]) -> None:
    """Granted is what every source that said anything said yes to in its newest word."""
    once = one_version(found)
    rows = standing(once)
    for purpose in ("marketing", "service"):
        newest_noes = []
        for source in SYSTEMS:
            words = [r.consents[purpose] for r in rows if r.source == source and purpose in r.consents]
            if words:
                last = max(w.at for w in words)
                newest_noes.append(all(w.granted for w in words if w.at == last))
        consent = person_of(once, systems()).consents.get(purpose)
        assert (consent.granted if consent else None) == (all(newest_noes) if newest_noes else None)


@settings(max_examples=100)
@given(records(), HOW, st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(
    found: list[SourceRecord], how: Reconcile, shuffle: random.Random
) -> None:
    """Records in another order, and some of them twice, give the same person to the byte."""
    sources = systems(language=how, segment=how, channel=how, time_zone=how)
    again = [*found, *found[: len(found) // 2]]
    shuffle.shuffle(again)
    # The fields within a row may come in any order, too.
    again = [
        msgspec.structs.replace(
            r,
            attributes=dict(reversed(r.attributes.items())),
            consents=dict(reversed(r.consents.items())),
        )
        for r in again
    ]
    encode = msgspec.json.encode
    assert encode(person_of(again, sources)) == encode(person_of(found, sources))


def believed(by: ReconcileBy, *order: str) -> Attested:
    rows = [
        row("crm:1", attributes={"language": said("de", "crm", 1)}),
        row("shop:1", attributes={"language": said("en", "shop", 3)}),
        row("app:1", attributes={"language": said("de", "app", 2)}),
    ]
    return person_of(rows, systems(language=Reconcile(by=by, order=order))).attributes["language"]


def test_each_way_to_reconcile_names_who_said_it_and_when() -> None:
    """The newest word, the most frequent with its newest witness, and the one of the best source."""
    assert believed("last_updated") == said("en", "shop", 3)
    assert believed("most_frequent") == said("de", "app", 2)
    assert believed("source_order", "crm", "shop") == said("de", "crm", 1)
    assert believed("source_order", "service") == said("en", "shop", 3)


def test_a_withdrawal_by_one_source_stands_against_older_and_newer_grants_of_another() -> None:
    """Only the source that said no can say yes again."""

    def consent(source: str, granted: bool, at: int) -> SourceRecord:
        said_so = {"marketing": Consent(granted=granted, source=source, at=at)}
        return row(f"{source}:{at}", at, consents=said_so)

    no = consent("shop", False, 5)
    both = [consent("crm", True, 1), consent("crm", True, 9), no]
    assert person_of(both, systems()).consents["marketing"] == no.consents["marketing"]
    back = person_of([*both, consent("shop", True, 6)], systems()).consents["marketing"]
    assert back == Consent(granted=True, source="crm", at=9)


def test_what_became_personal_is_not_told_from_older_records() -> None:
    """A record that was read before its attribute was declared personal gives it to nobody."""
    told = row("crm:1", attributes={"name": said("Somebody"), "language": said("de")})
    assert set(person_of([told], systems()).attributes) == {"language"}


def test_a_deleted_row_says_nothing_any_more() -> None:
    """Neither do its older versions, in whatever order they come."""
    old = row("crm:1", 1, attributes={"language": said("de")})
    gone = row("crm:1", 2, deleted=True)
    assert person_of([gone, old], systems()) == Person()


def test_a_thousand_purposes_are_cut_and_withdrawals_are_kept() -> None:
    """A source that invents purposes cannot make a person grow, and cannot push a no out."""
    many = {f"p{i:04}": Consent(granted=True, source="crm", at=1) for i in range(1000)}
    no = {"zzz": Consent(granted=False, source="crm", at=1)}
    kept = person_of([row("crm:1", consents={**many, **no})], systems()).consents
    assert len(kept) == MOST_PURPOSES
    assert kept["zzz"] == no["zzz"]


def test_personal_attributes_are_reconciled_the_same_way() -> None:
    """A name is that of the best source, whoever said another later."""
    by_record = [{"name": said("Ada", "crm", 1)}, {"name": said("A.", "shop", 2)}]
    sources = systems(name=Reconcile(by="source_order", order=("crm",)))
    assert personal_of(by_record, sources) == {"name": said("Ada", "crm", 1)}
