from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gestalt_space.errors import ModelDamaged, ModelUnsuitable
from gestalt_space.weights.inspection import inspect_model
from gestalt_space.weights.manifest import sha256_of
from tests import made


def network(path: Path, inputs: list[list[int | str]], outputs: int = 1, rank: int = 2) -> Path:
    """A network that averages its first input, of the given input shapes and number of outputs."""
    names = [f"in{index}" for index in range(len(inputs))]
    axes = numpy_helper.from_array(np.array([2, 3]), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["in0", "axes"], [f"out{i}"], keepdims=int(rank == 4))
        for i in range(outputs)
    ]
    shape = [inputs[0][0], 3, 1, 1][:rank]
    graph = helper.make_graph(
        nodes,
        "other",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
            for name, dims in zip(names, inputs, strict=True)
        ],
        [
            helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, shape)
            for i in range(outputs)
        ],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path))
    return path


def test_the_sha256_is_that_of_the_bytes(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 1000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 1000).hexdigest()


@pytest.mark.parametrize(("embedded", "mean", "std"), [(False, 127.5, 127.5), (True, 0.0, 1.0)])
@pytest.mark.parametrize(("size", "dim"), [(112, 16), (128, 5), (224, 64), (256, 8)])
def test_an_encoder_is_known_with_its_size_preparation_and_dimension(
    size: int, dim: int, embedded: bool, mean: float, std: float, tmp_path: Path
):
    path = tmp_path / "encoder.onnx"
    made.arcface_onnx(path, size=size, dim=dim, embedded=embedded)
    file = inspect_model(path)
    assert (file.role, file.kind) == ("encoder", "arcface")
    assert (file.input_size, file.dim) == (size, dim)
    assert (file.mean, file.std) == (mean, std)
    assert (file.file, file.sha256) == ("encoder.onnx", sha256_of(path))
    assert file.bytes == path.stat().st_size


@pytest.mark.parametrize("size", [144, 160, 192, 240])
def test_an_encoder_of_a_size_without_a_template_is_unsuitable(size: int, tmp_path: Path):
    path = tmp_path / "encoder.onnx"
    made.arcface_onnx(path, size=size)
    with pytest.raises(ModelUnsuitable):
        inspect_model(path)


@pytest.mark.parametrize(
    "data",
    [b"This is a text.\n", b"", b"\0" * 100, b"\x80\x04\x95.", b"PK\x03\x04", b"\xff" * 1000],
    ids=["text", "empty", "zeros", "pickle", "zip", "ones"],
)
def test_a_file_that_is_no_onnx_is_refused(data: bytes, tmp_path: Path):
    path = tmp_path / "encoder.onnx"
    path.write_bytes(data)
    with pytest.raises((ModelDamaged, ModelUnsuitable)):
        inspect_model(path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_model_is_damaged(share: float, tmp_path: Path):
    path = tmp_path / "encoder.onnx"
    made.arcface_onnx(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelDamaged, match=r"encoder\.onnx") as caught:
        inspect_model(path)
    assert "again" in caught.value.hint


def test_random_damage_raises_nothing_but_model_errors(tmp_path: Path):
    path = tmp_path / "encoder.onnx"
    made.arcface_onnx(path, dim=2)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    outcomes = []
    for _ in range(40):
        data = whole.copy()
        spots = np.concatenate(
            [rng.integers(0, 120, 2), rng.integers(len(data) - 200, len(data), 2)]
        )
        data[spots] = rng.integers(0, 256, len(spots))
        path.write_bytes(data.tobytes())
        try:
            outcomes.append(inspect_model(path))
        except (ModelDamaged, ModelUnsuitable) as error:
            outcomes.append(error)
    assert len(outcomes) == 40


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([["n", 3, 64, 64]], 1),
        ([["n", 3, 96, 96]], 1),
        ([["n", 3, 192, 192]], 1),
        ([["n", 3, 112, 120]], 1),
        ([["n", 3, 128, 128], ["n", 512]], 1),
    ],
    ids=["small", "attributes", "106 landmarks", "not square", "swapper"],
)
def test_a_network_that_does_other_work_is_unsuitable(
    inputs: list[list[int | str]], outputs: int, tmp_path: Path
):
    path = network(tmp_path / "other.onnx", inputs, outputs)
    with pytest.raises(ModelUnsuitable) as caught:
        inspect_model(path)
    assert "SCRFD" in caught.value.hint + caught.value.message


def test_a_network_of_another_input_rank_is_refused(tmp_path: Path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "flat",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])],
    )
    path = tmp_path / "flat.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
        str(path),
    )
    with pytest.raises((ModelDamaged, ModelUnsuitable)):
        inspect_model(path)


def test_a_network_that_gives_no_vector_a_face_is_unsuitable(tmp_path: Path):
    path = network(tmp_path / "map.onnx", [["n", 3, 112, 112]], rank=4)
    with pytest.raises(ModelUnsuitable, match="instead of one vector per face"):
        inspect_model(path)


def test_a_network_that_gives_numbers_that_are_not_finite_is_unsuitable(tmp_path: Path):
    path = tmp_path / "nan.onnx"
    made.arcface_onnx(path)
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        if tensor.name == "weights":
            values = np.full_like(numpy_helper.to_array(tensor), np.nan)
            tensor.CopyFrom(numpy_helper.from_array(values, "weights"))
    onnx.save(model, str(path))
    with pytest.raises(ModelUnsuitable):
        inspect_model(path)


def test_a_network_with_data_in_another_file_is_refused_and_reads_nothing(tmp_path: Path):
    path = tmp_path / "outside.onnx"
    made.arcface_onnx(path)
    model = onnx.load(str(path))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    (tmp_path / "weights.bin").unlink()
    with pytest.raises((ModelDamaged, ModelUnsuitable)):
        inspect_model(path)


@pytest.mark.shared
def test_the_shared_models_are_known(shared: Path):
    pack = shared / "models" / "arcface-mbf"
    scrfd = inspect_model(pack / "det_2.5g.onnx")
    encoder = inspect_model(pack / "mobilefacenet.onnx")
    yunet = inspect_model(shared / "models" / "yunet_n.onnx")
    assert (scrfd.role, scrfd.kind) == ("detector", "scrfd")
    assert (yunet.role, yunet.kind) == ("detector", "yunet")
    assert (encoder.role, encoder.kind) == ("encoder", "arcface")
    assert (encoder.input_size, encoder.mean, encoder.std, encoder.dim) == (112, 0.0, 1.0, 128)
