from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_space.home import Gallery
from tests import made
from tests.galleries import add, row
from tests.pages.conftest import NASTY


@pytest.fixture
def add_nasty(gallery: Gallery, tmp_path: Path) -> Callable[[], None]:
    """Adds a patient whose names would do harm if they were not escaped."""

    def adding() -> None:
        photo = made.photo_file(tmp_path / "nasty.png", 7)
        (done,) = add(gallery, row(photo, NASTY, "ORPHA:199", ancestry=NASTY))
        assert done.status == "added"

    return adding
