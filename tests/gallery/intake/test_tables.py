"""Tables of photos, as spreadsheets write them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.records import COLUMNS
from gestalt_space.gallery.intake.tables import IntakeTable, read_table, read_table_bytes
from gestalt_space.types import Disorder, PhotoRecord
from tests.gallery.intake.words import UNKNOWN_WORDS

Table = Callable[..., IntakeTable]


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


def test_all_columns_are_read(table: Table, tmp_path: Path) -> None:
    read = table(
        ",".join(COLUMNS) + "\n"
        "a/b.jpg,P1,OMIM:122470;ORPHA:199,Cornelia de Lange 1;Other,NIPBL; SMC3 ,F,4y6m,"
        "East Asian,one,F1,clinic A,HP:0000664;!HP:0000252,2,research\n"
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
        family="F1",
        site="clinic A",
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
        ("", "no column photo"),
        ("photo,patient\n", "no rows"),
        ("photo,patient\n,\n", "no rows"),
        ("photo,patient,sex,sex\nx.png,P,m,f\n", "column sex twice"),
        ('photo,patient\n"x.png,P\n', "line 2: a quotation mark"),
        ("photo,patient\n林.png,P\n".encode("big5"), "not in UTF-8 or Windows-1252"),
        ("photo,patient\nx.png,Петров\n".encode("cp1251"), "not in UTF-8 or Windows-1252"),
        (b"photo,patient\nx.png,P\0\n", "not in UTF-8 or Windows-1252"),
        (b"PK\x03\x04 and so on", "a spreadsheet or an archive"),
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


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b"photo;patient;age\nx.png;P;4,5\n", "separator ;"),
        (b"photo\tpatient\tage\nx.png\tP\t4.5\n", "separator tab"),
        (b"photo|patient|age\nx.png|P|4,5\n", "separator |"),
        (b"sep=;\r\nphoto;patient;age\r\nx.png;P;4,5\r\n", "separator ;"),
        (b'"sep=,"\nphoto,patient,age\nx.png,P,"4,5"\n', ""),
        (b"\n,,\n\nphoto,patient,age\nx.png,P,4.5\n", ""),
        (b"photo,patient,age,,\nx.png,P,4.5,,\n", ""),
        (b"photo,patient,age\nx.png,P,4.5,,,\n", ""),
        (b"photo,patient,age\rx.png,P,4.5\r", ""),
        ("photo,patient,age\nx.png,P,4.5\n".encode("utf-16"), "UTF-16"),
        ("photo;patient;age\nx.png;P;4.5\n".encode("utf-16-le"), "separator ;, UTF-16"),
        ("photo;patient;age\nx.png;P;4.5\n".encode("utf-16-be"), "separator ;, UTF-16"),
        (b'"photo";"patient";"age"\n"x.png";"P";"4,5"\n', "separator ;"),
    ],
)
def test_separator_and_encoding_are_found(data: bytes, written: str, table: Table) -> None:
    read = table(data)
    assert [record(row) for row in read.rows] == [PhotoRecord("x.png", "P", age=4.5)]
    assert read.written == written
    assert read.unread == ()


def test_western_letters_are_read_in_windows_1252(table: Table) -> None:
    names = "Jürgen Müller – «François» Ærøskøbing, créée à Besançon"
    read = table(f'photo,patient\nx.png,"{names}"\n'.encode("cp1252"))
    assert record(read.rows[0]).patient == names
    assert read.written == "Windows-1252"


def test_lists_in_a_table_with_semicolons_are_quoted_or_use_another_sign(table: Table) -> None:
    rows = table(
        'photo;patient;disorder;genes\nx.png;P;"OMIM:122470;ORPHA:199";NIPBL|SMC3\n'
        "y.png;Q;OMIM:122470;ORPHA:199;NIPBL\n"
    ).rows
    assert record(rows[0]).disorders == (Disorder("OMIM:122470"), Disorder("ORPHA:199"))
    assert record(rows[0]).genes == ("NIPBL", "SMC3")
    assert "more cells" in message(rows[1])
    assert rows[1].error is not None
    assert "|" in rows[1].error.hint


def test_a_quotation_that_is_not_closed_is_named_with_its_line(table: Table) -> None:
    for text in ('x.png,P,a\ny.png,Q,"b\nz.png,R,c\n', 'x.png,P,a\ny.png,Q,"b\n"z.png",R,c\n'):
        with pytest.raises(UsageError, match=r"t\.csv, line 5: a quotation mark") as caught:
            table(f"\n\nphoto,patient,cohort\n{text}")
        assert "Close" in caught.value.hint


def test_lines_are_those_of_the_file_whatever_stands_above(table: Table) -> None:
    rows = table("sep=,\n\nphoto,patient,sex\nx.png,P,both\n").rows
    assert "line 4" in message(rows[0])


def test_a_header_that_is_none_is_shown(table: Table) -> None:
    with pytest.raises(UsageError) as caught:
        table("\nname;file;note\nP;x.png;hello\n")
    assert "line 2, with the separator ;, is: name, file, note" in caught.value.message
    assert "photo, patient" in caught.value.hint


def test_a_column_without_a_name_is_told_where_it_holds_something(table: Table) -> None:
    assert table("photo,patient,\nx.png,P,hello\n").unread == ("number 3, which has no name",)


@pytest.mark.parametrize("name", ["t.xlsx", "t.XLS", "t.ods"])
def test_the_file_of_a_spreadsheet_is_refused_with_the_way_out(name: str, table: Table) -> None:
    with pytest.raises(UsageError, match="spreadsheet") as caught:
        table(b"whatever", name)
    assert "CSV UTF-8" in caught.value.hint


def test_a_table_may_come_from_bytes(tmp_path: Path) -> None:
    read = read_table_bytes(b"photo\tpatient\nx.png\tP\n", "standard input", tmp_path)
    assert [(row.path, record(row).patient) for row in read.rows] == [(tmp_path / "x.png", "P")]
    with pytest.raises(UsageError, match="standard input has no rows"):
        read_table_bytes(b"photo,patient\n", "standard input", tmp_path)


@pytest.mark.parametrize(("on_disk", "told"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_file_is_found_in_either_normal_form(
    on_disk: str, told: str, table: Table, tmp_path: Path
) -> None:
    def form(name: str, text: str) -> str:
        return unicodedata.normalize(name, text)

    place = tmp_path / form(on_disk, "Zoé") / form(told, "é.png")
    place.parent.mkdir()
    place.touch()
    (row,) = table(f"photo,patient\n{form(told, 'Zoé/é.png')},{form('NFD', 'Zoé')}\n").rows
    assert row.path == place
    assert (row.photo, record(row).patient) == (form("NFC", "Zoé/é.png"), form("NFC", "Zoé"))


def test_an_unknown_patient_is_an_error_that_names_it(table: Table) -> None:
    rows = table("photo,patient\nx.png,NA\ny.png,#N/A\nz.png,?\n").rows
    assert all("means that the patient is not known" in message(row) for row in rows)


def test_every_column_may_say_that_nothing_is_known(table: Table) -> None:
    others = [name for name in COLUMNS if name not in ("photo", "patient")]
    for word in UNKNOWN_WORDS:
        cells = ",".join(f'"{word}"' for _ in others)
        (row,) = table(f"photo,patient,{','.join(others)}\nx.png,P,{cells}\n").rows
        assert replace(record(row), emptied=()) == PhotoRecord("x.png", "P")


def test_what_is_read_in_a_way_to_know_of_is_noted(table: Table) -> None:
    (row,) = table("photo,patient,disorder\nx.png,P,122470\n").rows
    assert record(row).disorders == (Disorder("OMIM:122470"),)
    assert row.notes == ("The number '122470' is read as OMIM:122470.",)


PIECES = st.sampled_from(
    [
        *"photo,patient,age;\t|",
        "photo",
        "patient",
        "photo,patient\n",
        '"',
        "\n",
        "\r",
        "sep=;",
        "é",
        "\0",
    ]
)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode()),
        st.lists(PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode("utf-16")),
    )
)
def test_any_bytes_are_a_table_or_refused(data: bytes) -> None:
    try:
        read = read_table_bytes(data, "t.csv", Path("nowhere"))
    except UsageError:
        return
    assert all((row.record is None) != (row.error is None) for row in read.rows)
