"""Encodings are read as they were written, joined by image and slot, or an error says where not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.interop import encodings_csv as text
from gestalt_space.interop.encodings import (
    Encodings,
    encodings_csv,
    encodings_npz,
    image_id,
    published_slots,
    read_encodings,
)
from gestalt_space.interop.encodings_table import number_id

HEADER = "img_name;model;flip;gray;class_conf;representations"
SLOTS = tuple((f"m{m}", f"{f}", f"{g}") for m in range(3) for f in range(2) for g in range(2))


def row(name: str, vector: Sequence[object], slot: str = "m0;0;0", scores: str = "[0]") -> str:
    return f"{name};{slot};{scores};[{', '.join(map(str, vector))}]"


def written(path: Path, lines: Sequence[str], header: str = HEADER, end: str = "\n") -> Path:
    path.write_bytes(end.join([header, *lines, ""]).encode())
    return path


def refused(path: Path) -> str:
    with pytest.raises(TableDamaged) as caught:
        read_encodings(path)
    assert caught.value.hint
    return caught.value.message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encodings.csv"


def made(images: int, slots: int = 12, dim: int = 8, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((images, slots, dim)).astype(np.float32)


# Text, as published


@pytest.mark.parametrize("part", [1, 7, 300, 1 << 22])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_read_whatever_the_parts_they_are_read_in(
    path: Path, monkeypatch: pytest.MonkeyPatch, part: int, end: str
):
    monkeypatch.setattr(text, "PART", part)
    monkeypatch.setattr(text, "AHEAD", 3)
    vectors = made(4)
    names = ["7_aligned.jpg", "12_aligned.jpg", "3_x.jpg", "99_.png"]
    lines = list(encodings_csv(names, SLOTS, vectors))[1:]
    found = read_encodings(written(path, lines, end=end))
    assert found.images == ("7", "12", "3", "99")
    assert found.slots == SLOTS
    assert found.vectors.dtype == np.float32
    assert np.array_equal(found.vectors, vectors)
    assert found.incomplete == found.unsound == ()


def test_the_last_row_needs_no_newline_and_empty_lines_are_none(path: Path):
    lines = [row("1_a.jpg", [1, 2]), "", row("2_a.jpg", [3, 4]), ""]
    path.write_text("\n".join([HEADER, *lines, row("3_a.jpg", [5, 6])]), encoding="utf-8-sig")
    assert read_encodings(path).vectors.ravel().tolist() == [1, 2, 3, 4, 5, 6]


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=5), st.data())
def test_numbers_are_read_as_json_reads_them(
    path: Path, vectors: list[list[float]], data: st.DataObject
):
    separator = data.draw(st.sampled_from([",", ", "]))
    cells = ["[" + separator.join(map(repr, vector)) + "]" for vector in vectors]
    written(path, [f"{n}_a.jpg;m0;0;0;[0];{cell}" for n, cell in enumerate(cells)])
    rows = text.read_rows(path)
    expected = np.array([json.loads(cell) for cell in cells], dtype=np.float32)
    assert np.array_equal(rows.values, expected)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(numbers.filter(bool), min_size=1, max_size=6))
def test_writing_and_reading_keeps_every_bit(path: Path, vector: list[float]):
    vectors = np.array(vector, dtype=np.float32).reshape(1, 1, -1)
    written(path, list(encodings_csv(["1"], [("m0", "0", "0")], vectors))[1:])
    assert text.read_rows(path).values.tobytes() == vectors.tobytes()


def test_json_that_is_spaced_otherwise_is_read_too(path: Path):
    written(path, ["1_a.jpg;m0;0;0;[0];[ 1.5 ,\t-2e0,3 ]", row("2_a.jpg", [4, 5, 6])])
    assert read_encodings(path).vectors.ravel().tolist() == [1.5, -2, 3, 4, 5, 6]


def test_columns_are_found_by_their_names(path: Path):
    header = "extra;gray;flip;model;img_name;representations"
    written(path, ["x;1;0;m2;5_a.jpg;[1, 2]", "y;True;False;m2;6_a.jpg;[3, 4]"], header)
    found = read_encodings(path)
    assert found.slots == (("m2", "0", "1"),)
    assert found.images == ("5", "6")


def test_the_older_format_has_one_slot(path: Path):
    lines = ["5_a.jpg;[0.1, 0.9];[1, 2]", "6_a.jpg;[0.1, 0.9];[3, 4]"]
    found = read_encodings(written(path, lines, "img_name;class_conf;representations"))
    assert found.slots == (("", "", ""),)
    assert found.vectors.shape == (2, 1, 2)


def test_slots_are_joined_by_their_names_and_never_by_place(path: Path):
    vectors = made(3)
    lines = list(encodings_csv(["1", "2", "3"], SLOTS, vectors))[1:]
    order = np.random.default_rng(1).permutation(len(lines))
    found = read_encodings(written(path, [lines[place] for place in order]))
    by_image = {image: found.vectors[place] for place, image in enumerate(found.images)}
    assert found.slots == SLOTS
    for place, image in enumerate(["1", "2", "3"]):
        assert np.array_equal(by_image[image], vectors[place])


def test_an_image_that_lacks_a_slot_is_named_and_moves_no_other(path: Path):
    vectors = made(3)
    lines = list(encodings_csv(["1", "2", "3"], SLOTS, vectors))[1:]
    del lines[14]
    found = read_encodings(written(path, lines))
    assert found.images == ("1", "3")
    assert found.incomplete == ("2",)
    assert np.array_equal(found.vectors, vectors[[0, 2]])


@pytest.mark.parametrize("bad", [[0, 0], ["NaN", 1], ["Infinity", 1], ["1e200", 1], ["nan", 1]])
def test_an_image_whose_vector_is_none_is_named(path: Path, bad: list[object]):
    written(path, [row("1_a.jpg", [1, 2]), row("2_a.jpg", bad), row("3_a.jpg", [3, 4])])
    found = read_encodings(path)
    assert found.images == ("1", "3")
    assert found.unsound == ("2",)


def test_names_with_separators_and_quotes_come_back(path: Path):
    names = ["a;b.jpg", 'say "a".jpg', "Ärztin 1.jpg", 'x";"y', '"', "IMG_1.jpg", "IMG_2.jpg"]
    vectors = made(len(names), 2)
    written(path, list(encodings_csv(names, SLOTS[:2], vectors))[1:])
    found = read_encodings(path, whole_names=True)
    assert list(found.images) == names
    assert np.array_equal(found.vectors, vectors)


# What is wrong is told with its place


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (row("2_a.jpg", [1]), "representations", "1 numbers instead of 2"),
        (row("2_a.jpg", [1, 2, 3]), "representations", "3 numbers instead of 2"),
        (row("2_a.jpg", [1, "x"]), "representations", "not a list of numbers"),
        (row("2_a.jpg", [1, ""]), "representations", "not a list of numbers"),
        (row("2_a.jpg", [1, "null"]), "representations", "not a list of numbers"),
        (row("2_a.jpg", [1, '"2"']), "representations", "not a list of numbers"),
        ("2_a.jpg;m0;0;0;[0];1, 2", "representations", "not a list of numbers"),
        ("2_a.jpg;m0;0;0;[0];[1, 2", "representations", "not a list of numbers"),
        ("2_a.jpg;m0;0;0;[0];", "representations", "not a list of numbers"),
        ("2_a.jpg;m0;0;0;[0]", "representations", "5 cells, but the header has 6"),
        ("2_a.jpg;m0;0;0;[0];[1, 2];", "representations", "7 cells"),
        ("2_a.jpg", "img_name", "1 cells"),
        (row("", [1, 2]), "img_name", "it is empty"),
        (row("1_b.jpg", [1, 2]), "img_name", "the image 1 is already in row 2, in the same slot"),
    ],
)
def test_a_row_that_does_not_fit_is_told_by_file_row_and_column(
    path: Path, line: str, column: str, reason: str
):
    written(path, [row("1_a.jpg", [1, 2]), line, row("3_a.jpg", [1, 2])])
    message = refused(path)
    assert f"encodings.csv, row 3, column {column}: " in message
    assert reason in message


def test_rows_are_counted_over_empty_lines_and_parts(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text, "PART", 64)
    good = [row(f"{n}_a.jpg", [1, 2]) for n in range(20)]
    written(path, [*good, "", row("x_a.jpg", [1, "?"]), *[g.replace("_", "0_") for g in good]])
    assert "row 23, column representations" in refused(path)


def test_a_name_that_is_no_text_is_told(path: Path):
    path.write_bytes(HEADER.encode() + b"\n\xff\xfe_a.jpg;m0;0;0;[0];[1, 2]\n")
    assert "row 2, column img_name: it is not in UTF-8" in refused(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column img_name"),
        ("a;b\n1;2\n", "no column img_name"),
        ("img_name;model\n1;2\n", "no column representations"),
        ("img_name;model;representations\n1;m0;[1]\n", "no column flip"),
        (HEADER + "\n", "has no rows"),
        (HEADER, "has no rows"),
    ],
)
def test_a_file_of_something_else_is_told(path: Path, content: str, message: str):
    path.write_text(content, encoding="utf-8")
    assert message in refused(path)


def test_a_file_that_is_not_there_or_is_called_otherwise_is_told(tmp_path: Path):
    for name in ("none.csv", "none.npz", "none.pkl"):
        assert "cannot be read" in refused(tmp_path / name)
    with pytest.raises(UsageError, match="does not end in"):
        read_encodings(tmp_path / "encodings.json")


# Names


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("17_aligned.jpg", "17"),
        ("000017_aligned.jpg", "17"),
        ("17_aligned_2.jpg", "17"),
        ("17.jpg", "17"),
        ("17", "17"),
        ("some/folder_a/17_x.png", "17"),
        ("P1_17.jpg", "P1"),
        ("0", "0"),
    ],
)
def test_an_image_is_told_by_the_start_of_its_name(name: str, image: str):
    assert image_id(name) == image


@pytest.mark.parametrize(
    ("text", "number"), [("5.0", "5"), (" 05 ", "5"), ("x.0", "x.0"), ("", "")]
)
def test_numbers_have_one_spelling(text: str, number: str):
    assert number_id(text) == number


def test_slots_of_encoders_are_named_as_published():
    names = [f"model{m}-flip{f}-grey{g}" for m in range(3) for f in range(2) for g in range(2)]
    assert published_slots(names) == list(SLOTS)
    assert published_slots(["model0"]) == [("m0", "0", "0")]
    with pytest.raises(ValueError, match="not known"):
        published_slots(["mine"])


# Arrays


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    return tmp_path / "encodings.npz"


def test_arrays_come_back_to_the_bit(arrays: Path):
    kept = Encodings(("1", "b"), SLOTS, made(2))
    arrays.write_bytes(encodings_npz(kept))
    found = read_encodings(arrays)
    assert (found.images, found.slots) == (kept.images, kept.slots)
    assert found.vectors.tobytes() == kept.vectors.tobytes()


def test_descriptors_of_encode_are_encodings(arrays: Path):
    slots = tuple(f"model{m}-flip{f}-grey0" for m in range(2) for f in range(2))
    spec = EncoderSpec("made", ("0",), "arcface", 112, "rgb", 0.0, 1.0, slots, 8)
    vectors = made(3, 4)
    descriptors = vectors.reshape(3, -1)
    photos = np.array(["1_a.jpg", "2_a.jpg", "3_a.jpg"])
    np.savez(arrays, descriptors=descriptors, photos=photos, space=np.array(spec.to_json()))
    found = read_encodings(arrays)
    assert found.images == ("1", "2", "3")
    assert found.slots[1] == ("m0", "1", "0")
    assert np.array_equal(found.vectors, vectors)


@pytest.mark.parametrize(
    "change",
    [
        {"format": np.array("other 1")},
        {"images": np.array(["1"])},
        {"images": np.array(["1", "1"])},
        {"images": np.array(["1", "2"], dtype=object)},
        {"vectors": np.zeros((2, 12, 8))},
        {"vectors": np.zeros((2, 96), np.float32)},
        {"slots": np.array(["m0"] * 12)},
        {"descriptors": np.zeros((2, 4)), "space": np.array("{}")},
        {"descriptors": np.zeros((2, 4)), "space": np.array("no JSON")},
    ],
)
def test_arrays_of_something_else_are_told(arrays: Path, change: dict[str, np.ndarray]):
    slots, images = np.array(SLOTS), np.array(["1", "2"])
    whole = {"format": np.array("gestalt-space encodings 1"), "images": images, "slots": slots}
    np.savez(arrays, allow_pickle=True, **{**whole, "vectors": made(2), **change})
    assert "encodings.npz" in refused(arrays)


def test_arrays_that_are_cut_or_altered_are_told(arrays: Path):
    whole = encodings_npz(Encodings(("1", "2"), SLOTS, made(2)))
    rng = np.random.default_rng(5)
    for end in range(0, len(whole), 97):
        arrays.write_bytes(whole[:end])
        refused(arrays)
    for _ in range(200):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        arrays.write_bytes(flipped)
        try:
            found = read_encodings(arrays)
        except TableDamaged:
            continue
        assert np.array_equal(found.vectors, made(2))


def test_unsound_vectors_of_arrays_are_named(arrays: Path):
    vectors = made(3)
    vectors[1, 4] = 0
    arrays.write_bytes(encodings_npz(Encodings(("1", "2", "3"), SLOTS, vectors)))
    found = read_encodings(arrays)
    assert (found.images, found.unsound) == (("1", "3"), ("2",))


@pytest.mark.parametrize("column", ["flip", "gray"])
def test_a_flag_that_is_none_is_told_by_row_and_column(column: str, tmp_path: Path) -> None:
    cells = {"flip": "0", "gray": "1", column: "zz"}
    path = tmp_path / "e.csv"
    path.write_text(
        "img_name;model;flip;gray;class_conf;representations\n"
        "1_a.jpg;m0;0;0;[];[1.0, 2.0]\n"
        f"2_a.jpg;m0;{cells['flip']};{cells['gray']};[];[1.0, 2.0]\n"
    )
    with pytest.raises(TableDamaged, match=f"row 3, column {column}: 'zz' is neither 0 nor 1"):
        read_encodings(path)


def test_a_name_with_characters_that_are_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("img_name;representations\n1_a.jpg;[1.0]\n2\0_a.jpg;[1.0]\n")
    with pytest.raises(TableDamaged, match="row 3, column img_name"):
        read_encodings(path)
