"""The command run in this process: what it ended with, and what it wrote where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gestalt_cli.entry import run

from gestalt_space.documents.schemas import REPLY
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.documents.validation import assert_valid
from tests.galleries import make_home
from tests.prepared import Prepared


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output: anything more or else is an error."""
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def gestalt(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `gestalt` with words, in the home of the test."""
    monkeypatch.setenv("COLUMNS", "240")

    def command(*words: object) -> Ran:
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        ran = Ran(code, captured.out, captured.err)
        # Every document that any test of a command sees is held against its schema.
        if "--json" in words or "json" in words:
            if captured.out:
                assert_valid(ran.document)
        elif "gestaltmatcher" in words and captured.out:
            assert_valid(ran.document, REPLY)
        return ran

    return command


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    """The home that `$GESTALT_HOME` names in tests, with the model `tiny`."""
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Six photos that are aligned crops, of six people."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return [made.photo_file(folder / f"p{seed}.png", seed) for seed in range(6)]


Add = Callable[[str, Path], Path]


@pytest.fixture
def add_once(home: Path, gestalt: Command, prepared: Prepared) -> Add:
    """Adds the photos of a table to the empty home, under a name for other tests to start from."""

    def add(name: str, table: Path) -> Path:
        def fill() -> None:
            added = gestalt("index", "add", table, "--detector", "aligned")
            assert added.code == 0, added.err

        return prepared(name, home, fill)

    return add


@pytest.fixture
def filled(photos: list[Path], add_once: Add, tmp_path: Path) -> Path:
    """The home with four patients: P0 and P1 of OMIM:122470, P2 of ORPHA:199, P3 undiagnosed."""
    table = tmp_path / "patients.csv"
    table.write_text(
        "photo,patient,disorder,disorder_name,genes,sex,age,cohort,hpo\n"
        "photos/p0.png,P0,OMIM:122470,Cornelia de Lange syndrome 1,NIPBL,female,4y,A,HP:0000664\n"
        "photos/p1.png,P1,OMIM:122470,,NIPBL,male,18m,A,\n"
        "photos/p2.png,P2,ORPHA:199,,,,,B,!HP:0000252\n"
        "photos/p3.png,P3,,,,,,,\n",
        encoding="utf-8",
    )
    return add_once("filled", table)


@pytest.fixture
def cohort(add_once: Add, tmp_path: Path) -> Path:
    """The home with twelve patients of two disorders and two cohorts."""
    folder = tmp_path / "twelve"
    folder.mkdir()
    lines = ["photo,patient,disorder,sex,cohort"]
    for seed in range(12):
        made.photo_file(folder / f"f{seed}.png", seed)
        disorder = ("OMIM:122470", "ORPHA:199")[seed % 2]
        sex, group = ("female", "male")[seed // 2 % 2], ("Bonn", "Taipei")[seed // 6]
        lines.append(f"twelve/f{seed}.png,Q{seed:02},{disorder},{sex},{group}")
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return add_once("cohort", table)
