from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gestalt_space.encoders import onnx_graph
from gestalt_space.encoders.families import gestaltmatcher_arc
from gestalt_space.encoders.families.facenet import import_facenet
from gestalt_space.encoders.families.gestaltmatcher_arc import import_arc
from gestalt_space.encoders.families.iresnet import import_insightface
from gestalt_space.encoders.iresnet import IResNet, randomised
from gestalt_space.encoders.networks import load_network
from gestalt_space.encoders.registry import encoder_spec, open_encoder
from gestalt_space.errors import (
    GraphUnknown,
    LicenseNotAccepted,
    ModelDamaged,
    ModelError,
    ModelExists,
    ModelUnsuitable,
)
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.encoders.checkpoints import PublishedFaceNet, fine_tuned
from tests.encoders.graphs import as_insightface


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """GestaltMatcher-Arc's three files, of small networks."""
    folder = tmp_path_factory.mktemp("published")
    fine_tuned(folder / "s1.pth", "iresnet18", seed=2)
    network = randomised(IResNet("iresnet18"), seed=4)
    assert isinstance(network, IResNet)
    as_insightface(folder / "untouched.onnx", network)
    return {name: folder / f"{name}.pth" for name in ("s1",)} | {
        "untouched": folder / "untouched.onnx"
    }


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def facenet(tmp_path: Path) -> Path:
    torch.save(randomised(PublishedFaceNet(4), seed=1).state_dict(), tmp_path / "facenet.pt")
    return tmp_path / "facenet.pt"


def test_exchanged_checkpoints_are_told(published: dict[str, Path], store: ModelStore):
    s1, untouched = published["s1"], published["untouched"]
    with pytest.raises(ModelUnsuitable, match="iresnet18 instead of iresnet50"):
        import_arc(store, r50=s1, r100=s1, untouched=untouched, accept_license=True)
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("option", ["r50", "r100", "untouched"])
def test_a_missing_file_is_told(
    option: str, published: dict[str, Path], store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gestaltmatcher_arc, "FINE_TUNED", ("iresnet18", "iresnet18"))
    files = {"r50": published["s1"], "r100": published["s1"], "untouched": published["untouched"]}
    files[option] = Path("nowhere.pth")
    with pytest.raises(ModelError, match=r"There is no file nowhere\.pth"):
        import_arc(store, **files, accept_license=True)


def test_an_untouched_model_of_another_shape_is_told(
    published: dict[str, Path],
    store: ModelStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(gestaltmatcher_arc, "FINE_TUNED", ("iresnet18", "iresnet18"))
    made.arcface_onnx(tmp_path / "other.onnx")
    with pytest.raises(ModelUnsuitable, match=r"other\.onnx .*16 numbers. It must .* 512"):
        import_arc(
            store,
            r50=published["s1"],
            r100=published["s1"],
            untouched=tmp_path / "other.onnx",
            accept_license=True,
        )


def test_an_untouched_model_that_torch_cannot_run_is_refused(
    published: dict[str, Path], store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    """Beside the networks of the checkpoints it would not be opened."""

    def refuse(_: Path) -> None:
        raise GraphUnknown("The graph has the operator Frobnicate.")

    monkeypatch.setattr(gestaltmatcher_arc, "FINE_TUNED", ("iresnet18", "iresnet18"))
    monkeypatch.setattr(onnx_graph, "read_graph", refuse)
    s1, untouched = published["s1"], published["untouched"]
    with pytest.raises(GraphUnknown, match="Frobnicate"):
        import_arc(store, r50=s1, r100=s1, untouched=untouched, accept_license=True)
    assert list(store.folder.iterdir()) == []


def test_licences_are_accepted_or_named(store: ModelStore, facenet: Path):
    with pytest.raises(LicenseNotAccepted, match="on request"):
        import_facenet(store, facenet)
    model = import_facenet(store, facenet, license_name="CC BY-NC 4.0")
    assert (model.license, model.restricted) == ("CC BY-NC 4.0", False)
    with pytest.raises(ModelExists):
        import_facenet(store, facenet, accept_license=True)


def test_the_class_layer_is_kept(store: ModelStore, facenet: Path):
    model = import_facenet(store, facenet, accept_license=True)
    assert model.encoders[0].classes == 4
    spec = encoder_spec(model)
    assert (spec.family, spec.channels, spec.input_size, spec.resize) == (
        "facenet",
        "grey",
        100,
        "bilinear 100",
    )


def test_weights_of_another_network_are_told(store: ModelStore, facenet: Path):
    with pytest.raises(ModelUnsuitable):
        import_insightface(store, facenet, accept_license=True)
    assert not (store.folder / "facenet").exists()


def test_a_truncated_file_is_told(store: ModelStore, facenet: Path):
    facenet.write_bytes(facenet.read_bytes()[:-1000])
    with pytest.raises(ModelDamaged):
        import_facenet(store, facenet, accept_license=True)


def test_installed_weights_that_were_changed_are_told(store: ModelStore, facenet: Path):
    model = import_facenet(store, facenet, accept_license=True)
    path = model.path(model.encoders[0])
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelDamaged):
        load_network(model, model.encoders[0])
    with pytest.raises(ModelDamaged, match="has changed since it was installed"):
        store.verify(model.name)


def test_a_kind_of_a_later_version_is_told(store: ModelStore, facenet: Path):
    model = import_facenet(store, facenet, accept_license=True)
    with pytest.raises(ModelUnsuitable, match="hologram"):
        load_network(model, replace(model.encoders[0], kind="hologram"))
    with pytest.raises(ModelUnsuitable, match="facenet-sine"):
        load_network(model, replace(model.encoders[0], architecture="facenet-sine"))


def test_the_names_of_an_ensembles_networks_have_to_go_together(store: ModelStore, facenet: Path):
    model = import_facenet(store, facenet, accept_license=True)
    other = replace(model.encoders[0], dim=512)
    with pytest.raises(ModelDamaged, match="have different inputs or outputs"):
        encoder_spec(replace(model, files=(*model.files, other)))


def test_weights_that_are_not_finite_are_refused(store: ModelStore, tmp_path: Path):
    state = randomised(PublishedFaceNet(4), seed=1).state_dict()
    state["base.3.conv.bias"][2] = torch.nan
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(ModelUnsuitable, match=r"not finite: base\.3\.conv\.bias"):
        import_facenet(store, tmp_path / "nan.pt", accept_license=True)


def test_a_folder_in_the_place_of_a_file_is_told(store: ModelStore, tmp_path: Path):
    with pytest.raises(ModelError, match="is a folder"):
        import_facenet(store, tmp_path, accept_license=True)


def test_a_dimension_that_was_altered_is_told(store: ModelStore, facenet: Path):
    model = import_facenet(store, facenet, accept_license=True)
    altered = replace(model, files=(replace(model.encoders[0], dim=77, classes=0),))
    encoder = open_encoder(altered, device="cpu", precision="float32")
    with pytest.raises(ModelDamaged, match="320 numbers per face, but its manifest says 77"):
        encoder.encode(made.crop(1)[None])


@pytest.mark.parametrize("name", ["../facenet.pt", "a/b"])
def test_a_manifest_names_no_file_outside_its_folder(name: str, store: ModelStore, facenet: Path):
    model = import_facenet(store, facenet, accept_license=True)
    manifest = model.folder / "model.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"facenet.safetensors"', json.dumps(name)), encoding="utf-8")
    with pytest.raises(ModelDamaged, match="not the name of a file in it"):
        store.get(model.name)


def test_the_slower_of_two_imports_under_one_name_is_told(
    store: ModelStore, facenet: Path, monkeypatch: pytest.MonkeyPatch
):
    checked = ModelStore._check_free
    seen: list[str] = []

    def free_at_first(self: ModelStore, name: str) -> None:
        seen.append(name)
        if len(seen) == 1:
            (self.folder / name).mkdir(parents=True)
            (self.folder / name / "model.json").write_text("{}")
        else:
            checked(self, name)

    monkeypatch.setattr(ModelStore, "_check_free", free_at_first)
    with pytest.raises(ModelExists):
        import_facenet(store, facenet, accept_license=True)
