"""Files of models on their way into the store: copied from where they are, unpacked, and looked
at."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gestalt_space.errors import ModelDamaged, ModelError, ModelUnsuitable
from gestalt_space.paths import is_folder, plain_path
from gestalt_space.weights.inspection import SUPPORTED, inspect_model
from gestalt_space.weights.manifest import CARD, FILE_NAME, InstalledModel, ModelFile, sha256_of

_LARGEST_UNPACKED = 4 * 2**30


def copied_model(model: InstalledModel, staging: Path) -> Iterator[ModelFile]:
    """The files of a model's folder, and its card, copied into `staging`.

    Raises `ModelDamaged` for one that is not as the manifest has it, `ModelUnsuitable` for one that
    is neither ONNX nor safetensors.
    """
    for file in model.files:
        target = staging / file.file
        try:
            shutil.copyfile(model.path(file), target)
        except OSError as error:
            raise ModelDamaged(
                f"{file.file} of {model.folder.name} cannot be copied: {error.strerror or error}.",
                "Copy the folder again.",
            ) from error
        if sha256_of(target) != file.sha256:
            raise ModelDamaged(
                f"{file.file} is not the file that {FILE_NAME} describes.", "Copy the folder again."
            )
        if target.suffix == ".onnx":
            found = inspect_model(target)
            yield replace(found, role="classifier") if file.role == "classifier" else found
        elif target.suffix == ".safetensors":
            _check_opens(target)
            yield file
        else:
            raise ModelUnsuitable(
                f"{file.file} is neither an .onnx nor a .safetensors file.",
                f"Supported models are {SUPPORTED}.",
            )
    if (model.folder / CARD).is_file():
        shutil.copyfile(model.folder / CARD, staging / CARD)


def _check_opens(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with plain_path(path) as name, safe_open(name, framework="np"):
            pass
    except SafetensorError as error:
        raise ModelDamaged(
            f"{path.name} cannot be opened ({error}).", "Copy or download it again."
        ) from error


def copied_files(source: Path, staging: Path) -> list[Path]:
    """The `.onnx` files of a file, folder or archive, copied into `staging`."""
    if not (is_folder(source) or _is_file(source)):
        raise ModelError(f"There is no file {source}.", "Check the path and its spelling.")
    try:
        if source.suffix == ".zip":
            _unzip(source, staging)
        else:
            files = source.glob("*.onnx") if source.is_dir() else [source]
            for path in files:
                shutil.copyfile(path, staging / path.name)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: a member that is encrypted, or packed in a way that Python does not know.
        raise ModelDamaged(
            f"{source.name} cannot be unpacked ({error}).", "Copy or download it again."
        ) from error
    except OSError as error:
        raise ModelError(
            f"{source.name} cannot be copied into the folder of the models: "
            f"{error.strerror or error}.",
            "Check the permissions and the free disk space.",
        ) from error
    copied = sorted(staging.glob("*.onnx"))
    if not copied and (inside := sorted(source.glob(f"*/{FILE_NAME}"))):
        raise ModelUnsuitable(
            f"{source} is no model. It has one in it.",
            f"Add that folder: `gestalt models add {inside[0].parent}`.",
        )
    if not copied:
        raise ModelUnsuitable(
            f"{source} has no .onnx file.",
            f"Supported models are {SUPPORTED}. For checkpoints, use `gestalt models import-…`.",
        )
    return copied


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _unzip(source: Path, staging: Path) -> None:
    """Members are written by their file name alone, so that none lands outside."""
    with zipfile.ZipFile(source) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".onnx")]
        if sum(info.file_size for info in members) > _LARGEST_UNPACKED:
            raise ModelUnsuitable(
                f"{source.name} unpacks to more than 4 GiB.", "Unpack it and add the folder."
            )
        if len({Path(info.filename).name for info in members}) < len(members):
            raise ModelUnsuitable(
                f"{source.name} has two files with the same name.", "Add them one by one."
            )
        for info in members:
            with (
                archive.open(info) as member,
                (staging / Path(info.filename).name).open("wb") as target,
            ):
                shutil.copyfileobj(member, target)


def inspected(paths: list[Path]) -> Iterator[ModelFile]:
    """What the files are. Of several, those of no use here are left out; a single one must fit."""
    useful = 0
    for path in paths:
        try:
            file = inspect_model(path)
        except ModelUnsuitable:
            path.unlink()
            if len(paths) == 1:
                raise
        else:
            useful += 1
            yield file
    if not useful:
        raise ModelUnsuitable(
            "None of the files is a supported model.", f"Supported models are {SUPPORTED}."
        )
