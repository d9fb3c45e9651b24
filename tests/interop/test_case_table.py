from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.interop.case_table import case_of_terms, read_cases
from gestalt_space.phenotype.cases import Case
from gestalt_space.phenotype.obo import parse_obo
from tests.phenotype.made import OBO

ONTOLOGY = parse_obo(OBO)


def read(path: Path, text: str) -> list[Case]:
    path.write_bytes(text.encode("utf-8"))
    return list(read_cases(path, ONTOLOGY))


def test_a_row_is_a_case(tmp_path: Path):
    found = read(
        tmp_path / "cases.csv",
        "\ufeffCase,note,hpo,candidates\r\n"
        "a,x,HP:0000011; !HP:0000020,AAA1;Entrez:20;\r\n"
        '\r\nb,,"HP:0000011,Wide nose",\r\n',
    )
    assert found == [
        Case("a", ("HP:0000011",), ("HP:0000020",), ("AAA1", "Entrez:20")),
        Case("b", ("HP:0000011", "Wide nose")),
    ]


def test_tabs_separate_the_columns_of_a_tsv_file(tmp_path: Path):
    (found,) = read(tmp_path / "cases.tsv", "hpo\tcase\nHP:0000011\ta\n")
    assert found == Case("a", ("HP:0000011",))


def test_a_bad_row_is_a_case_with_an_error(tmp_path: Path):
    found = read(tmp_path / "cases.csv", "case,hpo\n,HP:0000011\nb\nc,\nd,HP:0000011\n")
    assert [one.name for one in found] == ["line 2", "b", "c", "d"]
    assert [one.error is None for one in found] == [False, False, True, True]
    assert "has no case" in str(found[0].error)
    assert "has no hpo" in str(found[1].error)
    assert found[2].present == ()


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        (b"", UsageError, "no column case"),
        (b"case,terms\n", UsageError, "no column hpo"),
        (b"case,hpo\n\n", UsageError, "no cases"),
        (b"case,hpo\n\xff,x\n", TableDamaged, "UTF-8"),
    ],
)
def test_what_is_no_table_of_cases_is_refused(tmp_path: Path, content, error, told):
    path = tmp_path / "cases.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=told):
        list(read_cases(path, ONTOLOGY))
    with pytest.raises(UsageError, match="cannot be read"):
        list(read_cases(tmp_path / "none.csv", ONTOLOGY))


def test_lists_of_terms_are_one_case():
    found = case_of_terms("x", ["HP:0000011,!Eye", "Short arm"], ONTOLOGY, ("AAA1",))
    assert found == Case("x", ("HP:0000011", "Short arm"), ("Eye",), ("AAA1",))
