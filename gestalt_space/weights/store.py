"""The model store: one folder a model, each with a manifest that says what its files do."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gestalt_space.atomic_files import make_private_folder, move_folder, take_folder_name
from gestalt_space.errors import (
    LicenseNotAccepted,
    ModelDamaged,
    ModelExists,
    ModelNotInstalled,
    ModelUnsuitable,
    UsageError,
)
from gestalt_space.paths import is_folder
from gestalt_space.weights import catalogue
from gestalt_space.weights.catalogue import CatalogueEntry, find_entry
from gestalt_space.weights.classifier_facts import ClassifierFacts
from gestalt_space.weights.copying import copied_files, copied_model, inspected
from gestalt_space.weights.download import DownloadProgress, download
from gestalt_space.weights.manifest import BUILTIN as BUILTIN
from gestalt_space.weights.manifest import (
    FILE_NAME,
    InstalledModel,
    ModelFile,
    Role,
    go_together,
    read_manifest,
    sha256_of,
    with_times,
    write_manifest,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DOWNLOADS = ".downloads"
_ASIDE = ".adding-"
BUILTIN_CAUTION = (
    "The built-in encoder was trained on simulated phenotypes. Use it to try out gestalt-space, "
    "not for patients."
)
BUILTIN_FOLDER = Path(__file__).parent / BUILTIN
STALE_SECONDS = 24 * 3600
"""Age after which a model that is still being added was left by a crash."""


def _no_progress(done: int, total: int | None) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class License:
    """A licence by name, its terms in a sentence, and whether they restrict use."""

    name: str
    terms: str
    restricted: bool


UNKNOWN = License(catalogue.UNKNOWN_LICENSE, catalogue.UNKNOWN_TERMS, True)


class ModelStore:
    """The models installed under one folder, and the built-in ones.

    Nothing is downloaded unless `pull` is called.
    """

    def __init__(self, folder: Path, *, builtin: Path | None = BUILTIN_FOLDER) -> None:
        """`builtin`: the folder of the built-in models; None for a store without them."""
        self.folder = folder
        self._builtin = builtin

    def sound_models(self) -> list[InstalledModel]:
        """The models whose manifests can be read: the installed ones by name, then the built-in."""
        models = []
        folders = self._folders()
        if self._has_builtin():
            folders.append(self._place(BUILTIN))
        for folder in folders:
            try:
                models.append(read_manifest(folder))
            except ModelDamaged:
                continue
        return models

    def damaged(self) -> list[str]:
        """Names of the folders among the models whose manifest cannot be read."""
        sound = {model.name for model in self.sound_models()}
        return [folder.name for folder in self._folders() if folder.name not in sound]

    def get(self, name: str) -> InstalledModel:
        """The model of that name. Raises `ModelNotInstalled` or `ModelDamaged`."""
        folder = self._place(_checked(name))
        if not folder.is_dir() or (name == BUILTIN and not self._has_builtin()):
            raise _not_installed(name, [model.name for model in self.sound_models()])
        return read_manifest(folder)

    def best(self, role: Role, kind: str | None = None) -> InstalledModel | None:
        """The model with the largest file for a role; ties go to the earlier name.

        Size stands for quality: in every published family the larger network ranks better. The
        built-in one is the last choice, whatever its size.
        """
        fitting = [
            (model.name == BUILTIN, -file.bytes, model.name, model)
            for model in self.sound_models()
            for file in model.files
            if file.role == role and kind in (None, file.kind)
        ]
        return min(fitting, key=lambda item: item[:3])[3] if fitting else None

    def pull(
        self, name: str, *, accept_license: bool = False, progress: DownloadProgress = _no_progress
    ) -> InstalledModel:
        """Fetch a model of the catalogue and install it.

        Raises `ModelNotInstalled` for a name that is not in the catalogue, `LicenseNotAccepted`,
        `ModelExists`, `DownloadFailed`, or `ModelDamaged`.
        """
        _check_not_builtin(name)
        entry = find_entry(name)
        if entry is None:
            known = ", ".join(e.name for e in catalogue.CATALOGUE)
            raise ModelNotInstalled(
                f"The catalogue has no model {name!r}. It has {known}.",
                "For any other model: `gestalt models add FILE --name NAME`.",
            )
        _check_accepted(name, License(entry.license, entry.terms, entry.restricted), accept_license)
        self._check_free(name)
        fetched = self.folder / _DOWNLOADS / entry.url.rsplit("/", 1)[-1]
        if not (fetched.exists() and entry.sha256 in (None, sha256_of(fetched))):
            download(
                entry.url, fetched, by_hand=_by_hand(entry), sha256=entry.sha256, progress=progress
            )
        model = self.add(fetched, name=name, accept_license=accept_license, source=entry.url)
        fetched.unlink()
        return model

    def add(
        self,
        path: Path,
        *,
        name: str | None = None,
        accept_license: bool = False,
        license_name: str | None = None,
        source: str | None = None,
    ) -> InstalledModel:
        """Install a model from an `.onnx` file, a folder of them, a `.zip` of them, or the folder
        of a model with its `model.json`, whose licence it keeps.

        `license_name`: the licence, if it is not the usual one of the family. Raises
        `ModelUnsuitable`, `ModelDamaged`, `LicenseNotAccepted` or `ModelExists`.
        """
        if is_folder(path) and (path / FILE_NAME).is_file():
            return self._add_folder(
                path, name, accept_license=accept_license, license_name=license_name, source=source
            )
        name = name if name is not None else path.stem
        entry = find_entry(name)

        def licensed(files: tuple[ModelFile, ...]) -> License:
            return License(license_name, "", False) if license_name else _usual(entry, files)

        return self.install(
            name,
            lambda folder: tuple(inspected(copied_files(path, folder))),
            licensed,
            source=source or path.name,
            accept_license=accept_license,
        )

    def _add_folder(
        self,
        path: Path,
        name: str | None,
        *,
        accept_license: bool,
        license_name: str | None,
        source: str | None,
    ) -> InstalledModel:
        """Install a copy of a model's folder, once its files are known to be those of its
        manifest."""
        given = read_manifest(path)
        texts = (given.name, given.source, given.license, given.terms, *given.views)
        if not all(isinstance(text, str) for text in texts):
            raise ModelDamaged(f"{path / FILE_NAME} is not a manifest.", "Copy the folder again.")
        license_ = License(given.license, given.terms, given.restricted)
        return self.install(
            given.name if name is None else name,
            lambda folder: tuple(copied_model(given, folder)),
            lambda _: License(license_name, "", False) if license_name else license_,
            source=source or given.source,
            accept_license=accept_license,
            views=given.views,
            trained_from=given.trained_from,
            classifier=given.classifier,
        )

    def install(
        self,
        name: str,
        fill: Callable[[Path], tuple[ModelFile, ...]],
        licensed: Callable[[tuple[ModelFile, ...]], License],
        *,
        source: str,
        accept_license: bool = False,
        views: tuple[str, ...] = (),
        trained_from: tuple[str, ...] = (),
        classifier: ClassifierFacts | None = None,
    ) -> InstalledModel:
        """Install the files that `fill` writes into a folder; nothing stays where it raises.

        `licensed`: the licence of those files. The rest as in `InstalledModel`. Raises
        `ModelUnsuitable` for encoders that do not go together, `LicenseNotAccepted`, `ModelExists`,
        `UsageError` for a name that cannot be one, and what `fill` raises.
        """
        name = _checked(name)
        _check_not_builtin(name)
        self._check_free(name)
        with self._staging() as staging:
            files = fill(staging)
            _check_ensemble(files)
            license_ = licensed(files)
            _check_accepted(name, license_, accept_license)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            model = InstalledModel(
                name=name,
                folder=staging,
                files=files,
                source=source,
                license=license_.name,
                terms=license_.terms,
                restricted=license_.restricted,
                accepted_at=now if license_.restricted else None,
                added_at=now,
                views=views,
                trained_from=trained_from,
                classifier=classifier,
            )
            write_manifest(with_times(model))
            try:
                take_folder_name(staging, self.folder / name)
            except OSError:
                self._check_free(name)  # another process was faster
                raise
        return read_manifest(self.folder / name)

    def verify(self, name: str) -> InstalledModel:
        """Compare every file of a model with its manifest. Raises `ModelDamaged`."""
        model = self.get(name)
        for file in model.files:
            path = model.path(file)
            if not path.exists() or sha256_of(path) != file.sha256:
                state = "has changed since it was installed" if path.exists() else "is missing"
                raise ModelDamaged(
                    f"{file.file} of the model {name} {state}.",
                    "Install gestalt-space again."
                    if name == BUILTIN
                    else f"Run `gestalt models remove {name}` and add the model again.",
                )
        return model

    def remove(self, name: str) -> None:
        """Delete a model's folder. Raises `ModelNotInstalled`, `UsageError` for the built-in."""
        folder = self.folder / _checked(name)
        if name == BUILTIN:
            raise UsageError(
                "The built-in models are part of gestalt-space and cannot be removed.",
                "They are used only if no better model is installed.",
            )
        if not folder.is_dir():
            raise _not_installed(name, [model.name for model in self.sound_models()])
        # Gone at once: one that is half deleted would be a damaged model.
        leaving = self.folder / f"{_ASIDE}{uuid.uuid4().hex}"
        move_folder(folder, leaving)
        shutil.rmtree(leaving)

    def _place(self, name: str) -> Path:
        return self._builtin if name == BUILTIN and self._builtin else self.folder / name

    def _has_builtin(self) -> bool:
        return self._builtin is not None and (self._builtin / FILE_NAME).is_file()

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(
            path
            for path in self.folder.iterdir()
            if path.is_dir() and path.name[0] != "." and path.name != BUILTIN
        )

    def _check_free(self, name: str) -> None:
        if (self.folder / name).exists():
            raise ModelExists(
                f"A model {name} is already installed.",
                f"Choose another --name, or run `gestalt models remove {name}` first.",
            )

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder beside the models, removed unless it was renamed to its place."""
        make_private_folder(self.folder)
        for left in self.folder.glob(f"{_ASIDE}*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=self.folder))
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:64]!r} is not a valid name for a model.",
            "Use at most 64 letters, digits, dots and dashes.",
        )
    return name


def _check_not_builtin(name: str) -> None:
    if name == BUILTIN:
        raise UsageError(
            f"{BUILTIN} is the name of the models that come with gestalt-space.",
            "They are always there. For your own model, choose another --name.",
        )


def _not_installed(name: str, installed: list[str]) -> ModelNotInstalled:
    have = f"Installed: {', '.join(installed)}." if installed else "None is installed."
    return ModelNotInstalled(
        f"No model {name!r} is installed. {have}",
        "Run `gestalt models list`, then `gestalt models pull NAME`, or add it from a file: "
        "`gestalt models add FILE --name NAME`, or `gestalt models import-…` for a checkpoint.",
    )


def _check_ensemble(files: tuple[ModelFile, ...]) -> None:
    encoders = [file for file in files if file.role == "encoder"]
    if not go_together(encoders):
        told = ", ".join(
            f"{one.file} ({one.input_size} pixels, levels {one.mean} and {one.std}, {one.dim} "
            "numbers)"
            for one in encoders
        )
        raise ModelUnsuitable(
            f"The encoders have different inputs or outputs: {told}.",
            "Encoders of one model work together. Add these one by one, each with its own --name.",
        )


def _check_accepted(name: str, license_: License, accept: bool) -> None:
    if license_.restricted and not accept:
        raise LicenseNotAccepted(
            f"The licence of {name} restricts its use, or is not known: {license_.name}. "
            f"{license_.terms}".rstrip(),
            "If the licence allows your use, run the command again with --accept-license.",
        )


def _by_hand(entry: CatalogueEntry) -> str:
    """The command that installs a model from its file."""
    accept = " --accept-license" if entry.restricted else ""
    file = entry.url.rsplit("/", 1)[-1]
    return f"gestalt models add {file} --name {entry.name}{accept}"


def _usual(entry: CatalogueEntry | None, files: tuple[ModelFile, ...]) -> License:
    """The catalogue's licence, or the family's."""
    if entry is not None and (entry.restricted or files[0].sha256 == entry.sha256):
        return License(entry.license, entry.terms, entry.restricted)
    kinds = {file.kind for file in files}
    if kinds == {"yunet"}:
        return License(catalogue.YUNET_FAMILY_LICENSE, "", False)
    if "scrfd" in kinds:
        return License(catalogue.INSIGHTFACE_LICENSE, catalogue.INSIGHTFACE_TERMS, True)
    return UNKNOWN
