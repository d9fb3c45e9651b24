"""One thread, as for spaces."""

import pytest


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """All tests of this folder."""
