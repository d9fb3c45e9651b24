"""Homes: what reads makes nothing, a read-only one is read, odd names work, and all is private."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.weights.store import ModelStore
from tests import made
from tests.cli.conftest import Command
from tests.galleries import make_home, open_gallery

ALIGNED = ("--detector", "aligned")
READING = [
    ("index", "list"),
    ("index", "show", "P0"),
    ("index", "stats"),
    ("index", "remove", "P0"),
    ("index", "rebuild"),
    ("index", "fill"),
    ("match", "--patient", "P0"),
    ("evaluate", "gallery"),
    ("cohort", "matrix"),
]
POSIX = pytest.mark.skipif(os.name != "posix", reason="names and rights as on POSIX")


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_mistyped_home_is_named_and_not_made(
    words: tuple[str, ...], gestalt: Command, tmp_path: Path
) -> None:
    ran = gestalt(*words, "--home", tmp_path / "mistyped")
    assert ran.code == 1
    assert f"There is no gallery in {tmp_path / 'mistyped'}" in ran.err
    assert "gestalt index add" in ran.err
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("words", [("models", "list"), ("doctor",), ("db", "status")], ids=" ".join)
def test_what_asks_about_a_home_makes_none(
    words: tuple[str, ...], gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_space.machine.doctor._faiss", lambda: iter(()))
    gestalt(*words, "--home", tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()


def test_photos_are_encoded_without_a_gallery(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    assert gestalt("encode", photos[0], "-o", tmp_path / "d.npz", *ALIGNED).code == 0
    assert [path.name for path in home.iterdir()] == ["models"]


@pytest.mark.parametrize(
    "words",
    [
        ("index", "list"),
        ("index", "show", "P0"),
        ("match", "--patient", "P0"),
        ("evaluate", "gallery"),
        ("cohort", "matrix"),
    ],
    ids=" ".join,
)
def test_a_home_that_may_not_be_written_is_read(
    words: tuple[str, ...], filled: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(filled.rglob("*"))
    for path in before:
        path.chmod(0o500 if path.is_dir() else 0o400)
    filled.chmod(0o500)
    for module in ("sqlite", "engine"):  # root may write whatever the rights are
        monkeypatch.setattr(f"gestalt_space.store.{module}.is_read_only", lambda _: True)
    try:
        ran = gestalt(*words)
        assert ran.code == 0, ran.err
        assert sorted(filled.rglob("*")) == before
        assert gestalt("index", "remove", "P0").code == 1
    finally:
        filled.chmod(0o700)
        for path in filled.rglob("*"):
            path.chmod(0o700)


@POSIX
@pytest.mark.parametrize("name", ["a?b#c%20d: 'é'", os.fsdecode(b"-caf\xe9")], ids=ascii)
def test_every_path_may_have_every_name(
    name: str, tiny_store: ModelStore, gestalt: Command, tmp_path: Path
) -> None:
    place = tmp_path / name
    home = make_home(place / "home", tiny_store)
    photos = [made.photo_file(place / f"{name} {n}.png", n) for n in range(3)]
    for number, photo in enumerate(photos[:2]):
        report = place / "report?.csv"
        words = (
            "--patient",
            f"P{number}",
            "--disorder",
            "OMIM:122470",
            "--report",
            report,
            *ALIGNED,
        )
        added = gestalt("index", "add", "--home", home, *words, "--", photo)
        assert added.code == 0, added.err
    of_home = ("--home", home)
    for words in (
        ("match", *of_home, *ALIGNED, "--", photos[2]),
        ("encode", *of_home, "-o", place / "d?.npz", *ALIGNED, "--", photos[2]),
        ("align", *of_home, "-o", place / "crops#", *ALIGNED, "--", photos[2]),
        ("cohort", "matrix", *of_home, "-o", place / "m%20.parquet", "--figure", place / "f?.png"),
        ("index", "remove", *of_home, "P0"),
    ):
        ran = gestalt(*words)
        assert ran.code == 0, ran.err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert sorted(path.name for path in home.iterdir()) == [
        *("calibrating", "gallery.sqlite3", "index", "models")
    ]


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@POSIX
@pytest.mark.usefixtures("open_umask")
def test_all_that_is_written_is_the_owner_s_alone(
    cohort: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for words in (
        ("index", "add", photos[0], "--patient", "N", "--report", out / "r.csv", *ALIGNED),
        ("align", photos[0], "-o", out / "crops", *ALIGNED),
        *(("encode", photos[0], "-o", out / f"d{end}", *ALIGNED) for end in (".npz", ".csv")),
        *(
            ("cohort", "matrix", "-o", out / f"m{end}")
            for end in (".csv", ".npy", ".zarr", ".parquet")
        ),
        ("cohort", "map", "-o", out / "map.svg", "--method", "pca"),
        ("evaluate", "gallery", "-o", out / "page.html", "--bootstrap", "100"),
    ):
        ran = gestalt(*words)
        assert ran.code in (0, 3), ran.err
    written = [*out.rglob("*"), *cohort.glob("gallery*"), *(cohort / "index").rglob("*")]
    assert len(written) > 12
    wide = {path.name: oct(path.stat().st_mode) for path in written if path.stat().st_mode & 0o077}
    assert wide == {}


def test_a_first_add_beside_another_counts_no_face_as_missing(
    home: Path, photos: list[Path], gestalt: Command
) -> None:
    with open_gallery(home) as mine:
        assert mine.space.stored is None
        assert gestalt("index", "add", photos[0], "--patient", "P0", *ALIGNED).code == 0
        assert mine.faces_to_fill() == 0


class Piped(io.TextIOWrapper):
    """Standard input with bytes in it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


def test_a_photo_comes_from_standard_input(
    filled: Path,
    photos: list[Path],
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for words in (
        ("match", "-", "--json"),
        ("encode", "-", "-o", tmp_path / "d.csv"),
        ("align", "-", "-o", tmp_path / "crops"),
    ):
        monkeypatch.setattr(sys, "stdin", Piped(photos[0].read_bytes()))
        ran = gestalt(*words, *ALIGNED)
        assert ran.code == 0, ran.err
        if "--json" in words:
            (probe,) = ran.document["probes"]
            assert probe["photo"] == "standard input"
            assert probe["left_out"] == "P0"
    assert (tmp_path / "crops" / "standard input.png").is_file()


def test_standard_input_is_one_photo_and_no_terminal(
    filled: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(b""))
    assert gestalt("match", "-", "-", *ALIGNED).code == 2
    empty = gestalt("match", "-", "--json", *ALIGNED)
    assert empty.code == 3
    monkeypatch.setenv("GESTALT_MAX_PHOTO_BYTES", "100")
    monkeypatch.setattr(sys, "stdin", Piped(photos[0].read_bytes()))
    large = gestalt("match", "-", "--json", *ALIGNED)
    assert large.document["probes"][0]["error"]["code"] == "photo_too_large"
    terminal = Piped(b"")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert "Pipe a file" in gestalt("match", "-", *ALIGNED).err


def test_a_table_comes_from_standard_input(
    home: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos[0].parent)
    table = b"photo,patient,disorder\np0.png,P0,OMIM:122470\np1.png,P1,OMIM:122470\n"
    monkeypatch.setattr(sys, "stdin", Piped(table))
    added = gestalt("index", "add", "-", "--json", *ALIGNED)
    assert added.document["counts"] == {"added": 2, "already": 0, "updated": 0, "failed": 0}
    monkeypatch.setattr(sys, "stdin", Piped(b"photo\np0.png\n"))
    refused = gestalt("index", "add", "-", *ALIGNED)
    assert refused.code == 2
    assert "standard input has no column patient" in refused.err
