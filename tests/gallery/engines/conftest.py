"""Galleries that an engine searches, for every engine, and a switch to turn it off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gestalt_space.errors import EngineAway
from gestalt_space.gallery.engines import measuring
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import CollectionPlace, EngineHits, VectorEngine
from gestalt_space.index.engines.milvus import open_milvus
from gestalt_space.index.engines.pgvector import PgvectorEngine
from gestalt_space.index.engines.registry import OPENERS
from gestalt_space.match import question
from gestalt_space.match.question import Question
from gestalt_space.store.gallery_id import gallery_id
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import make_home, open_gallery
from tests.index.engines.opened import vector_server
from tests.index.engines.reference import ReferenceEngine, ReferenceServer
from tests.many import fill_gallery
from tests.servers import Databases

PHOTOS, DISORDERS, MEASURED = 300, 40, 20


def gallery_of(gallery: Gallery) -> str:
    with gallery.database.reading() as session:
        return gallery_id(session)


class Switched:
    """An engine that answers while it is on."""

    def __init__(self, engine: VectorEngine, switch: Switch) -> None:
        self._engine, self._switch = engine, switch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        if not callable(found) or name == "close":
            return found

        def call(*given: Any, **more: Any) -> Any:
            self._switch.check(name)
            given_back = found(*given, **more)
            if name == "nearest" and self._switch.misses:
                kept = given_back.ids % 2 == 1
                return EngineHits(given_back.ids[kept], given_back.similarities[kept])
            return given_back

        return call


@dataclass
class Switch:
    """`is_on`: whether the engine answers; `misses`: whether it misses every other row; `calls`:
    what was asked of it; `fails`: what a call raises, by its name."""

    is_on: bool = True
    misses: bool = False
    calls: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)

    def check(self, name: str) -> None:
        self.calls.append(name)
        if not self.is_on:
            raise EngineAway("The engine does not answer.", "Start it.")
        if name in self.fails:
            raise self.fails[name]


@dataclass
class Searched:
    """A home whose gallery an engine searches: `name`, and how the tests open its collection."""

    home: Path
    name: str
    switch: Switch
    opener: Callable[[CollectionPlace], VectorEngine]
    opened: list[Gallery] = field(default_factory=list)

    def gallery(self, **options: Any) -> Gallery:
        """Another one of the home, as another process has it."""
        self.opened.append(open_gallery(self.home, **options))
        return self.opened[-1]

    def question(self, **more: Any) -> Question:
        return Question(**{"index": self.name, **more})

    @contextmanager
    def collection(self, gallery: Gallery) -> Iterator[VectorEngine]:
        """What is in the engine, the switch passed by."""
        space = gallery.space.stored
        assert space is not None
        address = gallery.database.engine.url.render_as_string(hide_password=False)
        engine = self.opener(
            CollectionPlace(address, space.fingerprint, space.dim, gallery_of(gallery))
        )
        try:
            yield engine
        finally:
            engine.close()

    def ids(self, gallery: Gallery) -> list[int]:
        with self.collection(gallery) as engine:
            return engine.ids().tolist()


@pytest.fixture(scope="session")
def vector_databases() -> Iterator[Databases]:
    """Databases with pgvector, each of a home."""
    with vector_server() as server:
        databases = Databases(server.address, "vectors")
        databases.prepare()
        yield databases


@pytest.fixture(params=["reference", "pgvector", "milvus"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Callable[[CollectionPlace], VectorEngine]]:
    """Its name, and what opens it; the home's database is where it can be used."""
    name = str(request.param)
    if name == "pgvector":
        databases: Databases = request.getfixturevalue("vector_databases")
        monkeypatch.setenv("GESTALT_DATABASE_URL", databases.of(tmp_path / "home"))
        return name, PgvectorEngine
    if name == "milvus":
        pytest.importorskip("milvus_lite")
        lite = str(tmp_path / "home" / "milvus")
        return name, lambda place: open_milvus(replace(place, address=lite))
    server = ReferenceServer()
    return name, lambda place: ReferenceEngine(
        server, place.space, place.space, place.dim, place.gallery
    )


@pytest.fixture
def searched(
    engine: tuple[str, Callable[[CollectionPlace], VectorEngine]],
    tmp_path: Path,
    tiny_store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
    rng: np.random.Generator,
) -> Iterator[Searched]:
    """A filled gallery without an engine yet."""
    name, opener = engine
    switch = Switch()
    openers: Mapping[Any, Any] = OPENERS
    monkeypatch.setitem(openers, name, lambda place: Switched(opener(place), switch))  # type: ignore[arg-type]
    monkeypatch.setattr(measuring, "MEASURED", MEASURED)
    if name not in question.INDEXES:
        monkeypatch.setattr(question, "INDEXES", (*question.INDEXES, name))
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(home) as gallery:
        fill_gallery(gallery, np.arange(PHOTOS) // 2, made.unit(rng, PHOTOS, 16), DISORDERS)
    one = Searched(home, name, switch, opener)
    with ExitStack() as stack:
        stack.callback(lambda: [gallery.close() for gallery in one.opened])
        yield one


@pytest.fixture
def gallery(searched: Searched) -> Gallery:
    return searched.gallery()
