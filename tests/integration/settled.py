"""What a fleet has still to do: everything that was sent is to be taken, decided and carried out."""

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


def untaken(fleet: Fleet, messages: int) -> int:
    """How many of so many messages the accounts do not tell of; all alarms of the others are in their topic."""
    book = fold(fleet.accounts.so_far())
    return max(messages - sums(book)["messages"], len(gaps(book)))


def undecided(fleet: Fleet, complaints: int) -> int:
    """On how many of the alarms and of so many complaints there is no decision; to be asked when all is taken."""
    decisions = fleet.decisions.so_far()
    alarms = {alarm.id for alarm in fleet.alarms.all()} - {decision.id for decision in decisions}
    return len(alarms) + complaints - len({each.trigger for each in decisions if each.episode is None})


def not_carried_out(fleet: Fleet) -> int:
    """How many of the actions that were decided have no outcome."""
    return len(set(published(fleet.decisions.so_far())) - {outcome.id for outcome in fleet.outcomes.so_far()})


def wait_until_decided(fleet: Fleet, messages: int, complaints: int) -> None:
    """Until so many messages are taken, and there is a decision on all that is to be decided about them."""
    fleet.wait(lambda: untaken(fleet, messages) <= 0, lambda: f"{untaken(fleet, messages)} messages untaken")
    fleet.wait(
        lambda: undecided(fleet, complaints) <= 0, lambda: f"{undecided(fleet, complaints)} not decided"
    )


def wait_until_carried_out(fleet: Fleet) -> None:
    """Until there is an outcome of every action that was decided; to be called when all is decided."""
    fleet.wait(
        lambda: not not_carried_out(fleet), lambda: f"{not_carried_out(fleet)} actions without outcome"
    )
