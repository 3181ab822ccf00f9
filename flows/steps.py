"""The team's own steps: a Python file that the settings name, with functions for the attachment points.

`readings` takes columns and gives columns; `alarms`, `events`, `decisions` and `actions` take a Bytewax stream and
give one. What each is for stands in `flows/reference/steps.md`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from flows.errors import StepsUnreadable
from flows.settings import Settings
from flows.step_errors import own_line

POINTS: Final = ("readings", "alarms", "events", "decisions", "actions")
STEP_FAILED: Final = "step_failed"

# The state of a step may hold objects of classes of the file; they are found again by this name, whatever the file's.
_MODULE: Final = "telltale_steps"

_OURS: Final = frozenset({"flows", "connectors", _MODULE})


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Readings of one stream as columns, which a `readings` step may read and not write.

    `at` int64 [n], ms of event time; `values` float64 [n] by the name of each declared field but texts: a bool is 0
    or 1, an enum the place among its values, NaN is missing, also all of a `derived` field. `devices` are the ids.
    """

    stream: str
    at: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    devices: Sequence[str]

    def replace(self, **values: NDArray[np.float64]) -> Columns:
        """The same readings with these fields put in place of what they were."""
        return msgspec.structs.replace(self, values={**self.values, **values})


ColumnsStep = Callable[[Columns], Columns]
StreamStep = Callable[[Any], Any]


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What a steps file defines; None is no step at that point. A stream step takes and gives a Bytewax stream."""

    file: Path | None = None
    readings: ColumnsStep | None = None
    alarms: StreamStep | None = None
    events: StreamStep | None = None
    decisions: StreamStep | None = None
    actions: StreamStep | None = None

    def defined(self) -> tuple[str, ...]:
        """The points that have a step."""
        return tuple(point for point in POINTS if getattr(self, point) is not None)


NO_STEPS: Final = Steps()


def load_steps(settings: Settings) -> Steps:
    """The steps of the file that `steps` in the settings names, run by this; raises StepsUnreadable."""
    if not settings.steps:
        return NO_STEPS
    file = settings.path(settings.steps).resolve()
    module = _run(file)
    found = {point: vars(module)[point] for point in POINTS if point in vars(module)}
    if not found:
        raise StepsUnreadable(
            str(file), None, "it defines no step", f"Name a function one of {', '.join(POINTS)}."
        )
    for point, function in found.items():
        _check(file, point, function)
    return Steps(file=file, **found)


def _run(file: Path) -> ModuleType:
    """The file as a module; it may import its neighbours."""
    spec = importlib.util.spec_from_file_location(_MODULE, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise StepsUnreadable(
            str(file),
            None,
            "there is no such Python file",
            "Mend `steps` in the settings, or leave it empty.",
        )
    _make_way(file.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = error.filename or str(file)
        raise StepsUnreadable(
            where, error.lineno, f"it is no Python: {error.msg}", "Mend the line."
        ) from error
    except ImportError as error:
        where, line = own_line(error, file) or (file, None)
        mend = "Install it where Telltale is installed, or put the file beside the steps."
        raise StepsUnreadable(str(where), line, f"an import fails: {error}", mend) from error
    except (Exception, SystemExit) as error:
        where, line = own_line(error, file) or (file, None)
        what = f"it raises {type(error).__name__} when it is imported: {error}"
        raise StepsUnreadable(str(where), line, what, "Mend the line; a steps file only defines.") from error
    return module


def _make_way(folder: Path) -> None:
    """Let a file find its neighbours, and none of the same name that a file of another folder has loaded before it.

    A backtest against an older folder runs two files of steps; each keeps the neighbours that it imported.
    """
    path, before = str(folder), sys.modules.get(_MODULE)
    if before is None or before.__file__ is None or (other := Path(before.__file__).parent) == folder:
        sys.path += [] if path in sys.path else [path]
        return
    for name, module in [*sys.modules.items()]:
        top = name.partition(".")[0]
        theirs = Path(getattr(module, "__file__", None) or "").is_relative_to(other)
        if theirs and top not in _OURS and ((folder / f"{top}.py").exists() or (folder / top).is_dir()):
            del sys.modules[name]
    sys.path[:] = [each for each in sys.path if each != path]
    sys.path.insert(sys.path.index(str(other)) if str(other) in sys.path else len(sys.path), path)


def _check(file: Path, point: str, function: object) -> None:
    """Refuse what cannot be called with one argument and give one value; raises StepsUnreadable."""
    takes = "columns" if point == "readings" else "a stream"
    shape = f"Write `def {point}({'columns' if point == 'readings' else 'stream'}):`."
    if not callable(function) or inspect.isclass(function):
        raise StepsUnreadable(str(file), _line_of(file, point), f"`{point}` is no function", shape)
    line = _line_of(file, point)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise StepsUnreadable(str(file), line, f"`{point}` must return and neither yield nor await", shape)
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        what = f"`{point}` must take {takes} and nothing else, but takes {inspect.signature(function)}"
        raise StepsUnreadable(str(file), line, what, shape) from error


def _line_of(file: Path, name: str) -> int | None:
    """The line that last gives a name of the file its meaning."""
    lines = [n.lineno for n in _top(file) for bound in _names(n) if bound == name]
    return lines[-1] if lines else None


def _top(file: Path) -> Iterator[ast.stmt]:
    yield from ast.parse(file.read_text(encoding="utf-8")).body


def _names(statement: ast.stmt) -> list[str]:
    """What a statement at the top of a file defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names]
        case _:
            return []
