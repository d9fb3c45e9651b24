"""In a locale that is not UTF-8, what is printed degrades, and nothing fails."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from gestalt_cli.entry import run
from gestalt_cli.plain import IN_ASCII, in_utf_8

from tests import made
from tests.galleries import open_gallery

ALIGNED = ("--detector", "aligned")
PROGRAM = "from gestalt_cli import main; main()"


@dataclass(frozen=True)
class Ran:
    """A command that has ended, and the bytes that it wrote."""

    code: int
    out: bytes
    err: bytes


@pytest.fixture
def in_ascii(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs `gestalt` with standard output and error that know ASCII alone, and refuse the rest."""

    def command(*words: object) -> Ran:
        with monkeypatch.context() as patched:
            streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="") for _ in "oe"]
            patched.setattr(sys, "stdout", streams[0])
            patched.setattr(sys, "stderr", streams[1])
            code = run([str(word) for word in words])
        written = []
        for stream in streams:
            stream.flush()
            written.append(stream.buffer.getvalue())  # type: ignore[attr-defined]
        return Ran(code, *written)

    return command


@pytest.fixture
def named(home: Path, photos: list[Path]) -> Path:
    """A table of a patient whose name ASCII lacks, and of a photo that is not there."""
    table = home.parent / "names.csv"
    lines = [
        "photo,patient,disorder",
        f"{photos[0]},Müller,OMIM:122470",
        "photos/…写.png,P1,OMIM:122470",
    ]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def test_names_and_punctuation_degrade_in_ascii(
    named: Path, photos: list[Path], in_ascii: Callable[..., Ran]
) -> None:
    added = in_ascii("index", "add", named, *ALIGNED)
    assert added.code == 3
    assert b"photos/...?.png" in added.err
    listed = in_ascii("index", "list")
    assert listed.code == 0
    assert b"M?ller" in listed.out
    assert b"-----" in listed.out
    assert b"M?ller" in in_ascii("match", photos[1], *ALIGNED).out
    # Data is UTF-8 whatever the locale.
    document = json.loads(in_ascii("index", "list", "--json").out)
    assert document["patients"][0]["patient"] == "Müller"
    assert "Müller".encode() in in_ascii("index", "list", "--csv", "-").out


@pytest.mark.parametrize(
    "words", [("--help",), ("match", "--help"), ("no-such…",), ("simulate", "terms")], ids=" ".join
)
def test_help_and_messages_of_usage_degrade(
    words: tuple[str, ...], in_ascii: Callable[..., Ran]
) -> None:
    shown = in_ascii(*words)
    assert shown.code in (0, 2)
    assert (shown.out + shown.err).isascii()
    assert b"Traceback" not in shown.err


def test_our_own_punctuation_has_a_plain_form() -> None:
    assert all(plain.isascii() and plain for plain in IN_ASCII.values())
    root = Path(__file__).parents[2]
    used = {
        character
        for place in (root / "cli", root / "gestalt_space")
        for path in place.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "output." in line or "Error(" in line or 'f"' in line
        for character in line
        if not character.isascii() and not character.isalpha()
    }
    assert used - set(IN_ASCII) - set("±²∩") == set()


def test_words_of_a_latin_1_terminal_are_read_as_they_were_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "fsencode", lambda word: word.encode("latin-1"))
    assert in_utf_8("Müller") == "Müller".encode()
    typed_in_utf_8 = "Müller".encode().decode("latin-1")
    assert in_utf_8(typed_in_utf_8) == "Müller".encode()
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(b"M\xfcller")).touch()
    assert in_utf_8("Müller") == b"M\xfcller"


OLD_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.skipif(os.name != "posix", reason="locales as on POSIX")
def test_a_process_in_a_locale_without_utf_8_keeps_names_and_finds_paths(
    home: Path, tmp_path: Path
) -> None:
    photo = made.photo_file(tmp_path / "größe.png", 1)

    words = ["index", "add", str(photo), "--patient", "Müller", "--json", *ALIGNED]
    added = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, **OLD_LOCALE},
        capture_output=True,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    assert added.stderr.isascii()
    (one,) = json.loads(added.stdout)["photos"]
    assert (one["patient"], one["photo"]) == ("Müller", str(photo))
    with open_gallery(home) as gallery:
        assert gallery.patient("Müller").photos[0].name == str(photo)
