"""From tables, folders and options to records of photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.errors import UsageError
from gestalt_space.intake import (
    COLUMNS,
    Intake,
    IntakeTable,
    make_record,
    one_photo,
    parse_age,
    parse_disorder,
    parse_disorders,
    parse_face,
    parse_hpo,
    parse_sex,
    photos_in,
    photos_of,
    read_folder,
    read_table,
)
from gestalt_space.types import Disorder, PhotoRecord
from tests import made

Table = Callable[..., IntakeTable]
NOTHING = PhotoRecord(photo="", patient="")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    def read(text: str | bytes, name: str = "t.csv") -> IntakeTable:
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(data)
        return read_table(tmp_path / name)

    return read


def record(row: Intake) -> PhotoRecord:
    assert row.error is None, row.error
    assert row.record is not None
    return row.record


def message(row: Intake) -> str:
    assert row.record is None
    assert isinstance(row.error, UsageError)
    assert row.error.hint
    return row.error.message


# Tables


def test_all_columns_are_read(table: Table, tmp_path: Path) -> None:
    read = table(
        ",".join(COLUMNS) + "\n"
        "a/b.jpg,P1,OMIM:122470;ORPHA:199,Cornelia de Lange 1;Other,NIPBL; SMC3 ,F,4y6m,"
        "East Asian,one,HP:0000664;!HP:0000252,2,research\n"
    )
    (row,) = read.rows
    assert (row.photo, row.path) == ("a/b.jpg", tmp_path / "a/b.jpg")
    assert record(row) == PhotoRecord(
        photo="a/b.jpg",
        patient="P1",
        disorders=(
            Disorder("OMIM:122470", "Cornelia de Lange 1"),
            Disorder("ORPHA:199", "Other"),
        ),
        genes=("NIPBL", "SMC3"),
        sex="female",
        age=4.5,
        ancestry="East Asian",
        cohort="one",
        hpo=("HP:0000664",),
        hpo_absent=("HP:0000252",),
        consent="research",
        face=2,
    )
    assert read.unread == ()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xef\xbb\xbfphoto,patient\nx.png,P\n", "t.csv"),
        (b"photo,patient\r\nx.png,P\r\n", "t.csv"),
        (b"photo\tpatient\nx.png\tP\n", "t.tsv"),
        (b"photo\tpatient\nx.png\tP\n", "t.TSV"),
        (b'"photo","patient"\n"x.png","P"\n', "t.csv"),
        (b" photo , patient \n x.png , P \n", "t.csv"),
        (b"photo,patient\n\n,\nx.png,P\n\n", "t.csv"),
        (b"patient,photo\nP,x.png", "t.csv"),
        (b"photo,patient,sex\nx.png,P\n", "t.csv"),
    ],
    ids=[
        "BOM",
        "CRLF",
        "TSV",
        "TSV in capitals",
        "quoted",
        "blanks",
        "empty rows",
        "order",
        "short",
    ],
)
def test_tables_of_any_spreadsheet_are_read(data: bytes, name: str, table: Table) -> None:
    (row,) = table(data, name).rows
    assert replace(record(row), emptied=()) == PhotoRecord("x.png", "P")


def test_quoted_cells_may_hold_commas_and_quotes(table: Table) -> None:
    (row,) = table('photo,patient,ancestry\n"a, b.png","P ""1""","one, two"\n').rows
    assert record(row).photo == "a, b.png"
    assert record(row).patient == 'P "1"'
    assert record(row).ancestry == "one, two"


def test_a_cell_of_several_lines_is_refused(table: Table) -> None:
    (row,) = table('photo,patient,ancestry\nx.png,P,"one,\ntwo"\n').rows
    assert "ancestry" in message(row)


@pytest.mark.parametrize(
    "name", ["two words.png", "Jürgen 写真.png", "-dash.png", "a;b.png", "~x.png"]
)
def test_paths_are_taken_as_they_are(name: str, table: Table, tmp_path: Path) -> None:
    (row,) = table(f"photo,patient\n{name},P\n").rows
    assert record(row).photo == name
    assert row.path == tmp_path / name


def test_a_path_may_be_absolute(table: Table) -> None:
    (row,) = table("photo,patient\n/data/x.png,P\n").rows
    assert row.path == Path("/data/x.png")


def test_a_tilde_is_a_letter_like_any_other(table: Table, tmp_path: Path) -> None:
    rows = table("photo,patient\n~no-such-user/x.png,P\n~/y.png,P\n").rows
    assert [row.path for row in rows] == [tmp_path / "~no-such-user/x.png", tmp_path / "~/y.png"]


def test_columns_that_nothing_reads_are_named(table: Table) -> None:
    read = table("photo,note,patient,Sex\nx.png,hello,P,F\n")
    assert read.unread == ("note",)
    assert record(read.rows[0]).sex == "female"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("photo,disorder\nx.png,A\n", "no column patient"),
        ("name,disorder\nx.png,A\n", "no column photo and no column patient"),
        ("photo;patient\nx.png;P\n", "no column photo"),
        ("", "no column photo"),
        ("photo,patient\n", "no rows"),
        ("photo,patient\n,\n", "no rows"),
        ("photo,patient,sex,sex\nx.png,P,m,f\n", "column sex twice"),
        ('photo,patient\n"x.png,P\n', "cannot be read"),
        (b"photo,patient\nJ\xfcrgen.png,P\n", "not in UTF-8"),
        ("photo,patient\nx.png,P\n".encode("utf-16"), "not in UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused_by_name(
    text: str | bytes, told: str, table: Table
) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        table(text)
    assert "t.csv" in caught.value.message
    assert caught.value.hint


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_table(path)


def test_a_bad_row_is_kept_with_its_file_and_line(table: Table) -> None:
    rows = table(
        "photo,patient,disorder,sex,age,hpo,face,disorder_name\n"
        "ok.png,P,,,,,,\n"
        "a.png,P,OMIM:12,,,,,\n"
        "b.png,P,,both,,,,\n"
        "c.png,P,,,ancient,,,\n"
        "d.png,P,,,,HP:1,,\n"
        "e.png,P,,,,,zero,\n"
        "f.png,P,A;B,,,,,one;two;three\n"
        "g.png,,,,,,,\n"
        ",P,,,,,,\n"
        "h.png,P,,,,,,,one too many\n"
        "fine.png,P,,,,,,\n"
    ).rows
    assert [row.record is not None for row in rows] == [True, *[False] * 9, True]
    bad = [message(row) for row in rows[1:-1]]
    assert [text.split(":")[0] for text in bad] == [f"t.csv, line {n}" for n in range(3, 12)]
    for text, told in zip(
        bad,
        ("OMIM", "sex", "age", "HPO", "face", "names", "patient", "photo", "more cells"),
        strict=True,
    ):
        assert told in text.split(":", 1)[1]
    assert [row.photo for row in rows[1:-1]][:7] == [f"{letter}.png" for letter in "abcdefg"]
    assert rows[8].photo == "line 10"


def test_the_line_is_that_of_the_file_after_a_cell_of_several_lines(table: Table) -> None:
    rows = table('photo,patient,sex\nx.png,P,"f\n"\ny.png,P,both\n').rows
    assert "line 4" in message(rows[1])


# Folders and single photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "cohort"
    for name in ("b.png", "a.PNG", "P1/x.png", "P1/deep/y.png", "P 2/z.png", ".hidden/h.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made.photo_file(path.with_suffix(".png"), 1)
        path.with_suffix(".png").rename(path)
    made.photo_file(root / "P1" / "twin.png", 2)
    (root / ".dot.png").touch()
    (root / "notes.txt").touch()
    (root / "folder.png").mkdir()
    return root


def test_a_photo_in_a_subfolder_is_of_the_patient_it_is_named_after(folder: Path) -> None:
    rows = read_folder(folder, NOTHING)
    assert [(row.photo, record(row).patient, record(row).new_patient) for row in rows] == [
        ("P 2/z.png", "P 2", False),
        ("P1/deep/y.png", "P1", False),
        ("P1/twin.png", "P1", False),
        ("P1/x.png", "P1", False),
        ("a.PNG", "a", True),
        ("b.png", "b", True),
    ]
    assert all(row.path == folder / row.photo for row in rows)
    assert all(record(row).photo == row.photo for row in rows)


def test_with_a_patient_all_photos_are_theirs(folder: Path) -> None:
    template = PhotoRecord("", "P9", disorders=(Disorder("A"),), sex="male")
    rows = read_folder(folder, template)
    assert {record(row).patient for row in rows} == {"P9"}
    assert {record(row).sex for row in rows} == {"male"}
    assert not any(record(row).new_patient for row in rows)


def test_what_is_told_of_a_folder_is_told_of_each_photo(folder: Path) -> None:
    rows = read_folder(folder, PhotoRecord("", "", disorders=(Disorder("A"),), cohort="one"))
    assert {(record(row).disorders, record(row).cohort) for row in rows} == {
        ((Disorder("A"),), "one")
    }


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for read in (photos_in, lambda path: read_folder(path, NOTHING)):
        with pytest.raises(UsageError, match="no photo") as caught:
            read(tmp_path)
        assert ".jpg" in caught.value.hint


def test_folders_among_paths_stand_for_their_photos(folder: Path) -> None:
    single = folder / "notes.txt"
    assert photos_of([single, folder / "P1"]) == [
        single,
        folder / "P1" / "deep" / "y.png",
        folder / "P1" / "twin.png",
        folder / "P1" / "x.png",
    ]


def test_a_single_photo_needs_its_patient() -> None:
    with pytest.raises(UsageError, match=r"Whose photo is x\.png") as caught:
        one_photo(Path("a/x.png"), NOTHING)
    assert "--patient" in caught.value.hint
    row = one_photo(Path("a/x.png"), PhotoRecord("", "P", sex="male"))
    assert record(row) == PhotoRecord("a/x.png", "P", sex="male")
    assert row.path == Path("a/x.png")


# Cells


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("4", 4.0),
        ("4.5", 4.5),
        (" 4Y ", 4.0),
        ("4y", 4.0),
        ("4 years", 4.0),
        ("18m", 1.5),
        ("18 months", 1.5),
        ("4y6m", 4.5),
        ("4y 6m", 4.5),
        ("4 years 6 months", 4.5),
        ("1y6m7d", 1.5 + 7 / 365.25),
        ("3w", 21 / 365.25),
        ("3 weeks", 21 / 365.25),
        ("10d", 10 / 365.25),
        ("1.5y", 1.5),
        ("0", 0.0),
        ("0d", 0.0),
        ("130", 130.0),
    ],
)
def test_ages_are_read_in_all_their_notations(text: str, years: float) -> None:
    assert parse_age(text) == pytest.approx(years)


@pytest.mark.parametrize("text", ["", None, " ", "unknown", "NA", "n/a", "?", "None"])
def test_an_age_may_be_unknown(text: str | None) -> None:
    assert parse_age(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "131",
        "1600m",
        "old",
        "4x",
        "y",
        "4y6",
        "nan",
        "inf",
        "1e400",
        "4-5",
        "3 wives",
        "2 men",
    ],
)
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age") as caught:
        parse_age(text)
    assert "4y" in caught.value.hint


@given(
    years=st.integers(0, 100),
    months=st.integers(0, 11),
    days=st.integers(0, 30),
    blank=st.sampled_from(["", " "]),
    words=st.sampled_from([("y", "m", "d"), ("years", "months", "days"), ("Y", "M", "D")]),
)
def test_an_age_is_the_sum_of_its_parts(
    years: int, months: int, days: int, blank: str, words: tuple[str, str, str]
) -> None:
    parts = [f"{n}{blank}{word}" for n, word in zip((years, months, days), words, strict=True)]
    wanted = years + months / 12 + days / 365.25
    assert parse_age(blank.join(parts)) == pytest.approx(wanted)


@given(st.floats(0, 130, allow_nan=False))
def test_years_as_a_number_come_through(years: float) -> None:
    assert parse_age(repr(years)) == pytest.approx(years)


@given(st.text(max_size=12))
def test_any_text_is_an_age_within_reason_unknown_or_refused(text: str) -> None:
    try:
        years = parse_age(text)
    except UsageError:
        return
    assert years is None or 0 <= years <= 130


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        *(("female", "female"), ("F", "female"), ("m", "male"), ("Male", "male")),
        *(("other", "other"), ("", None), (None, None), ("unknown", None), ("?", None)),
    ],
)
def test_sexes(text: str | None, sex: str | None) -> None:
    assert parse_sex(text) == sex


def test_a_sex_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="'both' is not a sex"):
        parse_sex("both")


@pytest.mark.parametrize(("text", "number"), [("", None), (None, None), ("1", 1), (" 12 ", 12)])
def test_numbers_of_faces(text: str | None, number: int | None) -> None:
    assert parse_face(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "one", "²"])
def test_what_is_no_number_of_a_face_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not the number of a face"):
        parse_face(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("OMIM:122470", "OMIM:122470"),
        ("omim: 122470", "OMIM:122470"),
        ("MIM:122470", "OMIM:122470"),
        ("mim :122470", "OMIM:122470"),
        ("ORPHA:199", "ORPHA:199"),
        ("Orphanet:199", "ORPHA:199"),
        ("MONDO:0007387", "MONDO:0007387"),
        ("mondo:0007387", "MONDO:0007387"),
        ("Noonan syndrome", "Noonan syndrome"),
        ("122470", "122470"),
        ("DOID:11725", "DOID:11725"),
    ],
)
def test_disorders_have_one_spelling(text: str, code: str) -> None:
    assert parse_disorder(text) == code


@pytest.mark.parametrize(
    "text", ["OMIM:12247", "OMIM:1224700", "OMIM:x", "ORPHA:1234567", "MONDO:7387", "MIM:PS122470"]
)
def test_a_number_that_the_catalogue_cannot_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="identifier") as caught:
        parse_disorder(text)
    assert "OMIM:122470" in caught.value.hint


def test_disorders_and_names_go_together() -> None:
    assert parse_disorders([], []) == ()
    assert parse_disorders(["A"], []) == (Disorder("A"),)
    assert parse_disorders(["A", "B"], ["a", "b"]) == (Disorder("A", "a"), Disorder("B", "b"))
    assert parse_disorders([], ["only a name"]) == (Disorder("only a name", "only a name"),)
    assert parse_disorders(["A"], ["one", "two"]) == (Disorder("A", "one; two"),)
    assert parse_disorders(["A", "A"], []) == (Disorder("A"),)
    for ids, names in ((["A", "B"], ["a"]), ([], ["a", "b"]), (["A", "B"], ["a", "b", "c"])):
        with pytest.raises(UsageError, match="names"):
            parse_disorders(ids, names)


def test_terms_are_present_or_absent() -> None:
    assert parse_hpo([]) == ((), ())
    assert parse_hpo(["hp:0000664", "!HP:0000252", "HP:0000664"]) == (
        ("HP:0000664",),
        ("HP:0000252",),
    )
    for terms in (["HP:1"], ["0000664"], ["HP:0000664 x"], ["!"]):
        with pytest.raises(UsageError, match="not an HPO term"):
            parse_hpo(terms)
    with pytest.raises(UsageError, match="both as present and as absent"):
        parse_hpo(["HP:0000664", "!HP:0000664"])


def test_unknown_cells_are_left_open() -> None:
    made_record = make_record(
        {"photo": "x", "patient": "P", "ancestry": "unknown", "cohort": "NA", "consent": " "}
    )
    assert made_record == PhotoRecord("x", "P")


def test_lists_are_cut_at_semicolons_and_keep_their_order() -> None:
    made_record = make_record({"genes": "SMC3; NIPBL;;SMC3 ;", "hpo": "; HP:0000002;HP:0000001"})
    assert made_record.genes == ("SMC3", "NIPBL")
    assert made_record.hpo == ("HP:0000002", "HP:0000001")
