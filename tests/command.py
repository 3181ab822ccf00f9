"""The command line as a person meets it: arguments in, exit code and both outputs back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Said(msgspec.Struct, frozen=True):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


Telltale = Callable[..., Said]
