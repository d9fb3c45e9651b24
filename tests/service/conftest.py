"""A service on a gallery of four patients, asked without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from gestalt_space.home import Gallery
from gestalt_space.service import secrets, users
from gestalt_space.service.app import create_app
from gestalt_space.service.configuration import ServiceOptions
from gestalt_space.store.accounts import Role
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import fill_once, make_home, open_gallery, row
from tests.prepared import Prepared

PASSWORD = "correct horse battery"
Serve = Callable[..., TestClient]
SignIn = Callable[[Role], dict[str, str]]


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with next to no work: many tests have some."""
    monkeypatch.setattr(secrets, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64))


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Path:
    """P0 and P1 of OMIM:122470, P2 of ORPHA:199, P3 undiagnosed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photos = [made.photo_file(folder / f"p{seed}.png", seed) for seed in range(4)]
    disorders = [("OMIM:122470",), ("OMIM:122470",), ("ORPHA:199",), ()]
    rows = [
        row(photo, f"P{place}", *codes)
        for place, (photo, codes) in enumerate(zip(photos, disorders, strict=True))
    ]
    return fill_once(prepared, "service", make_home(tmp_path / "home", tiny_store), *rows)


@pytest.fixture
def gallery(home: Path) -> Iterator[Gallery]:
    """The gallery that is served."""
    with open_gallery(home) as gallery:
        yield gallery


@pytest.fixture
def serve(gallery: Gallery) -> Iterator[Serve]:
    """Starts a service with options; its client asks from this machine."""
    with ExitStack() as running:

        def start(**options: object) -> TestClient:
            app = create_app(gallery, ServiceOptions(**options))  # type: ignore[arg-type]
            return running.enter_context(
                TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
            )

        yield start


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A service without users."""
    return serve()


@pytest.fixture
def sign_in(gallery: Gallery) -> SignIn:
    """Adds a user with that role, by its name, and gives the header with which it asks."""
    users.add_user(gallery.database, "root", "admin", None)

    def header(role: Role) -> dict[str, str]:
        users.add_user(gallery.database, f"the {role}", role, None)
        token, _ = users.add_token(gallery.database, f"the {role}", "", timedelta(days=1))
        return {"Authorization": f"Bearer {token}"}

    return header


@pytest.fixture
def photo(tmp_path: Path) -> tuple[str, bytes]:
    """The name and the bytes of a photo of somebody who is not in the gallery."""
    path = made.photo_file(tmp_path / "asked.png", 9)
    return path.name, path.read_bytes()
