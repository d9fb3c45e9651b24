from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.evaluation.split import read_split

KNOWN = ("P0", "P1", "P2")


def written(folder: Path, text: str) -> Path:
    path = folder / "split.csv"
    path.write_bytes(text.encode("utf-8"))
    return path


def test_a_split_is_read_whatever_else_stands_beside(tmp_path: Path) -> None:
    text = "\ufeffPatient,part,why\nP0,gallery,x\nP0,Gallery,\n\nP1,test,\n"
    split = read_split(written(tmp_path, text), KNOWN)
    assert (split.gallery, split.test, split.name) == ({"P0"}, {"P1"}, "split.csv")


def test_whoever_was_trained_on_or_chose_is_evidence(tmp_path: Path) -> None:
    text = "patient,part\nP0,training\nP1,validation\nP2,test\n"
    split = read_split(written(tmp_path, text), KNOWN)
    assert (split.gallery, split.test) == ({"P0", "P1"}, {"P2"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient,part\nP0,train\n", r"split.csv, line 2, column part: 'train' is not a part"),
        ("patient,part\nP0,\n", r"line 2, column part: '' is not a part"),
        ("patient,part\nP0\n", r"line 2, column part: '' is not a part"),
        ("patient,part\nP0,test\nP9,gallery\n", r"line 3, column patient: .* no patient 'P9'"),
        (
            "patient,part\nP0,test\nP1,gallery\nP0,gallery\n",
            r"line 4, column part: patient P0 is in gallery, but in test on line 2",
        ),
        ("patient,part\nP0,test\n", r"nobody to match against"),
        ("patient,part\nP0,gallery\n", r"no patient in part test"),
        ("patient,part\n", r"nobody to match against"),
        ("", r"has no column patient"),
        ("patient;part\nP0;test\n", r"has no column patient"),
        ("patient,part,part\nP0,test,test\n", r"has the column part twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_split(written(tmp_path, text), KNOWN)
    assert caught.value.hint


def test_files_that_cannot_be_read_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_split(tmp_path / "none.csv", KNOWN)
    (tmp_path / "latin.csv").write_bytes(b"patient,part\nP\xe9,test\n")
    with pytest.raises(UsageError, match="not in UTF-8"):
        read_split(tmp_path / "latin.csv", KNOWN)
    with pytest.raises(UsageError, match="cannot be read"):
        read_split(written(tmp_path, 'patient,part\n"P0,test\n'), KNOWN)
