"""Nothing is written outside the home and what a command was told to write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import made
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
watched: list[str] = []
watching: list[bool] = []


def _see(event: str, arguments: tuple[object, ...]) -> None:
    """Notes every file that Python opens to write it, and every one that it makes or renames."""
    if not watching:
        return
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        watched.append(os.fsdecode(arguments[0]) if not isinstance(arguments[0], int) else "")  # type: ignore[arg-type]
    elif event in ("os.rename", "os.link", "os.symlink", "tempfile.mkstemp", "tempfile.mkdtemp"):
        watched.append(os.fsdecode(arguments[-1] if event.startswith("temp") else arguments[1]))  # type: ignore[arg-type]


sys.addaudithook(_see)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Watches; gives the folder that temporary files would land in."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    yield temporary
    watching.clear()
    watched.clear()


def test_every_command_writes_in_the_home_or_where_it_was_told(
    filled: Path, photos: list[Path], gestalt: Command, tmp_path: Path, watch: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for seed in range(4):
        new = made.photo_file(tmp_path / f"n{seed}.png", 50 + seed)
        gestalt("index", "add", new, "--patient", f"N{seed}", "--disorder", "OMIM:122470", *ALIGNED)
    watching.append(True)
    for words in (
        ("index", "add", photos[5], "--patient", "N", "--report", out / "r.csv", *ALIGNED),
        ("index", "add", photos[5], "--patient", "N", "--sex", "male", "--update", *ALIGNED),
        ("index", "list"),
        ("index", "show", "P0"),
        ("index", "stats"),
        ("index", "verify"),
        ("index", "fill", "--again"),
        ("index", "rebuild"),
        ("match", photos[4], *ALIGNED),
        ("match", photos[4], "--explain", "P0", *ALIGNED),
        ("match", "--patient", "P0", "--json"),
        ("align", photos[0], "-o", out / "crops", *ALIGNED),
        *(("encode", photos[0], "-o", out / f"d{end}", *ALIGNED) for end in (".npz", ".csv")),
        *(
            ("cohort", "matrix", "-o", out / f"m{end}")
            for end in (".csv", ".npy", ".zarr", ".h5ad")
        ),
        ("cohort", "map", "-o", out / "map.svg", "--method", "pca"),
        ("evaluate", "gallery", "-o", out / "page.html", "--bootstrap", "100"),
        ("models", "list"),
        ("index", "remove", "N"),
    ):
        ran = gestalt(*words)
        assert ran.code in (0, 3), (words, ran.err)
    watching.clear()
    allowed = (str(filled), str(out), os.devnull)
    others = [path for path in watched if path and not path.startswith(allowed)]
    assert [path for path in others if not _of_compiled_code(path)] == []
    assert list(watch.iterdir()) == []
    assert len([path for path in watched if path.startswith(str(out))]) >= 8, "it does not see"


def _of_compiled_code(path: str) -> bool:
    """Of Python itself, which writes aside and renames, or of numba."""
    return "__pycache__" in Path(path).parts or path.endswith((".nbi", ".nbc"))
