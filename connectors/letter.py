"""An action as a text that a person reads: what is to be done, for whom, why, and what was seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.schema import Action, encode

_HEADINGS = {
    "open_case": "Open a case",
    "close_case": "Close the case",
    "notify": "Notify",
    "task": "Give a task",
}
_COLUMN = 14
_SHOWN_POINTS = 12


def write_letter(action: Action) -> str:
    """The whole text, with one newline at its end; characters that would steer a terminal are shown as `?`."""
    heading = _heading(action)
    parts = [
        [heading, "─" * len(heading)],
        _rows(_addressed(action)),
        _rows(
            [(_words(name), _plain(value)) for name, value in action.parameters.items() if name != "subject"]
        ),
        ["Why", f"  {action.explanation or 'The rule gives no explanation.'}"],
        _seen(action),
        _rows(_origin(action)),
    ]
    lines = [line for part in parts if part for line in (*part, "")]
    return "\n".join(_harmless(line) for line in lines[:-1]) + "\n"


def _heading(action: Action) -> str:
    """What is to be done, in one line."""
    what = _HEADINGS.get(action.kind, _words(action.kind))
    if action.kind == "notify" and action.to:
        what = f"{what} the {action.to}"
    subject = action.parameters.get("subject") or action.about or action.name
    return f"{what}: {subject}"


def _addressed(action: Action) -> list[tuple[str, str | None]]:
    """Whom it concerns."""
    return [
        ("To", action.to),
        ("Customer", action.customer),
        ("Device", action.device),
        ("About", action.about),
        ("Purpose", f"{action.purpose} (lane {action.lane})" if action.purpose else None),
    ]


def _origin(action: Action) -> list[tuple[str, str | None]]:
    """Where it comes from, for whoever looks into it."""
    transition = f", {action.transition}" if action.transition else ""
    return [
        ("Rule", f"{action.rule} of rule set {action.rule_set}{transition}"),
        ("Happened", _time(action.at)),
        ("Valid until", _time(action.valid_until)),
        ("Episode", action.episode),
        ("Decision", action.decision),
        ("Action", action.id),
    ]


def _seen(action: Action) -> list[str]:
    """The last readings of the pattern, and the device's attributes that the rule read."""
    if action.evidence is None:
        return []
    points = action.evidence.points[-_SHOWN_POINTS:]
    lines = [f"  {_time(point.at)}  {'–' if point.value is None else f'{point.value:g}'}" for point in points]
    lines += [f"  {name} of the device is {_plain(value)}" for name, value in action.evidence.device.items()]
    return ["What was seen", *lines] if lines else []


def _rows(pairs: list[tuple[str, str | None]]) -> list[str]:
    """Two columns; what is not known is left out."""
    return [f"{name:<{_COLUMN}}{value}" for name, value in pairs if value]


def _words(name: str) -> str:
    """A name of the language as words: `open_case` is `Open case`."""
    return name.replace("_", " ").capitalize()


def _plain(value: Any) -> str:
    """A parameter in one line: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else encode(value).decode()


def _time(at: int) -> str:
    """Event time (ms) as UTC to the second; what no calendar holds stays a number."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def _harmless(line: str) -> str:
    """A line whose characters are all printed: the texts come from outside."""
    return "".join(character if character.isprintable() else "?" for character in line)
