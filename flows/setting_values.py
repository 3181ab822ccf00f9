"""Values of settings from a TOML file and the environment: each checked, each with where it comes from.

What can be set is handed in, as the type of each dotted path; every mistake is noted with its place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin

import msgspec

from flows.errors import Finding
from flows.hints import did_you_mean
from flows.toml_lines import Place, places

PREFIX = "TELLTALE_"
# Of the same beginning, and no settings.
_OTHERS = ("TELLTALE_CONFIG", "TELLTALE_REQUIRE_KAFKA", "TELLTALE_REQUIRE_DATA", "TELLTALE_SEED")
_AT = re.compile(r" \((?:at line (\d+), column (\d+)|at end of document)\)$")
_BOUND = re.compile(r"(?:>=|<=|>|<) \S+$")

_SECRET = re.compile(r"password|secret|key|jaas|token")
_MOST_SHOWN = 60

Name = tuple[str, ...]


class Values(msgspec.Struct):
    """What was read: values and where they come from by their path, and the mistakes."""

    values: dict[Name, Any] = {}
    origins: dict[Name, str] = {}
    findings: list[Finding] = []


def is_secret(name: str) -> bool:
    """Whether a setting, or an option of librdkafka's, holds what nobody should see."""
    return _SECRET.search(name.lower()) is not None


def read_values(file: Path | None, environment: Mapping[str, str], known: Mapping[Name, Any]) -> Values:
    """The file's values (None or absent: none), and over them the environment's; `known` are types by path."""
    read = Values()
    if file is not None and file.exists():
        _read_file(file, known, read)
    variables = {PREFIX + "_".join(name).upper(): name for name, kind in known.items() if kind is not dict}
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable not in _OTHERS:
            where = f"environment variable {variable}"
            if variable in variables:
                _take(read, variables[variable], text, known, Finding(where, 0, 0, "", "", ""), variable)
            else:
                hint = did_you_mean(variable, list(variables))
                read.findings.append(Finding(where, 0, 0, "", "no such setting", hint))
    return read


def _read_file(file: Path, known: Mapping[Name, Any], read: Values) -> None:
    """All that the file sets."""
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        at = _AT.search(said)
        line, column = (int(at[1]), int(at[2])) if at and at[1] else (0, 0)
        what = f"not TOML: {_AT.sub('', said)}"
        hint = "Mend this line, or the one before." if line else "Something at its end is not closed."
        read.findings.append(Finding(str(file), line, column, "", what, hint))
        return
    except (UnicodeDecodeError, OSError) as error:
        what = f"cannot be read ({error})"
        read.findings.append(Finding(str(file), 0, 0, "", what, "Give a file of UTF-8 text."))
        return
    stand = places(text)
    tables = {name[0] for name in known if len(name) > 1}
    for first, value in document.items():
        if first in tables and isinstance(value, dict):
            for field, below in cast("dict[str, Any]", value).items():
                _place(file, (first, field), below, known, read, stand)
        else:
            _place(file, (first,), value, known, read, stand)


def _place(
    file: Path, name: Name, value: Any, known: Mapping[Name, Any], read: Values, stand: Mapping[Name, Place]
) -> None:
    """One value of the file; what stands in an inline table has the place of that."""
    line, column = stand.get(name) or stand.get(name[:1]) or (0, 0)
    at = Finding(str(file), line, column, ".".join(name), "", "")
    if name in known:
        _take(read, name, value, known, at, f"{file}:{line}")
    else:
        what, hint = _unknown(name, known)
        read.findings.append(msgspec.structs.replace(at, message=what, hint=hint))


def _unknown(name: Name, known: Mapping[Name, Any]) -> tuple[str, str]:
    """What to say to a path that cannot be set."""
    tables = sorted({path[0] for path in known if len(path) > 1})
    if name[0] in tables and len(name) == 1:
        return "this is a table", f"Write [{name[0]}], and its settings below."
    beside = [path[-1] for path in known if path[:-1] == name[:-1]] + (tables if len(name) == 1 else [])
    hint = did_you_mean(name[-1], beside)
    elsewhere = next((path for path in known if path[-1] == name[-1]), None)
    if elsewhere is not None and not hint.startswith("Did"):
        hint = f"It belongs below [{elsewhere[0]}]." if len(elsewhere) > 1 else "It belongs above all tables."
    return "no such setting", hint


def _take(read: Values, name: Name, value: Any, known: Mapping[Name, Any], at: Finding, origin: str) -> None:
    """Check one value against its type and keep it; `at` is the finding to be filled in if it is wrong."""
    kind = known[name]
    try:
        if kind is dict:
            read.values[name] = _options(value)
        else:
            read.values[name] = msgspec.convert(value, kind, strict=at.line > 0)
        read.origins[name] = origin
    except msgspec.ValidationError as error:
        shown = "this" if is_secret(".".join(name)) else _as_written(value)
        what, hint = f"{shown} cannot be used", _needed(kind, value, str(error))
        read.findings.append(msgspec.structs.replace(at, message=what, hint=hint))


def _options(value: Any) -> dict[str, str]:
    """A table of texts, in which numbers and yes or no may stand unquoted; raises msgspec.ValidationError."""
    given = msgspec.convert(value, dict[str, bool | int | float | str])
    return {name: str(each).lower() if isinstance(each, bool) else str(each) for name, each in given.items()}


def _as_written(value: Any) -> str:
    """A value as its file has it, if it is short."""
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


def _needed(kind: Any, value: Any, said: str) -> str:
    """What is needed instead."""
    plain: Any = kind if kind is dict or not hasattr(kind, "__metadata__") else get_args(kind)[0]
    if get_origin(plain) is Literal:
        choices: Sequence[str] = get_args(plain)
        return did_you_mean(str(value), choices)
    words: dict[Any, str] = {int: "a whole number", float: "a number", str: "a text in quotes"}
    bound = _BOUND.search(said)
    return f"Write {words.get(plain, 'a table of names with texts')}{f' {bound[0]}' if bound else ''}."
