"""A gallery whose crops lie in a folder or a bucket does all that one with crops in its database
does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from gestalt_space.crops import bucket as buckets
from gestalt_space.crops.crop_store import CropStore, new_name
from gestalt_space.crops.places import MARK
from gestalt_space.errors import CropStoreError, ErasureUnfinished, NotShared, PhotoDamaged
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery import moving_crops
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.gallery.inspecting.whole import inspect_gallery
from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.match.question import Question
from gestalt_space.settings import load_settings
from gestalt_space.sites.asking import ask_sites
from gestalt_space.sites.site import Site
from gestalt_space.store import tables as t
from gestalt_space.store.crops import crops_of
from gestalt_space.store.reads import kept_faces
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import add, files_with, make_home, open_gallery, row, statuses
from tests.object_stores import KEY, OTHER_KEY, Bucket


class FolderCrops:
    """A folder in the place of a bucket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()

    def objects(self) -> dict[str, bytes]:
        paths = (path for path in self.folder.rglob("*") if path.is_file() and path.name != MARK)
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    def write(self, key: str, data: bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    def delete(self, key: str) -> None:
        (self.folder / key).unlink()


Crops = FolderCrops | Bucket


@pytest.fixture(params=["file", "s3"])
def crops(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crops:
    found: Crops = FolderCrops(tmp_path / "crops")
    if request.param == "s3":
        found = request.getfixturevalue("bucket")
    monkeypatch.setenv("GESTALT_CROPS", found.url)
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    return found


@pytest.fixture
def folder_crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderCrops:
    found = FolderCrops(tmp_path / "crops")
    monkeypatch.setenv("GESTALT_CROPS", found.url)
    monkeypatch.setenv("GESTALT_CROPS_KEY", KEY)
    return found


@pytest.fixture
def home(tmp_path: Path, tiny_store: ModelStore) -> Path:
    return make_home(tmp_path / "home", tiny_store)


@pytest.fixture
def gallery(home: Path, request: pytest.FixtureRequest) -> Iterator[Gallery]:
    # After the settings of the crops.
    request.getfixturevalue("crops" if "crops" in request.fixturenames else "folder_crops")
    with open_gallery(home) as opened:
        yield opened


def photo(home: Path, number: int) -> Path:
    return made.photo_file(home.parent / f"p{number}.png", number)


def fill(gallery: Gallery, *numbers: int) -> None:
    home = gallery.settings.home
    rows = [row(photo(home, n), f"PAT-{n}", f"D{n % 2}") for n in numbers]
    added = add(gallery, *rows)
    assert [str(one.error) for one in added] == ["None"] * len(rows)


def png_of(number: int) -> bytes:
    return crop_to_png(made.crop(number))


def pngs(gallery: Gallery) -> dict[int, bytes]:
    with gallery.database.reading() as session:
        return crops_of(session, session.scalars(sa.select(t.Face.id)).all())


def count(gallery: Gallery, table: Any) -> int:
    with gallery.database.reading() as session:
        return session.scalars(sa.select(sa.func.count()).select_from(table)).one()


def is_away(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    """Let a store of crops not answer."""

    def away(*_: object, **__: object) -> None:
        raise CropStoreError("The crops cannot be reached.", "Wait.")

    for method in methods or ("put", "get", "delete", "new_place", "listed"):
        monkeypatch.setattr(CropStore, method, away)


def test_crops_are_encrypted_outside_and_nowhere_in_the_home(gallery: Gallery, crops: Crops):
    fill(gallery, 1, 2, 3)
    assert count(gallery, t.Crop) == 0
    assert [pngs(gallery)[face] for face in (1, 2, 3)] == [png_of(n) for n in (1, 2, 3)]
    piece = png_of(1)[200:240]
    assert files_with(gallery.settings.home, piece) == []
    objects = crops.objects()
    assert len(objects) == 3
    assert all(piece not in data for data in objects.values())
    told = " ".join(objects)
    digest = hashlib.sha256(photo(gallery.settings.home, 1).read_bytes()).hexdigest()
    assert "PAT-1" not in told
    assert digest[:12] not in told
    assert gallery.patient("PAT-1").photos[0].crop_kept
    assert gallery.stats().counts.crops == 3
    assert gallery.look_at_crop("PAT-1", "p1.png") == png_of(1)


def test_photos_that_are_refused_or_known_leave_no_object(gallery: Gallery, crops: Crops):
    fill(gallery, 1)
    home = gallery.settings.home
    # The face of somebody else, and the same photo again with the same face.
    rows = [row(photo(home, 1), "PAT-9", "D1"), row(photo(home, 1), "PAT-1", "D1")]
    assert statuses(add(gallery, *rows)) == ["failed", "already"]
    assert len(crops.objects()) == 1


def test_what_a_transaction_undoes_leaves_no_object(
    gallery: Gallery, crops: Crops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as broke:
        broke.setattr("gestalt_space.gallery.adding.writes.add_photos", broken)
        with pytest.raises(RuntimeError):
            fill(gallery, 2)
    assert len(crops.objects()) == 1


def test_a_store_that_is_away_takes_no_photo_and_loses_none(
    gallery: Gallery, crops: Crops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1)
    with monkeypatch.context() as away:
        is_away(away)
        with pytest.raises(CropStoreError):
            fill(gallery, 2)
    assert gallery.stats().counts.photos == 1
    fill(gallery, 2)
    assert len(crops.objects()) == 2


def test_a_match_never_touches_the_store(
    gallery: Gallery, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1, 2, 3)
    is_away(monkeypatch)
    # Another file of the same picture, and a patient of the gallery.
    copy = gallery.settings.home.parent / "copy.webp"
    Image.fromarray(made.crop(1)).save(copy, lossless=True)
    (match,) = gallery.match([PhotoSource("copy.webp", copy)])
    assert match.lines
    assert [(one.patient, one.proof) for one in match.copies] == [("PAT-1", "descriptors")]
    assert gallery.match_patient("PAT-2").lines
    with open_gallery(gallery.settings.home) as again:
        assert again.stats().counts.photos == 3


def test_another_space_is_filled_from_the_store_and_a_damaged_crop_fails_alone(
    gallery: Gallery, crops: Crops, tmp_path: Path
):
    fill(gallery, 1, 2, 3)
    objects = crops.objects()
    names = named(gallery)
    (key,) = (key for key in objects if key.endswith(names[1]))
    (other,) = (key for key in objects if key.endswith(names[2]))
    crops.write(key, objects[other])
    made.arcface_onnx(tmp_path / "second.onnx", dim=16, seed=5)
    gallery.models.add(tmp_path / "second.onnx", name="second", license_name="made by the tests")
    done = gallery.using(space="second").fill()
    assert [face.patient for face in done.failed] == ["PAT-1"]
    assert "damaged" in str(done.failed[0].error)
    assert done.missing == 1
    with pytest.raises(PhotoDamaged):
        gallery.look_at_crop("PAT-1", "p1.png")
    with gallery.database.reading() as session:
        kept = kept_faces(session, ["PAT-1", "PAT-2"])
    assert [one.png for one in kept] == [b"", png_of(2)]


def named(gallery: Gallery) -> dict[int, str]:
    with gallery.database.reading() as session:
        rows = session.execute(sa.select(t.CropObject.face_id, t.CropObject.name))
        return dict(rows.all())


def test_objects_go_with_their_photos(gallery: Gallery, crops: Crops):
    fill(gallery, 1, 2)
    gallery.remove(patients=["PAT-1"])
    assert len(crops.objects()) == count(gallery, t.CropObject) == 1
    gallery.remove(photos=["p2.png"])
    assert crops.objects() == {}
    assert count(gallery, t.CropObject) == 0


def test_a_removal_that_cannot_reach_the_store_is_remembered(
    gallery: Gallery, crops: Crops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1, 2)
    with monkeypatch.context() as away:
        is_away(away)
        with pytest.raises(CropStoreError, match="1 photo and 1 patient removed perm") as caught:
            gallery.remove(patients=["PAT-1"])
        # The same command again would not find the patient.
        assert caught.value.hint == (
            "Wait. When that is settled, `gestalt index crops check` deletes them."
        )
        with open_gallery(gallery.settings.home) as again:
            assert again.stats().counts.photos == 1
        findings = list(inspect_gallery(gallery.settings, sample=0))
        waiting, unreachable = (one for one in findings if one.subject == "crops")
        assert (waiting.state, unreachable.state) == ("note", "fail")
        assert "1 crop of removed photos" in waiting.detail
    assert len(crops.objects()) == 2
    (checked,) = gallery.check_crops()
    assert (checked.waiting, len(crops.objects())) == (0, 1)


def test_the_next_removal_deletes_what_one_before_it_left(
    gallery: Gallery, crops: Crops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1, 2)
    with monkeypatch.context() as away:
        is_away(away)
        with pytest.raises(CropStoreError):
            gallery.remove(patients=["PAT-1"])
    gallery.remove(patients=["PAT-2"])
    assert crops.objects() == {}


def test_an_erasure_says_where_crops_were_and_leaves_none(
    gallery: Gallery, crops: Crops, tmp_path: Path
):
    fill(gallery, 1, 2)
    if isinstance(crops, Bucket):
        crops.keep_versions()
    gallery.erase(["PAT-1"], tmp_path / "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text("utf-8"))
    (place,) = (one.url for one in gallery.crop_places())
    assert receipt["crops_outside"] == [{"place": place, "objects": 1}]
    assert any("object store" in one for one in receipt["not_reached"]["other"])
    assert receipt["erased_rows"]["crop_object"] == 1
    assert receipt["search"]["pieces"] > 100, "pieces of the crop are searched for, too"
    assert len(crops.objects()) == 1
    if isinstance(crops, Bucket):
        assert len(crops.versions()) == 1


def test_an_erasure_of_crops_that_cannot_be_read_is_not_begun(
    gallery: Gallery, folder_crops: FolderCrops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1)
    with monkeypatch.context() as away:
        is_away(away)
        with pytest.raises(CropStoreError):
            gallery.erase(["PAT-1"], tmp_path / "receipt.json")
    assert gallery.stats().counts.photos == 1
    assert gallery.begun_erasures() == []


def test_an_erasure_waits_for_a_store_that_goes_away(
    gallery: Gallery, crops: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1, 2)
    receipt = tmp_path / "receipt.json"
    with monkeypatch.context() as away:
        is_away(away, "delete")
        with pytest.raises(ErasureUnfinished, match="not all crops outside") as caught:
            gallery.erase(["PAT-1"], receipt)
        assert "--resume" in caught.value.hint
        assert gallery.finish_erasures() == []
    assert not receipt.exists()
    assert gallery.finish_erasures() == [], "a command that only looks does not wait for a store"
    (done,) = gallery.resume_erasures()
    assert list(done.objects.values()) == [1]
    assert json.loads(receipt.read_text("utf-8"))["crops_outside"][0]["objects"] == 1
    assert len(crops.objects()) == 1


def test_an_erasure_does_not_report_versions_that_stay(
    gallery: Gallery, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GESTALT_CROPS", bucket.url)
    bucket.keep_versions()
    with open_gallery(gallery.settings.home) as here:
        fill(here, 1)
        delete = buckets.BucketPlace._delete_all

        def only_marks(self: Any, objects: Any) -> None:
            delete(self, [one for one in objects if "VersionId" not in one])

        with monkeypatch.context() as patched:
            patched.setattr(buckets.BucketPlace, "_delete_all", only_marks)
            with pytest.raises(ErasureUnfinished, match="are still there"):
                here.erase(["PAT-1"], tmp_path / "receipt.json")
        assert bucket.versions()
        here.resume_erasures()
        assert bucket.versions() == []


def test_an_export_has_the_crops_and_an_import_puts_them_outside(
    gallery: Gallery, crops: Crops, tmp_path: Path, tiny_store: ModelStore
):
    fill(gallery, 1, 2, 3)
    gallery.export(tmp_path / "export")
    other = make_home(tmp_path / "other", tiny_store)
    with open_gallery(other) as taken:
        done = taken.import_export(tmp_path / "export")
        assert done.new_photos == 3
        assert sorted(pngs(taken).values()) == sorted(png_of(n) for n in (1, 2, 3))
        assert count(taken, t.Crop) == 0
        assert len({one.url for one in (*taken.crop_places(), *gallery.crop_places())}) == 2
        taken.remove(patients=["PAT-1"])
    assert len(crops.objects()) == 5
    assert len(pngs(gallery)) == 3


def test_an_export_without_a_crop_that_should_be_there_is_refused(
    gallery: Gallery, folder_crops: FolderCrops, tmp_path: Path
):
    fill(gallery, 1, 2)
    folder_crops.delete(next(iter(folder_crops.objects())))
    with pytest.raises(CropStoreError, match="missing or damaged") as caught:
        gallery.export(tmp_path / "export")
    assert "--no-crops" in caught.value.hint
    assert not (tmp_path / "export").exists()


@pytest.mark.sqlite_only("a backup of files")
def test_a_restored_gallery_deletes_no_crop_of_the_first_one_before_it_is_claimed(
    gallery: Gallery, crops: Crops, tmp_path: Path, tiny_store: ModelStore
):
    fill(gallery, 1, 2, 3)
    done = gallery.back_up(tmp_path / "backup")
    assert list(done.crops_outside.values()) == [3]
    gallery.remove(patients=["PAT-3"])
    settings = load_settings(tmp_path / "restored")
    notes = " ".join(restore(tmp_path / "backup", settings).notes)
    assert "3 crops are in" in notes
    assert "1 of them are missing or damaged" in notes
    make_home(settings.home, tiny_store)
    with open_gallery(settings.home) as restored:
        with pytest.raises(CropStoreError, match="may still use them") as caught:
            restored.remove(patients=["PAT-1"])
        assert "gestalt index crops claim" in caught.value.hint
        assert len(crops.objects()) == 2
        assert pngs(gallery) == {1: png_of(1), 2: png_of(2)}
        fill(restored, 7)
        assert len(restored.crop_places()) == 2, "new crops do not go among those of the other"
        (place,) = restored.claim_crops()
        assert place in {one.url for one in gallery.crop_places()}
        assert len(crops.objects()) == 2
        assert [one.is_sound for one in restored.check_crops()] == [False, True]


@pytest.mark.sqlite_only("a backup of files")
def test_a_restore_without_the_store_says_that_crops_were_not_checked(
    gallery: Gallery, folder_crops: FolderCrops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1)
    gallery.back_up(tmp_path / "backup")
    is_away(monkeypatch)
    (note,) = restore(tmp_path / "backup", load_settings(tmp_path / "restored")).notes
    assert "were not checked" in note


def test_a_photo_that_a_merge_dropped_comes_back_with_its_crop(
    gallery: Gallery, crops: Crops, home: Path
):
    path = photo(home, 1)
    rows = [row(path, "PAT-1", "D1"), row(photo(home, 2), "PAT-2", "D1")]
    assert statuses(add(gallery, *rows)) == ["added", "added"]
    with gallery.database.writing() as session:
        # The same bytes, and the same face, under another patient: as an older version let in.
        session.execute(
            sa.update(t.Photo)
            .where(t.Photo.id == 2)
            .values(sha256=sa.select(t.Photo.sha256).where(t.Photo.id == 1).scalar_subquery())
        )
    gallery.merge("PAT-2", "PAT-1")
    assert gallery.stats().counts.photos == 1
    assert len(crops.objects()) == 1
    piece = png_of(2)[200:240]
    assert files_with(home, piece) == [], "the trail has it encrypted"
    gallery.undo()
    assert sorted(pngs(gallery).values()) == sorted([png_of(1), png_of(2)])
    assert len(crops.objects()) == 2


# Keys


def test_another_key_than_that_of_the_crops_writes_none(
    gallery: Gallery, home: Path, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1, 2)
    before = folder_crops.objects()
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    with open_gallery(home) as wrong:
        with pytest.raises(CropStoreError, match=f"another key .*{key_id_of(gallery)}") as caught:
            fill(wrong, 3)
        assert "put the new one before the old one" in caught.value.hint
        assert "gestalt index crops move" in caught.value.hint
        with pytest.raises(CropStoreError, match="another key"):
            wrong.move_crops(folder_crops.url)
        assert wrong.stats().counts.photos == 2
    assert folder_crops.objects() == before
    # Both keys, whichever is first, are enough.
    for number, keys in enumerate((f"{OTHER_KEY} {KEY}", f"{KEY} {OTHER_KEY}"), start=3):
        monkeypatch.setenv("GESTALT_CROPS_KEY", keys)
        with open_gallery(home) as right:
            fill(right, number)
    assert len(folder_crops.objects()) == 4


def test_crops_of_the_database_are_not_moved_to_those_of_another_key(
    home: Path, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(moving_crops, "AT_ONCE", 1)
    with monkeypatch.context() as inside:
        inside.delenv("GESTALT_CROPS")
        with open_gallery(home) as gallery:
            fill(gallery, 1)
    with open_gallery(home) as gallery:
        fill(gallery, 2)
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    with open_gallery(home) as gallery:
        with pytest.raises(CropStoreError, match="another key"):
            gallery.move_crops(folder_crops.url)
        assert (count(gallery, t.Crop), len(folder_crops.objects())) == (1, 1)


def test_a_key_that_is_lost_does_not_close_another_place(
    gallery: Gallery,
    home: Path,
    folder_crops: FolderCrops,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    fill(gallery, 1)
    other = FolderCrops(tmp_path / "other")
    monkeypatch.setenv("GESTALT_CROPS", other.url)
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    with open_gallery(home) as again:
        fill(again, 2)
    assert (len(folder_crops.objects()), len(other.objects())) == (1, 1)


@pytest.mark.parametrize("at_another_url", [False, True])
def test_without_a_key_it_asks_for_that_of_the_crops_and_not_for_a_new_one(
    gallery: Gallery,
    home: Path,
    folder_crops: FolderCrops,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_another_url: bool,
):
    fill(gallery, 1)
    monkeypatch.delenv("GESTALT_CROPS_KEY")
    if at_another_url:
        monkeypatch.setenv("GESTALT_CROPS", (tmp_path / "other").as_uri())
    with open_gallery(home) as without:
        for work in (
            lambda: fill(without, 2),
            lambda: without.check_crops(read=True),
            lambda: without.move_crops((tmp_path / "moved").as_uri()),
            lambda: without.look_at_crop("PAT-1", "p1.png"),
        ):
            with pytest.raises(CropStoreError, match="no key") as caught:
                work()
            assert key_id_of(gallery) in caught.value.hint
            assert "GESTALT_CROPS_KEY_FILE" in caught.value.hint
            assert "openssl" not in caught.value.hint


def test_without_a_key_and_without_crops_it_says_how_to_make_one(
    home: Path, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GESTALT_CROPS_KEY")
    with open_gallery(home) as gallery, pytest.raises(CropStoreError, match="no key") as caught:
        fill(gallery, 1)
    assert "openssl" in caught.value.hint


def key_id_of(gallery: Gallery) -> str:
    """The only key of its crops."""
    with gallery.database.reading() as session:
        return session.scalars(sa.select(t.CropObject.key_id).distinct()).one()


# Moving


def test_crops_move_out_of_the_database_and_back(
    crops: Crops, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GESTALT_CROPS")
    monkeypatch.setattr(moving_crops, "AT_ONCE", 2)
    with open_gallery(home) as gallery:
        fill(gallery, *range(1, 6))
        before = pngs(gallery)
        assert count(gallery, t.Crop) == 5
        seen: list[tuple[int, int]] = []
        done = gallery.move_crops(crops.url, lambda *told: seen.append(told))
        assert (done.moved, done.damaged, seen[-1]) == (5, (), (5, 5))
        assert (count(gallery, t.Crop), len(crops.objects())) == (0, 5)
        assert pngs(gallery) == before
        assert files_with(home, png_of(1)[200:240]) == []
        assert gallery.move_crops(crops.url).moved == 0
        # New ones go where the settings say; then both are read.
        fill(gallery, 6)
        assert (count(gallery, t.Crop), count(gallery, t.CropObject)) == (1, 5)
        assert pngs(gallery)[6] == png_of(6)
        assert gallery.move_crops("database").moved == 5
        assert crops.objects() == {}
        assert (count(gallery, t.Crop), count(gallery, t.CropObject)) == (6, 0)
        assert pngs(gallery) == before | {6: png_of(6)}


def test_a_move_that_is_interrupted_goes_on(
    gallery: Gallery, folder_crops: FolderCrops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(moving_crops, "AT_ONCE", 2)
    fill(gallery, *range(1, 6))
    before = pngs(gallery)
    put, times = CropStore.put, 0

    def once(self: CropStore, *rest: Any) -> Any:
        nonlocal times
        times += 1
        if times == 2:
            raise CropStoreError("The disk of the crops is full.", "")
        return put(self, *rest)

    other = FolderCrops(tmp_path / "other")
    with monkeypatch.context() as full:
        full.setattr(CropStore, "put", once)
        with pytest.raises(CropStoreError):
            gallery.move_crops(other.url)
    assert (len(folder_crops.objects()), len(other.objects())) == (3, 2)
    assert pngs(gallery) == before
    assert gallery.move_crops(other.url).moved == 3
    assert (folder_crops.objects(), len(other.objects())) == ({}, 5)
    assert pngs(gallery) == before


def test_what_is_not_read_back_as_it_was_is_not_moved(
    gallery: Gallery, folder_crops: FolderCrops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1, 2)
    other = FolderCrops(tmp_path / "other")
    get = CropStore.get

    def lossy(self: CropStore, objects: Any) -> Any:
        found = get(self, objects)
        return {one: b"" if other.url in one.place else png for one, png in found.items()}

    with monkeypatch.context() as patched:
        patched.setattr(CropStore, "get", lossy)
        with pytest.raises(CropStoreError, match="is not the same"):
            gallery.move_crops(other.url)
    assert (len(folder_crops.objects()), other.objects()) == (2, {})


def test_a_move_names_damaged_crops_and_leaves_them(
    gallery: Gallery, folder_crops: FolderCrops, tmp_path: Path
):
    fill(gallery, 1, 2)
    (key,) = (key for key in folder_crops.objects() if key.endswith(named(gallery)[1]))
    folder_crops.write(key, b"GSC")
    done = gallery.move_crops("database")
    assert (done.moved, done.damaged) == (1, ("p1.png (PAT-1)",))
    assert named(gallery).keys() == {1}


def test_moving_to_the_same_place_encrypts_with_the_new_key(
    home: Path, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    with open_gallery(home) as gallery:
        fill(gallery, 1, 2)
        before = pngs(gallery)
    monkeypatch.setenv("GESTALT_CROPS_KEY", f"{OTHER_KEY} {KEY}")
    with open_gallery(home) as gallery:
        fill(gallery, 3)
        assert gallery.move_crops(folder_crops.url).moved == 2
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    with open_gallery(home) as gallery:
        assert pngs(gallery) == before | {3: png_of(3)}
        assert len(folder_crops.objects()) == 3


# Checking


@pytest.mark.parametrize("at_once", [0, moving_crops.LISTED_AT_ONCE])
def test_a_check_finds_what_is_missing_damaged_and_left_over(
    gallery: Gallery, crops: Crops, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    if at_once == 0 and isinstance(crops, Bucket):
        pytest.skip("256 requests a check; listing by parts is tested with a folder")
    monkeypatch.setattr(moving_crops, "LISTED_AT_ONCE", at_once)
    fill(gallery, 1, 2, 3)
    (found,) = gallery.check_crops(read=True)
    assert found.is_sound
    assert (found.crops, found.deleted, found.young, found.foreign) == (3, 0, 0, 0)
    keys = {n: key for n in (1, 2, 3) for key in crops.objects() if key.endswith(named(gallery)[n])}
    crops.delete(keys[1])
    crops.write(keys[2], crops.objects()[keys[2]][:-1])
    data = crops.objects()[keys[3]]
    crops.write(keys[3], data[:-1] + bytes([data[-1] ^ 1]))
    start = keys[1][: -len(named(gallery)[1])]
    crops.write(f"{start}{new_name()}", b"left by a process that was killed")
    crops.write(f"{start}ab/notes.txt", b"somebody's")
    (found,) = gallery.check_crops()
    assert (found.missing, found.damaged) == (("p1.png (PAT-1)",), ("p2.png (PAT-2)",))
    assert (found.deleted, found.young, found.foreign) == (0, 1, 1)
    (found,) = gallery.check_crops(read=True)
    assert found.damaged == ("p2.png (PAT-2)", "p3.png (PAT-3)")
    monkeypatch.setattr(moving_crops, "YOUNGEST", timedelta(seconds=-60))
    (found,) = gallery.check_crops()
    assert (found.deleted, found.young, found.foreign) == (1, 0, 1)
    assert len(crops.objects()) == 3


def test_what_another_gallery_has_at_the_same_url_is_nobodys_orphan(
    gallery: Gallery,
    folder_crops: FolderCrops,
    tmp_path: Path,
    tiny_store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(moving_crops, "YOUNGEST", timedelta(seconds=-60))
    fill(gallery, 1)
    with open_gallery(make_home(tmp_path / "other", tiny_store)) as other:
        fill(other, 2)
        assert [one.deleted for one in other.check_crops()] == [0]
    assert len(folder_crops.objects()) == 2


def test_the_doctor_tells_of_a_key_that_is_missing(
    gallery: Gallery, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    fill(gallery, 1)
    assert [one.state for one in findings(gallery)] == ["ok"]
    monkeypatch.setenv("GESTALT_CROPS_KEY", OTHER_KEY)
    (found,) = findings(gallery)
    assert found.state == "fail"
    assert "another key" in found.detail
    monkeypatch.delenv("GESTALT_CROPS_KEY")
    (found,) = findings(gallery)
    assert "no key" in found.detail


def test_the_doctor_tells_where_new_crops_go(home: Path, folder_crops: FolderCrops):
    with open_gallery(home) as gallery:
        gallery.database.make()
        (found,) = findings(gallery)
    assert found.state == "note"
    assert folder_crops.url in found.detail


def findings(gallery: Gallery) -> list[Any]:
    settings = load_settings(gallery.settings.home)
    return [one for one in inspect_gallery(settings, sample=0) if one.subject == "crops"]


def test_before_another_hospital_is_asked_a_probe_is_compared_with_crops_outside(
    gallery: Gallery, home: Path, folder_crops: FolderCrops, monkeypatch: pytest.MonkeyPatch
):
    """A copy whose descriptor is not as similar as a picture's own is one all the same."""
    fill(gallery, 1, 2)
    assert folder_crops.objects()
    again = home.parent / "again.webp"
    Image.fromarray(made.crop(1)).save(again, lossless=True)
    (probes,) = gallery.probes([PhotoSource("again.webp", again)])
    monkeypatch.setattr("gestalt_space.gallery.copies.SAME_DESCRIPTOR", 2.0)
    assert gallery.copies(probes[0]) == ()
    (copy,) = gallery.copies(probes[0], outside=True)
    assert (copy.patient, copy.proof) == ("PAT-1", "crops")
    sent: list[object] = []
    monkeypatch.setattr("gestalt_space.sites.asking._ask_all", lambda *given: sent.append(given))
    _, matches = gallery.answer(probes, Question())
    site = Site("b", "https://b.example", "token")
    with pytest.raises(NotShared, match="PAT-1"):
        ask_sites(gallery, [site], probes, matches, Question())
    with monkeypatch.context() as patch:
        is_away(patch)
        with pytest.raises(CropStoreError):
            ask_sites(gallery, [site], probes, matches, Question())
    assert sent == []
