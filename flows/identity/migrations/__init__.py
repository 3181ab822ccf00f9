"""How the tables of the identity service came to be, one file a step in `versions/`; run at each start (alembic)."""

from __future__ import annotations

# The last step that this version knows.
HEAD = "0001"
