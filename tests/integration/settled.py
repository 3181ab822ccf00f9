"""When a fleet has come to rest: everything that was sent has been taken, decided and carried out."""

from __future__ import annotations

from collections.abc import Iterable

from flows.schema import Action, Decision
from tests.integration.account_book import fold, gaps, sums
from tests.integration.fleet import Fleet


def published(decisions: Iterable[Decision]) -> dict[str, Action]:
    """The actions that decisions want in the world, by id."""
    return {
        planned.action.id: planned.action
        for decision in decisions
        for planned in decision.actions
        if planned.status == "published"
    }


def wait_until_taken(fleet: Fleet, messages: int) -> None:
    """Until the accounts tell of so many messages without a gap; all alarms about them are in the topic then."""

    def taken() -> bool:
        book = fold(fleet.accounts.all())
        return not gaps(book) and sums(book)["messages"] >= messages

    fleet.wait(
        taken, lambda: f"{messages} messages taken; the accounts say {sums(fold(fleet.accounts.all()))}"
    )


def wait_until_decided(fleet: Fleet, complaints: int) -> None:
    """Until there is a decision on every alarm, and on so many complaints; call when all is taken."""
    alarms = {alarm.id for alarm in fleet.alarms.all()}

    def left() -> tuple[int, int]:
        decisions = fleet.decisions.all()
        events = {decision.trigger for decision in decisions if decision.episode is None}
        return len(alarms - {decision.id for decision in decisions}), complaints - len(events)

    fleet.wait(lambda: left() == (0, 0), lambda: f"decisions on {left()} more alarms and complaints")


def wait_until_carried_out(fleet: Fleet) -> None:
    """Until there is an outcome of every action that was decided; call when all is decided."""
    wanted = set(published(fleet.decisions.all()))

    def left() -> set[str]:
        return wanted - {outcome.id for outcome in fleet.outcomes.all()}

    fleet.wait(lambda: not left(), lambda: f"outcomes of {len(left())} more actions")
