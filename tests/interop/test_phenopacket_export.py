from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gestalt_space.ages import same_age
from gestalt_space.interop.phenopacket_export import duration_of, lost_of, phenopacket
from gestalt_space.interop.phenopacket_intake import phenopacket_intake
from gestalt_space.interop.phenopackets import PhenopacketFile, parse_phenopacket, years_of
from gestalt_space.store.reads import PatientRecord, PhotoDetail
from gestalt_space.types import Disorder
from tests import made
from tests.simulate.published import ONTOLOGY

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
TERMS = st.integers(1, 9_999_999).map(lambda number: f"HP:{number:07}")
AGES = st.none() | st.floats(0, 110)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos."""
    place = tmp_path_factory.mktemp("photos")
    for seed, name in enumerate(("a ä.png", "b#?%.png")):
        made.photo_file(place / name, seed)
    return place


def photo(path: Path, age: float | None, *, face: int = 1, site: str | None = None) -> PhotoDetail:
    return PhotoDetail(
        name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        age=age,
        site=site,
        added_at=NOW,
        detector="aligned",
        step="as is",
        score=1.0,
        face=face,
        faces=2,
        box=(0, 0, 1, 1),
        sharpness=1.0,
        size=1.0,
        yaw=0.0,
        roll=0.0,
        crop_kept=True,
        spaces=(),
        runs=(),
    )


def record(**changes: Any) -> PatientRecord:
    told: dict[str, Any] = {
        "patient": "P1",
        "disorders": (("OMIM:122470", "Cornelia de Lange syndrome 1"),),
        "genes": ("NIPBL",),
        "sex": "female",
        "ancestry": None,
        "cohort": None,
        "consent": "research",
        "family": None,
        "hpo": ("HP:0000316",),
        "hpo_absent": ("HP:0000219",),
        "added_at": NOW,
        "photos": (),
    }
    return PatientRecord(**{**told, **changes})


@st.composite
def records(draw: st.DrawFn, folder: Path) -> PatientRecord:
    """A patient with whatever phenopackets can have."""
    terms = draw(st.lists(TERMS, unique=True, max_size=6))
    split = draw(st.integers(0, len(terms)))
    disorders = draw(st.lists(st.tuples(TEXT, TEXT), max_size=2, unique_by=lambda one: one[0]))
    genes = st.lists(st.from_regex(r"[A-Z][A-Z0-9]{1,6}", fullmatch=True), unique=True, max_size=3)
    paths = draw(st.lists(st.sampled_from(sorted(folder.iterdir())), unique=True, min_size=1))
    return record(
        patient=draw(TEXT),
        disorders=tuple((id_, "" if name == id_ else name) for id_, name in disorders),
        genes=tuple(draw(genes)) if len(disorders) == 1 else (),
        sex=draw(st.sampled_from(["female", "male", "other", None])),
        # The gallery stores consent in this form.
        consent=unicodedata.normalize("NFC", f"consent {draw(TEXT)}"),
        hpo=tuple(terms[:split]),
        hpo_absent=tuple(terms[split:]),
        photos=tuple(
            photo(path, draw(AGES), face=draw(st.integers(1, 2)), site=draw(st.none() | TEXT))
            for path in paths
        ),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_what_is_exported_is_imported_as_it_was(folder: Path, drawn: st.DataObject):
    patient = drawn.draw(records(folder))
    text = json.dumps(phenopacket(patient, None, NOW))
    packet = parse_phenopacket(text.encode())
    found = phenopacket_intake([PhenopacketFile("1", packet, folder=folder)])
    assert found.left_out == {}
    assert len(found.rows) == len(patient.photos)
    for row, stored in zip(found.rows, patient.photos, strict=True):
        told = row.record
        assert told is not None
        assert row.path == folder / stored.name
        assert told.patient == patient.patient
        assert told.disorders == tuple(Disorder(*one) for one in patient.disorders)
        assert told.genes == patient.genes
        assert (told.sex, told.consent) == (patient.sex, patient.consent)
        assert (told.hpo, told.hpo_absent) == (patient.hpo, patient.hpo_absent)
        assert (told.photo, told.site, told.face) == (stored.name, stored.site, stored.face)
        if stored.age is None and len(patient.photos) > 1:
            assert told.age is None
        elif stored.age is not None:
            assert told.age is not None
            assert same_age(told.age, stored.age)


@given(st.floats(0, 130))
def test_an_age_is_a_duration_to_the_day(years: float):
    found = years_of(duration_of(years))
    assert found is not None
    assert same_age(found, years)


def test_labels_and_resources_are_those_of_the_catalogues():
    packet = phenopacket(record(), ONTOLOGY, NOW)
    assert packet["phenotypicFeatures"] == [
        {"type": {"id": "HP:0000316", "label": "Hypertelorism"}},
        {"type": {"id": "HP:0000219", "label": "Thin upper lip vermilion"}, "excluded": True},
    ]
    meta = packet["metaData"]
    assert meta["created"] == "2026-01-02T00:00:00Z"
    assert meta["createdBy"].startswith("gestalt-space ")
    assert meta["phenopacketSchemaVersion"].startswith("2.")
    versions = {one["namespacePrefix"]: one["version"] for one in meta["resources"]}
    assert versions == {"HP": "2025-01-16", "OMIM": "unknown", "hgnc.symbol": "unknown"}
    plain = phenopacket(record(), None, NOW)
    assert plain["phenotypicFeatures"][0]["type"]["label"] == "HP:0000316"


def test_a_photo_is_never_in_the_file(folder: Path):
    path = folder / "a ä.png"
    text = json.dumps(phenopacket(record(photos=(photo(path, 4.0),)), None, NOW))
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text
    assert "base64" not in text
    assert len(text) < 5_000


def test_what_does_not_fit_is_told(folder: Path):
    one = photo(folder / "a ä.png", 4.0)
    two = (("OMIM:122470", ""), ("OMIM:147920", ""))
    full = record(ancestry="x", cohort="y", family="z", consent=None, disorders=two, photos=(one,))
    assert set(lost_of(full, ONTOLOGY)) == {
        "ancestry",
        "cohort",
        "family",
        "consent, which is not stated",
        "genes of a patient with no disorder or several",
        "aligned face and descriptors of a photo",
    }
    assert "interpretations" not in phenopacket(full, ONTOLOGY, NOW)
    assert list(lost_of(record(), ONTOLOGY)) == []
    assert len(list(lost_of(record()))) == 2


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_a_phenopacket_is_one_by_the_published_schema(folder: Path, drawn: st.DataObject):
    phenopackets = pytest.importorskip(
        "phenopackets", reason="the published schema is in the package phenopackets"
    )
    from google.protobuf.json_format import Parse

    patient = drawn.draw(records(folder))
    message = Parse(json.dumps(phenopacket(patient, ONTOLOGY, NOW)), phenopackets.Phenopacket())
    assert message.subject.id == patient.patient
    assert len(message.files) == len(patient.photos)
    assert len(message.phenotypic_features) == len(patient.hpo) + len(patient.hpo_absent)
