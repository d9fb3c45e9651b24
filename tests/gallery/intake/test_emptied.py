"""Which cells of a table count as emptied on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.gallery.intake.tables import read_table


def emptied(tmp_path: Path, table: str) -> list[tuple[str, ...] | None]:
    path = tmp_path / "t.csv"
    path.write_text(table, encoding="utf-8")
    return [row.record and row.record.emptied for row in read_table(path).rows]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("photo,patient\na.jpg,A\n", [()]),
        ("photo,patient,sex\na.jpg,A,\n", [("sex",)]),
        ("photo,patient,sex\na.jpg,A,unknown\n", [("sex",)]),
        ("photo,patient,sex\na.jpg,A,f\n", [()]),
        # A fact that stands in one row of a patient is not emptied in the others.
        ("photo,patient,sex\na.jpg,A,f\nb.jpg,A,\nc.jpg,B,\n", [(), (), ("sex",)]),
        # An age belongs to its photo.
        ("photo,patient,age\na.jpg,A,4\nb.jpg,A,\n", [(), ("age",)]),
        ("photo,patient,age\na.jpg,A,4\na.jpg,A,\n", [(), ()]),
        # So does a site; a family belongs to the patient.
        ("photo,patient,site\na.jpg,A,x\nb.jpg,A,\n", [(), ("site",)]),
        ("photo,patient,family\na.jpg,A,F\nb.jpg,A,\nc.jpg,B,?\n", [(), (), ("family",)]),
        ("photo,patient,hpo\na.jpg,A,!HP:0000252\n", [()]),
        # Which face is meant, and the name of a disorder, are no facts of a patient.
        ("photo,patient,face,disorder_name\na.jpg,A,,\n", [()]),
        (
            (
                "photo,patient,disorder,genes,sex,age,ancestry,cohort,family,site,hpo,consent\n"
                "a.jpg,A,,,,,,,,,,\n"
            ),
            [
                (
                    *("disorder", "genes", "sex", "age", "ancestry", "cohort"),
                    *("family", "site", "hpo", "consent"),
                )
            ],
        ),
        # The row that cannot be read may be the one that has the sex.
        ("photo,patient,sex\na.jpg,A,\nb.jpg,A,x\n", [(), None]),
    ],
)
def test_a_cell_is_emptied_where_its_owner_has_nothing_in_the_column(
    table: str, expected: list[tuple[str, ...] | None], tmp_path: Path
) -> None:
    assert emptied(tmp_path, table) == expected
