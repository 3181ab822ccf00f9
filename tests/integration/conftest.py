"""What integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.nursery import Nursery, a_nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """A process that has the product loaded, from which others are started at once."""
    with a_nursery() as found:
        yield found
