"""Approximate indexes of a gallery: built, followed by additions, deleted by a removal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import (
    ApproximateDamaged,
    GalleryChanged,
    GalleryEmpty,
    IndexDamaged,
    UsageError,
)
from gestalt_space.gallery import approximating
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.index.approximating import ApproximateOptions
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.question import Question, parse_index
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, make_home, open_gallery, row
from tests.many import fill_gallery
from tests.prepared import Prepared

PHOTOS = 600
WHOLE = ApproximateOptions("ivf", lists=4, probes=4)
POOR = ApproximateOptions("ivf", lists=14, probes=1)
HNSW = ApproximateOptions("hnsw", breadth=1000)


@pytest.fixture
def home(
    tmp_path: Path, tiny_store: ModelStore, rng: np.random.Generator, prepared: Prepared
) -> Path:
    home, vectors = make_home(tmp_path / "home", tiny_store), made.unit(rng, PHOTOS, 16)

    def fill() -> None:
        with open_gallery(home) as gallery:
            fill_gallery(gallery, np.arange(PHOTOS) // 2, vectors, 40)

    return prepared("approximating", home, fill)


@pytest.fixture
def gallery(home: Path) -> Iterator[Gallery]:
    with open_gallery(home) as opened:
        yield opened


def probe(folder: Path, seed: int) -> PhotoSource:
    return PhotoSource(str(seed), made.photo_file(folder / f"{seed}.png", seed), largest=True)


def files(home: Path) -> list[Path]:
    return sorted((home / "index").glob("*.ivf.faiss")) + sorted(
        (home / "index").glob("*.hnsw.faiss")
    )


@pytest.mark.parametrize(("options", "index"), [(WHOLE, "ivf"), (HNSW, "hnsw")])
@pytest.mark.parametrize("by", ["disorder", "gene", "patient"])
def test_what_looks_at_everything_has_the_exact_answer(
    options: ApproximateOptions, index: str, by: str, gallery: Gallery, tmp_path: Path
) -> None:
    gallery.approximate(options)
    question = Question(by=by, k=10, without=("P000004",))
    nearly = Question(by=by, k=10, without=("P000004",), index=index)
    sources = [probe(tmp_path, seed) for seed in range(900, 903)]
    exact = [match.lines for match in gallery.match(sources, question)]
    assert [match.lines for match in gallery.match(sources, nearly)] == exact
    assert (
        gallery.match_patient("P000008", nearly).lines
        == gallery.match_patient("P000008", question).lines
    )


def test_one_that_misses_much_says_so_and_lists_as_much(gallery: Gallery, tmp_path: Path) -> None:
    record = gallery.approximate(POOR)
    assert record.recall < 0.9
    assert record.measured == 60
    nearly = Question(k=30, index="ivf")
    view = gallery.view(nearly)
    assert view.approximate is not None
    assert view.approximate.record == record
    assert gallery.view().approximate is None
    sources = [probe(tmp_path, seed) for seed in range(900, 905)]
    exact = [match.lines for match in gallery.match(sources, Question(k=30))]
    found = [match.lines for match in gallery.match(sources, nearly)]
    assert found != exact
    for lines, true in zip(found, exact, strict=True):
        similar = {line.id: line.similarity for line in true}
        assert all(line.similarity <= similar.get(line.id, 1) + 1e-9 for line in lines)


def test_it_is_of_the_read_model_and_others_see_it(home: Path, gallery: Gallery) -> None:
    with open_gallery(home) as other:
        with pytest.raises(UsageError, match="no ivf index"):
            other.view(Question(index="ivf"))
        gallery.approximate(WHOLE)
        assert other.view(Question(index="ivf")).approximate is not None
    assert "no problem found" in gallery.check_index()["tiny"]
    (file,) = files(home)
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with pytest.raises(IndexDamaged, match="ivf"):
        gallery.check_index()


def test_the_new_one_takes_the_place_of_its_kind(home: Path, gallery: Gallery) -> None:
    gallery.approximate(POOR)
    gallery.approximate(HNSW)
    gallery.approximate(WHOLE)
    assert len(files(home)) == 2
    assert {one.record.kind: one.record.options for one in gallery.state().approximates} == {
        "hnsw": {"links": 32, "breadth": 1000},
        "ivf": {"lists": 4, "probes": 4},
    }


def test_photos_that_come_later_are_found(gallery: Gallery, tmp_path: Path) -> None:
    gallery.approximate(POOR)
    opened = gallery.state().approximates
    add(gallery, row(made.photo_file(tmp_path / "new.png", 50), "NEW", "D00001"))
    assert gallery.state().approximates == opened
    view = gallery.view(Question(by="patient", index="ivf"))
    assert view.approximate is not None
    assert view.approximate.later == 1
    (near,) = gallery.state().nearest_of(_descriptor(gallery, 50)[None], 1)[0].rows
    assert near in gallery.state().nearly(_descriptor(gallery, 50), 5, "ivf").rows


def _descriptor(gallery: Gallery, seed: int) -> np.ndarray:
    return gallery.encoder.encode(made.crop(seed)[None])[0, 0]


def test_later_segments_leave_it_in_force(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many photos are sealed into a segment, which is merged with those that it is of."""
    monkeypatch.setattr("gestalt_space.gallery.sealing.SEALED_FROM", 40)
    record = gallery.approximate(WHOLE)
    before = gallery.state().searcher.segments
    pictures = [made.photo_file(tmp_path / f"n{n}.png", 2000 + n) for n in range(40)]
    add(gallery, *(row(photo, f"N{n}", "D00001") for n, photo in enumerate(pictures)))
    assert gallery.state().searcher.segments != before
    view = gallery.view(Question(index="ivf"))
    assert view.approximate is not None
    assert (view.approximate.record, view.approximate.later) == (record, 40)
    question, nearly = Question(by="patient"), Question(by="patient", index="ivf")
    sources = [probe(tmp_path, seed) for seed in range(900, 903)]
    exact = [match.lines for match in gallery.match(sources, question)]
    assert [match.lines for match in gallery.match(sources, nearly)] == exact


def test_a_removal_overwrites_and_deletes_it(home: Path, gallery: Gallery, tmp_path: Path) -> None:
    gallery.approximate(WHOLE)
    gallery.approximate(HNSW)
    streams = [path.open("rb") for path in files(home)]
    assert all(any(stream.read()) for stream in streams)
    gallery.remove(patients=["P000003"])
    assert files(home) == []
    for stream in streams:
        stream.seek(0)
        assert not any(stream.read())
        stream.close()
    with pytest.raises(UsageError, match="rebuilding deletes it"):
        gallery.view(Question(index="ivf"))
    assert "no problem found" in gallery.check_index()["tiny"]


def test_one_that_is_built_after_a_removal_stays(
    home: Path, gallery: Gallery, tmp_path: Path
) -> None:
    """The removal is not forgotten before the index on disk has a later number."""
    gallery.remove(patients=["P000003"])
    record = gallery.approximate(WHOLE)
    assert record.rows == PHOTOS - 2
    add(gallery, row(made.photo_file(tmp_path / "new.png", 50), "NEW", "D00001"))
    assert gallery.view(Question(index="ivf")).approximate is not None
    gallery.remove(patients=["NEW"])
    # It was never in a segment: nothing of it is in the file.
    assert gallery.view(Question(index="ivf")).approximate is not None


def test_a_removal_while_it_is_built_is_an_error(
    home: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = approximating.build

    def meanwhile(*given, **more):
        built = real(*given, **more)
        with open_gallery(home) as other:
            other.remove(patients=["P000003"])
        return built

    monkeypatch.setattr(approximating, "build", meanwhile)
    with pytest.raises(GalleryChanged, match="while the index was built"):
        gallery.approximate(WHOLE)
    assert files(home) == []
    assert gallery.state().approximates == ()


def test_an_addition_while_it_is_built_is_searched_exactly(
    home: Path, gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = approximating.build
    photo = made.photo_file(tmp_path / "new.png", 50)

    def meanwhile(*given, **more):
        built = real(*given, **more)
        with open_gallery(home) as other:
            add(other, row(photo, "NEW", "D00001"))
        return built

    monkeypatch.setattr(approximating, "build", meanwhile)
    gallery.approximate(WHOLE)
    view = gallery.view(Question(index="ivf"))
    assert view.approximate is not None
    assert view.approximate.later == 1


def test_a_removal_while_it_is_searched_is_no_damage(
    home: Path, gallery: Gallery, tmp_path: Path
) -> None:
    """The view is of before the removal, and its index is opened after it."""
    gallery.approximate(WHOLE)
    nearly = Question(index="ivf")
    view = gallery.view(nearly)
    (batch,) = gallery.probes([probe(tmp_path, 900)])
    with open_gallery(home) as other:
        other.remove(patients=["P000003"])
        other.approximate(WHOLE)
    newest, (match,) = gallery.answer(batch, nearly, view)
    assert newest is not view
    assert match.lines


def test_one_that_is_damaged_leaves_the_exact_search_as_it_is(
    home: Path, gallery: Gallery, tmp_path: Path
) -> None:
    gallery.approximate(WHOLE)
    (file,) = files(home)
    file.unlink()
    for _ in range(3):
        with pytest.raises(ApproximateDamaged, match="cannot be read"):
            list(gallery.match([probe(tmp_path, 900)], Question(index="ivf")))
    assert list(gallery.match([probe(tmp_path, 900)]))
    assert gallery.state().damage is None
    assert len(gallery.state().searcher.segments) == 1


def test_rebuilding_deletes_it(home: Path, gallery: Gallery) -> None:
    gallery.approximate(WHOLE)
    gallery.rebuild()
    assert files(home) == []


def test_of_one_photo_there_is_nothing_to_build(tmp_path: Path, tiny_store: ModelStore) -> None:
    with open_gallery(make_home(tmp_path / "small", tiny_store)) as small:
        add(small, row(made.photo_file(tmp_path / "p.png", 1), "P", "A"))
        with pytest.raises(GalleryEmpty, match="fewer than 2 photos"):
            small.approximate(WHOLE)


@pytest.mark.parametrize(
    "more",
    [
        {"aggregation": "centroid"},
        {"aggregation": "calibrated"},
        {"among": parse_filter(["sex=female"])},
    ],
)
def test_what_was_not_measured_is_not_answered(more: dict[str, object]) -> None:
    with pytest.raises(UsageError) as refused:
        Question(index="hnsw", **more)
    assert "--index" in refused.value.hint


def test_an_index_has_a_name() -> None:
    assert parse_index("exact") == "exact"
    with pytest.raises(UsageError, match="flat") as refused:
        parse_index("flat")
    assert "exact, ivf, hnsw" in refused.value.hint
