from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from gestalt_space.errors import (
    DownloadFailed,
    LicenseNotAccepted,
    ModelDamaged,
    ModelError,
    ModelExists,
    ModelNotInstalled,
    ModelUnsuitable,
    UsageError,
)
from gestalt_space.weights import catalogue
from gestalt_space.weights.builtin_models import refresh
from gestalt_space.weights.catalogue import CatalogueEntry
from gestalt_space.weights.manifest import InstalledModel, read_manifest, sha256_of, write_manifest
from gestalt_space.weights.store import BUILTIN_FOLDER, ModelStore
from tests import made
from tests.weights.conftest import LocalServer
from tests.weights.test_inspection import network

LICENSE = "made by the tests"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store without the built-in models."""
    return ModelStore(tmp_path / "models", builtin=None)


@pytest.fixture
def builtin_folder(tmp_path: Path) -> Path:
    """Built-in models for the tests: a detector that need not work."""
    folder = tmp_path / "builtin"
    folder.mkdir()
    (folder / "detector.onnx").write_bytes(b"weights")
    refresh(folder)
    return folder


@pytest.fixture
def full_store(tmp_path: Path, builtin_folder: Path) -> ModelStore:
    """A store with built-in models."""
    return ModelStore(tmp_path / "models", builtin=builtin_folder)


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def zipped(path: Path, members: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_file_is_installed_under_its_own_name(store: ModelStore, encoder_file: Path):
    model = store.add(encoder_file, license_name=LICENSE)
    assert (model.name, model.source, model.license) == ("small", "small.onnx", LICENSE)
    assert (model.restricted, model.accepted_at) == (False, None)
    file = model.file("encoder")
    assert file is not None
    assert model.path(file).read_bytes() == encoder_file.read_bytes()
    assert model.file("detector") is None
    assert everything_in(store.folder) == ["small", "small/model.json", "small/small.onnx"]


def test_what_was_installed_is_read_back(store: ModelStore, encoder_file: Path):
    added = store.add(encoder_file, name="mine", license_name=LICENSE)
    assert store.get("mine") == added
    assert store.sound_models() == [added]
    assert added.folder == store.folder / "mine"


def test_the_file_that_was_given_is_left_where_it_was(store: ModelStore, encoder_file: Path):
    before = encoder_file.read_bytes()
    store.add(encoder_file, license_name=LICENSE)
    store.remove("small")
    assert encoder_file.read_bytes() == before


def test_a_folder_of_models_is_one_model(store: ModelStore, tmp_path: Path):
    pack = tmp_path / "pack"
    pack.mkdir()
    made.arcface_onnx(pack / "encoder.onnx")
    network(pack / "genderage.onnx", [["n", 3, 96, 96]])
    (pack / "readme.txt").write_text("A pack.")
    model = store.add(pack, license_name=LICENSE)
    assert (model.name, [file.file for file in model.files]) == ("pack", ["encoder.onnx"])
    assert everything_in(store.folder) == ["pack", "pack/encoder.onnx", "pack/model.json"]


def test_a_zip_of_models_is_one_model(store: ModelStore, encoder_file: Path, tmp_path: Path):
    pack = zipped(
        tmp_path / "pack.zip",
        {"inner/encoder.onnx": encoder_file.read_bytes(), "inner/readme.txt": b"A pack."},
    )
    model = store.add(pack, license_name=LICENSE)
    assert [file.file for file in model.files] == ["encoder.onnx"]
    assert store.verify("pack") == model
    assert pack.exists()


@pytest.mark.parametrize(
    "name",
    ["../../out.onnx", "/tmp/out.onnx", "a/../../../out.onnx", "..\\..\\out.onnx", "C:\\out.onnx"],
)
def test_no_member_of_a_zip_lands_outside_the_model(
    name: str, store: ModelStore, encoder_file: Path, tmp_path: Path
):
    pack = zipped(tmp_path / "pack.zip", {name: encoder_file.read_bytes()})
    before = set(tmp_path.rglob("*"))
    model = store.add(pack, name="pack", license_name=LICENSE)
    landed = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert len(model.files) == 1
    assert {path.parent for path in landed} == {store.folder / "pack"}
    assert not Path("/tmp/out.onnx").exists()


def test_a_link_in_a_zip_is_not_followed(store: ModelStore, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    link = zipfile.ZipInfo("link.onnx")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pack = tmp_path / "pack.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr(link, str(secret))
    with pytest.raises(ModelError):
        store.add(pack, license_name=LICENSE)
    assert everything_in(store.folder) == []


def test_a_manifest_in_a_zip_does_not_pass_for_ours(
    store: ModelStore, encoder_file: Path, tmp_path: Path
):
    members = {"model.json": b"{}", "encoder.onnx": encoder_file.read_bytes()}
    store.add(zipped(tmp_path / "pack.zip", members), license_name=LICENSE)
    assert store.get("pack").license == LICENSE


def broken_zip(tmp_path: Path, data: bytes, kind: str) -> Path:
    path = tmp_path / "pack.zip"
    if kind == "text":
        path.write_bytes(b"This is a text.\n")
        return path
    if kind == "empty":
        path.write_bytes(b"")
        return path
    zipped(path, {"encoder.onnx": data}, compression=zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    if kind == "truncated":
        del raw[len(raw) // 2 :]
    elif kind == "damaged":
        raw[60:90] = b"\xff" * 30
    elif kind == "wrong checksum":
        raw = bytearray(zipped(path, {"encoder.onnx": data}).read_bytes())
        raw[len(raw) // 2] ^= 0xFF
    elif kind == "encrypted":
        raw[6] |= 1
        raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    elif kind == "unknown method":
        raw[8] = 77
        raw[raw.rindex(b"PK\x01\x02") + 10] = 77
    path.write_bytes(bytes(raw))
    return path


@pytest.mark.parametrize(
    "kind",
    ["text", "empty", "truncated", "damaged", "wrong checksum", "encrypted", "unknown method"],
)
def test_a_broken_zip_is_a_model_error_and_leaves_nothing(
    kind: str, store: ModelStore, encoder_file: Path, tmp_path: Path
):
    path = broken_zip(tmp_path, encoder_file.read_bytes(), kind)
    with pytest.raises(ModelError):
        store.add(path, license_name=LICENSE)
    assert everything_in(store.folder) == []


def test_a_zip_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = zipped(tmp_path / "pack.zip", {f"{i}.onnx": b"0" * 10 for i in range(3)})
    monkeypatch.setattr("gestalt_space.weights.copying._LARGEST_UNPACKED", 29)
    with pytest.raises(ModelUnsuitable, match="unpacks to more"):
        store.add(path, license_name=LICENSE)
    assert everything_in(store.folder) == []


@pytest.mark.parametrize("kind", ["file", "folder", "zip"])
def test_a_source_without_an_onnx_file_is_unsuitable(kind: str, store: ModelStore, tmp_path: Path):
    path = tmp_path / "pack"
    if kind == "zip":
        path = zipped(tmp_path / "pack.zip", {"readme.txt": b"A pack."})
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"weights")
    with pytest.raises(ModelUnsuitable, match="has no") as caught:
        store.add(path, license_name=LICENSE)
    assert "ArcFace" in caught.value.hint
    assert everything_in(store.folder) == []


def test_a_file_that_is_not_there_is_said_so(store: ModelStore, tmp_path: Path):
    with pytest.raises(ModelError, match="no file"):
        store.add(tmp_path / "none.onnx")
    assert everything_in(store.folder) == []


@pytest.mark.parametrize("content", ["text", "truncated"])
def test_a_damaged_file_is_refused_and_leaves_nothing(
    content: str, store: ModelStore, encoder_file: Path
):
    data = b"This is a text.\n" if content == "text" else encoder_file.read_bytes()[:1000]
    encoder_file.write_bytes(data)
    with pytest.raises(ModelDamaged):
        store.add(encoder_file, license_name=LICENSE)
    assert everything_in(store.folder) == []
    made.arcface_onnx(encoder_file)
    assert store.add(encoder_file, license_name=LICENSE).name == "small"


def test_one_damaged_file_of_a_folder_refuses_the_whole(store: ModelStore, tmp_path: Path):
    pack = tmp_path / "pack"
    pack.mkdir()
    made.arcface_onnx(pack / "a.onnx")
    (pack / "b.onnx").write_bytes((pack / "a.onnx").read_bytes()[:1000])
    with pytest.raises(ModelDamaged, match=r"b\.onnx"):
        store.add(pack, license_name=LICENSE)
    assert everything_in(store.folder) == []


def test_models_that_are_all_of_no_use_are_refused(store: ModelStore, tmp_path: Path):
    pack = tmp_path / "pack"
    pack.mkdir()
    for name in ("a", "b"):
        network(pack / f"{name}.onnx", [["n", 3, 96, 96]])
    with pytest.raises(ModelUnsuitable, match="None of the files"):
        store.add(pack, license_name=LICENSE)
    with pytest.raises(ModelUnsuitable, match=r"a\.onnx"):
        store.add(pack / "a.onnx", license_name=LICENSE)
    assert everything_in(store.folder) == []


@pytest.mark.parametrize("size", [144, 160])
def test_an_encoder_of_a_size_without_a_template_is_refused(
    size: int, store: ModelStore, tmp_path: Path
):
    made.arcface_onnx(tmp_path / "wrong.onnx", size=size)
    with pytest.raises(ModelUnsuitable, match=f"{size} pixels") as caught:
        store.add(tmp_path / "wrong.onnx", license_name=LICENSE)
    assert "112n or 128n" in caught.value.hint
    assert everything_in(store.folder) == []


def test_a_licence_that_is_not_known_has_to_be_accepted(store: ModelStore, encoder_file: Path):
    with pytest.raises(LicenseNotAccepted, match="not stated") as caught:
        store.add(encoder_file)
    assert "--accept-license" in caught.value.hint
    assert everything_in(store.folder) == []
    model = store.add(encoder_file, accept_license=True)
    assert model.restricted
    assert model.accepted_at == model.added_at
    assert "not known" in model.terms


def test_a_licence_that_is_given_needs_no_acceptance(store: ModelStore, encoder_file: Path):
    model = store.add(encoder_file, license_name="MIT")
    assert (model.license, model.terms, model.restricted) == ("MIT", "", False)


def test_a_name_of_the_catalogue_brings_its_licence(store: ModelStore, encoder_file: Path):
    with pytest.raises(LicenseNotAccepted, match="Only for non-commercial research"):
        store.add(encoder_file, name="buffalo_l")
    model = store.add(encoder_file, name="buffalo_l", accept_license=True)
    assert (model.license, model.restricted) == ("InsightFace model licence", True)


@pytest.mark.shared
def test_the_family_of_a_file_brings_its_usual_licence(store: ModelStore, shared: Path):
    yunet = store.add(shared / "models" / "yunet_n.onnx")
    assert (yunet.license, yunet.restricted) == (catalogue.YUNET_FAMILY_LICENSE, False)
    with pytest.raises(LicenseNotAccepted, match="InsightFace model licence"):
        store.add(shared / "models" / "arcface-mbf")
    pack = store.add(shared / "models" / "arcface-mbf", accept_license=True)
    assert {file.role for file in pack.files} == {"detector", "encoder"}


def test_a_name_that_is_taken_is_refused_and_the_first_model_stays(
    store: ModelStore, encoder_file: Path, tmp_path: Path
):
    first = store.add(encoder_file, name="mine", license_name=LICENSE)
    made.arcface_onnx(tmp_path / "other.onnx", seed=9)
    with pytest.raises(ModelExists, match="mine") as caught:
        store.add(tmp_path / "other.onnx", name="mine", license_name=LICENSE)
    assert "gestalt models remove mine" in caught.value.hint
    assert store.verify("mine") == first
    assert everything_in(store.folder) == ["mine", "mine/model.json", "mine/small.onnx"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "../up", "a/b", "a\\b", "a b", "-x", "ü", "a\n", "a\0", "/a"]
)
def test_a_name_that_is_no_folders_is_refused(name: str, store: ModelStore, encoder_file: Path):
    with pytest.raises(UsageError, match="is not a valid name for a model"):
        store.add(encoder_file, name=name, license_name=LICENSE)
    with pytest.raises(UsageError):
        store.get(name)
    with pytest.raises(UsageError):
        store.remove(name)
    assert not store.folder.exists()


def test_a_file_whose_own_name_will_not_do_asks_for_another(store: ModelStore, tmp_path: Path):
    path = tmp_path / "my model.onnx"
    made.arcface_onnx(path)
    with pytest.raises(UsageError):
        store.add(path, license_name=LICENSE)
    assert store.add(path, name="mine", license_name=LICENSE).files[0].file == "my model.onnx"


def test_a_whole_model_is_verified(store: ModelStore, encoder_file: Path):
    added = store.add(encoder_file, license_name=LICENSE)
    assert store.verify("small") == added


def test_a_flipped_byte_is_noticed(store: ModelStore, encoder_file: Path):
    model = store.add(encoder_file, license_name=LICENSE)
    path = model.path(model.files[0])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelDamaged, match="has changed since it was installed") as caught:
        store.verify("small")
    assert "gestalt models remove small" in caught.value.hint


def test_a_missing_file_is_noticed(store: ModelStore, encoder_file: Path):
    model = store.add(encoder_file, license_name=LICENSE)
    model.path(model.files[0]).unlink()
    with pytest.raises(ModelDamaged, match="is missing"):
        store.verify("small")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"format": 2}', '{"format": 1, "files": [{}]}', "\udcff"],
)
def test_a_manifest_that_cannot_be_read_spoils_its_own_model_only(
    text: str, store: ModelStore, encoder_file: Path
):
    sound = store.add(encoder_file, name="sound", license_name=LICENSE)
    store.add(encoder_file, name="broken", license_name=LICENSE)
    manifest = store.folder / "broken" / "model.json"
    manifest.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelDamaged, match="broken"):
        store.get("broken")
    assert store.sound_models() == [sound]
    assert store.best("encoder") == sound
    store.remove("broken")
    assert store.sound_models() == [sound]


def test_a_manifest_survives_being_written_and_read(store: ModelStore, encoder_file: Path):
    model = store.add(encoder_file, license_name=LICENSE)
    changed = replace(model, terms="Größe „x“ \U0001f642", accepted_at="2026-01-01T00:00:00+00:00")
    write_manifest(changed)
    assert read_manifest(model.folder) == changed
    record = json.loads((model.folder / "model.json").read_text(encoding="utf-8"))
    assert record["format"] == 1
    assert "folder" not in record


def test_a_removed_model_is_gone(store: ModelStore, encoder_file: Path):
    store.add(encoder_file, license_name=LICENSE)
    store.remove("small")
    assert everything_in(store.folder) == []
    with pytest.raises(ModelNotInstalled, match="None is installed"):
        store.get("small")
    with pytest.raises(ModelNotInstalled):
        store.remove("small")
    assert store.add(encoder_file, license_name=LICENSE).name == "small"


def test_a_model_that_is_not_there_is_told_with_those_that_are(
    store: ModelStore, encoder_file: Path
):
    for name in ("b", "a"):
        store.add(encoder_file, name=name, license_name=LICENSE)
    for ask in (store.get, store.remove, store.verify):
        with pytest.raises(ModelNotInstalled, match="Installed: a, b"):
            ask("c")


def test_a_store_that_was_never_used_is_empty(store: ModelStore):
    assert store.sound_models() == []
    assert store.best("encoder") is None
    assert not store.folder.exists()


def test_the_models_come_by_name_and_hidden_folders_are_none(store: ModelStore, encoder_file: Path):
    for name in ("b", "a", "C"):
        store.add(encoder_file, name=name, license_name=LICENSE)
    (store.folder / ".adding-left-over").mkdir()
    (store.folder / "note.txt").write_text("A note.")
    assert [model.name for model in store.sound_models()] == ["C", "a", "b"]


def test_the_best_model_is_the_largest_and_ties_go_to_the_earlier_name(
    store: ModelStore, tmp_path: Path
):
    for name, dim in (("z", 8), ("large", 64), ("b", 8), ("also-large", 64)):
        made.arcface_onnx(tmp_path / f"{name}.onnx", dim=dim)
        store.add(tmp_path / f"{name}.onnx", license_name=LICENSE)
    for expected in ("also-large", "large", "b", "z"):
        best = store.best("encoder")
        assert best is not None
        assert best.name == expected
        store.remove(expected)
    assert store.best("encoder") is None


def test_best_looks_at_role_and_kind(tiny_store: ModelStore):
    assert tiny_store.best("detector", "yunet") is None
    assert tiny_store.best("encoder", "scrfd") is None
    assert tiny_store.best("encoder", "arcface") == tiny_store.get("tiny")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_folder_with_a_pipe_in_it_is_a_model_error(store: ModelStore, tmp_path: Path):
    pack = tmp_path / "pack"
    pack.mkdir()
    os.mkfifo(pack / "pipe.onnx")
    with pytest.raises(ModelError, match="cannot be copied"):
        store.add(pack, license_name=LICENSE)
    assert everything_in(store.folder) == []


@pytest.fixture
def offer(
    server: LocalServer, encoder_file: Path, monkeypatch: pytest.MonkeyPatch
) -> CatalogueEntry:
    """The only entry of the catalogue: a restricted pack on the local server."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("encoder.onnx", encoder_file.read_bytes())
    server.content = stream.getvalue()
    entry = CatalogueEntry(
        name="offer",
        title="A pack",
        url=server.url.replace("file.onnx", "offer.zip"),
        sha256=hashlib.sha256(server.content).hexdigest(),
        megabytes=1,
        license="Tests only",
        terms="For tests alone.",
        restricted=True,
    )
    monkeypatch.setattr(catalogue, "CATALOGUE", (entry,))
    return entry


def pull(store: ModelStore) -> InstalledModel:
    return store.pull("offer", accept_license=True)


def test_a_model_of_the_catalogue_is_fetched_and_installed(
    store: ModelStore, offer: CatalogueEntry
):
    told: list[tuple[int, int | None]] = []
    model = store.pull(
        "offer", accept_license=True, progress=lambda done, total: told.append((done, total))
    )
    assert (model.name, model.source, model.license) == ("offer", offer.url, "Tests only")
    assert model.accepted_at is not None
    assert store.verify("offer") == model
    assert told[-1][0] == told[-1][1]
    assert [path.name for path in (store.folder / ".downloads").iterdir()] == []
    assert [m.name for m in store.sound_models()] == ["offer"]


def test_nothing_is_asked_of_the_server_before_the_licence_is_accepted(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer
):
    with pytest.raises(LicenseNotAccepted, match="For tests alone"):
        store.pull("offer")
    assert server.asked == []
    assert not store.folder.exists()


def test_nothing_is_asked_of_the_server_for_a_name_that_is_taken(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer, encoder_file: Path
):
    store.add(encoder_file, name="offer", accept_license=True)
    with pytest.raises(ModelExists):
        pull(store)
    assert server.asked == []


def test_a_name_that_is_not_in_the_catalogue_is_told_with_those_that_are(
    store: ModelStore, offer: CatalogueEntry
):
    with pytest.raises(ModelNotInstalled, match="It has offer") as caught:
        store.pull("other")
    assert "gestalt models add FILE" in caught.value.hint


def test_a_pull_that_breaks_is_taken_up_again(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer
):
    server.cut_after = 100
    with pytest.raises(DownloadFailed) as caught:
        pull(store)
    assert "gestalt models add offer" in caught.value.hint
    assert store.sound_models() == []
    assert pull(store).name == "offer"
    assert server.asked == [None, "bytes=100-"]


def test_a_pull_of_other_content_is_refused_and_leaves_nothing(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer
):
    whole, server.content = server.content, b"<html></html>"
    with pytest.raises(ModelDamaged):
        pull(store)
    assert everything_in(store.folder) == [".downloads"]
    server.content = whole
    assert pull(store).name == "offer"


def test_a_file_that_was_fetched_whole_before_is_not_fetched_again(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer
):
    fetched = store.folder / ".downloads" / "offer.zip"
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(server.content)
    assert pull(store).name == "offer"
    assert server.asked == []
    assert not fetched.exists()


def test_a_spoilt_file_of_an_earlier_pull_is_fetched_anew(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer
):
    fetched = store.folder / ".downloads" / "offer.zip"
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(b"spoilt")
    assert pull(store).name == "offer"
    assert server.asked == [None]


def test_a_pull_from_a_server_that_has_it_no_more_names_the_other_way(
    store: ModelStore, offer: CatalogueEntry, server: LocalServer
):
    server.status = 404
    with pytest.raises(DownloadFailed, match="Not Found") as caught:
        pull(store)
    assert "gestalt models add offer.zip --name offer" in caught.value.hint
    assert store.sound_models() == []


def test_the_manifest_names_the_bytes_of_the_file(tiny_store: ModelStore, tiny_onnx: Path):
    model = tiny_store.get("tiny")
    assert model.files[0].sha256 == sha256_of(tiny_onnx)
    assert model.files[0].bytes == tiny_onnx.stat().st_size


def test_the_built_in_models_need_no_folder_of_models(full_store: ModelStore, builtin_folder: Path):
    model = full_store.get("builtin")
    assert (model.name, model.folder, model.restricted) == ("builtin", builtin_folder, False)
    assert full_store.sound_models() == [model]
    assert full_store.verify("builtin") == model
    assert full_store.best("detector") == full_store.best("detector", "builtin") == model
    assert full_store.best("encoder") is None
    assert full_store.damaged() == []
    assert not full_store.folder.exists()


def test_the_built_in_models_stand_last(full_store: ModelStore, encoder_file: Path):
    full_store.add(encoder_file, name="zebra", license_name=LICENSE)
    assert [model.name for model in full_store.sound_models()] == ["zebra", "builtin"]
    with pytest.raises(ModelNotInstalled, match="Installed: zebra, builtin"):
        full_store.get("horse")


def test_a_model_that_was_installed_goes_before_a_larger_built_in_one(
    full_store: ModelStore, builtin_folder: Path, encoder_file: Path
):
    made.arcface_onnx(builtin_folder / "encoder.onnx", dim=64)
    model = refresh(builtin_folder)
    assert [(file.role, file.kind) for file in model.files] == [
        ("detector", "builtin"),
        ("encoder", "builtin"),
    ]
    encoder = model.files[1]
    assert (encoder.input_size, encoder.mean, encoder.std, encoder.dim) == (112, 127.5, 127.5, 64)
    assert full_store.best("encoder") == model
    small = full_store.add(encoder_file, license_name=LICENSE)
    assert small.files[0].bytes < encoder.bytes
    assert full_store.best("encoder") == small
    assert full_store.best("encoder", "builtin") == model


def test_the_built_in_models_are_not_removed(full_store: ModelStore):
    with pytest.raises(UsageError, match="cannot be removed"):
        full_store.remove("builtin")
    assert full_store.verify("builtin").name == "builtin"


def test_the_name_of_the_built_in_models_is_taken(full_store: ModelStore, encoder_file: Path):
    with pytest.raises(UsageError, match="come with gestalt-space") as caught:
        full_store.add(encoder_file, name="builtin", license_name=LICENSE)
    assert "--name" in caught.value.hint
    with pytest.raises(UsageError, match="come with gestalt-space"):
        full_store.pull("builtin")
    assert not full_store.folder.exists()


def test_built_in_models_that_were_changed_are_noticed(
    full_store: ModelStore, builtin_folder: Path
):
    (builtin_folder / "detector.onnx").write_bytes(b"other")
    with pytest.raises(ModelDamaged, match="has changed since it was installed") as caught:
        full_store.verify("builtin")
    assert caught.value.hint == "Install gestalt-space again."


def test_a_store_whose_built_in_models_are_missing_works(tmp_path: Path, encoder_file: Path):
    store = ModelStore(tmp_path / "models", builtin=tmp_path / "nothing")
    assert store.sound_models() == []
    with pytest.raises(ModelNotInstalled, match="None is installed"):
        store.get("builtin")
    added = store.add(encoder_file, license_name=LICENSE)
    assert store.sound_models() == [added]


def test_a_folder_of_that_name_among_the_models_is_passed_over(
    full_store: ModelStore, builtin_folder: Path
):
    (full_store.folder / "builtin").mkdir(parents=True)
    assert full_store.get("builtin").folder == builtin_folder
    assert len(full_store.sound_models()) == 1
    assert full_store.damaged() == []


def test_the_models_that_come_with_the_package_are_whole():
    model = ModelStore(BUILTIN_FOLDER.parent / "nothing").verify("builtin")
    assert model.file("detector") is not None
    assert "UTKFace" in model.license
    assert (BUILTIN_FOLDER / "MODEL_CARD.md").is_file()


@pytest.mark.parametrize(("entry", "value"), [("bytes", None), ("dim", "x"), ("sha256", 3)])
def test_a_manifest_with_an_entry_of_another_kind_is_damaged(
    entry: str, value: object, store: ModelStore, encoder_file: Path
):
    manifest = store.add(encoder_file, name="odd", license_name=LICENSE).folder / "model.json"
    record = json.loads(manifest.read_text(encoding="utf-8"))
    record["files"][0][entry] = value
    manifest.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ModelDamaged, match=entry):
        store.get("odd")
