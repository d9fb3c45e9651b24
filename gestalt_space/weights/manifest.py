"""What stands in an installed model's `model.json`, and whether its files are still those."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gestalt_space.atomic_files import write_atomically
from gestalt_space.errors import ModelDamaged, OutputError
from gestalt_space.weights.classifier_facts import ClassifierFacts, read_facts

FORMAT = 1
FILE_NAME = "model.json"
CARD = "CARD.md"
"""The card of a model that was trained here, beside its manifest."""
BUILTIN = "builtin"
"""The name of the models that come with the package."""

Role = Literal["detector", "encoder", "training", "classifier"]
"""What a file does. `training`: an encoder is trained from it, and it is not run. `classifier`: it
is a part of a classifier, and makes no space."""

_KINDS: dict[str, type] = {
    **dict.fromkeys(("sha256", "role", "kind", "architecture", "channels", "resize"), str),
    **dict.fromkeys(("bytes", "input_size", "dim", "classes", "modified_ns"), int),
}
"""What the entries of a file are."""
_OF_ONE_SPACE = ("dim", "input_size", "channels", "mean", "std", "resize")
"""What the encoders of an ensemble have in common."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, and what it does.

    `kind` is the family that opens it (`scrfd`, `yunet`, `arcface`, `iresnet`, …). Of an encoder:
    `input_size` in pixels, `mean` and `std` that pixels 0..255 are shifted and divided by, `dim` of
    its output; `architecture`: which network of the family the weights are of; `channels` and
    `resize` as in `EncoderSpec`; `classes`: what its class layer tells apart, 0 without one.
    `modified_ns`: the file's time when it was last hashed, 0 where that is not known.
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
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model in the store.

    `views`: how each face is shown to each of its encoders (`encoders.views`); without any, as it
    is. Several files with an encoder are an ensemble, in their order. `trained_from`: fingerprints
    of the spaces of the encoders that it was trained from, the first of them first.
    `classifier`: the facts of a classifier.
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
    classifier: ClassifierFacts | None = None
    trained_from: tuple[str, ...] = ()

    def file(self, role: Role) -> ModelFile | None:
        """The file that does this work, if the model has one."""
        return next((file for file in self.files if file.role == role), None)

    @property
    def encoders(self) -> tuple[ModelFile, ...]:
        """All files that encode."""
        return tuple(file for file in self.files if file.role == "encoder")

    def path(self, file: ModelFile) -> Path:
        """Where a file of this model lies, whatever it is by now."""
        return self.folder / file.file

    def checked_path(self, file: ModelFile) -> Path:
        """Where a file of this model lies, to be opened: it is the one that was installed.

        A file that bears another size or time than the manifest says is hashed; if it is the same
        after all, a copy say, its time is written down where that is possible. Raises
        `ModelDamaged`.
        """
        path = self.path(file)
        try:
            status = path.stat()
            if (status.st_size, status.st_mtime_ns) == (file.bytes, file.modified_ns):
                return path
            same = status.st_size == file.bytes and sha256_of(path) == file.sha256
        except OSError as error:
            raise ModelDamaged(
                f"{file.file} of the model {self.name} cannot be read ({error.strerror or error}).",
                f"Run `gestalt models verify {self.name}`.",
            ) from error
        if not same:
            raise ModelDamaged(
                f"{file.file} of the model {self.name} is not the file that was installed.",
                f"Run `gestalt models verify {self.name}`. To repair it, run `gestalt models "
                f"remove {self.name}` and add the model again. To use another model, add it under "
                "another name.",
            )
        if self.name != BUILTIN:  # the package is left as it was installed
            _note_time(self.folder, file, status.st_mtime_ns)
        return path


def go_together(encoders: Sequence[ModelFile]) -> bool:
    """Whether encoders are an ensemble: they take the same faces and give as many numbers."""
    return len({tuple(getattr(one, name) for name in _OF_ONE_SPACE) for one in encoders}) <= 1


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def with_times(model: InstalledModel) -> InstalledModel:
    """The model, with the times that its files bear now: they were hashed just before."""
    files = tuple(
        replace(file, modified_ns=model.path(file).stat().st_mtime_ns) for file in model.files
    )
    return replace(model, files=files)


def write_manifest(model: InstalledModel) -> None:
    """Write `model.json` into the model's folder. Raises `OutputError`."""
    record: dict[str, Any] = asdict(model)
    record.pop("folder")
    if model.classifier is None:
        del record["classifier"]
    text = json.dumps({"format": FORMAT, **record}, indent=2, ensure_ascii=False)
    write_atomically(model.folder / FILE_NAME, f"{text}\n".encode())


def read_manifest(folder: Path) -> InstalledModel:
    """Read `model.json` of a model's folder. Raises `ModelDamaged`."""
    try:
        record = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        if record.pop("format") != FORMAT:
            raise ValueError("another format version")
        files = tuple(_file(entry) for entry in record.pop("files"))
        views, ancestors = (tuple(record.pop(name, ())) for name in ("views", "trained_from"))
        told = record.pop("classifier", None)
        facts = None if told is None else read_facts(told)
        if facts is not None:
            needed = {facts.layers, *(one.file for one in facts.regions)}
            if missing := needed - {one.file for one in files}:
                raise ValueError(f"the classifier lacks {min(missing)}")
        return InstalledModel(
            folder=folder,
            files=files,
            views=views,
            trained_from=ancestors,
            classifier=facts,
            **record,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDamaged(
            f"The model {folder.name} has no readable manifest ({error}).",
            f"Run `gestalt models remove {folder.name}` and add the model again.",
        ) from error


def _note_time(folder: Path, known: ModelFile, modified_ns: int) -> None:
    """Write a file's time into the manifest, where that is possible, so that it is not hashed
    again."""
    with suppress(ModelDamaged, OutputError):
        model = read_manifest(folder)
        files = tuple(
            replace(file, modified_ns=modified_ns)
            if (file.file, file.sha256) == (known.file, known.sha256)
            else file
            for file in model.files
        )
        write_manifest(replace(model, files=files))


def _file(record: dict[str, Any]) -> ModelFile:
    if Path(record["file"]).name != record["file"]:
        raise ValueError(f"{record['file']!r} is not the name of a file in it")
    for name, kind in _KINDS.items():
        if not isinstance(record.get(name, kind()), kind):
            raise TypeError(f"{name} is {record[name]!r}")
    for name in ("mean", "std"):
        if isinstance(record.get(name), list):
            record[name] = tuple(record[name])
    return ModelFile(**record)
