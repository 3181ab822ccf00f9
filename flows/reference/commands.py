"""Every command as `cli.md` shows it: what `--help` prints, walked from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from flows.cli.app import app
from flows.reference.markdown import block, code, table

# What help says last of an option: `  [default: 10; 1<=x<=64]`.
_EXTRA = re.compile(r"\s+\[([^\[\]]*)\]$")
_BETWEEN = re.compile(r"(-?[\d.]+)<=x<=(-?[\d.]+)")
_FROM = re.compile(r"x>=(-?[\d.]+)")
# How help calls the type of a value, and how a person does.
_TYPE = re.compile(r" <([^<>]*)>$")
_TYPES = {"str": "TEXT", "path": "PATH", "int": "N", "float": "NUMBER", "Path": "PATH"}


def made() -> str:
    """A section for each command, in the order of `telltale --help`; groups are sections of their own."""
    return "\n\n".join(
        section for _, command, path, context in walk() for section in _section(command, path, context)
    )


def walk() -> Iterator[tuple[int, Any, str, Any]]:
    """Each command below `telltale`: how deep, itself, its whole name and its context."""
    root: Any = get_command(app)
    yield from _below(root, "telltale", root.context_class(root, info_name="telltale"), 1)


def examples(command: Any) -> list[str]:
    """The lines that a command's help ends with."""
    shown = (command.epilog or "").split("Examples:" if "Examples:" in (command.epilog or "") else "Example:")
    return [line.strip() for line in shown[1].splitlines() if line.strip()] if len(shown) > 1 else []


def _below(group: Any, path: str, context: Any, depth: int) -> Iterator[tuple[int, Any, str, Any]]:
    for name in group.list_commands(context):
        command = group.commands[name]
        if command.hidden:
            continue
        own = command.context_class(command, info_name=name, parent=context)
        yield depth, command, f"{path} {name}", own
        if hasattr(command, "commands"):
            yield from _below(command, f"{path} {name}", own, depth + 1)


def _section(command: Any, path: str, context: Any) -> list[str]:
    """Heading, help, how it is called, what can be given, examples."""
    if hasattr(command, "commands"):
        return [f"## {path}", _prose(command.help)]
    parts = [f"{'##' if path.count(' ') == 1 else '###'} {path}", _prose(command.help)]
    rows = [
        _row(found) for found in map(_recorded(context), command.get_params(context)) if found is not None
    ]
    if rows:
        parts.append(table(["given", "what it is", "default"], rows))
    shown = examples(command)
    return [*parts, block("sh", "\n".join(shown))] if shown else parts


def _recorded(context: Any) -> Any:
    def record(parameter: Any) -> tuple[str, str] | None:
        return None if parameter.name == "help" else parameter.get_help_record(context)

    return record


def _row(record: tuple[str, str]) -> tuple[str, str, str]:
    """An option or argument, what it is, and its default and bounds."""
    extra = _EXTRA.search(record[1])
    if extra is None:
        return code(_called(record[0])), record[1], ""
    said = _FROM.sub(r"from \1", _BETWEEN.sub(r"\1 to \2", extra[1]))
    if said.startswith("default: "):
        default, _, bounds = said.removeprefix("default: ").partition("; ")
        said = code(default) + (f", {bounds}" if bounds else "")
    return code(_called(record[0])), record[1][: extra.start()], said


def _called(left: str) -> str:
    """How it is given: the options with what follows them; of an argument its name alone."""
    kind = _TYPE.search(left)
    if kind is None:
        return left
    name = left[: kind.start()]
    if not name.startswith("-"):
        return name
    word = re.sub(r"^list\[(.*)\]$", r"\1", kind[1]).removesuffix(" range")
    return f"{name} {_TYPES.get(word, word)}"


def _prose(text: str | None) -> str:
    """Help as a paragraph."""
    return " ".join((text or "").replace("\b", "").split())
