from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.explain import space_probe
from gestalt_space.explain.term_faces import FacesPlan, PersonFaces, everybody
from gestalt_space.faces.detection import Detector
from gestalt_space.simulate.persons import Persons
from tests import made
from tests.cli.conftest import Add, Command

EVERY = 40
"""Terms that can be simulated."""


@pytest.fixture(autouse=True)
def learned(monkeypatch: pytest.MonkeyPatch) -> list[FacesPlan]:
    """Plans of the faces that were made: pictures in their place, which take no time. The first
    term makes a picture bright; in one person it is not found."""
    plans: list[FacesPlan] = []

    def pictures(
        plan: FacesPlan, persons: Persons, _: Detector, terms: tuple[str, ...]
    ) -> Iterator[PersonFaces]:
        plans.append(plan)
        for number, (half, group) in enumerate(everybody(plan, persons)):
            photo, found = made.crop(number), np.ones(2 + len(terms), bool)
            crops = np.stack([photo] * (2 + len(terms)))
            crops[1] = made.crop(1000 + number)
            crops[2] = np.minimum(photo.astype(int) + 60, 255)
            found[2] = number != 40
            yield PersonFaces(*group, half == 1, crops, found)

    monkeypatch.setattr(space_probe, "term_faces", pictures)
    return plans


@pytest.fixture
def patients(add_once: Add, tmp_path: Path) -> Path:
    """A home with 26 patients of two disorders, two of whom are siblings."""
    rows = ["photo,patient,disorder,family"]
    for number in range(26):
        photo = made.photo_file(tmp_path / f"p{number}.png", number)
        disorder = "OMIM:122470" if number < 4 else "OMIM:147920"
        rows.append(f"{photo.name},P{number},{disorder},{'F1' if number in (0, 20) else ''}")
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return add_once("space-terms", table)


@pytest.mark.usefixtures("home")
def test_a_probe_fits_into_eighty_columns(gestalt: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("space", "probe", "--people", 1, "--space", "tiny")
    assert ran.code == 0, ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "30 simulated people, strength 2, seed 0" in ran.out
    assert "No face was found in 1 photos" in ran.out
    assert ran.out.index("Hypertelorism") < ran.out.index("Hypotelorism")
    assert "(another photo)" in ran.out


@pytest.mark.usefixtures("home")
def test_the_document_has_all_terms_and_groups(gestalt: Command):
    ask = ("space", "probe", "--people", 1, "--space", "tiny", "--space", "builtin")
    document = gestalt(*ask, "--json").document
    assert [one["model"] for one in document["spaces"]] == ["tiny", "builtin"]
    assert len(document["terms"]) == EVERY
    first, second, *others = document["terms"]
    assert first["id"] == "HP:0000316"
    of_tiny, of_builtin = first["spaces"]
    assert of_tiny["effect"]["low"] > 0.1
    assert (of_tiny["people"], second["spaces"][0]["people"]) == (29, 30)
    groups = {*of_tiny["groups"]}
    assert {"female", "male", "5–9 years", "asian"} <= groups
    between = of_tiny["effect"]["value"] - of_builtin["effect"]["value"]
    assert first["difference"]["value"] == pytest.approx(between, abs=0.002)
    # What changes nothing has no effect in either space.
    assert {one["spaces"][place]["effect"]["value"] for one in others for place in (0, 1)} == {0.0}


@pytest.mark.usefixtures("home")
def test_tables_of_groups_and_of_two_spaces(gestalt: Command):
    by = gestalt("space", "probe", "--people", 1, "--space", "tiny", "--by", "age", "--csv", "-")
    assert by.out.splitlines()[0] == "id,term,effect,1–4 years,5–9 years,10 years and older"
    assert len(by.out.splitlines()) == 1 + EVERY + 1
    shown = " ".join(gestalt("space", "probe", "--people", 1, "--by", "age").out.split())
    assert "Effects of all people and of each group" in shown
    assert "low and high" not in shown
    two = ("--space", "tiny", "--space", "builtin", "--csv", "-")
    header = gestalt("space", "probe", "--people", 1, *two).out.splitlines()[0]
    assert header == "id,term,tiny,builtin,difference,difference_low,difference_high"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--space", "tiny", "--space", "tiny"), "two different ones"),
        (("--by", "eyes"), "--by is 'eyes'"),
        (("--by", "sex", "--space", "tiny", "--space", "builtin"), "--by shows one space"),
        (("--space", "nothing"), "nothing"),
    ],
)
def test_what_cannot_be_asked_of_a_space(
    gestalt: Command, learned: list[FacesPlan], words: tuple[str, ...], message: str
):
    ran = gestalt("space", "probe", *words)
    assert ran.code in (1, 2)
    assert message in ran.err
    assert learned == []


@pytest.mark.usefixtures("patients")
def test_terms_of_a_photo_a_patient_and_a_disorder(
    gestalt: Command, tmp_path: Path, learned: list[FacesPlan]
):
    photo = made.photo_file(tmp_path / "new.png", 99)
    ask = ("space", "terms", "--detector", "aligned", "--top", 3)
    for words, patients, left_out in (
        ((photo,), 26, 0),
        # The patient and the sibling; a stored photo is its patient's.
        (("--patient", "P0"), 24, 2),
        ((tmp_path / "p20.png",), 24, 2),
        # Of four patients one has a sibling with another disorder.
        (("--disorder", "OMIM:122470"), 21, 5),
    ):
        ran = gestalt(*ask, *words, "--json")
        assert ran.code == 0, (words, ran.out)
        document = ran.document
        assert (document["patients"], document["left_out"]) == (patients, left_out)
        assert [one["rank"] for one in document["terms"]] == [1, 2, 3]
        found = [one["deviations"] for one in document["terms"]]
        assert found == sorted(found, reverse=True)
    assert len(learned) == 1, "directions are learned once, and kept"
    faster = gestalt(*ask, "--patient", "P0", "--precision", "bf16", "-q")
    # A processor without bfloat16 refuses it.
    assert len(learned) == (2 if faster.code == 0 else 1), "another precision, other directions"
    assert faster.code == 0 or "bf16" in faster.err


@pytest.mark.usefixtures("patients")
def test_a_bright_face_looks_like_the_term_that_makes_faces_bright(
    gestalt: Command, tmp_path: Path
):
    bright = np.minimum(made.crop(99).astype(int) + 60, 255).astype(np.uint8)
    photo = tmp_path / "bright.png"
    Image.fromarray(bright).save(photo)
    ran = gestalt("space", "terms", photo, "--detector", "aligned", "--top", 1)
    assert ran.code == 0, ran.err
    assert "Hypertelorism" in ran.out
    assert "compared with 26 patients in the space of tiny" in ran.out
    assert "not a medical device" in ran.out


@pytest.mark.usefixtures("patients")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "one of them alone"),
        (("--patient", "P0", "--disorder", "OMIM:122470"), "one of them alone"),
        (("--patient", "P99"), "P99"),
        (("--disorder", "OMIM:154700"), "OMIM:154700"),
        (("nowhere.png",), "The file does not exist"),
    ],
)
def test_nothing_is_learned_for_what_is_not_there(
    gestalt: Command, learned: list[FacesPlan], words: tuple[str, ...], message: str
):
    ran = gestalt("space", "terms", *words)
    assert ran.code in (1, 2)
    assert message in ran.err
    assert learned == []


@pytest.mark.usefixtures("filled")
def test_a_small_gallery_is_too_small(gestalt: Command, learned: list[FacesPlan]):
    ran = gestalt("space", "terms", "--patient", "P0")
    assert ran.code == 2
    assert "3 patients are too few to compare with" in ran.err
    assert learned == []
