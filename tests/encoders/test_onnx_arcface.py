from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from gestalt_space.descriptors import to_descriptors, unsound
from gestalt_space.encoders.onnx_arcface import LARGEST_BATCH
from gestalt_space.encoders.preparation import prepare
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import ModelDamaged, NoFace
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.faces.detection import find_faces
from gestalt_space.faces.photos import read_photo
from gestalt_space.faces.registry import detector_factory
from gestalt_space.types import Crops, Descriptors, Photo
from gestalt_space.weights.manifest import InstalledModel, sha256_of
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.encoders.conftest import Install, installed


def crops(count: int, first: int = 0) -> Crops:
    return np.stack([made.crop(seed) for seed in range(first, first + count)])


def direct(model: InstalledModel, faces: Crops, mean: float, std: float) -> NDArray[np.float32]:
    """Unit outputs by NumPy and ONNX Runtime alone, one face at a time."""
    session = onnxruntime.InferenceSession(
        str(model.path(model.files[0])), providers=["CPUExecutionProvider"]
    )
    rows = []
    for face in faces:
        image = ((face.astype(np.float32) - mean) / std).transpose(2, 0, 1)[None]
        rows.append(session.run(None, {session.get_inputs()[0].name: image})[0][0])
    raw = np.array(rows)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def tiny(tiny_store: ModelStore) -> Encoder:
    return open_encoder(tiny_store.get("tiny"), device="cpu", threads=1)


def test_slots_are_what_the_network_gives_brought_to_unit_length(
    tiny: Encoder, tiny_store: ModelStore
):
    slots = tiny.encode(crops(5))
    assert slots.shape == (5, 1, 16)
    assert slots.dtype == np.float32
    expected = direct(tiny_store.get("tiny"), crops(5), 127.5, 127.5)
    assert np.allclose(slots[:, 0], expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(slots, axis=2), 1, atol=1e-6)


def test_slots_are_what_numpy_alone_gives(tiny: Encoder, tiny_onnx: Path):
    weights = numpy_helper.to_array(onnx.load(str(tiny_onnx)).graph.initializer[0])
    faces = crops(3)
    shares = ((faces.astype(np.float64) - 127.5) / 127.5).transpose(0, 3, 1, 2)
    pooled = shares.reshape(3, 3, 7, 16, 7, 16).mean(axis=(3, 5)).reshape(3, -1)
    raw = pooled @ weights
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.allclose(tiny.encode(faces)[:, 0], expected, atol=1e-5)


def test_red_and_blue_are_not_mixed_up(tiny: Encoder, tiny_store: ModelStore):
    faces = crops(4)
    swapped = np.ascontiguousarray(faces[..., ::-1])
    straight, crossed = tiny.encode(faces)[:, 0], tiny.encode(swapped)[:, 0]
    assert ((straight * crossed).sum(axis=1) < 0.99).all()
    assert np.allclose(straight, direct(tiny_store.get("tiny"), faces, 127.5, 127.5), atol=1e-5)
    assert np.allclose(crossed, direct(tiny_store.get("tiny"), swapped, 127.5, 127.5), atol=1e-5)


def test_the_descriptor_is_insightfaces_for_the_same_crop(tiny: Encoder, tiny_onnx: Path):
    from insightface.model_zoo import get_model

    oracle = get_model(str(tiny_onnx), providers=["CPUExecutionProvider"])
    faces = crops(3)
    raw = oracle.get_feat([np.ascontiguousarray(face[..., ::-1]) for face in faces])
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.allclose(tiny.encode(faces)[:, 0], expected, atol=1e-5)


def test_the_order_of_a_batch_is_kept(tiny: Encoder):
    faces = crops(9)
    order = np.random.default_rng(1).permutation(9)
    assert np.allclose(tiny.encode(faces[order]), tiny.encode(faces)[order], atol=1e-6)


@pytest.mark.parametrize("count", [1, LARGEST_BATCH, LARGEST_BATCH + 1, 2 * LARGEST_BATCH + 3])
def test_a_batch_of_any_size_gives_what_single_faces_give(tiny: Encoder, count: int):
    faces = np.random.default_rng(2).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)
    together = tiny.encode(faces)
    assert together.shape == (count, 1, 16)
    for index in {0, count // 2, count - 1}:
        assert np.allclose(together[index], tiny.encode(faces[index : index + 1])[0], atol=1e-5)


def test_an_empty_batch_gives_no_rows(tiny: Encoder):
    assert tiny.encode(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0, 1, 16)


def test_the_faces_are_left_as_they_were(tiny: Encoder):
    faces = crops(3)
    before = faces.copy()
    tiny.encode(faces)
    assert np.array_equal(faces, before)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 9])
def test_a_network_of_a_fixed_batch_size_takes_any_number(batch: int, count: int, install: Install):
    free = open_encoder(install(seed=3), device="cpu", threads=1)
    fixed = open_encoder(install(seed=3, batch=batch), device="cpu", threads=1)
    faces = crops(count) if count else np.zeros((0, 112, 112, 3), np.uint8)
    assert fixed.encode(faces).shape == (count, 1, 16)
    assert np.allclose(fixed.encode(faces), free.encode(faces), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_network_of_a_fixed_batch_size_can_be_installed(batch: int, tmp_path: Path):
    path = tmp_path / "fixed.onnx"
    made.arcface_onnx(path, batch=batch)
    model = ModelStore(tmp_path / "models").add(path, license_name="made by the tests")
    encoder = open_encoder(model, device="cpu", threads=1)
    assert encoder.encode(crops(5)).shape == (5, 1, 16)


@pytest.mark.parametrize(("embedded", "mean", "std"), [(False, 127.5, 127.5), (True, 0.0, 1.0)])
def test_preparation_is_found_as_insightface_finds_it(
    embedded: bool, mean: float, std: float, install: Install
):
    from insightface.model_zoo import get_model

    model = install(seed=4, embedded=embedded)
    oracle = get_model(str(model.path(model.files[0])), providers=["CPUExecutionProvider"])
    encoder = open_encoder(model, device="cpu", threads=1)
    assert (encoder.spec.mean, encoder.spec.std) == (oracle.input_mean, oracle.input_std)
    assert (encoder.spec.mean, encoder.spec.std) == (mean, std)
    expected = direct(model, crops(3), mean, std)
    assert np.allclose(encoder.encode(crops(3))[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("size", [128, 224, 256])
def test_a_network_of_another_size_sees_the_face_in_its_own_template(size: int, install: Install):
    model = install(seed=5, size=size)
    encoder = open_encoder(model, device="cpu", threads=1)
    assert encoder.spec.input_size == size
    marked = np.zeros((1, 112, 112, 3), np.uint8)
    eye = TEMPLATE[0].round().astype(int)
    marked[0, eye[1] - 3 : eye[1] + 4, eye[0] - 3 : eye[0] + 4] = 255
    image = prepare(marked, replace(encoder.spec, mean=0.0, std=1.0))
    assert image.shape == (1, 3, size, size)
    rows, columns = np.nonzero(image[0, 0] > 128)
    ratio, shift = (size / 112, 0) if size % 112 == 0 else (size / 128, 8 * size / 128)
    assert columns.mean() == pytest.approx(eye[0] * ratio + shift, abs=1)
    assert rows.mean() == pytest.approx(eye[1] * ratio, abs=1)
    assert encoder.encode(crops(2)).shape == (2, 1, 16)


@pytest.mark.parametrize("size", [128, 224])
def test_another_size_agrees_with_a_crop_that_insightface_cuts_from_the_photo(
    size: int, install: Install
):
    from insightface.utils.face_align import norm_crop

    photo = cv2.GaussianBlur(made.crop(6, 300), (0, 0), 3)
    landmarks = (TEMPLATE * 1.5 + 60).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        crop = norm_crop(photo, landmarks, 112)
        whole = norm_crop(photo, landmarks, size)
    spec = replace(encoder_spec(install(seed=5, size=size)), mean=0.0, std=1.0)
    image = prepare(crop[None], spec)[0].transpose(1, 2, 0)
    seen = image.any(axis=2)
    seen = cv2.erode(seen.astype(np.uint8), np.ones((9, 9))).astype(bool)
    assert seen.mean() > 0.6
    assert np.abs(image - whole)[seen].mean() < 3


def zeroed(path: Path) -> Path:
    """The model with weights of zero."""
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        if tensor.name == "weights":
            tensor.CopyFrom(
                numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(tensor)), "weights")
            )
    onnx.save(model, str(path))
    return path


def test_a_network_that_gives_zero_comes_back_as_nan(tmp_path: Path):
    path = tmp_path / "zero.onnx"
    made.arcface_onnx(path)
    encoder = open_encoder(installed(zeroed(path)), device="cpu", threads=1)
    slots = encoder.encode(crops(3))
    assert np.isnan(slots).all()
    assert unsound(to_descriptors(slots)).all()


def test_one_face_that_comes_to_nothing_spares_the_others(install: Install):
    model = install(seed=7, embedded=True)
    path = model.path(model.files[0])
    graph = onnx.load(str(path))
    for tensor in graph.graph.initializer:
        if tensor.name == "mean":
            tensor.CopyFrom(numpy_helper.from_array(np.array(100, np.float32), "mean"))
    onnx.save(graph, str(path))
    encoder = open_encoder(installed(path), device="cpu", threads=1)
    faces = crops(3)
    faces[1] = 100
    bad = unsound(to_descriptors(encoder.encode(faces)))
    assert bad.tolist() == [False, True, False]


def test_the_specification_names_the_bytes_of_the_file(tiny: Encoder, tiny_onnx: Path):
    assert tiny.spec.weights == (sha256_of(tiny_onnx),)
    assert tiny.spec == encoder_spec(installed(tiny_onnx))
    assert (tiny.spec.slots, tiny.spec.dim) == (("model0",), 16)
    assert tiny.run.device == "cpu"


def test_a_model_whose_file_was_cut_off_is_damaged(install: Install):
    model = install(seed=8)
    path = model.path(model.files[0])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelDamaged) as caught:
        open_encoder(model, device="cpu")
    assert "gestalt models verify made" in caught.value.hint


def test_a_model_whose_file_is_gone_is_damaged(install: Install):
    model = install(seed=8)
    model.path(model.files[0]).unlink()
    with pytest.raises(ModelDamaged):
        open_encoder(model, device="cpu")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing(threads: int, tiny: Encoder, tiny_store: ModelStore):
    other = open_encoder(tiny_store.get("tiny"), device="cpu", threads=threads)
    assert np.allclose(other.encode(crops(4)), tiny.encode(crops(4)), atol=1e-6)


Describe = Callable[[str, Photo], Descriptors]


@pytest.fixture(scope="module")
def describe(real_store: ModelStore) -> Describe:
    """The descriptor `(d,)` of the largest face that a detector finds in a photo."""
    encoder = open_encoder(real_store.get("arcface-mbf"), device="cpu", threads=2)
    detectors = {
        name: detector_factory(real_store, name, device="cpu")[1](2)
        for name in ("scrfd", "yunet", "builtin")
    }

    def one(detector: str, photo: Photo) -> Descriptors:
        face = find_faces(photo, detectors[detector])[0]
        return to_descriptors(encoder.encode(face.crop[None]))[0]

    return one


@pytest.mark.shared
@pytest.mark.parametrize("detector", ["scrfd", "yunet"])
def test_two_photos_of_one_man_are_close_and_another_man_is_far(
    detector: str, describe: Describe, wild: Path
):
    one, again, other = (
        describe(detector, read_photo(wild / name))
        for name in ("bulk_Rob_Lowe_0001.jpg", "bulk_Rob_Lowe_0002.jpg", "bulk_kun.jpg")
    )
    assert one @ again > 0.6
    assert one @ other < 0.2
    assert again @ other < 0.2


@pytest.mark.shared
def test_descriptors_agree_with_insightfaces_own_face_analysis(
    real_store: ModelStore, wild: Path, shared: Path
):
    from insightface.app import FaceAnalysis

    oracle = FaceAnalysis(
        name=str(shared / "models" / "arcface-mbf"), providers=["CPUExecutionProvider"]
    )
    oracle.prepare(0)
    encoder = open_encoder(real_store.get("arcface-mbf"), device="cpu", threads=2)
    detector = detector_factory(real_store, "scrfd", device="cpu")[1](2)
    agreement = {}
    for path in sorted(wild.iterdir()):
        photo = read_photo(path)
        try:
            face = find_faces(photo, detector)[0]
        except NoFace:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            theirs = oracle.get(cv2.cvtColor(photo.pixels, cv2.COLOR_RGB2BGR))
        if face.step == "as is" and theirs:
            largest = max(theirs, key=lambda f: np.prod(f.bbox[2:] - f.bbox[:2]))
            ours = to_descriptors(encoder.encode(face.crop[None]))[0]
            agreement[path.name] = float(ours @ largest.normed_embedding)
    assert len(agreement) >= 20
    assert min(agreement.values()) >= 0.999, agreement


@pytest.mark.shared
@pytest.mark.parametrize("quarter_turns", [1, 3])
@pytest.mark.parametrize("name", ["bulk_kun.jpg", "bulk_Rob_Lowe_0001.jpg", "bulk_yifei.jpg"])
@pytest.mark.parametrize("detector", ["scrfd", "yunet", "builtin"])
def test_a_photo_that_lies_on_its_side_is_described_as_if_upright(
    detector: str, name: str, quarter_turns: int, describe: Describe, wild: Path
):
    photo = read_photo(wild / name)
    lying = replace(photo, pixels=np.ascontiguousarray(np.rot90(photo.pixels, quarter_turns)))
    assert describe(detector, lying) @ describe(detector, photo) > 0.9
