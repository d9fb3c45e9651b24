"""Fixtures of the gallery's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.gallery import sealing
from tests.gallery.kept import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    opened = Kept(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows in the tail are sealed."""
    monkeypatch.setattr(sealing, "SEALED_FROM", 4)
