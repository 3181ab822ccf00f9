"""Every metric as `metrics.md` shows it, from the catalogue."""

from __future__ import annotations

from flows.metrics import CATALOGUE
from flows.reference.markdown import code, table


def made() -> str:
    """The catalogue as a table."""
    rows = ((code(m.full_name), m.kind, m.unit, ", ".join(map(code, m.labels)), m.help) for m in CATALOGUE)
    return table(["metric", "type", "unit", "labels", "what it says"], rows)
