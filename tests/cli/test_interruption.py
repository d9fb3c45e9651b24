"""A user or a system that ends a command hears truly what is kept, and nothing is doubled."""

from __future__ import annotations

import csv
import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.home import Gallery
from tests.cli.conftest import Command

ALIGNED = ("--detector", "aligned")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def stopping(monkeypatch: pytest.MonkeyPatch, where: str, number: int, after: int) -> None:
    """Let a generator end with a signal to this process, once it has given some items."""
    owner, _, name = where.rpartition(".")
    import importlib

    holder: Any = Gallery if owner == "Gallery" else importlib.import_module(owner)
    whole = getattr(holder, name)

    def stopped(*given: Any, **options: Any) -> Iterator[Any]:
        for count, item in enumerate(whole(*given, **options)):
            if count == after:
                os.kill(os.getpid(), number)
            yield item

    monkeypatch.setattr(holder, name, stopped)


def stopping_write(monkeypatch: pytest.MonkeyPatch, name: str, number: int, after: int) -> None:
    """Let a method of `Gallery` that writes meet a signal, once it has told of some items."""
    whole = getattr(Gallery, name)

    def stopped(*given: Any, progress: Callable[[Any], object], **options: Any) -> object:
        told: list[Any] = []

        def follow(item: Any) -> None:
            progress(item)
            told.append(item)
            if len(told) == after:
                os.kill(os.getpid(), number)

        return whole(*given, progress=follow, **options)

    monkeypatch.setattr(Gallery, name, stopped)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_answers_are_printed_as_they_come(
    number: int,
    code: int,
    filled: Path,
    photos: list[Path],
    gestalt: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping(monkeypatch, "Gallery.match", number, after=2)
    ran = gestalt("match", *photos, "--csv", "-", "--top", "1", *ALIGNED)
    assert ran.code == code
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["photo"] for row in rows] == [str(photo) for photo in photos[:2]]
    assert "after 2 of 6 photos" in ran.err
    assert "nothing was stored" in ran.err


def test_a_document_is_whole_or_not_there(
    filled: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping(monkeypatch, "Gallery.match", signal.SIGTERM, after=2)
    ran = gestalt("match", *photos, "--json", *ALIGNED)
    assert ran.code == 143
    assert ran.document["error"]["code"] == "interrupted"
    assert "Nothing was printed" in ran.document["error"]["message"]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_crops_have_their_table_and_a_rerun_doubles_none(
    number: int,
    code: int,
    home: Path,
    photos: list[Path],
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "crops"
    words = ("align", *photos, "-o", folder, *ALIGNED)
    with monkeypatch.context() as patched:
        stopping(patched, "gestalt_space.gallery.pipeline.find_all_faces", number, after=3)
        ran = gestalt(*words)
    assert ran.code == code
    assert "after 3 of 6 photos" in ran.err
    assert "crops.csv.part" in ran.err
    with (folder / "crops.csv.part").open(encoding="utf-8") as stream:
        assert [row["crop"] for row in csv.DictReader(stream)] == ["p0.png", "p1.png", "p2.png"]
    assert gestalt(*words).code == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["crops.csv", *(photo.name for photo in photos)]


def test_an_interrupted_encode_leaves_nothing(
    home: Path,
    photos: list[Path],
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping(monkeypatch, "gestalt_space.gallery.pipeline.encode_all", signal.SIGTERM, after=0)
    ran = gestalt("encode", *photos, "-o", tmp_path / "d.npz", *ALIGNED)
    assert ran.code == 143
    assert "Interrupted." in ran.err
    assert not list(tmp_path.glob("*d.npz*"))


def test_an_interrupted_fill_and_add_go_on(
    filled: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stopping_write(patched, "fill", signal.SIGTERM, after=1)
        ran = gestalt("index", "fill", "--space", "builtin")
    assert ran.code == 143
    assert "after 1 of 4 faces" in ran.err
    assert gestalt("index", "fill", "--space", "builtin").code == 0
    with monkeypatch.context() as patched:
        stopping_write(patched, "add", signal.SIGTERM, after=1)
        ran = gestalt("index", "add", photos[4], photos[5], "--patient", "P4", *ALIGNED)
    assert ran.code == 143
    assert "Interrupted after 1 of 2 photos" in ran.err
    assert "1 added, 0 already there, 0 failed" in ran.err
    assert "photos already added are skipped" in ran.err


def test_signals_are_the_caller_s_again_in_the_end(home: Path, gestalt: Command) -> None:
    before = [signal.getsignal(number) for number, _ in SIGNALS]
    gestalt("models", "list")
    assert [signal.getsignal(number) for number, _ in SIGNALS] == before
