"""How many different values there were, and how many are open; both bounded, and both say when they are full.

`distinct` keeps the least so many hashes of the values: up to the bound the count is exact, beyond it it is estimated
from how densely the kept ones lie (k minimum values: Bar-Yossef et al. 2002, Beyer et al. 2007), which is off by about
1/√most. `open_set` keeps each value with the last times it was opened and closed: the newest so many of each kind.
"""

from __future__ import annotations

import hashlib
from typing import cast

from flows.schema_people import Value

Cell = list[Value]

_HASH_BITS = 53
_RANGE = 1 << _HASH_BITS
_MAX_NAME = 64

_Times = tuple[int | None, int | None]


def seen(at: int, value: Value) -> Cell:
    """The cell of one value of a `distinct`. Layout: time, whether some were left out, hashes from the least on."""
    digest = hashlib.blake2b(_name(value).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return [at, False, int.from_bytes(digest) >> (64 - _HASH_BITS)]


def seen_joined(a: Cell, b: Cell, most: int) -> Cell:
    """All hashes of both, the least `most` of them; the time is that of the later."""
    at, full = max(cast("int", a[0]), cast("int", b[0])), bool(a[1] or b[1])
    if len(b) == 3:  # mostly it is one value more
        new, beyond = cast("int", b[2]), len(a) - 2 >= most and cast("int", b[2]) > cast("int", a[-1])
        if beyond or new in a[2:]:
            return [at, full or beyond, *a[2:]]
    hashes = sorted({cast("int", each) for each in (*a[2:], *b[2:])})
    return [at, full or len(hashes) > most, *hashes[:most]]


def seen_count(cell: Cell) -> int:
    """How many different values there were: exact, or of more than are kept an estimate."""
    kept = len(cell) - 2
    if not is_full(cell) or kept < 2:
        return kept
    return max(kept + 1, round((kept - 1) * _RANGE / (cast("int", cell[-1]) + 1)))


def opened(at: int, value: Value) -> Cell:
    """The cell of one opened value. Layout: time, whether some were left out, then value, opened, closed of each."""
    return [at, False, _name(value), at, None]


def closed(at: int, value: Value) -> Cell:
    """The cell of one closed value."""
    return [at, False, _name(value), None, at]


def open_joined(a: Cell, b: Cell, most: int) -> Cell:
    """The last times of each value; kept are the newest `most` that are open, and as many that are closed.

    Closed ones are remembered because their opening may still come.
    """
    times = _times(a)
    for name, (begun, ended) in _times(b).items():
        known = times.get(name, (None, None))
        times[name] = (_later(known[0], begun), _later(known[1], ended))
    at, full = max(cast("int", a[0]), cast("int", b[0])), bool(a[1] or b[1])
    lasting = [name for name, found in times.items() if _is_open(found)]
    over = [name for name, found in times.items() if not _is_open(found)]
    kept = [
        *sorted(lasting, key=lambda name: (cast("int", times[name][0]), name))[-most:],
        *sorted(over, key=lambda name: (cast("int", times[name][1]), name))[-most:],
    ]
    flat: Cell = [v for name in sorted(kept) for v in (name, *times[name])]
    return [at, full or len(lasting) > most, *flat]


def open_count(cell: Cell) -> int:
    """How many values are open; when the cell is full at least so many."""
    return sum(map(_is_open, _times(cell).values()))


def is_full(cell: Cell) -> bool:
    """Whether there were more values than the bound, so that some were left out."""
    return bool(cell[1])


def _times(cell: Cell) -> dict[str, _Times]:
    """When each value was last opened and closed."""
    return {
        cast("str", cell[i]): (cast("int | None", cell[i + 1]), cast("int | None", cell[i + 2]))
        for i in range(2, len(cell), 3)
    }


def _is_open(times: _Times) -> bool:
    """Whether a value was opened after it was last closed; of one moment the closing counts."""
    begun, ended = times
    return begun is not None and (ended is None or begun > ended)


def _later(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else max(a, b)


def _name(value: Value) -> str:
    """A value as at most 64 characters: 7 and 7.0 are one value; of a longer text the beginning and a hash."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if len(text) <= _MAX_NAME:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[: _MAX_NAME - 17]}~{digest}"
