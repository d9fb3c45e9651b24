"""What stands in an installed model's `model.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from gestalt_space.errors import ModelDamaged
from gestalt_space.files import write_private

FORMAT = 1
FILE_NAME = "model.json"

Role = Literal["detector", "encoder"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, and what it does.

    `kind` is the family that opens it (`scrfd`, `yunet`, `arcface`, `iresnet`, …). Of an encoder:
    `input_size` in pixels, `mean` and `std` that pixels 0..255 are shifted and divided by, `dim` of
    its output; `architecture`: which network of the family the weights are of; `channels` and
    `resize` as in `EncoderSpec`; `classes`: what its class layer tells apart, 0 without one.
    """

    file: str
    sha256: str
    bytes: int
    role: Role
    kind: str
    input_size: int = 0
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    dim: int = 0
    architecture: str = ""
    channels: str = "RGB"
    resize: str = ""
    classes: int = 0


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model in the store.

    `views`: how each face is shown to each of its encoders (`encoders.views`); without any, as it
    is. Several files with an encoder are an ensemble, in their order.
    """

    name: str
    folder: Path
    files: tuple[ModelFile, ...]
    source: str
    license: str
    terms: str
    restricted: bool
    accepted_at: str | None
    added_at: str
    views: tuple[str, ...] = ()

    def file(self, role: Role) -> ModelFile | None:
        """The file that does this work, if the model has one."""
        return next((file for file in self.files if file.role == role), None)

    @property
    def encoders(self) -> tuple[ModelFile, ...]:
        """All files that encode."""
        return tuple(file for file in self.files if file.role == "encoder")

    def path(self, file: ModelFile) -> Path:
        """Where a file of this model lies."""
        return self.folder / file.file


def write_manifest(model: InstalledModel) -> None:
    """Write `model.json` into the model's folder."""
    record: dict[str, Any] = asdict(model)
    record.pop("folder")
    text = json.dumps({"format": FORMAT, **record}, indent=2, ensure_ascii=False)
    write_private(model.folder / FILE_NAME, f"{text}\n".encode())


def read_manifest(folder: Path) -> InstalledModel:
    """Read `model.json` of a model's folder. Raises `ModelDamaged`."""
    try:
        record = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        if record.pop("format") != FORMAT:
            raise ValueError("another format version")
        files = tuple(_file(entry) for entry in record.pop("files"))
        views = tuple(record.pop("views", ()))
        return InstalledModel(folder=folder, files=files, views=views, **record)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDamaged(
            f"The model {folder.name} has no manifest that can be read ({error}).",
            f"Run `gestalt models remove {folder.name}` and add it again.",
        ) from error


def _file(record: dict[str, Any]) -> ModelFile:
    if Path(record["file"]).name != record["file"]:
        raise ValueError(f"{record['file']!r} is no name of a file in it")
    for name in ("mean", "std"):
        if isinstance(record.get(name), list):
            record[name] = tuple(record[name])
    return ModelFile(**record)
