"""What may go wrong with a load test itself; each says what, where and how to mend it."""

from __future__ import annotations

from pathlib import Path


class LoadTestFailed(Exception):
    """A load test could not be run to its end."""


class CaseWrong(LoadTestFailed):
    """A case is not as it should be."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}. Mend the case, or the option that changes it.")


class ProcessEnded(LoadTestFailed):
    """A process of a leg ended before its work was done."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        super().__init__(
            f"The process {name} ended with {code} before its work was done; it said:\n{_tail(log)}"
        )


class NotInTime(LoadTestFailed):
    """A leg did not come to its end."""

    def __init__(self, what: str, seconds: float, seen: str, logs: list[Path]) -> None:
        said = "\n".join(f"--- {log.name}\n{_tail(log)}" for log in logs)
        mend = "Give it fewer readings, or see what its processes said:"
        super().__init__(f"{what} took more than {seconds:.0f} s ({seen}). {mend}\n{said}")


class NoSuchLeg(LoadTestFailed):
    """A leg of another name was asked for."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no leg {name!r} on this bus. Known are {', '.join(known)}.")


class AnswerWrong(LoadTestFailed):
    """A leg's answer was not the oracle's, so what it took does not count."""

    def __init__(self, leg: str, what: str) -> None:
        super().__init__(f"The answer of {leg} was wrong: {what}.")


def _tail(log: Path, most: int = 1500) -> str:
    """The last words of a process."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return text.strip()[-most:] or "(nothing)"
