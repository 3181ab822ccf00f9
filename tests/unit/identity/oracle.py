"""Who is who, slowly and obviously: a rebuild from all evidence, without anything that the service shares with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import msgspec

from flows.identity.evidence import Judgement, Named, version_of
from flows.sources.model import IdentityRules, SourceRecord


class Fact(msgspec.Struct):
    """One thing that was said: by a row, by events, by a person."""

    id: str
    judged: bool
    first: int
    last: int
    tokens: set[str]
    together: set[str]


def people(
    rules: IdentityRules,
    accounts: set[str],
    records: Sequence[SourceRecord],
    events: Sequence[Named],
    judgements: Sequence[Judgement],
    most_holders: int,
) -> tuple[set[frozenset[str]], dict[str, frozenset[str]]]:
    """The partition of the evidence by ids, and by identifier the cluster it belongs to, if to one alone."""
    verdict: dict[frozenset[str], Judgement] = {}
    for each in sorted(judgements, key=lambda j: (j.at, j.id)):
        if each.kind != "erase":
            verdict[frozenset((each.a, each.b))] = each
    facts = _facts(records, events, verdict)
    forgotten = [j for j in judgements if j.kind == "erase"]
    facts = [f for f in facts if not any(j.a in f.tokens and j.at >= f.last for j in forgotten)]
    apart = [pair for pair, each in verdict.items() if each.kind == "split"]
    over = {
        t
        for f in facts
        for t in f.tokens | f.together
        if sum(t in g.tokens | g.together for g in facts) > most_holders
    }
    for fact in facts:
        if not fact.judged:
            fact.tokens -= {t for pair in apart if pair <= fact.tokens for t in pair if t != fact.id}
    facts.sort(key=lambda f: (f.first, f.id))
    holders = {t: _still(t, facts, rules, over) for f in facts for t in f.tokens | f.together}
    clusters = [{f.id} for f in facts]
    for who, judged in _links(holders, rules, accounts, over):
        if judged == "last":
            having = [c for c in clusters if any(f.id in c for f in who if not f.judged)]
            if len(having) > 1:
                continue
        first = [f for f in who if not f.judged][:1] if judged == "last" else []
        tied = [*first, *(f for f in who if f.judged or not first)]
        for j, one in enumerate(tied):
            for other in tied[:j]:
                _join(clusters, one, other, facts, apart, rules, bool(judged))
    partition = {frozenset(c) for c in clusters}
    owned: dict[str, frozenset[str]] = {}
    identifiers = {t for f in facts for t in f.tokens}
    for token in identifiers:
        own = [c for c in partition if token in c]
        having = own or [c for c in partition if any(f.id in c for f in holders[token])]
        if len(having) == 1 and (own or token not in over):
            owned[token] = having[0]
    return partition, owned


def _facts(
    records: Sequence[SourceRecord], events: Sequence[Named], verdict: dict[frozenset[str], Judgement]
) -> list[Fact]:
    newest: dict[str, SourceRecord] = {}
    for record in records:
        known = newest.get(record.handle)
        if known is None or _rank(record) > _rank(known):
            newest[record.handle] = record
    facts = [
        Fact(r.handle, False, r.at, r.at, {r.handle, *(i.token for i in r.identifiers)}, set(r.composites))
        for r in newest.values()
        if not r.deleted
    ]
    for tokens in {e.tokens for e in events}:
        times = [e.at for e in events if e.tokens == tokens]
        same = next(e for e in events if e.tokens == tokens)
        facts.append(Fact(same.id, False, min(times), max(times), set(tokens), set()))
    for each in verdict.values():
        if each.kind == "merge":
            facts.append(Fact(each.id, True, each.at, each.at, {each.a, each.b}, set()))
    return facts


def _rank(record: SourceRecord) -> tuple[int, str]:
    return record.at, version_of(record, b"key")


def _still(token: str, facts: list[Fact], rules: IdentityRules, over: set[str]) -> list[Fact]:
    who = [f for f in facts if token in f.tokens | f.together]
    rule = rules.kinds.get(token.split(":", 1)[0])
    if rule is None or rule.expires is None or token in over:
        return who
    newest = max((f.last for f in who if not f.judged), default=0)
    return [f for f in who if f.judged or newest - f.last <= rule.expires]


def _links(
    holders: dict[str, list[Fact]], rules: IdentityRules, accounts: set[str], over: set[str]
) -> list[tuple[list[Fact], str]]:
    unique = {k for k, rule in rules.kinds.items() if rule.per_person is not None}
    ranks = {"+".join(names): i + 1 for i, names in enumerate(rules.match)}
    ranks |= dict.fromkeys(accounts | unique, 0)
    found: list[tuple[tuple[int, int, str], list[Fact], str]] = []
    for token, who in holders.items():
        kind = token.split(":")[0]
        beside = {
            t for f in who if not f.judged for t in f.tokens if t != token and t.split(":")[0] in unique
        }
        above = rules.kinds[kind].shared_above if kind in rules.kinds else 3
        shared = len(beside) > above or token in over
        judged, plain = [f for f in who if f.judged], [f for f in who if not f.judged]
        rank = ranks.get(kind)
        if judged and rank == 0:
            tied = judged + [f for f in who if f.id == token] if shared else who
            found.append(((-1, judged[0].first, token), tied, "first"))
        elif not shared:
            if judged:
                found.append(((1000, judged[0].first, token), who, "last"))
            if rank is not None and len(plain) > 1:
                found.append(((rank, plain[1].first, token), plain, ""))
    return [(who, judged) for _, who, judged in sorted(found, key=lambda each: each[0])]


def _join(
    clusters: list[set[str]],
    one: Fact,
    other: Fact,
    facts: list[Fact],
    apart: list[frozenset[str]],
    rules: IdentityRules,
    judged: bool,
) -> None:
    here = next(c for c in clusters if one.id in c)
    there = next(c for c in clusters if other.id in c)
    if here is there:
        return
    mine = {t for f in facts if f.id in here for t in f.tokens}
    theirs = {t for f in facts if f.id in there for t in f.tokens}
    for pair in apart:
        a, b = sorted(pair) if len(pair) == 2 else (*pair, *pair)
        if (a in mine and b in theirs) or (b in mine and a in theirs):
            return
    for kind, rule in rules.kinds.items():
        if rule.per_person is None or judged:
            continue
        counts = [len({t for t in of if t.split(":")[0] == kind}) for of in (mine | theirs, mine, theirs)]
        if counts[0] > rule.per_person and counts[0] > max(counts[1:]):
            return
    here |= there
    clusters.remove(there)


def pairs_of(partition: set[frozenset[str]]) -> set[tuple[str, str]]:
    """All pairs that are together, for a difference that a person can read."""
    return {pair for cluster in partition for pair in combinations(sorted(cluster), 2)}
