"""What is said to arguments that make no sense: one line with the nearest that does."""

from __future__ import annotations

from typing import Any

import typer

from flows.hints import did_you_mean

# The base of all errors in arguments has no public name of its own.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def said(error: Any) -> str:
    """What is wrong and where its help stands; without a command, the help itself."""
    message: str = error.format_message().replace("Value error, ", "")
    if type(error).__name__ == "NoArgsIsHelpError":
        return message
    option: str | None = getattr(error, "option_name", None)
    near: list[str] = list(getattr(error, "possibilities", None) or ())
    if option is not None and hasattr(error, "possibilities"):
        message = f"There is no option {option!r}." + (f" {did_you_mean(option, near)}" if near else "")
    context = error.ctx
    path = "telltale" if context is None else context.command_path
    ended = message if message.endswith((".", "?", "!")) else f"{message}."
    return f"{ended} See `{path} --help`."
