"""Re-runs one rule over one device's readings, with the rule's very own objects, and notes how far it was after each.

What was decided on an alarm is the customers' half, and not told here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from flows.backtest.device_rows import Piece
from flows.backtest.explained import Changed, Explained, Question, Step
from flows.backtest.following import Following
from flows.topics.port import RawBatch

_MOST_BYTES = 1 << 26


def explain(question: Question, batches: Iterable[RawBatch]) -> Explained:
    """Follow one device through batches; stops reading when its clock is past what is asked."""
    following = Following(question)
    taken = _Taken(question.kept)
    for pieces, singly in _portions(question, following, batches):
        if not singly:
            taken.pass_by(following, pieces)
            continue
        for piece in pieces:
            taken.add(following, following.take(piece))
    steps = tuple(taken.steps)
    standing = steps[-1].standing if steps else following.standing
    end = question.until if question.until is not None else following.end(steps)
    return Explained(
        rule=question.rule,
        device=question.device,
        until=end,
        steps=steps,
        earlier=tuple(taken.earlier),
        passed=taken.passed,
        standing=standing if steps or taken.passed else None,
        clock=min(following.standing.shard_clock, end or 0),
        attributes=following.attributes(),
        settled=taken.settled,
    )


def _portions(
    question: Question, following: Following, batches: Iterable[RawBatch]
) -> Iterator[tuple[list[Piece], bool]]:
    """The pieces in order, each portion with whether it is told reading by reading: only the last ones are.

    An absence is told as it comes: between two readings of its device any number of others' may lie.
    """
    waiting: deque[Piece] = deque()
    readings = size = 0
    for piece in following.pieces(batches):
        if following.absence:
            yield [piece], True
            continue
        waiting.append(piece)
        readings += piece.own
        size += len(piece.batch.data)
        if readings <= 2 * question.kept and size <= _MOST_BYTES:
            continue
        older: list[Piece] = []
        while waiting and (readings > question.kept or size > _MOST_BYTES // 2):
            older.append(waiting.popleft())
            readings -= older[-1].own
            size -= len(older[-1].batch.data)
        yield older, False
    pieces, since = list(waiting), question.since
    if since is not None:
        shown = (
            i for i, piece in enumerate(pieces) if piece.own and piece.at is not None and piece.at >= since
        )
        first = next(shown, len(pieces))
        yield pieces[:first], False
        pieces = pieces[first:]
    yield pieces, True


class _Taken:
    """What came of the pieces so far; of the steps only the last `kept` or somewhat more."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.steps: list[Step] = []
        self.earlier: list[Changed] = []
        self.passed = 0
        self.settled = False

    def pass_by(self, following: Following, pieces: list[Piece]) -> None:
        """Pieces that are not told."""
        self.earlier += following.pass_by(pieces)
        self.passed += sum(piece.own for piece in pieces)
        self.settled = self.settled or following.standing.at_rest

    def add(self, following: Following, steps: list[Step]) -> None:
        """The steps of a piece."""
        self.steps += steps
        self.settled = self.settled or following.standing.at_rest
        if len(self.steps) > 3 * self._kept:
            gone, self.steps = self.steps[: -self._kept], self.steps[-self._kept :]
            self.earlier += [changed for step in gone for changed in step.transitions]
            self.passed += sum(step.status != "clock" for step in gone)
