"""Families of encoders: how a family is named, installed, run and trained.

Each stands in a file of `families/` that registers it. The rest of the package asks here, and knows
no family by its name.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.errors import ModelUnsuitable
from gestalt_space.weights.manifest import InstalledModel, ModelFile

if TYPE_CHECKING:
    from torch import nn

ADDED = "add FILE"
"""How ONNX files are installed."""


@dataclass(frozen=True, slots=True)
class Family:
    """Networks of one kind.

    `kind`: in manifests. `name`: in specifications. Galleries, exports and the audit trail hold it
    in their fingerprints, so it never changes. `installed_by`: the command after `gestalt models`.
    `empty`: the network of a file whose tensors are kept as safetensors, whatever its weights; None
    where files are ONNX, which ONNX Runtime runs as they are. `trainable`: the network of a model's
    only encoder as it is trained; None where that is the network that is run. `write`: a network
    that was trained, into a folder, given the file that it was read from; None where its weights
    are written as safetensors.
    """

    kind: str
    name: str
    installed_by: str = ADDED
    empty: Callable[[ModelFile], nn.Module] | None = None
    trainable: Callable[[InstalledModel], nn.Module] | None = None
    write: Callable[[Path, ModelFile, nn.Module], tuple[ModelFile, ...]] | None = None

    @property
    def is_onnx(self) -> bool:
        """Whether its files are ONNX."""
        return self.empty is None


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Several networks as one model, by the kinds of their files. The rest as in `Family`."""

    kinds: frozenset[str]
    name: str
    installed_by: str = ADDED


_families: dict[str, Family] = {}
_ensembles: dict[frozenset[str], Ensemble] = {}


def register(one: Family | Ensemble) -> None:
    """Make a family or an ensemble known, as the files of `families/` do."""
    if isinstance(one, Family):
        _families[one.kind] = one
    else:
        _ensembles[one.kinds] = one


def family_of(kind: str) -> Family:
    """The family of a kind. Raises `ModelUnsuitable`."""
    _read_families()
    family = _families.get(kind)
    if family is None:
        raise ModelUnsuitable(
            f"Unknown kind of encoder {kind!r}.",
            "It may be from a newer gestalt-space. Install that version, or remove the model.",
        )
    return family


def name_of(kinds: Sequence[str]) -> str:
    """What a specification calls the encoder of a model whose files are of these kinds.

    It does not depend on how a model is run. Kinds of a newer version stand for themselves.
    """
    _read_families()
    if len(kinds) > 1 and (ensemble := _ensembles.get(frozenset(kinds))):
        return ensemble.name
    known = {kind: one.name for kind, one in _families.items()}
    return "+".join(dict.fromkeys(known.get(kind, kind) for kind in kinds))


def installed_by(name: str) -> str:
    """The command after `gestalt models` that installs what a specification calls so."""
    _read_families()
    commands = {one.name: one.installed_by for one in _families.values()}
    commands |= {one.name: one.installed_by for one in _ensembles.values()}
    return commands.get(name, ADDED)


@cache
def _read_families() -> None:
    from gestalt_space.encoders import families

    for module in pkgutil.iter_modules(families.__path__):
        import_module(f"{families.__name__}.{module.name}")
