"""Public data for the proofs of decisions, read from where it is and never copied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of the public data sets; skips where it is not, or fails under TELLTALE_REQUIRE_DATA=1."""
    if not _DATA.is_dir():
        if os.environ.get("TELLTALE_REQUIRE_DATA") == "1":
            pytest.fail(f"The public data is required here, and there is no {_DATA}.", pytrace=False)
        pytest.skip(f"No public data: there is no {_DATA}")
    return _DATA
