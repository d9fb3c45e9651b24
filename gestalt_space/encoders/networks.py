"""A model's files to torch networks, and whether weights are those of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gestalt_space.encoders.family import family_of
from gestalt_space.errors import ModelDamaged, ModelUnsuitable
from gestalt_space.paths import plain_path
from gestalt_space.weights.manifest import InstalledModel, ModelFile

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSIFIER = "classifier."
"""How the names of a class layer begin in our files."""
COUNTER = "num_batches_tracked"
"""How the names of batch norms' counters end, which are no weights."""
SHOWN = 3


def load_network(model: InstalledModel, file: ModelFile) -> nn.Module:
    """The network of a file, in float32, without its class layer.

    Raises `GraphUnknown` for an ONNX graph that is not understood, `ModelDamaged` for a file that
    does not open, `ModelUnsuitable` for weights of another network.
    """
    if family_of(file.kind).is_onnx:
        from gestalt_space.encoders.onnx_graph import read_graph

        return read_graph(model.checked_path(file))
    network = empty_network(file)
    tensors = read_tensors(model, file)
    fill(
        network,
        {name: tensor for name, tensor in tensors.items() if not name.startswith(CLASSIFIER)},
        file.architecture,
    )
    return network


def load_classifier(model: InstalledModel, file: ModelFile) -> nn.Linear | None:
    """The class layer that was trained with a network, `(n, dim)` to `(n, classes)`, if kept."""
    if not file.classes:
        return None
    from torch import nn

    tensors = read_tensors(model, file)
    layer = nn.Linear(file.dim, file.classes)
    own = {
        name.removeprefix(CLASSIFIER): tensor
        for name, tensor in tensors.items()
        if name.startswith(CLASSIFIER)
    }
    fill(layer, own, "class layer")
    return layer


def empty_network(file: ModelFile) -> nn.Module:
    """A network of the file's kind and architecture, whatever its weights.

    Raises `ModelUnsuitable` for a kind that is not known or is kept as ONNX.
    """
    empty = family_of(file.kind).empty
    if empty is None:
        raise ModelUnsuitable(
            f"{file.file} is an ONNX file, whose weights cannot be replaced.",
            "Import the checkpoint that it was made from.",
        )
    return empty(file)


def read_tensors(model: InstalledModel, file: ModelFile) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises `ModelDamaged`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with plain_path(model.checked_path(file)) as name:
            return load_file(name)
    except (OSError, SafetensorError) as error:
        raise ModelDamaged(
            f"{file.file} of the model {model.name} cannot be opened ({error}).",
            f"Run `gestalt models verify {model.name}`.",
        ) from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Put weights into a network, all of them and no others. Raises `ModelUnsuitable`."""
    wanted = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(COUNTER)
    }
    given = {
        name: tuple(tensor.shape) for name, tensor in tensors.items() if not name.endswith(COUNTER)
    }
    if wanted != given:
        raise ModelUnsuitable(
            f"These are not the weights of {what}: {difference(wanted, given)}.",
            "Check that the file belongs to this network.",
        )
    network.load_state_dict({name: tensors[name] for name in given}, strict=False)


def difference(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> str:
    """What is missing, what is too much, and whose shape is another, in words."""
    told = []
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    other = [
        f"{name} {given[name]} instead of {shape}"
        for name, shape in wanted.items()
        if name in given and given[name] != shape
    ]
    for title, names in (
        ("missing", missing),
        ("not expected", extra),
        ("of another shape", other),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            told.append(f"{title}: {', '.join(names[:SHOWN])}{more}")
    return "; ".join(told)
