"""Messages as odd as devices may send them, made by a seeded generator: valid, oddly spelled, cut off, damaged."""

from __future__ import annotations

import json
from random import Random

HUGE = "1" + "0" * 400
NUMBERS = (
    "0", "-0", "-0.0", "5", "-17", "98.6", "1e3", "1E-2", "1.5e400", HUGE, "9007199254740993", "01", "-", "1.", ".5",
    "+1", "NaN", "Infinity", "-Infinity", "0.1", "123456789.123456789", "0.30000000000000004", "1e305",
    "9223372036854775807", "18446744073709551616", "12345678901234567.89", "0.000000000000000000000001",
)  # fmt: skip
TEXTS = (
    '"a"', '"veh-1"', '""', '"on"', '"off"', '"grün"', '"offe"', '"o\\u006e"', '"\\ud800"', '"\\ud83d\\ude00"', '"😀"',
    '"a\x01"', '"\\n"', '"\\x"', '"' + "x" * 255 + '"', '"' + "x" * 256 + '"', '"' + "ü" * 128 + '"', '"a',
)  # fmt: skip
NESTED = ("{}", "[]", '{"id":"z"}', "[1,[2]]", "[" * 3000, "[" * 3000 + "]" * 3000, '{"a":' * 3000)
LITERALS = ("true", "false", "null", "tru", "nul", "True", "nulll")
TIMES = (
    "1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "0", "-5", "7", "1e305", "1.5e3", HUGE,
    "9007199254740991", "9007199254740992", "9223372036854775807", "9223372036854775808", "28333333.5", '"2024-01-01"',
)  # fmt: skip
USUAL = {TEXTS: ('"a"', '"veh-1"', '"on"', '"off"'), LITERALS: ("true", "false", "null"), TIMES: TIMES[:4]}
MEMBERS = {"id": TEXTS, "at": TIMES, "f": NUMBERS, "i": NUMBERS, "b": LITERALS, "e": TEXTS, "more": TEXTS}
ANYTHING = NUMBERS + TEXTS + NESTED + LITERALS
SPACES = ("", "", "", "", " ", "\n\t ", "\r")


def _number(random: Random) -> str:
    """A number of any size and spelling."""
    if random.random() < 0.2:
        return random.choice(NUMBERS)
    if random.random() < 0.5:
        return f"{random.randrange(-400, 400) / 4}"
    whole = random.randrange(10 ** random.randrange(1, 21))
    fraction = f".{random.randrange(10 ** random.randrange(1, 21))}" if random.random() < 0.5 else ""
    return ("-" if random.random() < 0.3 else "") + str(whole) + fraction


def _text(random: Random) -> str:
    """A text, written plainly or with escapes."""
    if random.random() < 0.7:
        return random.choice(TEXTS)
    letters = "".join(random.choice('abz"\\/\t é€😀\x7f\u2028') for _ in range(random.randrange(6)))
    return json.dumps(letters, ensure_ascii=random.random() < 0.5)


def _member(random: Random, name: str) -> str:
    """One `name: value`, mostly of the kind that belongs there; the name is at times escaped or another."""
    kind = MEMBERS[name]
    if random.random() < 0.7 and kind in USUAL:
        value = random.choice(USUAL[kind])
    elif random.random() < 0.06:
        value = random.choice(ANYTHING)
    elif kind is NUMBERS:
        value = _number(random)
    elif kind is TEXTS:
        value = _text(random)
    else:
        value = random.choice(kind)
    spelled = f'"{name}"'
    if random.random() < 0.08:
        spelled = random.choice((f'"\\u{ord(name[0]):04x}{name[1:]}"', '"grün"', '"\\ud800"'))
    a, b, c, d = (random.choice(SPACES) for _ in range(4))
    return f"{a}{spelled}{b}:{c}{value}{d}"


def message(random: Random) -> bytes:
    """Something like a reading; one in three is cut off, damaged, put in an array or no object at all."""
    if random.random() < 0.03:
        return random.choice((*ANYTHING, "")).encode()
    names = [random.choice(list(MEMBERS)) for _ in range(random.randrange(5))]
    if random.random() < 0.7:
        names = [name for i, name in enumerate(names) if name not in (*names[:i], "id", "at")]
    if random.random() < 0.9:
        names = ["id", *names, "at"]
    value = ("{" + ",".join(_member(random, name) for name in names) + "}" + random.choice(SPACES)).encode()
    place = random.randrange(len(value))
    match random.randrange(12):
        case 0:
            return value[:place]
        case 1:
            return value[:place] + random.randbytes(random.randrange(3)) + value[place + 1 :]
        case 2:
            return b"[" + b" , ".join([value] * random.randrange(4)) + b"]"
        case 3:
            return value + random.choice((b"x", b"\x00", b"{}", b"\xff", b" \n"))
        case _:
            return value


def messages(seed: int, count: int) -> list[bytes]:
    """So many messages; those of a smaller count are a prefix."""
    random = Random(seed)
    return [message(random) for _ in range(count)]
