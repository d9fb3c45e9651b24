"""What a gallery answers about photos that are aligned crops, with encoders made for tests."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gestalt_space.encoders.registry import open_encoder
from gestalt_space.errors import (
    GalleryChanged,
    GalleryEmpty,
)
from gestalt_space.gallery import state as gallery_state
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Pipeline
from gestalt_space.home import Gallery
from gestalt_space.match import match_mixin, probe_matches
from gestalt_space.match.probe_matches import match_probes
from gestalt_space.match.question import Question
from gestalt_space.ranking.aggregation import EVERY_AGGREGATION, Aggregation
from gestalt_space.store import removals
from tests import made
from tests.galleries import add, open_gallery, row, statuses
from tests.home.asking import match


def test_a_match_ranks_disorders_by_their_nearest_photo(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    rows = [
        row(photo(0), "P0", "OMIM:100100"),
        row(photo(1), "P1", "OMIM:100100", "OMIM:200100"),
        row(photo(2), "P1", "OMIM:100100", "OMIM:200100"),
        row(photo(3), "P2", "ORPHA:1"),
        row(photo(4), "P3"),
    ]
    assert statuses(add(gallery, *rows)) == ["added"] * 5
    encoder = open_encoder(gallery.space.model, device="cpu")
    vectors = encoder.encode(np.stack([made.crop(seed) for seed in (0, 1, 2, 3, 9)]))[:, 0]
    cosines = vectors[:4] @ vectors[4]
    (found,) = match(gallery, photo(9))
    wanted = {
        "OMIM:100100": (max(cosines[:3]), 2, 3),
        "OMIM:200100": (max(cosines[1:3]), 1, 2),
        "ORPHA:1": (cosines[3], 1, 1),
    }
    assert {d.id: (d.patients, d.photos) for d in found.lines} == {
        id_: counts[1:] for id_, counts in wanted.items()
    }
    for line in found.lines:
        assert line.similarity == pytest.approx(wanted[line.id][0], abs=1e-5)
    order = sorted(wanted, key=lambda id_: (-round(float(wanted[id_][0]), 6), id_))
    assert [line.id for line in found.lines] == order
    assert [line.rank for line in found.lines] == [1, 2, 3]


def test_the_same_face_in_another_file_is_as_similar_as_can_be(
    gallery: Gallery, photo: Callable[[int], Path], tmp_path: Path
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P1", "B"))
    Image.fromarray(made.crop(0)).save(tmp_path / "copy.bmp")
    (found,) = match(gallery, tmp_path / "copy.bmp")
    assert found.left_out is None
    assert found.lines[0].id == "A"
    assert 0.9999 < found.lines[0].similarity <= 1.0


def test_two_disorders_of_one_patient_stand_at_the_same_similarity_by_identifier(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "b", "a", "c"))
    (found,) = match(gallery, photo(1))
    assert [line.id for line in found.lines] == ["a", "b", "c"]
    assert len({line.similarity for line in found.lines}) == 1


def test_the_probe_s_own_patient_is_never_evidence_and_is_named(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P0", "A"), row(photo(2), "P1", "B"))
    (found,) = match(gallery, photo(0))
    assert found.left_out == "P0"
    assert [(line.id, line.patient) for line in found.lines] == [("B", "P1")]


def test_a_probe_whose_patient_is_the_only_one_gets_no_line(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    (found,) = match(gallery, photo(0))
    assert found.error is None
    assert found.left_out == "P0"
    assert found.lines == ()


def test_k_may_be_larger_than_the_gallery(gallery: Gallery, photo: Callable[[int], Path]) -> None:
    add(gallery, *(row(photo(n), f"P{n}", f"D{n}") for n in range(3)))
    assert len(match(gallery, photo(9), k=1000)[0].lines) == 3
    assert len(match(gallery, photo(9), k=2)[0].lines) == 2


def test_an_empty_gallery_cannot_be_matched(gallery: Gallery, photo: Callable[[int], Path]) -> None:
    with pytest.raises(GalleryEmpty) as caught:
        match(gallery, photo(0))
    assert "gestalt index add" in caught.value.hint


def test_a_gallery_of_undiagnosed_patients_cannot_rank_disorders(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0"), row(photo(1), "P1"))
    with pytest.raises(GalleryEmpty):
        match(gallery, photo(2))
    assert gallery.stats().counts.undiagnosed == 2


def test_a_gallery_from_which_all_was_removed_is_empty_again(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    assert gallery.remove(patients=["P0"]).photos == 1
    with pytest.raises(GalleryEmpty):
        match(gallery, photo(2))
    assert gallery.check_index()
    assert statuses(add(gallery, row(photo(0), "P0", "A"))) == ["added"]
    assert match(gallery, photo(2))[0].lines[0].id == "A"


def test_remove_takes_a_patient_out_of_matches(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P1", "B"))
    assert gallery.remove(patients=["P0"]).photos == 1
    assert [line.id for line in match(gallery, photo(9))[0].lines] == ["B"]
    assert gallery.stats().counts.disorders == 1


@pytest.mark.parametrize(
    ("aggregation", "place"),
    [
        *((aggregation, (probe_matches, "rank_probes")) for aggregation in EVERY_AGGREGATION[:-1]),
        ("nearest", (gallery_state, "count_totals")),
        ("nearest", (match_mixin, "open_view")),
    ],
)
def test_files_that_are_wiped_while_it_is_asked_give_no_wrong_line(
    aggregation: Aggregation,
    place: tuple[Any, str],
    gallery: Gallery,
    photo: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The question comes after a removal was committed, and before its files are clean."""
    add(gallery, *(row(photo(n), f"P{n}", f"D{n % 3}") for n in range(6)))
    gallery.rebuild()
    question = Question(k=3, aggregation=aggregation)
    list(gallery.match([PhotoSource("9", photo(9))]))
    with gallery.database.writing() as session:
        removals.remove_patients(session, ["P5"])
    whole = getattr(*place)

    def cleaned_first(*asked: Any) -> Any:
        monkeypatch.setattr(*place, whole)
        gallery._keeper.purge()
        return whole(*asked)

    monkeypatch.setattr(*place, cleaned_first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (during,) = gallery.match([PhotoSource("9", photo(9))], question)
    (after,) = gallery.match([PhotoSource("9", photo(9))], question)
    assert getattr(*place) is whole
    assert during.lines == after.lines
    assert len(after.lines) == 3


def test_a_match_in_threads_gives_what_a_match_alone_gives(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, *(row(photo(n), f"P{n}", f"D{n}") for n in range(10)))
    probes = [photo(100 + n) for n in range(4)]
    alone = [match(gallery, probe)[0].lines for probe in probes]
    found: dict[int, object] = {}

    def ask(number: int) -> None:
        with open_gallery(gallery.settings.home) as own:
            found[number] = match(own, probes[number])[0].lines

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [found[n] for n in range(4)] == alone


def test_a_view_stays_as_it_was_until_somebody_is_removed(
    gallery: Gallery, photo: Callable[[int], Path]
) -> None:
    add(gallery, row(photo(0), "P0", "A"), row(photo(1), "P1", "B"))
    view = gallery.view()
    (probes,) = gallery.probes([PhotoSource("probe", photo(9))])
    add(gallery, row(photo(2), "P2", "C"))
    with gallery.database.reading() as session:
        (kept,) = match_probes(probes, view, session)
    assert {line.id for line in kept.lines} == {"A", "B"}
    gallery.remove(patients=["P0"])
    with gallery.database.reading() as session, pytest.raises(GalleryChanged):
        match_probes(probes, view, session)
    _, (now,) = gallery.answer(probes, view.question, view)
    assert {line.id for line in now.lines} == {"B", "C"}


def test_a_photo_that_is_added_while_it_is_asked_about_is_no_evidence_for_itself(
    gallery: Gallery, photo: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(gallery, row(photo(0), "P0", "A"))
    real, left = Pipeline.run, [row(photo(1), "P1", "B")]

    def run(self: Pipeline, *words: Any, **options: Any) -> Iterator[list[PhotoResult]]:
        for batch in real(self, *words, **options):
            if left:
                add(gallery, left.pop())
            yield batch

    monkeypatch.setattr(Pipeline, "run", run)
    (found,) = gallery.match([PhotoSource("1.png", photo(1))])
    assert found.left_out == "P1"
    assert [line.patient for line in found.lines] == ["P0"]
