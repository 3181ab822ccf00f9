"""What is said to arguments that make no sense: one line with the nearest that does."""

from __future__ import annotations

import re
from typing import Any

import typer

from flows.hints import did_you_mean

# The base of all errors in arguments has no public name of its own.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_CHOICES = re.compile(r"(?P<word>'[^']*') is not one of (?P<known>'.*')\.?")


def said(error: Any) -> str:
    """What is wrong and where its help stands; without a command, the help itself."""
    message: str = error.format_message().replace("Value error, ", "")
    if type(error).__name__ == "NoArgsIsHelpError":
        return message
    # Typer lists what there is on lines of their own.
    message = _CHOICES.sub(_no_choice, " ".join(message.split()))
    option: str | None = getattr(error, "option_name", None)
    near: list[str] = list(getattr(error, "possibilities", None) or ())
    if option is not None and hasattr(error, "possibilities"):
        message = f"There is no option {option!r}." + (f" {did_you_mean(option, near)}" if near else "")
    context = error.ctx
    path = "telltale" if context is None else context.command_path
    ended = message if message.endswith((".", "?", "!")) else f"{message}."
    return f"{ended} See `{path} --help`."


def _no_choice(found: re.Match[str]) -> str:
    """A word that is none of those there are, and the nearest of them."""
    known = re.findall(r"'([^']*)'", found["known"])
    return f"there is no {found['word']}. {did_you_mean(found['word'][1:-1], known)}"
