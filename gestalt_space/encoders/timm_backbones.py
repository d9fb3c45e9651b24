"""Any backbone of timm as an encoder, with the model's own preparation of its input."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gestalt_space.encoders.precision import INSTALL_HINT
from gestalt_space.encoders.preparation import FILTERS
from gestalt_space.errors import DownloadFailed, ModelDamaged, ModelError, ModelUnsuitable

if TYPE_CHECKING:
    from torch import Tensor, nn

HUB = "hf_hub:"
HUB_SECONDS = 10
_OFFLINE_HINT = "Without a network connection, copy the weights here and give them with --weights."


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network, and what its configuration says of it.

    `architecture`: timm's name of it and, where it differs from that, its arguments as JSON.
    `mean` and `std` for pixels 0..255; `resize` as in `EncoderSpec`; `license` empty where none is
    named.
    """

    network: nn.Module
    architecture: str
    dim: int
    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str
    license: str


def empty_backbone(architecture: str) -> nn.Module:
    """The network of a `Backbone.architecture`, whatever its weights. Raises `ModelUnsuitable`."""
    name, _, arguments = architecture.partition(" ")
    return _created(name, pretrained=False, **(json.loads(arguments) if arguments else {}))


def open_backbone(name: str, *, weights: Path | None = None, head: bool = False) -> Backbone:
    """A backbone by timm's name (`hf_hub:…` for one of the hub), with its weights.

    `weights`: a file of them, in the place of the hub's. `head`: the last layer is a part of the
    encoder, as in face-recognition models, and no class layer. Raises `DownloadFailed` where the
    hub is not reached, `ModelUnsuitable` or `ModelDamaged` for what timm cannot use.
    """
    arguments: dict[str, Any] = {} if head else {"num_classes": 0}
    if weights is None:
        network = _fetched(name, **arguments)
    else:
        if name.startswith(HUB):
            raise ModelUnsuitable(
                f"{name} is a model of the hub, so --weights cannot be used.",
                "Give the name of an architecture in timm, such as vit_small_patch16_224, or "
                "leave out --weights.",
            )
        network = _created(name, pretrained=False, **arguments)
    return _described(name, network, arguments)


def file_weights(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.pth` or `.bin` file that are not a class layer's.

    Raises `ModelDamaged` or `ModelUnsuitable`.
    """
    import torch

    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise ModelDamaged(
                f"{path.name} cannot be opened ({error}).", "Copy or download it again."
            ) from error
    else:
        from gestalt_space.weights.pickles import read_checkpoint

        tensors = {name: torch.from_numpy(array) for name, array in read_checkpoint(path).items()}
    known = network.state_dict()
    layer = str((getattr(network, "pretrained_cfg", None) or {}).get("classifier") or "")
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name in known or not (layer and name.startswith(f"{layer}."))
    }


def _fetched(name: str, **arguments: Any) -> nn.Module:
    from huggingface_hub import constants

    _timm()
    if not constants.HF_HUB_OFFLINE:
        _check_reachable(constants.ENDPOINT)
    try:
        return _created(name, pretrained=True, **arguments)
    except ModelError:
        raise
    except Exception as error:  # the hub's client has no common base of its errors
        raise DownloadFailed(
            f"The weights of {name} could not be downloaded ({_first_line(error)}).", _OFFLINE_HINT
        ) from error


def _check_reachable(address: str) -> None:
    """The hub's client tries for most of a minute before it says that there is no network."""
    try:
        request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - the hub's own
        with urllib.request.urlopen(request, timeout=HUB_SECONDS):  # noqa: S310
            pass
    except urllib.error.HTTPError:
        pass  # it answers
    except OSError as error:
        raise DownloadFailed(
            f"The hub at {address} cannot be reached ({_first_line(error)}).", _OFFLINE_HINT
        ) from error


def _created(name: str, *, pretrained: bool, **arguments: Any) -> nn.Module:
    timm = _timm()
    known = name.startswith(HUB) or timm.is_model(name)
    try:
        network: nn.Module = timm.create_model(name, pretrained=pretrained, **arguments)
    except (RuntimeError, ValueError, TypeError) as error:
        if pretrained and known:
            raise
        raise ModelUnsuitable(
            f"timm cannot build the backbone {name!r} ({_first_line(error)}).",
            "`timm.list_models()` lists the names it knows.",
        ) from error
    return network


def _described(name: str, network: nn.Module, arguments: dict[str, Any]) -> Backbone:
    """Raises `ModelUnsuitable` for a network whose input cannot be prepared here."""
    import torch
    from timm.data import resolve_model_data_config

    wanted: dict[str, Any] = resolve_model_data_config(network)
    channels, height, width = wanted["input_size"]
    if channels != 3 or height != width or wanted["interpolation"] not in FILTERS:
        raise ModelUnsuitable(
            f"{name} has an unsupported input: {channels} × {height} × {width}, "
            f"{wanted['interpolation']}.",
            "Choose a backbone with a square input of 3 channels, resized by "
            f"{', '.join(FILTERS)}.",
        )
    with torch.inference_mode():
        output = network.eval()(torch.zeros(1, channels, height, width))
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        raise ModelUnsuitable(
            f"{name} does not give one vector per face.", "Choose another backbone."
        )
    configured = getattr(network, "pretrained_cfg", None) or {}
    arguments = {**_hub_arguments(name), **arguments}
    base = str(configured.get("architecture") or name) if name.startswith(HUB) else name
    if "num_classes" not in arguments:
        arguments["num_classes"] = int(output.shape[1])
    return Backbone(
        network=network,
        architecture=f"{base} {json.dumps(arguments, sort_keys=True)}",
        dim=int(output.shape[1]),
        input_size=height,
        mean=tuple(255.0 * value for value in wanted["mean"]),
        std=tuple(255.0 * value for value in wanted["std"]),
        resize=f"{wanted['interpolation']} {math.floor(height / wanted['crop_pct'])}",
        license=str(configured.get("license") or ""),
    )


def _hub_arguments(name: str) -> dict[str, Any]:
    """What the hub's configuration says beside the architecture's name."""
    if not name.startswith(HUB):
        return {}
    from timm.models import load_model_config_from_hf

    _, _, arguments = load_model_config_from_hf(name.removeprefix(HUB))
    return dict(arguments or {})


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ModelUnsuitable("timm is not installed.", INSTALL_HINT) from error
    return timm


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
