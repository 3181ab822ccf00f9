"""A bar for what takes long, on standard error while that is a terminal; gone when it is done, else silent."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.archives.compression import Read, unwatched

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


@contextmanager
def progress(paths: Sequence[Path], description: str, shown: bool = True) -> Generator[Read]:
    """Show how much of some files has been read; call what it yields with the bytes read further.

    Bytes are those of the files, packed if they are. `shown` False is for who prints results to the terminal
    meanwhile. What is printed to standard output goes where it always goes.
    """
    if not (shown and sys.stderr.isatty()):
        yield unwatched
        return
    from rich.progress import DownloadColumn

    with _bar(DownloadColumn()) as bar:
        task = bar.add_task(description, total=_size(paths))
        yield lambda read: bar.advance(task, read)


@contextmanager
def counting(total: int, description: str) -> Generator[Read]:
    """Show how many of about so many things are done; call what it yields with how many more are."""
    if not sys.stderr.isatty():
        yield unwatched
        return
    from rich.progress import TaskProgressColumn

    with _bar(TaskProgressColumn()) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.advance(task, done)


def _bar(how_far: ProgressColumn) -> Progress:
    """A bar on standard error that leaves nothing behind."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        how_far,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _size(paths: Sequence[Path]) -> int | None:
    """The bytes of all files; None when one's size is not known, as of a pipe or of a file that is missing."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    return sum(sizes) if all(sizes) else None
