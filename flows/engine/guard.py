"""Guards operators that a team has put into a dataflow: what one of them cannot take leaves it as a failure.

A step is made of any of Bytewax's operators, and each of them comes down to a few core ones. Behind each core operator
that calls the team's code its stream is divided into what it gave and what failed, so that no other operator of the
step ever sees a failure. The ids of the team's operators stay as they are, and so does their state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import bytewax.operators as op  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from bytewax.dataflow import Operator, SinglePort

from flows.engine.blame import Blame, Failed, is_keyed
from flows.engine.guarded_logic import GuardedLogic
from flows.errors import StepsUnreadable

Mapper = Callable[[list[Any]], Iterable[Any]]
_ITEM_BY_ITEM = ("map", "flat_map")


class Guarded(msgspec.Struct, frozen=True):
    """The operators that stand in for one, and the ids of their streams of failures."""

    operators: list[Operator]
    failing: list[str]


def guard(substeps: list[Operator], blame: Blame, parent: Operator | None = None) -> list[str]:
    """Guard the operators of a scope in place; returns the ids of the streams of failures.

    Raises StepsUnreadable for one that reads or writes by itself: what it wrote before a kill would be lost.
    """
    failing: list[str] = []
    for step in list(substeps):
        kind = type(step).__name__
        if not getattr(type(step), "core", False):
            failing += guard(step.substeps, blame, step)
        elif kind in ("input", "output"):
            raise StepsUnreadable(
                str(blame.file), None, f"the {blame.point} step uses op.{kind} ({step.step_id!r})",
                "Return what goes on; what is to be read or written besides belongs in a process of its own.",
            )  # fmt: skip
        elif kind == "inspect_debug":
            _set(step, "inspector", _inspecting(cast(Any, step).inspector, blame))
        elif kind in _GUARDS:
            at = substeps.index(step)
            guarded = _GUARDS[kind](step, blame, parent)
            substeps[at : at + 1] = guarded.operators
            failing += guarded.failing
    return failing


def _set(step: Operator, name: str, value: object) -> None:
    """Operators are frozen, but nothing has read them yet."""
    object.__setattr__(step, name, value)


def _beside(kind: Any, step: Operator, name: str, **fields: Any) -> Operator:
    """A core operator beside one of the team's, under an id that none of theirs has."""
    made: Callable[..., Operator] = kind._op_cls
    name = f"telltale-{name}"
    return made(step_name=name, step_id=f"{step.step_id}.{name}", substeps=[], **fields)


def _port(step: Operator, name: str, stream: str) -> SinglePort:
    return SinglePort(f"{step.step_id}.{name}", stream)


def _divided(step: Operator, name: str, emits: Callable[[Any], bool]) -> Guarded:
    """Divide what an operator gives: what it meant goes on as its stream, the failures beside it."""
    means: SinglePort = cast(Any, step).down
    whole, failed = f"{step.step_id}.{name}-whole", f"{step.step_id}.{name}"
    _set(step, "down", _port(step, "down", whole))
    branch = _beside(
        op.branch, step, name, up=_port(step, "up", whole), predicate=emits,
        trues=means, falses=_port(step, "falses", failed),
    )  # fmt: skip
    return Guarded([step, branch], [failed])


def _flat_map_batch(step: Operator, blame: Blame, parent: Operator | None) -> Guarded:
    """One item at a time, unless the step asks for whole batches: then so only when a batch fails."""
    mapper = cast(Mapper, cast(Any, step).mapper)
    by_item = parent is not None and type(parent).__name__ in _ITEM_BY_ITEM
    _set(step, "mapper", _item_by_item(mapper, blame) if by_item else _batch_first(mapper, blame))
    return _divided(step, "failed", _is_no_failure)


def _is_no_failure(item: object) -> bool:
    return not isinstance(item, Failed)


def _value_is_no_failure(item: tuple[str, object]) -> bool:
    return not isinstance(item[1], Failed)


def _item_by_item(mapper: Mapper, blame: Blame) -> Mapper:
    def guarded(batch: list[Any]) -> list[Any]:
        out: list[Any] = []
        for item in batch:
            try:
                found = list(mapper([item]))
            except Exception as error:  # noqa: BLE001 - the team's code, of which no error may end the flow
                found = [blame.failed(item, error)]
            out += found
        return out

    return guarded


def _batch_first(mapper: Mapper, blame: Blame) -> Mapper:
    alone = _item_by_item(mapper, blame)

    def guarded(batch: list[Any]) -> Iterable[Any]:
        try:
            return list(mapper(batch))
        except Exception:  # noqa: BLE001 - told with the item that it fails on
            return alone(batch)

    return guarded


def _branch(step: Operator, blame: Blame, parent: Operator | None) -> Guarded:
    """A branch can only pass items on: in its place stand a judge, who can also say that one failed, and two sides."""
    branch = cast(Any, step)
    name, predicate = (parent or step).step_name, cast("Callable[[Any], object]", branch.predicate)

    def judge(batch: list[Any]) -> list[tuple[bool, Any] | Failed]:
        return [_judged(name, predicate, item, blame) for item in batch]

    def side(name: str, kept: bool) -> Operator:
        def pick(batch: list[tuple[bool, Any]]) -> list[Any]:
            return [item for answer, item in batch if answer is kept]

        up = _port(step, name, judged)
        return _beside(op.flat_map_batch, step, name, up=up, mapper=pick, down=getattr(branch, name))

    judged = f"{step.step_id}.judged"
    down = _port(step, "down", judged)
    asked = _beside(op.flat_map_batch, step, "judge", up=branch.up, mapper=judge, down=down)
    divided = _divided(asked, "failed", _is_no_failure)
    return Guarded([*divided.operators, side("trues", True), side("falses", False)], divided.failing)


def _judged(
    name: str, predicate: Callable[[Any], object], item: Any, blame: Blame
) -> tuple[bool, Any] | Failed:
    try:
        answer = predicate(item)
    except Exception as error:  # noqa: BLE001 - the team's code, of which no error may end the flow
        return blame.failed(item, error)
    if isinstance(answer, bool):
        return answer, item
    wrong = TypeError(f"the predicate of {name!r} must give a bool, and gave a {type(answer).__name__}")
    return blame.failed(item, wrong)


def _stateful_batch(step: Operator, blame: Blame, parent: Operator | None) -> Guarded:
    """Only keyed items reach the state."""
    stateful = cast(Any, step)
    name, build = (parent or step).step_name, stateful.builder
    keyed = _port(step, "keyed", f"{step.step_id}.keyed")

    def check(batch: list[Any]) -> list[Any]:
        return [item if is_keyed(item) else blame.failed(item, _unkeyed(name, item)) for item in batch]

    checked = _beside(op.flat_map_batch, step, "keyed", up=stateful.up, mapper=check, down=keyed)
    before = _divided(checked, "failed", _is_no_failure)
    _set(step, "up", _port(step, "up", keyed.stream_id))
    _set(step, "builder", partial(GuardedLogic, build, blame, step.step_id))
    after = _divided(step, "failed", _value_is_no_failure)
    return Guarded([*before.operators, *after.operators], [*before.failing, *after.failing])


def _unkeyed(name: str, item: object) -> TypeError:
    return TypeError(f"{name!r} keeps state by key, and got a {type(item).__name__}; key it with op.key_on")


def _inspecting(inspector: Callable[..., None], blame: Blame) -> Callable[..., None]:
    """Looking at an item is not handling it: one that cannot be looked at goes on."""

    def guarded(step_id: str, item: Any, epoch: int, worker: int) -> None:
        try:
            inspector(step_id, item, epoch, worker)
        except Exception as error:  # noqa: BLE001 - the team's code, of which no error may end the flow
            blame.tell(error)

    return guarded


_GUARDS = {"flat_map_batch": _flat_map_batch, "branch": _branch, "stateful_batch": _stateful_batch}
