"""Names of any bytes are shown, and opened, whatever the file system's encoding is."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from gestalt_space.paths import UNPRINTABLE, display_name, find_file, plain_path, short_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Müller 写真.png", "Müller 写真.png"),
        ("caf\udce9.png", f"caf{UNPRINTABLE}.png"),
        ("M\udcc3\udcbcller", "Müller"),  # an argument of a locale that knows no UTF-8
        ("half \ud800", f"half {UNPRINTABLE}"),
        ("bell\a \x1b[31m", f"bell{UNPRINTABLE} {UNPRINTABLE}[31m"),
    ],
)
def test_text_never_goes_through_the_file_system_s_encoding(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ascii_alone(text: str) -> bytes:
        return text.encode("ascii")

    monkeypatch.setattr(os, "fsencode", ascii_alone)
    assert display_name(name) == shown
    assert display_name(Path(name)) == shown


def test_a_name_is_cut_to_bytes() -> None:
    assert short_name("x" * 300) == "x" * 200
    assert len(os.fsencode(short_name("é" * 150))) == 200
    assert short_name("short") == "short"


@pytest.mark.skipif(os.name != "posix", reason="names are text elsewhere")
def test_a_file_whose_name_is_no_text_has_a_name_that_is(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    path.write_bytes(b"graph")
    with plain_path(path) as name:
        assert name.isprintable()
        assert name.endswith(".onnx")
        assert Path(name).read_bytes() == b"graph"
    assert not Path(name).exists()
    with plain_path(tmp_path / "ü.onnx") as name:
        assert name == str(tmp_path / "ü.onnx")


def test_a_file_is_found_as_written_first(tmp_path: Path) -> None:
    nfc, nfd = (tmp_path / unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    nfd.touch()
    assert find_file(nfc) == nfd
    if not nfc.exists():  # a disk that keeps both forms apart
        nfc.touch()
        assert find_file(nfc) == nfc
        assert find_file(nfd) == nfd


@pytest.mark.parametrize("name", ["nothing.png", "no\0name.png", "x" * 5000])
def test_a_path_without_a_file_stays(name: str, tmp_path: Path) -> None:
    assert find_file(tmp_path / name) == tmp_path / name
    assert find_file(Path(name)) == Path(name)
