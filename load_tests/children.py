"""What the children share that build the product's own objects: one rule set for ever, and the memory they hold."""

from __future__ import annotations

import ctypes
import gc

import psutil

from flows.rules.model import RuleSet


class OneSet:
    """A rule set that never changes."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.current = rule_set

    def get(self, number: int) -> RuleSet:  # noqa: ARG002 - there is one only
        """The set."""
        return self.current


def resident() -> int:
    """What this process holds (bytes), after giving back what it can."""
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss
