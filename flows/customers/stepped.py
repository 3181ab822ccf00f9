"""A team's steps at the customers flow's points: how items come to them, and what may become of what they give.

A published decision binds, and the flow folds it in again after a crash. So a decision goes out as it was decided
whatever the step does; of what the step gives for it only the explanation is taken over, at the epoch's end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from flows.customers.decoding import Decoding
from flows.customers.outgoing import AMENDED, Addressed, of_action
from flows.engine import names as ids
from flows.engine.attach import Joint
from flows.engine.blame import Blame, Failed
from flows.engine.sink import Outgoing
from flows.engine.told import told
from flows.schema import Action, Decision, Event, decode, encode
from flows.steps import Steps, StreamStep
from flows.topics.names import TopicNames
from flows.topics.port import Topics


class Joints:
    """The joints of the customers flow."""

    def __init__(
        self, steps: Steps, names: TopicNames, open_topics: Callable[[], Topics], decoder: Decoding
    ) -> None:
        self._steps, self._names = steps, names
        self._open_topics, self._decoder = open_topics, decoder
        self._known: frozenset[str] = frozenset()

    def events(self, step: StreamStep) -> Joint:
        """Between the decoder and the resolver."""
        return self._joint(
            "events", ids.CUSTOMERS_EVENTS_STEP, step, Event, self._names.events, self._decoder.event
        )

    def decisions(self, step: StreamStep) -> Joint:
        """Beside the decisions, which go out on their own."""
        return self._joint(
            "decisions", ids.CUSTOMERS_DECISIONS_STEP, step, Decision, self._names.decisions, self._amendment
        )

    def actions(self, step: StreamStep) -> Joint:
        """Between a decision and what it publishes."""
        topic = self._names.actions("*", "*")
        return self._joint("actions", ids.CUSTOMERS_ACTIONS_STEP, step, Action, topic, self._action)

    def _joint(
        self, point: str, step_id: str, step: StreamStep, kind: type, topic: str, go_on: Callable[[Any], Any]
    ) -> Joint:
        return Joint(
            point=point, step_id=step_id, step=step, file=self._steps.file, kind=kind, topic=topic,
            dead_letters=self._names.dead_letters, go_on=go_on,
        )  # fmt: skip

    def _amendment(self, decision: Decision) -> Addressed:
        message = Outgoing(self._names.decisions, decision.customer.encode(), encode(decision), stage=AMENDED)
        return decision.customer, message

    def _action(self, action: Action) -> Addressed:
        """To its own topic, which must be there: a step may have named another lane.

        Raises ValueError for a topic that is missing, and what the bus raises when it does not answer.
        """
        message = of_action(action, self._names)
        if message.topic not in self._known:
            with told(ids.CUSTOMERS_ACTIONS_STEP):
                self._known = frozenset(self._open_topics().list())
            if message.topic not in self._known:
                raise ValueError(f"there is no topic {message.topic!r} for the action's kind and lane")
        return action.customer, message


class Amendments:
    """Takes over the explanations that the decisions step gave, and refuses whatever else it changed."""

    def __init__(self, names: TopicNames, blame: Blame, refused: Callable[[], None]) -> None:
        self._names, self._blame, self._refused = names, blame, refused

    def settle(self, held: list[Outgoing]) -> list[Outgoing]:
        """What an epoch brought, with each decision as it may go out."""
        given = {d.id: d for m in held if m.stage == AMENDED for d in [decode(Decision, m.value or b"")]}
        out: list[Outgoing] = []
        for message in held:
            if message.topic == self._names.decisions and message.stage != AMENDED:
                out += self._amended(message, given)
            elif message.stage != AMENDED:
                out.append(message)
        late = "the decision is out already: a step must give back each decision at once and once"
        return out + [self._dead(decision, late) for decision in given.values()]

    def _amended(self, message: Outgoing, given: dict[str, Decision]) -> list[Outgoing]:
        """A decision with its explanation, or as it was with a dead letter of what the step made of it."""
        original = decode(Decision, message.value or b"")
        amended = given.pop(original.id, original)
        changed = _changed(original, amended)
        if changed:
            what = f"a decision binds, and the step changed its {', '.join(changed)}"
            return [message, self._dead(amended, what)]
        return [msgspec.structs.replace(message, value=encode(amended))]

    def _dead(self, decision: Decision, what: str) -> Outgoing:
        self._refused()
        failed: Failed = self._blame.failed(decision, ValueError(what))
        letter = self._blame.letter(failed, self._names.decisions)
        return Outgoing(self._names.dead_letters, None, letter.value, letter.headers())


def _changed(original: Decision, amended: Decision) -> list[str]:
    """The fields that differ and may not."""
    own = msgspec.structs.replace(amended, explanation=original.explanation)
    return [f for f in Decision.__struct_fields__ if getattr(original, f) != getattr(own, f)]
