"""One probe's match: several photos as one, who is eligible, and how the gallery is made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import GalleryEmpty, NotInGallery, UsageError
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Eligible, Match, SharedTrait
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.probe import fuse
from gestalt_space.match.question import Question, parse_aggregation, parse_by
from gestalt_space.ranking.aggregation import AGGREGATIONS, Aggregation
from gestalt_space.types import Descriptors
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import fill_once, make_home, open_gallery, row
from tests.prepared import Prepared


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [made.photo_file(tmp_path / f"{n}.png", n) for n in range(8)]


@pytest.fixture
def gallery(
    tmp_path: Path, photos: list[Path], tiny_store: ModelStore, prepared: Prepared
) -> Iterator[Gallery]:
    """P0 with two photos and P1 of A, P2 of B with the gene G, P3 undiagnosed."""
    rows = [
        row(photos[0], "P0", "A", sex="female", age=0.5, ancestry="European"),
        row(photos[1], "P0", "A", age=0.75),
        row(photos[2], "P1", "A", sex="male", age=5.0, ancestry="East Asian"),
        row(photos[3], "P2", "B", sex="female", ancestry="European", genes=("G",)),
        row(photos[4], "P3", sex="female"),
    ]
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(fill_once(prepared, "matching", home, *rows)) as opened:
        yield opened


def sources(*photos: Path) -> list[PhotoSource]:
    return [PhotoSource(photo.name, photo, largest=True) for photo in photos]


def descriptors(gallery: Gallery, *seeds: int) -> Descriptors:
    encoder = open_encoder(gallery.space.model, device="cpu")
    return to_descriptors(encoder.encode(np.stack([made.crop(seed) for seed in seeds])))


def test_several_photos_are_fused_to_their_mean() -> None:
    found = fuse([np.array([1, 0], np.float32), np.array([0, 1], np.float32)])
    assert found == pytest.approx([0.5**0.5] * 2)
    with pytest.raises(UsageError, match="cancel each other out"):
        fuse([np.array([1, 0], np.float32), np.array([-1, 0], np.float32)])


def test_photos_as_one_have_the_similarity_of_their_mean(
    gallery: Gallery, photos: list[Path]
) -> None:
    (found,) = gallery.match(sources(photos[5], photos[6]), as_one=True)
    mean = descriptors(gallery, 5, 6).mean(axis=0)
    mean /= np.linalg.norm(mean)
    best = (descriptors(gallery, 0, 1, 2) @ mean).max()
    by_id = {line.id: line for line in found.lines}
    assert by_id["A"].similarity == pytest.approx(best, abs=1e-5)
    assert [photo.name for photo in found.photos] == ["5.png", "6.png"]
    assert found.face is None
    assert all(photo.face is not None for photo in found.photos)


def test_a_photo_that_fails_is_told_and_left_aside(
    gallery: Gallery, photos: list[Path], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    (found,) = gallery.match(sources(photos[5], empty), as_one=True)
    (alone,) = gallery.match(sources(photos[5]))
    assert found.error is None
    assert found.photos[1].error is not None
    assert [line.similarity for line in found.lines] == pytest.approx(
        [line.similarity for line in alone.lines], abs=1e-6
    )
    (nothing,) = gallery.match(sources(empty, empty), as_one=True)
    assert nothing.error is not None


def test_photos_as_one_leave_their_patient_out_and_must_be_of_one(
    gallery: Gallery, photos: list[Path]
) -> None:
    (found,) = gallery.match(sources(photos[0], photos[5]), as_one=True)
    assert found.left_out == "P0"
    assert {line.id: line.patient for line in found.lines} == {"A": "P1", "B": "P2"}
    with pytest.raises(UsageError, match="2 different patients"):
        list(gallery.match(sources(photos[0], photos[2]), as_one=True))


def test_a_patient_of_the_gallery_is_asked_about_with_all_photos(gallery: Gallery) -> None:
    found = gallery.match_patient("P0")
    mean = descriptors(gallery, 0, 1).mean(axis=0)
    mean /= np.linalg.norm(mean)
    expected = {"A": 2, "B": 3}
    for line in found.lines:
        true = float(descriptors(gallery, expected[line.id])[0] @ mean)
        assert line.similarity == pytest.approx(true, abs=1e-5)
    assert (found.photo, found.left_out, len(found.photos)) == ("P0", "P0", 2)
    assert {shared.attribute: shared.value for shared in found.composition} == {
        "ancestry": "European",
        "sex": "female",
        "age group": "under 1 year",
    }
    with pytest.raises(NotInGallery):
        gallery.match_patient("P9")


def test_undiagnosed_patients_match_each_other(gallery: Gallery) -> None:
    found = gallery.match_patient("P3", Question(by="patient"))
    assert {line.id for line in found.lines} == {"P0", "P1", "P2"}
    found = gallery.match_patient("P2", Question(by="patient"))
    assert "P3" in {line.id for line in found.lines}


def test_genes_are_those_of_patients(gallery: Gallery, photos: list[Path]) -> None:
    (found,) = gallery.match(sources(photos[5]), Question(by="gene"))
    assert [(line.id, line.patient) for line in found.lines] == [("G", "P2")]
    gallery.remove(patients=["P2"])
    with pytest.raises(GalleryEmpty, match="gene"):
        gallery.view(Question(by="gene"))


def test_who_is_eligible_is_counted_without_the_probes_patient(
    gallery: Gallery, photos: list[Path]
) -> None:
    (found,) = gallery.match(sources(photos[5]), Question(k=7))
    assert (found.k, found.eligible) == (7, Eligible(lines=2, patients=3, photos=4))
    (own,) = gallery.match(sources(photos[3]))
    assert own.eligible == Eligible(lines=1, patients=2, photos=3)
    among = Question(among=parse_filter(["sex=female"]))
    (few,) = gallery.match(sources(photos[5]), among)
    assert few.eligible == Eligible(lines=2, patients=2, photos=3)


def test_the_composition_counts_patients_who_share_what_is_told(
    gallery: Gallery, photos: list[Path]
) -> None:
    told = Question(k=1, sex="female", age=0.9, ancestry="european")
    (found,) = gallery.match(sources(photos[5]), told)
    neighbour = found.lines[0].patient
    assert found.composition == (
        SharedTrait("ancestry", "european", int(neighbour in ("P0", "P2")), 1, 2, 3),
        SharedTrait("sex", "female", int(neighbour in ("P0", "P2")), 1, 2, 3),
        SharedTrait(
            "age group",
            "under 1 year",
            int(neighbour == "P0"),
            int(neighbour in ("P0", "P1")),
            1,
            2,
        ),
    )
    (silent,) = gallery.match(sources(photos[5]))
    assert silent.composition == ()


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_every_aggregation_ranks_every_disorder(
    how: str, gallery: Gallery, photos: list[Path]
) -> None:
    question = Question(aggregation=parse_aggregation(how))
    (found,) = gallery.match(sources(photos[5]), question)
    assert {line.id for line in found.lines} == {"A", "B"}
    assert [line.score for line in found.lines] == sorted(
        (line.score for line in found.lines), reverse=True
    )


def test_few_patients_cannot_be_ranked_by_calibrated_evidence(
    gallery: Gallery, photos: list[Path]
) -> None:
    question = Question(aggregation=parse_aggregation("calibrated"))
    with pytest.raises(UsageError, match="too few patients") as error:
        list(gallery.match(sources(photos[5]), question))
    assert "--aggregation nearest" in str(error.value.hint)
    with pytest.raises(UsageError, match="only for disorders"):
        list(gallery.match(sources(photos[5]), Question(by="gene", aggregation="calibrated")))


def test_names_that_are_not_known_are_refused() -> None:
    assert parse_by("gene") == "gene"
    with pytest.raises(UsageError, match="phenotype"):
        parse_by("phenotype")
    with pytest.raises(UsageError, match="mean"):
        parse_aggregation("mean")


@pytest.fixture
def family(
    tmp_path: Path, photos: list[Path], tiny_store: ModelStore, prepared: Prepared
) -> Iterator[Gallery]:
    """F1: P0 of A, P1 of A and B, P2 undiagnosed. F2: P3 of A and P4 of C. P5 of A, P6 of B."""
    rows = [
        row(photos[0], "P0", "A", family="F1"),
        row(photos[1], "P1", "A", "B", family="F1"),
        row(photos[2], "P2", family="F1"),
        row(photos[3], "P3", "A", family="F2"),
        row(photos[4], "P4", "C", family="F2"),
        row(photos[5], "P5", "A"),
        row(photos[6], "P6", "B"),
    ]
    home = make_home(tmp_path / "home", tiny_store)
    with open_gallery(fill_once(prepared, "family", home, *rows)) as opened:
        yield opened


def evidence(match: Match) -> dict[str, tuple[int, str]]:
    """By line: how many patients could be its evidence, and whose photo is the nearest."""
    return {line.id: (line.patients, line.patient) for line in match.lines}


def test_the_family_of_a_stored_patient_is_no_evidence(family: Gallery) -> None:
    found = family.match_patient("P0")
    assert (found.left_out, found.relatives) == ("P0", ("P1",))
    assert {id_: count for id_, (count, _) in evidence(found).items()} == {"A": 2, "B": 1, "C": 1}
    assert {patient for _, patient in evidence(found).values()} <= {"P3", "P4", "P5", "P6"}
    assert found.eligible == Eligible(lines=3, patients=4, photos=4)
    everybody = family.match_patient("P0", Question(with_family=True))
    assert everybody.relatives == ()
    counts = {id_: count for id_, (count, _) in evidence(everybody).items()}
    assert counts == {"A": 3, "B": 2, "C": 1}


def test_a_patient_without_a_diagnosis_has_a_family_too(family: Gallery) -> None:
    found = family.match_patient("P2")
    assert (found.left_out, found.relatives) == ("P2", ("P0", "P1"))
    assert {patient for _, patient in evidence(found).values()}.isdisjoint({"P0", "P1"})


def test_a_disorder_of_the_family_alone_is_not_ranked(family: Gallery) -> None:
    found = family.match_patient("P3")
    assert set(evidence(found)) == {"A", "B"}
    assert found.eligible == Eligible(lines=2, patients=4, photos=4)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_family_that_is_left_out_ranks_as_though_it_were_not_there(
    family: Gallery, how: Aggregation
) -> None:
    found = family.match_patient("P0", Question(aggregation=how))
    removed = Question(aggregation=how, without=("P1", "P2"), with_family=True)
    expected = family.match_patient("P0", removed)
    assert [line.id for line in found.lines] == [line.id for line in expected.lines]
    for one, other in zip(found.lines, expected.lines, strict=True):
        assert (one.patient, one.patients) == (other.patient, other.patients)
        assert one.score == pytest.approx(other.score, abs=1e-6)


def test_the_family_of_new_photos_is_named(family: Gallery, photos: list[Path]) -> None:
    (alone,) = family.match(sources(photos[7]))
    assert alone.relatives == ()
    (found,) = family.match(sources(photos[7]), Question(family="F1"))
    assert (found.left_out, found.relatives) == (None, ("P0", "P1"))
    assert found.eligible == Eligible(lines=3, patients=4, photos=4)
    assert {patient for _, patient in evidence(found).values()}.isdisjoint({"P0", "P1"})
    # A photo that is stored for a patient of another family leaves out both.
    (both,) = family.match(sources(photos[3]), Question(family="F1"))
    assert (both.left_out, both.relatives) == ("P3", ("P0", "P1", "P4"))
    assert evidence(both) == {"A": (1, "P5"), "B": (1, "P6")}


def test_a_family_that_cannot_be_left_out_is_refused(family: Gallery, photos: list[Path]) -> None:
    with pytest.raises(NotInGallery, match="F9"):
        list(family.match(sources(photos[7]), Question(family="F9")))
    with pytest.raises(UsageError, match="cannot be combined"):
        Question(family="F1", with_family=True)
    nobody = Question(family="F2", among=parse_filter(["disorder=C"]))
    with pytest.raises(GalleryEmpty, match="Without the family F2"):
        family.view(nobody)
