"""A rule's state to and from a snapshot, and from one version of a rule to the next."""

from __future__ import annotations

import numpy as np

from flows.devices.kernels import layout as k
from flows.devices.rule_state import RuleState
from flows.devices.shard_state import CellsState, WindowsState


def save_rule(state: RuleState) -> CellsState:
    """The cells in use and the open windows as immutable bytes."""
    used = state.used()
    return CellsState(
        rule=state.rule.name,
        fingerprint=state.rule.fingerprint,
        patterns=len(state.rule.patterns),
        ring=state.ring,
        held_since=state.held_since,
        cells=state.cells[used].tobytes(),
        tallies=state.tallies[used].tobytes(),
        points=state.points[used].tobytes(),
        windows={p: WindowsState(*windows.save()) for p, windows in state.windows.items()},
    )


def restore_rule(state: RuleState, saved: CellsState) -> None:
    """Put a saved state into a new one of the same meaning."""
    cells = np.frombuffer(saved.cells, np.int64).reshape(-1, k.CELL)
    state.put(
        cells,
        np.frombuffer(saved.tallies, np.int64).reshape(len(cells), saved.patterns, k.TALLY),
        np.frombuffer(saved.points, np.float64).reshape(len(cells), saved.patterns, saved.ring, 2),
    )
    state.held_since = saved.held_since
    for p, windows in saved.windows.items():
        state.windows[p].put(windows.ring, windows.names, windows.opened, windows.panes)


def keep_episodes(state: RuleState, old: RuleState) -> None:
    """Carry the episodes under way into a changed rule; what its patterns had begun to see is forgotten."""
    keeps = old.cells[:, k.STATE] == k.ACTIVE
    if state.absent_after >= 0:
        # who lapsed waits for its return under any absence, and is no episode of another pattern
        keeps |= old.cells[:, k.STATE] == k.SPENT
        state.held_since = old.held_since
    cells = old.cells[keeps & (old.cells[:, k.OWNER] >= 0)]
    cells[:, k.SEVERITY] = np.minimum(cells[:, k.SEVERITY], max(0, len(state.rule.severities) - 1))
    cells[:, k.CLEARING] = 0
    n = len(state.rule.patterns)
    tallies = np.zeros((len(cells), n, k.TALLY), np.int64)
    if state.rule.clear is None:
        # Without a clear of its own an episode ends when no pattern stands: let the new patterns say so first.
        tallies[:, :, k.STANDING] = 1
    state.put(cells, tallies, np.zeros((len(cells), n, state.ring, 2)))
