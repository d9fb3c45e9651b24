"""Which encoder a model's name stands for, and how it is run."""

from __future__ import annotations

from gestalt_space.devices import Device, Precision, cuda_provider
from gestalt_space.encoders.family import family_of, name_of
from gestalt_space.encoders.networks import load_classifier, load_network
from gestalt_space.encoders.onnx_arcface import ArcFaceEncoder
from gestalt_space.encoders.precision import (
    check_precision,
    has_torch,
    parse_precision,
    torch_device,
)
from gestalt_space.encoders.preparation import parse_views
from gestalt_space.encoders.specification import Encoder, EncoderSpec
from gestalt_space.errors import (
    GraphUnknown,
    ModelDamaged,
    ModelNotInstalled,
    ModelUnsuitable,
)
from gestalt_space.weights.manifest import InstalledModel, go_together
from gestalt_space.weights.store import ModelStore

_INSTALL_HINT = (
    "Run `gestalt models list`, then `gestalt models pull NAME`, or add it from a file: "
    "`gestalt models add FILE --name NAME`."
)
TEMPLATE = "arcface-112"


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
        what = "detector" if model.classifier is None else "classifier"
        hint = _INSTALL_HINT
        if model.classifier is not None:
            hint = f"A classifier ranks without a space: `gestalt match PHOTO --classifier {name}`."
        raise ModelUnsuitable(f"The model {name} is a {what} and has no encoder.", hint)
    return model


def encoder_spec(model: InstalledModel) -> EncoderSpec:
    """The specification of a model's encoder, without opening it.

    Raises `ModelUnsuitable` for a model without one, `ModelDamaged` for a manifest whose files do
    not go together.
    """
    files = model.encoders
    if not files:
        raise ModelUnsuitable(f"The model {model.name} has no encoder.", _INSTALL_HINT)
    first = files[0]
    if not go_together(files):
        raise ModelDamaged(
            f"The encoders of the model {model.name} have different inputs or outputs.",
            f"Run `gestalt models remove {model.name}` and add the model again.",
        )
    return EncoderSpec(
        family=name_of([file.kind for file in files]),
        weights=tuple(file.sha256 for file in files),
        template=TEMPLATE,
        input_size=first.input_size,
        channels=first.channels,
        mean=first.mean,
        std=first.std,
        slots=_slot_names(model),
        dim=first.dim,
        resize=first.resize,
    )


def _slot_names(model: InstalledModel) -> tuple[str, ...]:
    """`model0` and so on, with the view where there are views: `model0-flip0-grey1`."""
    return tuple(
        f"model{number}-{view}" if view else f"model{number}"
        for number in range(len(model.encoders))
        for view in model.views or ("",)
    )


def open_encoder(
    model: InstalledModel,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    threads: int | None = None,
    compiled: bool = False,
) -> Encoder:
    """Open a model's encoder.

    ONNX files in float32 are run by ONNX Runtime, everything else by torch. `compiled`: what torch
    runs is compiled. Raises `ModelDamaged`, `ModelUnsuitable`, `DeviceUnavailable`, `UsageError`
    for a name that is no precision, or `GraphUnknown` for ONNX files that torch is to run and that
    are not understood.
    """
    precision = parse_precision(precision)
    spec = encoder_spec(model)
    views = parse_views(model.views)
    if precision == "float32" and _is_onnx(model) and not _needs_torch(device):
        return ArcFaceEncoder(model, spec, views, device=device, threads=threads)
    place = torch_device(device)
    check_precision(precision, place)
    from gestalt_space.encoders.torch_encoder import TorchEncoder

    return TorchEncoder(
        spec,
        [load_network(model, file) for file in model.encoders],
        views,
        device=place,
        precision=precision,
        classifiers=[load_classifier(model, file) for file in model.encoders],
        compiled=compiled,
    )


def detector_device(device: Device) -> Device:
    """Where detectors run, which ONNX Runtime or OpenCV opens, if encoders run on `device`.

    Without a CUDA provider of ONNX Runtime they stay on the processor while encoders run in torch
    on the GPU. Raises `DeviceUnavailable` where CUDA was asked for and neither works.
    """
    if device != "cuda" or cuda_provider() or not has_torch():
        return device
    torch_device(device)
    return "cpu"


def why_not_native(model: InstalledModel) -> str | None:
    """Why an ONNX model runs through ONNX Runtime alone; None where it is understood.

    Needs torch.
    """
    for file in model.encoders:
        try:
            if family_of(file.kind).is_onnx:
                load_network(model, file)
        except GraphUnknown as error:
            return error.message
    return None


def _is_onnx(model: InstalledModel) -> bool:
    return all(family_of(file.kind).is_onnx for file in model.encoders)


def _needs_torch(device: Device) -> bool:
    """Whether a GPU was asked for that ONNX Runtime cannot use."""
    return device == "cuda" and not cuda_provider() and has_torch()
