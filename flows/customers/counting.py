"""What an alarm or event adds to the profile, in the part it came by."""

from __future__ import annotations

from flows.customers import profile
from flows.customers.cause import event_trigger
from flows.customers.rule_index import RuleIndex
from flows.customers.state import Customer, Part
from flows.customers.triggers import AlarmFor, EventFor


def count_alarm(customer: Customer, found: AlarmFor, index: RuleIndex) -> None:
    """A raise goes into the aggregates over alarms of its rule."""
    alarm = found.alarm
    aggregates = index.aggregates(f"alarm:{alarm.rule}")
    if alarm.transition != "raised" or alarm.dry_run or not aggregates:
        return
    part = customer.part(found.part)
    part.number += 1
    for kept in aggregates:
        profile.take_alarm(part.cells, kept, alarm)


def count_event(customer: Customer, found: EventFor, index: RuleIndex) -> Part:
    """An event is noted as seen, and goes into the aggregates over its type; returns the part it came by."""
    event = found.event
    part = customer.part(found.part)
    part.number += 1
    part.at = max(part.at, found.at)
    part.events[event_trigger(event.source, event.id)] = found.at
    customer.at = max(customer.at, found.at)
    for kept in index.aggregates(f"event:{event.type}"):
        profile.take_event(part.cells, kept, found.at, event)
    return part
