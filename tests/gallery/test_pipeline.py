"""Order, bounds and failures of the way from photos to descriptors, with stand-ins for models."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.errors import (
    DescriptorError,
    FaceError,
    ModelDamaged,
    NoFace,
    PhotoDamaged,
    PhotoNotFound,
    PhotoTooLarge,
    SeveralFaces,
)
from gestalt_space.faces.aligned import AlignedDetector
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.photos import PhotoBytes, PhotoLimits, decode_photo
from gestalt_space.gallery import models, pipeline
from gestalt_space.gallery.models import Detectors, OpenModels
from gestalt_space.gallery.pipeline import (
    PhotoResult,
    PhotoSource,
    Pipeline,
    encode_all,
    every_face,
    find_all_faces,
)
from gestalt_space.types import Crops, Detection, Photo, Pixels, Slots
from gestalt_space.weights.store import ModelStore
from tests import made

SPEC = EncoderSpec("test", ("0" * 64,), "arcface-112", 112, "RGB", 0.0, 1.0, ("one",), 3)


class MeanEncoder:
    """The mean colour as a unit vector: NaN for a face that is black."""

    spec = SPEC
    device = "cpu"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode(self, crops: Crops) -> Slots:
        self.batches.append(len(crops))
        means = crops.reshape(len(crops), -1, 3).mean(axis=1).astype(np.float32)
        with np.errstate(invalid="ignore"):
            unit = means / np.linalg.norm(means, axis=1, keepdims=True)
        return np.asarray(unit[:, None, :], np.float32)


@pytest.fixture
def sources(tmp_path: Path) -> list[PhotoSource]:
    """40 photos of people that tell each other apart, under names that say their seed."""
    return [
        PhotoSource(str(seed), made.photo_file(tmp_path / f"{seed}.png", seed))
        for seed in range(40)
    ]


def set_cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (pipeline, models):
        monkeypatch.setattr(module, "cores", lambda: count)


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads even where the machine has one core."""
    set_cores(monkeypatch, 4)


def aligned() -> Detectors:
    return Detectors("aligned", lambda threads: AlignedDetector())


def face_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("faces")]


def test_order_is_kept_whatever_a_photo_costs(sources: list[PhotoSource]) -> None:
    class Slow(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            time.sleep(0.02 if int(photo.name) % 7 == 0 else 0)
            return super().find(photo)

    found = list(find_all_faces(sources, Detectors("test", lambda threads: Slow())))
    assert [result.source for result in found] == sources
    for seed, result in enumerate(found):
        assert result.face is not None
        assert np.array_equal(result.face.crop, made.crop(seed))
        assert (result.width, result.height) == (112, 112)


def test_no_more_photos_are_begun_than_may_be_ahead(sources: list[PhotoSource]) -> None:
    begun = 0

    def counted() -> Iterator[PhotoSource]:
        nonlocal begun
        for source in sources:
            begun += 1
            yield source

    for taken, _ in enumerate(find_all_faces(counted(), aligned(), ahead=5), start=1):
        assert begun <= taken + 5
    assert begun == 40


def test_no_photo_stays_in_memory_once_it_is_done(
    tmp_path: Path, sources: list[PhotoSource]
) -> None:
    """Whether it has one face, none, several, or one that cannot be told; and while others wait."""
    seen: list[weakref.ref[Pixels]] = []

    class Odd(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            seen.append(weakref.ref(photo.pixels))
            if photo.name == "wide":
                return super().find(photo)
            if int(photo.name) % 4 == 3:
                raise ValueError("odd")
            return list(super().find(photo)) * (int(photo.name) % 4)

    Image.new("RGB", (112, 56)).save(tmp_path / "wide.png")
    mixed = [*sources, PhotoSource("wide", tmp_path / "wide.png")]
    kept = []
    for result in find_all_faces(mixed, Detectors("test", lambda threads: Odd()), ahead=20):
        kept.append(result)
        assert sum(pixels() is not None for pixels in seen) <= 4
    assert {type(result.error) for result in kept} == {type(None), NoFace, SeveralFaces, FaceError}
    assert len(seen) == 41
    assert [pixels() for pixels in seen] == [None] * 41


def test_photos_are_read_while_the_ones_before_are_taken(sources: list[PhotoSource]) -> None:
    read = threading.Event()

    class Tells(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            if photo.name == "3":
                read.set()
            return super().find(photo)

    results = find_all_faces(sources, Detectors("test", lambda threads: Tells()), ahead=8)
    next(results)
    assert read.wait(10)
    results.close()  # type: ignore[attr-defined]


def test_each_bad_photo_is_its_own_failure(tmp_path: Path, sources: list[PhotoSource]) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.png").write_bytes((tmp_path / "0.png").read_bytes()[:300])
    bad = [
        PhotoSource("missing", tmp_path / "missing.png"),
        PhotoSource("empty", tmp_path / "empty.jpg"),
        PhotoSource("cut", tmp_path / "cut.png"),
        PhotoSource("bytes", b"cut"),
        PhotoSource("large", made.photo_file(tmp_path / "large.png", 1, size=300)),
    ]
    mixed = [source for pair in zip(sources, bad, strict=False) for source in pair]
    found = list(find_all_faces(mixed, aligned(), limits=PhotoLimits(max_pixels=200 * 200)))
    assert [result.source for result in found] == mixed
    assert [type(result.error) for result in found[1::2]] == [
        *(PhotoNotFound, PhotoDamaged, PhotoDamaged),
        type(found[7].error),
        PhotoTooLarge,
    ]
    assert found[7].error is not None
    assert all(result.error is None and result.face is not None for result in found[::2])


def test_a_photo_may_be_given_as_bytes(tmp_path: Path) -> None:
    data = made.photo_file(tmp_path / "x.png", 1).read_bytes()
    (result,) = find_all_faces([PhotoSource("x", data)], aligned())
    assert result.face is not None


@pytest.mark.parametrize(
    "error", [RuntimeError("inside"), ValueError(), MemoryError("much"), KeyError("x"), OSError(5)]
)
def test_an_error_inside_a_detector_is_one_photo_s_failure(
    error: Exception, sources: list[PhotoSource]
) -> None:
    class Fails(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            if photo.name == "3":
                raise error
            return super().find(photo)

    found = list(find_all_faces(sources, Detectors("test", lambda threads: Fails())))
    assert [n for n, result in enumerate(found) if result.error is not None] == [3]
    told = found[3].error
    assert isinstance(told, FaceError)
    assert type(error).__name__ in told.message
    assert "aligned" in told.message
    assert told.hint
    assert found[3].sha256
    with pytest.raises(FaceError, match=type(error).__name__):
        every_face(sources[3], Detectors("test", lambda threads: Fails()))


def test_a_detector_that_cannot_be_made_is_every_photo_s_failure(
    sources: list[PhotoSource],
) -> None:
    def none(threads: int) -> Detector:
        raise ModelDamaged("cut off", "add it again")

    found = list(find_all_faces(sources, Detectors("test", none)))
    assert [type(result.error) for result in found] == [ModelDamaged] * 40


def test_landmarks_that_give_no_face_are_one_photo_s_failure(sources: list[PhotoSource]) -> None:
    class Odd(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            (found,) = super().find(photo)
            points = found.landmarks * (0 if photo.name == "1" else 1)
            points = points * (np.nan if photo.name == "2" else 1)
            return [Detection(found.box, points.astype(np.float32), 1.0)]

    found = list(find_all_faces(sources[:4], Detectors("test", lambda threads: Odd())))
    assert [isinstance(result.error, FaceError) for result in found] == [False, True, True, False]


def test_none_and_several_faces_are_told_apart(sources: list[PhotoSource]) -> None:
    class Some(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            return list(super().find(photo)) * (int(photo.name) % 3)

    found = list(find_all_faces(sources[:3], Detectors("test", lambda threads: Some())))
    assert [type(result.error) for result in found] == [NoFace, type(None), SeveralFaces]
    chosen = [
        PhotoSource("2", sources[2].data, face=2),
        PhotoSource("2", sources[2].data, largest=True),
        PhotoSource("2", sources[2].data, face=3),
    ]
    found = list(find_all_faces(chosen, Detectors("test", lambda threads: Some())))
    assert [result.face and result.face.number for result in found] == [2, 1, None]


def test_a_photo_is_skipped_by_its_hash_before_it_is_decoded(
    sources: list[PhotoSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(find_all_faces(sources[:4], aligned()))
    known = {found[1].sha256, found[3].sha256}
    decoded: list[str] = []

    def counted(raw: PhotoBytes, *, limits: PhotoLimits | None = None) -> Photo:
        decoded.append(raw.name)
        return decode_photo(raw, limits=limits)

    monkeypatch.setattr(pipeline, "decode_photo", counted)
    again = list(find_all_faces(sources[:4], aligned(), skip=lambda _, sha256: sha256 in known))
    assert [result.skipped for result in again] == [False, True, False, True]
    assert [result.sha256 for result in again] == [result.sha256 for result in found]
    assert sorted(decoded) == ["0", "2"]
    assert again[1].face is None


def test_no_two_threads_have_one_detector_at_once_and_results_do_not_cross(tmp_path: Path) -> None:
    """200 photos through detectors that keep what they work on, as real ones do."""
    built: list[object] = []
    failures: list[str] = []

    class Stateful:
        name = "stateful"

        def __init__(self) -> None:
            self.working_on = ""
            built.append(self)

        def find(self, photo: Photo) -> Sequence[Detection]:
            if self.working_on:
                failures.append(f"{photo.name}: while {self.working_on} is not done")
            self.working_on = photo.name
            time.sleep(0.0005 * (int(photo.name) % 4))
            if self.working_on != photo.name:
                failures.append(f"{photo.name}: has become {self.working_on}")
            self.working_on = ""
            return AlignedDetector().find(photo)

    sources = [
        PhotoSource(str(seed), made.photo_file(tmp_path / f"{seed}.png", seed))
        for seed in range(200)
    ]
    encoder = MeanEncoder()
    batches = encode_all(
        find_all_faces(sources, Detectors("test", lambda threads: Stateful()), ahead=16),
        encoder,
        batch_size=7,
    )
    results = [result for batch in batches for result in batch]
    assert failures == []
    assert 1 < len(built) <= 4
    for seed, result in enumerate(results):
        mean = made.crop(seed).reshape(-1, 3).mean(axis=0)
        assert result.descriptor is not None
        np.testing.assert_allclose(result.descriptor, mean / np.linalg.norm(mean), atol=1e-5)


def test_threads_are_shared_out_among_detectors(sources: list[PhotoSource]) -> None:
    given: list[int] = []

    def count(threads: int) -> Detector:
        given.append(threads)
        return AlignedDetector()

    list(find_all_faces(sources[:1], Detectors("test", count)))
    assert given == [4]
    given.clear()
    list(find_all_faces(sources, Detectors("test", count)))
    assert set(given) == {1}


def test_no_photos_start_no_thread() -> None:
    assert list(find_all_faces([], aligned())) == []
    assert list(find_all_faces(iter([]), aligned())) == []
    assert face_threads() == []


def test_an_interruption_ends_the_threads(sources: list[PhotoSource]) -> None:
    results = find_all_faces(sources, aligned(), ahead=4)
    next(results)
    assert face_threads()
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert face_threads() == []


def test_a_reader_that_stops_ends_the_threads(sources: list[PhotoSource]) -> None:
    batches = encode_all(find_all_faces(sources, aligned(), ahead=4), MeanEncoder(), batch_size=3)
    next(batches)
    assert face_threads()
    del batches
    assert face_threads() == []


def test_an_error_of_the_encoder_ends_the_threads(sources: list[PhotoSource]) -> None:
    class Breaks(MeanEncoder):
        def encode(self, crops: Crops) -> Slots:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        list(encode_all(find_all_faces(sources, aligned(), ahead=4), Breaks(), batch_size=3))
    assert face_threads() == []


def test_batches_are_full_and_in_order(sources: list[PhotoSource]) -> None:
    encoder = MeanEncoder()
    batches = list(encode_all(find_all_faces(sources, aligned()), encoder, batch_size=16))
    assert [len(batch) for batch in batches] == [16, 16, 8]
    assert encoder.batches == [16, 16, 8]
    assert [result.source for batch in batches for result in batch] == sources


def test_failures_and_skips_are_not_encoded(sources: list[PhotoSource], tmp_path: Path) -> None:
    encoder = MeanEncoder()
    results = list(find_all_faces(sources[:2], aligned()))
    failed = PhotoResult(PhotoSource("x", tmp_path / "x"), error=PhotoNotFound("gone"))
    skipped = PhotoResult(PhotoSource("y", tmp_path / "y"), skipped=True)
    (batch,) = encode_all([failed, results[0], skipped, results[1]], encoder)
    assert encoder.batches == [2]
    assert batch[0] is failed
    assert batch[2] is skipped
    assert [result.descriptor is not None for result in batch] == [False, True, False, True]
    (batch,) = encode_all([failed, skipped], encoder)
    assert encoder.batches == [2]


class BlindInTheDark(MeanEncoder):
    """NaN for a face that is nearly black, too."""

    def encode(self, crops: Crops) -> Slots:
        return super().encode(np.where(crops.max(axis=(1, 2, 3), keepdims=True) > 9, crops, 0))


def test_a_face_without_a_sound_vector_is_its_own_failure(tmp_path: Path) -> None:
    black = tmp_path / "black.png"
    # Not of one colour, which would be no face.
    image = Image.new("RGB", (112, 112))
    image.putpixel((50, 50), (9, 9, 9))
    image.save(black)
    sources = [
        PhotoSource("a", made.photo_file(tmp_path / "a.png", 1)),
        PhotoSource("black", black),
        PhotoSource("b", made.photo_file(tmp_path / "b.png", 2)),
    ]
    (batch,) = encode_all(find_all_faces(sources, aligned()), BlindInTheDark())
    assert [result.descriptor is None for result in batch] == [False, True, False]
    assert isinstance(batch[1].error, DescriptorError)
    assert batch[1].error.hint
    assert batch[1].face is not None


@pytest.fixture
def whole(tiny_store: ModelStore) -> Pipeline:
    """The whole way with a small model, for aligned photos, in batches of 3."""
    opened, model = OpenModels(tiny_store), tiny_store.get("tiny")
    return Pipeline(
        model=model,
        detectors=opened.detectors("aligned"),
        open_encoder=partial(opened.encoder, model, device="cpu"),
        limits=PhotoLimits(),
        batch_size=3,
    )


def test_the_whole_way_gives_what_the_encoder_gives(
    whole: Pipeline, sources: list[PhotoSource]
) -> None:
    crops = np.stack([made.crop(seed) for seed in range(40)])
    wanted = whole.encoder.encode(crops)[:, 0]
    found = [result.descriptor for batch in whole.run(sources) for result in batch]
    np.testing.assert_allclose(np.stack(found), wanted, atol=1e-5)  # type: ignore[arg-type]


def test_every_core_has_a_photo_however_small_the_batch(
    whole: Pipeline, sources: list[PhotoSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_cores(monkeypatch, 20)
    together = threading.Barrier(20)

    class Meets(AlignedDetector):
        def find(self, photo: Photo) -> Sequence[Detection]:
            together.wait(10)
            return super().find(photo)

    meeting = replace(whole, detectors=Detectors("test", lambda threads: Meets()))
    results = [result for batch in meeting.run(sources) for result in batch]
    assert [result.error for result in results] == [None] * 40


def test_the_whole_way_begins_no_more_photos_than_two_batches_and_two_a_core(
    whole: Pipeline, sources: list[PhotoSource]
) -> None:
    begun = taken = 0

    def counted() -> Iterator[PhotoSource]:
        nonlocal begun
        for source in sources:
            begun += 1
            yield source

    for batch in whole.run(counted()):
        taken += len(batch)
        assert begun <= taken + 2 * (3 + 4)
    assert begun == taken == 40


def test_the_whole_way_ends_its_threads_when_nobody_asks_further(
    whole: Pipeline, sources: list[PhotoSource]
) -> None:
    batches = whole.run(sources)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    del batches
    assert face_threads() == []
