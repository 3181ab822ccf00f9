"""The identity service with many identifiers in its store, on both databases, beside bare upserts of the same rows.

The store is filled through the real service; then further rows come, all at once: accounts of those who are known,
other addresses, other languages, new people. And the merge storm: one identifier that all people turn out to share.
Nothing counts unless sampled tokens stand together as the plain answer says.
"""

from __future__ import annotations

from load_tests.case import Case, Database
from load_tests.databases import open_database
from load_tests.failures import AnswerWrong
from load_tests.figures import Figure, figure
from load_tests.identified import Identified, Taken
from load_tests.legs import Ground
from load_tests.register import (
    PER_ROW,
    Register,
    answer,
    contact_of,
    first_rows,
    next_rows,
    shared_rows,
    token,
    wrong,
)
from load_tests.upserts import bare_upserts

_BARS: dict[Database, int] = {"sqlite": 5_000, "postgresql": 2_000}
_BATCH = 4_096  # settings.identity.batch
_SAMPLED = 500
_ENTRIES_A_PERSON = 1.1  # what a newer row says of each, and nothing but a few because of what they share
_SLOWING = 2.0


def measure(ground: Ground, case: Case) -> list[Figure]:
    """Pieces of evidence a second on each database; raises AnswerWrong, NotInTime, ProcessEnded."""
    return [found for kind in case.databases for found in _on(ground, case, kind)]


def _on(ground: Ground, case: Case, kind: Database) -> list[Figure]:
    people = max(1, case.identifiers // PER_ROW)
    register = Register(seed=case.seed, people=people, rows=case.evidence)
    right = answer(register, max(1, people // _SAMPLED))
    folder = ground.folder / f"identity-{kind}"
    folder.mkdir()
    with open_database(kind, folder) as url:
        with Identified(ground, url) as service:
            filled = service.take(first_rows(register))
            taken = service.take(next_rows(register))
            said = wrong(right, service.whose(right.whose))
        if said is not None:
            raise AnswerWrong(f"identity on {kind}", said)
        bare = len(right.handles) / bare_upserts(url, right.handles, _BATCH)
    name = f"{people * PER_ROW:,} identifiers, {kind}"
    return [
        *figure(f"{name}: fill", "pieces/s", [filled.rate], more=True),
        *figure(f"{name}: evidence", "pieces/s", [taken.rate], more=True, bar=_BARS[kind]),
        *figure(f"{name}: CPU", "µs per piece", [taken.cpu_s / taken.rows * 1e6]),
        *figure(f"{name}: bare upserts", "pieces/s", [bare], more=True),
        *figure(f"{name}: evidence ÷ upserts", "×", [taken.rate / bare], more=True),
    ]


def measure_storm(ground: Ground, case: Case) -> list[Figure]:
    """What it takes to learn that all people share one card; raises as `measure`.

    The first few are joined by it, until it is next to too many: then it stops linking, they part again, and whoever
    comes after that is refused before anything is published.
    """
    register = Register(seed=case.seed, people=case.storm, rows=0)
    folder = ground.folder / "storm"
    folder.mkdir()
    handles = [token("crm", contact_of(n)) for n in range(0, case.storm, max(1, case.storm // _SAMPLED))]
    with open_database("sqlite", folder) as url, Identified(ground, url) as service:
        plain = service.take(first_rows(register))
        storm = service.take(shared_rows(register))
        whose = service.whose(handles)
    customers = {whose.get(handle) for handle in handles}
    if None in customers or len(customers) != len(handles):
        raise AnswerWrong("merge_storm", f"{len(handles)} people are {len(customers - {None})} customers")
    return storm_figures(case.storm, plain, storm)


def storm_figures(people: int, plain: Taken, storm: Taken) -> list[Figure]:
    """What is said of a storm."""
    name = f"{people:,} merges through one id"
    entries = storm.entries / people
    return [
        *figure(f"{name}: rate", "pieces/s", [storm.rate], more=True),
        *figure(f"{name}: rate ÷ that of the same people", "×", [storm.rate / plain.rate], more=True),
        *figure(f"{name}: last third ÷ first", "× the time", [storm.slowing], bar=_SLOWING),
        *figure(f"{name}: published", "entries a person", [entries], bar=_ENTRIES_A_PERSON),
    ]
