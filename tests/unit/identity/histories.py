"""Histories of few rows, identifiers and persons, in which much happens to the same of them."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from flows.identity.evidence import Batch, Judgement, JudgementKind, Named
from flows.sources.model import Identifier, IdentityRules, KindRule, RoleClaim, SourceRecord

RULES = IdentityRules(
    kinds={
        "crm": KindRule(kind="crm", per_person=1),
        "shop": KindRule(kind="shop", per_person=2, shared_above=2),
        "email": KindRule(kind="email", shared_above=2),
        "phone": KindRule(kind="phone", shared_above=1),
        "cookie": KindRule(kind="cookie", shared_above=2, expires=10),
    },
    match=(("email",), ("phone", "born"), ("loyalty",), ("cookie",)),
)
# The same composites, but all else is worth something else.
OTHER_RULES = IdentityRules(
    kinds={
        "crm": KindRule(kind="crm", per_person=2),
        "club": KindRule(kind="club", per_person=1, shared_above=1),
        "email": KindRule(kind="email", shared_above=1, expires=5),
        "cookie": KindRule(kind="cookie", shared_above=3),
    },
    match=(("phone", "born"), ("tag",), ("cookie",)),
)
ACCOUNTS = {"crm", "shop", "club"}
KEY = b"key"

_HANDLES = [f"{source}:{n}" for source, most in (("crm", 4), ("shop", 3), ("club", 2)) for n in range(most)]
_IDENTIFIERS = [
    f"{kind}:{n}"
    for kind, most in (("email", 3), ("phone", 2), ("cookie", 3), ("loyalty", 2), ("tag", 2))
    for n in range(most)
]
_TOGETHER = ["phone+born:0", "phone+born:1"]
_KINDS: list[JudgementKind] = ["merge", "merge", "split", "split", "erase"]
_TIMES = st.integers(0, 30)

Said = SourceRecord | Named | Judgement


def _record(
    handle: str, at: int, tokens: list[str], together: list[str], deleted: bool, things: list[str]
) -> SourceRecord:
    source = handle.split(":", 1)[0]
    if deleted:
        return SourceRecord(source=source, handle=handle, at=at, deleted=True)
    held = list(dict.fromkeys([handle, *tokens]))
    return SourceRecord(
        source=source,
        handle=handle,
        at=at,
        identifiers=tuple(Identifier(token.split(":")[0], token, f"value of {token}") for token in held),
        composites=tuple(together),
        roles=tuple(RoleClaim(role="owner", thing=thing) for thing in things),
    )


_few = st.lists(st.sampled_from([*_IDENTIFIERS, *_HANDLES]), max_size=3, unique=True)
records = st.builds(
    _record,
    handle=st.sampled_from(_HANDLES),
    at=_TIMES,
    tokens=_few,
    together=st.lists(st.sampled_from(_TOGETHER), max_size=1),
    deleted=st.sampled_from([False, False, False, True]),
    things=st.lists(st.sampled_from(["device:a", "device:b"]), max_size=1),
)
events = st.builds(
    lambda tokens, at, kind: Named(tuple(sorted(tokens)), at, kind),
    st.lists(st.sampled_from([*_IDENTIFIERS, *_HANDLES]), min_size=2, max_size=3, unique=True),
    _TIMES,
    st.sampled_from(["order.placed", "page.seen"]),
)
_pairs = st.lists(st.sampled_from([*_HANDLES, *_HANDLES, *_IDENTIFIERS]), min_size=2, max_size=2, unique=True)


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    """Rows with their corrections and deletions, events and judgements."""
    said: list[Said] = [*draw(st.lists(records, max_size=14)), *draw(st.lists(events, max_size=8))]
    for number, (a, b) in enumerate(draw(st.lists(_pairs, max_size=4))):
        kind: JudgementKind = draw(st.sampled_from(_KINDS))
        said.append(Judgement(f"judgement-{number}", kind, a, b, draw(_TIMES)))
    return said


def batch_of(said: list[Said]) -> Batch:
    """Some of a history as one batch."""
    return Batch(
        records=tuple(each for each in said if isinstance(each, SourceRecord)),
        events=tuple(each for each in said if isinstance(each, Named)),
        judgements=tuple(each for each in said if isinstance(each, Judgement)),
    )


def a_history(chance: random.Random) -> list[Said]:
    """A history from a seed, where no search for the smallest is wanted."""
    said: list[Said] = []
    for _ in range(chance.randint(6, 20)):
        tokens = chance.sample([*_IDENTIFIERS, *_HANDLES], chance.randint(0, 3))
        together = chance.sample(_TOGETHER, chance.randint(0, 1))
        things = chance.sample(["device:a", "device:b"], chance.randint(0, 1))
        at, deleted = chance.randint(0, 30), chance.random() < 0.2
        said.append(_record(chance.choice(_HANDLES), at, tokens, together, deleted, things))
    for _ in range(chance.randint(0, 8)):
        tokens = chance.sample([*_IDENTIFIERS, *_HANDLES], chance.randint(2, 3))
        said.append(Named(tuple(sorted(tokens)), chance.randint(0, 30), "page.seen"))
    for number in range(chance.randint(0, 3)):
        a, b = chance.sample(_HANDLES, 2)
        said.append(Judgement(f"judgement-{number}", chance.choice(_KINDS), a, b, chance.randint(0, 30)))
    return said
