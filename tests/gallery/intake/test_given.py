from __future__ import annotations

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.given import correction_of, given_cells


def test_options_are_cells_of_a_table() -> None:
    cells = given_cells(
        hpo=["HP:0000664"],
        hpo_absent=["HP:0000252", ""],
        disorder=["OMIM:122470", "ORPHA:199"],
        gene=["NIPBL"],
        sex="",
        age=None,
        cohort=[],
    )
    assert cells == {
        "hpo": "HP:0000664;!HP:0000252",
        "disorder": "OMIM:122470;ORPHA:199",
        "genes": "NIPBL",
        "sex": "",
    }
    assert given_cells(hpo=(), hpo_absent=()) == {}


def test_a_correction_has_its_facts_and_what_is_to_go() -> None:
    told, clear = correction_of({"genes": "NIPBL"}, "P1", (), ("gene", "cohort"))
    assert (told.record.patient, told.record.genes) == ("P1", ("NIPBL",))
    assert clear == ("genes", "cohort")


@pytest.mark.parametrize(
    ("cells", "told"), [({}, "nothing to set"), ({"genes": "?"}, "--gene"), ({"sex": ""}, "--sex")]
)
def test_a_correction_that_says_nothing_is_refused(cells: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        correction_of(cells, "P1", (), ())
