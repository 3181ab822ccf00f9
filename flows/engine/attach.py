"""Hangs a team's step into a dataflow: what it gives goes on, what it cannot take goes to the dead letters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import bytewax.operators as op  # pyright: ignore[reportMissingTypeStubs]
import msgspec
from bytewax.dataflow import Stream, operator

from flows import ids
from flows.engine.blame import MOST_BYTES, Blame, Failed, is_keyed
from flows.engine.guard import guard
from flows.engine.sink import Outgoing
from flows.errors import StepsUnreadable, TelltaleError
from flows.schema import Action, Alarm, decode, encode
from flows.step_errors import own_line
from flows.steps import StreamStep


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a step is hung in: between items of one `kind`, which live on `topic`.

    `go_on` makes of what the step gave what the flow goes on with; what it raises for is a failure of the step.
    """

    point: str
    step_id: str
    step: StreamStep
    file: Path | None
    kind: type[Any]
    topic: str
    dead_letters: str
    go_on: Callable[[Any], Any]

    def blame(self) -> Blame:
        """Whom to name in errors."""
        return Blame(self.point, self.file)


class Attached(msgspec.Struct, frozen=True):
    """What goes on, and the dead letters as the sink takes them."""

    given: Stream[Any]
    dead: Stream[tuple[str, Outgoing]]


def attach(up: Stream[Any], joint: Joint) -> Attached:
    """Hang a step in behind a stream; raises StepsUnreadable when it cannot be built."""
    blame = joint.blame()

    def dead(failed: Failed) -> tuple[str, Outgoing]:
        letter = blame.letter(failed, joint.topic)
        return joint.step_id, Outgoing(joint.dead_letters, None, letter.value, letter.headers())

    divided = op.branch(f"{joint.step_id}-failed", _attached(joint.step_id, up, joint, blame), _is_failed)
    return Attached(divided.falses, op.map(f"{joint.step_id}-dead", divided.trues, dead))


def _is_failed(item: object) -> bool:
    return isinstance(item, Failed)


@operator
def _attached(step_id: str, up: Stream[Any], joint: Joint, blame: Blame) -> Stream[Any]:  # noqa: ARG001
    """The scope in which the step's own ids are; what goes on and what failed, in one stream."""
    given = _built(up, joint, blame)
    scope = up._scope  # pyright: ignore[reportPrivateUsage]
    failing = [Stream[Any](one, scope) for one in guard(scope.substeps, blame)]
    checked = op.flat_map_batch("telltale-go-on", given, lambda batch: _going_on(batch, joint, blame))
    unkeyed = [op.map(f"telltale-failed-{n}", one, _without_key) for n, one in enumerate(failing)]
    return op.merge("telltale-out", checked, *unkeyed)


def _without_key(item: Failed | tuple[str, Failed]) -> Failed:
    """What fails where state is kept comes with its key."""
    return item[1] if isinstance(item, tuple) else item


def _built(up: Stream[Any], joint: Joint, blame: Blame) -> Stream[Any]:
    """What the team's function returns; raises StepsUnreadable."""
    try:
        given = joint.step(up)
    except Exception as error:
        where, line = (joint.file and own_line(error, joint.file)) or (joint.file, None)
        what = f"the {joint.point} step cannot be built: {type(error).__name__}: {error}"
        raise StepsUnreadable(str(where), line, what, "Mend the line.") from error
    if isinstance(given, Stream):
        return cast("Stream[Any]", given)
    what = f"the {blame.point} step returns a {type(given).__name__} and no stream"
    raise StepsUnreadable(str(joint.file), None, what, "Return the last of its streams.")


def _going_on(batch: list[Any], joint: Joint, blame: Blame) -> list[Any]:
    """What the step gave, each item checked: one that could not be written or read again is a failure here.

    Raises what the bus raises.
    """
    out: list[Any] = []
    for item in batch:
        try:
            out.append(joint.go_on(_checked(item, joint.kind)))
        except TelltaleError:
            raise  # the bus does not answer, which is not the item's fault
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the item, the step made it
            out.append(blame.failed(item, error))
    return out


def _checked(item: object, kind: type[Any]) -> Any:
    """An item of the kind, as a reader of its topic will see it; raises TypeError, ValueError and msgspec's errors."""
    if not isinstance(item, kind):
        hint = "; is op.key_rm missing at the end?" if is_keyed(item) else ""
        raise TypeError(
            f"the step must give items of the kind {kind.__name__}, not {type(item).__name__}{hint}"
        )
    written = encode(item)
    if len(written) > MOST_BYTES:
        raise ValueError(f"the step gave {len(written)} bytes, and a message has at most {MOST_BYTES}")
    read = decode(kind, written)
    _check_id(read)
    return read


def _check_id(item: object) -> None:
    """Refuse an id that would be another after a crash; raises ValueError.

    What comes again is known by its id, so that of an alarm or an action follows from what it is about.
    """
    if isinstance(item, Action) and item.id != ids.action_id(item.decision, item.name):
        raise ValueError(
            f"{item.id!r} is not the id of {item.name!r} of its decision: keep id, decision and name; one that you "
            "add has a name of its own and the id flows.ids.action_id(decision, name)"
        )
    if isinstance(item, Alarm) and item.id != ids.transition_id(item.episode, item.number):
        raise ValueError(
            f"{item.id!r} is not the id of transition {item.number} of its episode: keep id, episode and number"
        )
