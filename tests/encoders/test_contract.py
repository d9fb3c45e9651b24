"""What every encoder has to keep, whatever its family."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from safetensors.torch import save_file

from gestalt_space.descriptors import to_descriptors, unsound
from gestalt_space.encoders import iresnet
from gestalt_space.encoders.differentiable import last_map, open_differentiable
from gestalt_space.encoders.export import export_encoder, exported_input
from gestalt_space.encoders.families import gestaltmatcher_arc
from gestalt_space.encoders.families.facenet import import_facenet
from gestalt_space.encoders.families.gestaltmatcher_arc import import_arc
from gestalt_space.encoders.families.iresnet import import_insightface
from gestalt_space.encoders.families.timm import import_timm
from gestalt_space.encoders.iresnet import BLOCKS, WIDTHS, IResNet, randomised
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.preparation import ALL_VIEWS, FaceView, sized
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.encoders.specification import Encoder, EncoderSpec
from gestalt_space.encoders.torch_encoder import TorchEncoder, unit
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.types import Crops, Slots
from gestalt_space.weights.manifest import InstalledModel, write_manifest
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.encoders.checkpoints import PublishedFaceNet, fine_tuned, insightface_training
from tests.encoders.graphs import as_insightface

CROPS: Crops = np.stack([made.crop(seed) for seed in range(2)])
FAMILIES = ("builtin", "arcface", "arcface in torch", "iresnet", "arc", "facenet", "timm")
NARROW = tuple(width // 4 for width in WIDTHS)
SHAPES = {
    "builtin": (1, 128),
    "arcface": (1, 16),
    "arcface in torch": (1, 16),
    "iresnet": (1, 512),
    "arc": (12, 512),
    "facenet": (1, 320),
    "timm": (1, 64),
}
Make = Callable[[str], tuple[InstalledModel, Encoder]]
Exact = Callable[[str], Slots]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """A model of a family with random weights, and its encoder in float32 on the processor."""
    folder = tmp_path_factory.mktemp("families")
    store = ModelStore(folder / "models")
    known: dict[str, tuple[InstalledModel, Encoder]] = {}
    patch = pytest.MonkeyPatch()
    # Three networks in four views: with half of the least one's blocks, as they are many to export,
    # and a quarter of the channels, as they are many to run. `iresnet` has all channels.
    patch.setitem(BLOCKS, "iresnet10", (1, 1, 1, 1))  # type: ignore[arg-type]
    patch.setattr(gestaltmatcher_arc, "FINE_TUNED", ("iresnet10", "iresnet10"))

    def opened(family: str) -> tuple[InstalledModel, Encoder]:
        patch.setattr(iresnet, "WIDTHS", NARROW if family == "arc" else WIDTHS)
        if family not in known:
            model = installed(store, family, folder)
            known[family] = model, encoder_of(model, family)
        return known[family]

    yield opened
    patch.undo()


@pytest.fixture(scope="module")
def exact(make: Make) -> Exact:
    """The slots of `CROPS` that a family's encoder gives, encoded once."""
    return cache(lambda family: make(family)[1].encode(CROPS))


def installed(store: ModelStore, family: str, folder: Path) -> InstalledModel:
    path = folder / "weights"
    if family == "builtin":
        return store.get("builtin")
    if family in ("arcface", "arcface in torch"):
        made.arcface_onnx(path.with_suffix(".onnx"))
        name = family.replace(" ", "-")
        return store.add(path.with_suffix(".onnx"), name=name, accept_license=True)
    if family == "iresnet":
        torch.save(insightface_training("iresnet10", seed=1).state_dict(), path)
        return import_insightface(store, path, accept_license=True)
    if family == "arc":
        fine_tuned(folder / "s1.pth", "iresnet10", seed=2)
        fine_tuned(folder / "s2.pth", "iresnet10", seed=3)
        network = randomised(IResNet("iresnet10"), seed=4)
        assert isinstance(network, IResNet)
        as_insightface(folder / "untouched.onnx", network)
        return import_arc(
            store,
            r50=folder / "s1.pth",
            r100=folder / "s2.pth",
            untouched=folder / "untouched.onnx",
            accept_license=True,
        )
    if family == "facenet":
        torch.save(randomised(PublishedFaceNet(9), seed=5).state_dict(), path)
        return import_facenet(store, path, accept_license=True)
    torch.manual_seed(6)
    save_file(timm.create_model("test_vit").state_dict(), path.with_suffix(".safetensors"))
    return import_timm(
        store, "test_vit", weights=path.with_suffix(".safetensors"), license_name="MIT"
    )


def encoder_of(model: InstalledModel, family: str) -> Encoder:
    if family != "arcface in torch":
        return open_encoder(model, device="cpu", precision="float32")
    networks = [load_network(model, file) for file in model.encoders]
    return TorchEncoder(encoder_spec(model), networks, (FaceView(),), device=torch.device("cpu"))


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.einsum("nsd,nsd->ns", one, other).min())


def test_slots_are_unit_vectors_of_the_shape_that_is_specified(
    family: str, make: Make, exact: Exact
):
    model, encoder = make(family)
    slots = exact(family)
    assert slots.dtype == np.float32
    assert slots.shape == (len(CROPS), *SHAPES[family])
    assert (len(encoder.spec.slots), encoder.spec.dim) == SHAPES[family]
    assert np.allclose(np.linalg.norm(slots, axis=2), 1, atol=1e-5)
    assert not unsound(to_descriptors(slots)).any()
    assert encoder.spec == encoder_spec(model)
    assert (encoder.run.device, encoder.run.precision) == ("cpu", "float32")


def test_a_space_survives_its_text(family: str, make: Make):
    spec = make(family)[1].spec
    again = EncoderSpec.from_json(spec.to_json())
    assert again == spec
    assert again.fingerprint == spec.fingerprint
    assert replace(spec, weights=("f" * 64,)).fingerprint != spec.fingerprint


def test_a_face_has_the_same_slots_in_any_batch_and_place(family: str, make: Make):
    """To the bit in torch, which takes batches of one size; ONNX Runtime gave the same bits on the
    processors where this was written, and is held to what no ranking can see."""
    encoder = make(family)[1]
    faces = np.stack([made.crop(seed) for seed in range(5)])
    first, last = (encoder.encode(faces[place : place + 1]) for place in (0, 4))
    slots = encoder.encode(faces)
    assert_same(encoder, slots[[0, 4]], np.concatenate([first, last]))
    order = [4, 1, 0]
    assert_same(encoder, encoder.encode(faces[order]), slots[order])


def assert_same(encoder: Encoder, slots: np.ndarray, alone: np.ndarray) -> None:
    if encoder.run.runtime == "torch":
        assert np.array_equal(slots, alone)
    assert np.abs(slots - alone).max() <= 1e-6


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_slot_that_a_ranking_can_see(
    family: str, threads: int, make: Make, exact: Exact
):
    model, encoder = make(family)
    by_default = exact(family)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if encoder.run.runtime == "onnxruntime":
            encoder = open_encoder(model, device="cpu", threads=threads)
        again = encoder.encode(CROPS)
    finally:
        torch.set_num_threads(before)
    assert np.abs(again - by_default).max() <= 1e-6


def test_no_faces_have_no_slots(family: str, make: Make):
    encoder = make(family)[1]
    assert encoder.encode(CROPS[:0]).shape == (0, *SHAPES[family])


def test_channels_are_red_green_and_blue(family: str, make: Make, exact: Exact):
    """A face whose channels are exchanged is another face, also in grey: luma weighs them."""
    encoder = make(family)[1]
    swapped = np.ascontiguousarray(CROPS[..., ::-1])
    assert np.abs(exact(family) - encoder.encode(swapped)).max() > 1e-4


def test_the_exported_file_agrees(family: str, make: Make, exact: Exact, tmp_path: Path):
    model, encoder = make(family)
    spec = export_encoder(model, tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(
        str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"]
    )
    slots = session.run(None, {"faces": exported_input(CROPS, spec)})[0]
    assert least_cosine(slots, exact(family)) > 0.9999
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["fingerprint"] == encoder.spec.fingerprint
    assert EncoderSpec.from_json(facts["space"]) == encoder.spec
    single = session.run(None, {"faces": exported_input(CROPS[:1], spec)})[0]
    assert least_cosine(single, slots[:1]) > 0.9999


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "arc"])
def test_what_is_trained_is_what_is_run_and_goes_back_into_a_model(
    family: str, make: Make, exact: Exact, tmp_path: Path
):
    model = make(family)[0]
    trainable = open_trainable(model)
    assert np.abs(trained_slots(trainable) - exact(family)).max() < 1e-5
    inside = [one for layer in trainable.layers for part in layer for one in part.parameters()]
    assert sorted(map(id, inside)) == sorted(map(id, trainable.network.parameters()))
    assert len(trainable.layers) > 1
    with torch.no_grad():
        for weights in trainable.network.parameters():
            if weights.requires_grad:
                weights.mul_(1 + 0.01 * torch.sin(torch.arange(weights.numel())).view_as(weights))
    expected = trained_slots(trainable)
    assert np.abs(expected - exact(family)).max() > 1e-4
    files = trainable.write(tmp_path)
    write_manifest(replace(model, name="trained", folder=tmp_path, files=files))
    trained = ModelStore(tmp_path / "models").add(tmp_path, name="own", accept_license=True)
    assert np.abs(encoder_of(trained, family).encode(CROPS) - expected).max() < 1e-5
    again = open_trainable(trained)
    assert np.abs(trained_slots(again) - expected).max() < 1e-5
    assert len(again.layers) == len(trainable.layers)


@torch.inference_mode()
def trained_slots(trainable: TrainableEncoder) -> Slots:
    faces = torch.from_numpy(sized(CROPS, trainable.spec)).permute(0, 3, 1, 2)
    features = trainable.network.eval()(trainable.preparation(faces))
    return unit(features).numpy()[:, None]


def test_the_slots_of_an_ensemble_are_its_networks_views(make: Make, exact: Exact):
    """A mirrored face shown as it is, is the face shown mirrored; and so for grey."""
    from gestalt_space.encoders.preparation import grey

    encoder = make("arc")[1]
    slots = exact("arc").reshape(len(CROPS), 3, len(ALL_VIEWS), -1)
    for number, view in enumerate(ALL_VIEWS):
        shown = grey(CROPS) if view.grey else CROPS
        shown = np.ascontiguousarray(shown[:, :, ::-1]) if view.flip else shown
        plain = encoder.encode(shown).reshape(len(CROPS), 3, len(ALL_VIEWS), -1)[:, :, 0]
        assert least_cosine(slots[:, :, number], plain) > 0.99999
    assert encoder.spec.slots[:2] == ("model0-flip0-grey0", "model0-flip0-grey1")
    assert len(set(encoder.spec.slots)) == 12


def test_class_scores_are_kept_with_the_networks_that_had_them(make: Make):
    encoder = make("arc")[1]
    assert isinstance(encoder, TorchEncoder)
    first, second, untouched = encoder.class_scores(CROPS)
    assert first is not None
    assert second is not None
    assert first.shape == second.shape == (len(CROPS), 4, 7)
    assert untouched is None


def test_a_compiled_encoder_gives_the_same_for_any_number_of_faces(make: Make):
    """Of a small network: compiling one of the true size takes a minute."""
    if shutil.which("g++") is None and shutil.which("cl") is None:
        pytest.skip("no C++ compiler, which torch.compile needs on a processor")
    model, encoder = make("arcface in torch")
    networks = [load_network(model, file) for file in model.encoders]
    views = (FaceView(), FaceView(flip=True))
    plain, compiled = (
        TorchEncoder(
            replace(encoder.spec, slots=("a", "b")),
            networks,
            views,
            device=torch.device("cpu"),
            compiled=is_compiled,
        )
        for is_compiled in (False, True)
    )
    many = np.stack([made.crop(seed) for seed in range(11)])
    for crops in (many[:1], many):
        assert least_cosine(compiled.encode(crops), plain.encode(crops)) > 0.99999


@pytest.mark.parametrize("family", ["iresnet", "facenet"])
def test_a_program_s_autocast_changes_nothing(family: str, make: Make, exact: Exact):
    encoder = make(family)[1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = encoder.encode(CROPS)
    assert np.array_equal(within, exact(family))


@pytest.mark.parametrize("family", FAMILIES)
def test_it_gives_the_same_with_gradients(family: str, make: Make, exact: Exact) -> None:
    model, encoder = make(family)
    faces = torch.from_numpy(CROPS).permute(0, 3, 1, 2).float().requires_grad_()
    through = open_differentiable(model, "cpu")
    slots = through.slots(faces)
    assert slots.shape == exact(family).shape
    cosines = (slots.detach().numpy() * exact(family)).sum(axis=2)
    assert cosines.min() > 0.999
    lengths = np.linalg.norm(through.descriptors(faces).detach().numpy(), axis=1)
    assert lengths == pytest.approx(np.ones(len(CROPS)), abs=1e-5)
    for slot in range(slots.shape[1]):
        (gradient,) = torch.autograd.grad(slots[0, slot, 0], faces, retain_graph=True)
        assert gradient[0].abs().max() > 0
        assert gradient[1].abs().max() == 0
    layers = [last_map(one, through.inputs(faces)) for one in through.networks]
    assert all(layer is not None for layer in layers)
    assert through.spec == encoder.spec
