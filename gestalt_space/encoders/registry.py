"""Which encoder a model's name stands for."""

from __future__ import annotations

from gestalt_space.devices import Device
from gestalt_space.encoders.onnx_arcface import ArcFaceEncoder, arcface_spec
from gestalt_space.encoders.specification import Encoder, EncoderSpec
from gestalt_space.errors import ModelNotInstalled, ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore

_INSTALL_HINT = (
    "Run `gestalt models list`, then `gestalt models pull NAME`, or add it from a file: "
    "`gestalt models add FILE --name NAME`."
)


def find_encoder_model(store: ModelStore, name: str | None = None) -> InstalledModel:
    """The installed model of that name, or the best one with an encoder.

    Raises `ModelNotInstalled`, or `ModelUnsuitable` for a model that has no encoder.
    """
    if name is None:
        best = store.best("encoder")
        if best is None:
            raise ModelNotInstalled("No encoder is installed.", _INSTALL_HINT)
        return best
    model = store.get(name)
    if model.file("encoder") is None:
        raise ModelUnsuitable(f"The model {name} finds faces; it has no encoder.", _INSTALL_HINT)
    return model


def encoder_spec(model: InstalledModel) -> EncoderSpec:
    """The specification of a model's encoder, without opening it."""
    file = model.file("encoder")
    if file is None:
        raise ModelUnsuitable(f"The model {model.name} has no encoder.", _INSTALL_HINT)
    return arcface_spec(file)


def open_encoder(
    model: InstalledModel, *, device: Device = "auto", threads: int | None = None
) -> Encoder:
    """Open a model's encoder. Raises `ModelDamaged` or `DeviceUnavailable`."""
    return ArcFaceEncoder(model, device=device, threads=threads)
