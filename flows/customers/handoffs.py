"""State that goes from one customer to another: the names of parts, who gives what away, and who takes it.

A part's name is `label|customer|link`: what the triggers came by, the customer who began it, and the number of the
identity entry that said so. So a name is begun by one customer once, and of two copies the greater number wins.
Numbers of identity entries grow over all of a tenant, and decide whenever two things are known of one label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from flows import ids
from flows.customers.state import Customer, Moved, Owed, Part
from flows.customers.triggers import AlarmFor, EventFor, Expect, HandOver, RoleEnded, Stray
from flows.schema import Handoff, encode

_MOST_KEPT = 256
"""So many labels that went away, and handoffs that came, are known of a customer; the oldest half is forgotten."""
_T = TypeVar("_T", bound=Stray)


def part_name(label: str, customer: str, link: int) -> str:
    """The name of a part; a bar within a handle does not end it."""
    return f"{_escaped(label)}|{_escaped(customer)}|{link}"


def label_of(part: str) -> str:
    """The label of a part; empty for one without."""
    return part.partition("|")[0].replace("%7C", "|").replace("%25", "%")


def link_of(part: str) -> int:
    """The link of a part; 0 for one without."""
    link = part.rpartition("|")[2]
    return int(link) if link.isdecimal() else 0


def _escaped(handle: str) -> str:
    return handle.replace("%", "%25").replace("|", "%7C")


def goes_on(customer: Customer, part: str, came: int = -1) -> tuple[str, Moved] | None:
    """The label under which what belongs to a part went away, and where to; None when it belongs here.

    `came` is the number of the handoff that brought it, if one did: what left before that has come back since.
    """
    if not customer.moved:
        return None
    label, link = label_of(part), link_of(part)
    moved = customer.moved.get(label) if label else None
    if moved is not None and link < moved.number and came < moved.number:
        return label, moved
    return everything_gone(customer)


def everything_gone(customer: Customer) -> tuple[str, Moved] | None:
    """Where a customer went who was merged away."""
    moved = customer.moved.get("")
    return None if moved is None else ("", moved)


def owe(customer: Customer, asked: HandOver) -> None:
    """Note a handoff that is asked for, unless it was made."""
    moved = customer.moved.get(asked.label)
    if moved is not None and moved.target == asked.target:
        made = moved.number == asked.number if asked.label else moved.number >= asked.number
        if made:
            return
    for owed in customer.owed:
        if (owed.target, owed.label, owed.number) == (asked.target, asked.label, asked.number):
            owed.asked = sorted({*owed.asked, asked.view})
            owed.expected = owed.expected or asked.expected
            return
    owed = Owed(asked.target, asked.label, asked.number, asked.views, [asked.view], asked.expected)
    customer.owed.append(owed)


def next_owed(customer: Customer) -> Owed | None:
    """A handoff that can be made now: all views have asked, and nothing is still to come that was asked for before."""
    if not customer.owed:
        return None
    first = min(customer.expected.values(), default=None)
    ready = [o for o in customer.owed if len(o.asked) >= o.views and (first is None or first >= o.number)]
    return min(ready, key=lambda o: o.number, default=None)


def give(customer: Customer, owed: Owed) -> list[Handoff]:
    """Make a handoff; nothing when there is nothing to give and nobody waits for it."""
    customer.owed = [
        o for o in customer.owed if o is not owed and (owed.label or o.label or o.number > owed.number)
    ]
    made = [_handoff(customer, owed.target, owed.label, owed.number)] if owed.expected else []
    if not _gives(customer, owed):
        return made + _ask_on(customer, owed)
    parts = _leave(customer, owed.label)
    if not (parts or owed.expected):
        return []
    _note_moved(customer, owed.label, Moved(owed.target, owed.number))
    return [_handoff(customer, owed.target, owed.label, owed.number, parts)]


def given(customer: Customer, handoff: Handoff) -> None:
    """Note a handoff that was made before this execution began; one of nothing is made again."""
    if customer.erased or not handoff.parts:
        return
    owed = Owed(handoff.target, handoff.label, handoff.number, 1, [], expected=True)
    if not _gives(customer, owed):
        return
    _leave(customer, handoff.label)
    _note_moved(customer, handoff.label, Moved(handoff.target, handoff.number))
    customer.owed = [
        o
        for o in customer.owed
        if o.label != handoff.label or o.target != handoff.target or o.number > handoff.number
    ]


def take(customer: Customer, handoff: Handoff) -> None:
    """Take what is handed over: the union of parts. What went away by an older entry has come back."""
    came = {name: msgspec.convert(part, Part) for name, part in handoff.parts.items()}
    for label in sorted({label_of(name) for name in came} | ({handoff.label} - {""})):
        moved = customer.moved.get(label)
        if moved is not None and moved.number <= handoff.number:
            del customer.moved[label]
        customer.taken[f"|{label}"] = max(customer.taken.get(f"|{label}", 0), handoff.number)
    if not handoff.label:
        for label, moved in list(customer.moved.items()):
            if label and moved.target == handoff.source and moved.number <= handoff.number:
                del customer.moved[label]
    for name, part in came.items():
        _join(customer, name, part)
    _taken(customer, handoff)


def pass_on(customer: Customer) -> list[Handoff]:
    """What has come and belongs to somebody else by now goes there."""
    going: dict[tuple[str, str, int], dict[str, Part]] = {}
    for name, part in customer.parts.items() if customer.moved else ():
        onward = goes_on(customer, name)
        if onward is not None:
            label, moved = onward
            going.setdefault((moved.target, label, moved.number), {})[name] = part
    for parts in going.values():
        _let_go(customer, parts)
    return [_passed_on(customer, *whither, parts) for whither, parts in going.items()]


def passes_on(customer: Customer) -> bool:
    """Whether something is here that belongs to somebody else."""
    return bool(customer.moved) and any(goes_on(customer, name) is not None for name in customer.parts)


def expect(customer: Customer, expected: Expect) -> None:
    """Wait for a handoff, unless it has come, or what comes is only passed on."""
    key = _key(expected.source, expected.label, expected.number)
    if not customer.erased and "" not in customer.moved and customer.taken.get(key, -1) < expected.number:
        customer.expected[key] = max(customer.expected.get(key, 0), expected.number)


def stray(customer: Customer, label: str, moved: Moved, triggers: Sequence[Stray]) -> Handoff:
    """Triggers that are for somebody else by now."""
    found = _handoff(customer, moved.target, label, moved.number)
    strays = tuple(msgspec.to_builtins(for_customer(each, moved.target)) for each in triggers)
    own = ids.handoff_id(customer.name, moved.target, label, moved.number, *map(encode, strays))
    return msgspec.structs.replace(found, id=own, strays=strays)


def strays_in(handoff: Handoff) -> list[Stray]:
    """The triggers of a handoff; raises msgspec.ValidationError."""
    return [msgspec.convert(each, Stray) for each in handoff.strays]


def check(handoff: Handoff) -> None:
    """Whether all in a handoff can be read; raises msgspec.ValidationError."""
    strays_in(handoff)
    for part in handoff.parts.values():
        msgspec.convert(part, Part)


def for_customer(trigger: _T, customer: str) -> _T:
    """A trigger for another customer than it was sent to."""
    if isinstance(trigger, AlarmFor | EventFor | RoleEnded) and trigger.customer != customer:
        return msgspec.structs.replace(trigger, customer=customer)
    return trigger


def _gives(customer: Customer, owed: Owed) -> bool:
    """Whether there may be something to give: what is gone, erased, or came by a later entry is not given."""
    if customer.erased or "" in customer.moved:
        return False
    moved = customer.moved.get(owed.label)
    if owed.label and customer.taken.get(f"|{owed.label}", -1) > owed.number:
        return False
    return moved is None or moved.number < owed.number


def _ask_on(customer: Customer, owed: Owed) -> list[Handoff]:
    """What is asked of somebody who was merged away is with the survivor, who was perhaps never asked."""
    moved = customer.moved.get("")
    if moved is None or not owed.label or owed.target == moved.target or customer.erased:
        return []
    ask = HandOver(source=moved.target, target=owed.target, label=owed.label, number=owed.number)
    return [stray(customer, "", moved, [ask])]


def _leave(customer: Customer, label: str) -> dict[str, Part]:
    """Take the parts of a label out of a customer, with what is pending of them; all of them without one."""
    parts = {n: p for n, p in customer.parts.items() if not label or label_of(n) == label}
    _let_go(customer, parts)
    return parts


def _let_go(customer: Customer, parts: dict[str, Part]) -> None:
    for name, part in parts.items():
        del customer.parts[name]
        for decision in part.folded:
            customer.pending.pop(decision, None)


def _note_moved(customer: Customer, label: str, moved: Moved) -> None:
    """That everything went is never forgotten; what comes for a label that is forgotten stays here."""
    customer.moved[label] = moved
    if len(customer.moved) > _MOST_KEPT:
        newest = sorted(customer.moved.items(), key=lambda each: (each[0] != "", -each[1].number, each[0]))
        customer.moved = dict(newest[: _MOST_KEPT // 2])


def _join(customer: Customer, name: str, part: Part) -> None:
    """Of two copies of a part the greater number wins."""
    mine = customer.parts.get(name)
    if mine is not None and mine.number >= part.number:
        return
    for asked in part.asked.values():
        if asked.trigger is not None:
            asked.trigger = msgspec.structs.replace(asked.trigger, customer=customer.name)
    for decision in () if mine is None else mine.folded:
        customer.pending.pop(decision, None)
    customer.parts[name] = part
    customer.pending |= part.folded
    customer.at = max(customer.at, part.at)


def _taken(customer: Customer, handoff: Handoff) -> None:
    """Note that a handoff has come, and wait for it no longer."""
    if handoff.strays:
        return
    key = _key(handoff.source, handoff.label, handoff.number)
    customer.taken[key] = max(customer.taken.get(key, 0), handoff.number)
    if customer.expected.get(key, handoff.number + 1) <= handoff.number:
        del customer.expected[key]
    if len(customer.taken) > _MOST_KEPT:
        newest = sorted(customer.taken.items(), key=lambda each: (-each[1], each[0]))[: _MOST_KEPT // 2]
        customer.taken = dict(newest)


def _key(source: str, label: str, number: int) -> str:
    """How a handoff is remembered: everything comes once, a label may come by more than one entry."""
    return f"{source}|{label}|{number}" if label else f"{source}|"


def _passed_on(customer: Customer, target: str, label: str, number: int, parts: dict[str, Part]) -> Handoff:
    """A handoff besides the one that was asked for: the parts are in its id."""
    copies = (f"{name} {part.number}".encode() for name, part in sorted(parts.items()))
    own = ids.handoff_id(customer.name, target, label, number, *copies)
    return msgspec.structs.replace(_handoff(customer, target, label, number, parts), id=own)


def _handoff(
    customer: Customer, target: str, label: str, number: int, parts: dict[str, Part] | None = None
) -> Handoff:
    return Handoff(
        id=ids.handoff_id(customer.name, target, label, number),
        source=customer.name,
        target=target,
        label=label,
        number=number,
        parts={name: msgspec.to_builtins(part) for name, part in (parts or {}).items()},
    )
