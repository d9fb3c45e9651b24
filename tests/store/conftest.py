"""A database of its own for each test, with a space of 16-d descriptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config

from gestalt_space.store import writes
from gestalt_space.store.engine import Database
from gestalt_space.store.writes import NewPhoto, Stored
from tests.databases import address_of
from tests.galleries import new_photo
from tests.store.corrected import CDLS, KABUKI


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of the test's database; a file is not there yet."""
    address = address_of(tmp_path / "home")
    return address if isinstance(address, str) else f"sqlite:///{address}"


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """Of a database without tables; a file is not there yet."""
    address = address_of(tmp_path / "home", empty=True)
    return address if isinstance(address, str) else f"sqlite:///{address}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url, busy_timeout=5)
    yield opened
    opened.close()


@pytest.fixture
def space_id(database: Database) -> int:
    with database.writing() as session:
        return writes.add_space(
            session, model="tiny", fingerprint="f" * 64, specification="{}", dim=16
        )


@pytest.fixture
def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    return config


Store = Callable[..., list[Stored]]


@pytest.fixture
def store(database: Database, space_id: int) -> Store:
    """Adds photos in one transaction."""

    def add(*photos: NewPhoto) -> list[Stored]:
        with database.writing() as session:
            return writes.add_photos(session, photos, space_id=space_id)

    return add


@pytest.fixture
def two(store: Store) -> None:
    """P1 with two photos, P2 with one."""
    store(
        new_photo("P1", 1, disorders=(CDLS,), genes=("NIPBL",), sex="female", age=4.0),
        new_photo("P1", 2),
        new_photo("P2", 3, disorders=(KABUKI,), hpo=("HP:0000001",)),
    )
