"""What works on this machine, and with what: versions, devices, models, database, index."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Literal

import gestalt_space
from gestalt_space.devices import cores, runtime, session_options
from gestalt_space.encoders.precision import fast_precisions, has_torch, torch_device
from gestalt_space.encoders.registry import open_encoder, why_not_native
from gestalt_space.errors import GestaltError
from gestalt_space.gallery.spaces import mixed_precisions
from gestalt_space.home import Gallery
from gestalt_space.index.gpu import gpu_name, gpu_works
from gestalt_space.paths import display_name
from gestalt_space.rights import exposure
from gestalt_space.settings import Settings
from gestalt_space.store.migrating import REVISION, database_revision
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION, ModelStore

State = Literal["ok", "note", "fail"]
LIBRARIES = ("insightface", "onnxruntime", "opencv-python", "numpy", "pillow", "sqlalchemy")
FAISS = ("faiss-gpu", "faiss-cpu")
SELF_TEST_SECONDS = 60

_FAISS_TEST = """
import faiss, numpy
index = faiss.IndexFlatIP(4)
count = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
if count:
    index = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
index.add(numpy.eye(4, dtype="float32"))
assert index.search(numpy.eye(4, dtype="float32"), 1)[1][:, 0].tolist() == [0, 1, 2, 3]
print(count)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `note`: not wrong, and worth knowing."""

    subject: str
    state: State
    detail: str
    hint: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one finding at a time. Never raises `GestaltError`."""
    yield Finding(
        "gestalt-space", "ok", f"{gestalt_space.__version__}, Python {platform.python_version()}"
    )
    yield _libraries()
    yield Finding("processor", "ok", f"{platform.machine()}, {cores()} cores in use")
    yield from _guarded("onnxruntime", _onnxruntime)
    yield from _guarded("torch", _torch)
    yield from _guarded("faiss", _faiss)
    yield _search(settings)
    yield from _guarded("models", lambda: _models(settings))
    yield from examine_gallery(settings)


def examine_gallery(settings: Settings) -> Iterator[Finding]:
    """Look at a home's gallery alone: database, space, index, and who else may read its files.

    Never raises `GestaltError`.
    """
    yield from _guarded("database", lambda: _gallery(settings))
    yield from _guarded("rights", lambda: _rights(settings))


def _guarded(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except GestaltError as error:
        yield Finding(subject, "fail", error.message, error.hint)


def _libraries() -> Finding:
    versions = {name: _version(name) for name in (*LIBRARIES, *FAISS)}
    missing = [name for name in LIBRARIES if versions[name] is None]
    if missing:
        return Finding(
            "libraries", "fail", f"{', '.join(missing)} missing", "Install gestalt-space again."
        )
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return Finding("libraries", "ok", found)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _onnxruntime() -> Iterator[Finding]:
    offered = runtime().get_available_providers()
    threads = session_options().intra_op_num_threads
    device = "cuda and cpu" if "CUDAExecutionProvider" in offered else "cpu"
    yield Finding("onnxruntime", "ok", f"devices {device}; {threads} threads")


def _torch() -> Iterator[Finding]:
    if not has_torch():
        yield Finding(
            "torch",
            "note",
            "not installed: no GestaltMatcher, no timm, no bf16",
            "Run `pip install 'gestalt-space[encoders]'`.",
        )
        return
    place = torch_device()
    able = ", ".join(fast_precisions(place))
    yield Finding("torch", "ok", f"{_version('torch')}; on {place.type} in {able}")


def _faiss() -> Iterator[Finding]:
    # In a process of its own: a build without kernels for the card ends the process it is in.
    try:
        test = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", _FAISS_TEST],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
            timeout=SELF_TEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Finding("faiss", "fail", "the self-test did not end", "Install faiss-cpu instead.")
        return
    if test.returncode:
        last = (test.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding(
            "faiss", "fail", f"the self-test failed: {last}", "Install faiss-cpu instead."
        )
        return
    gpus = int(test.stdout.strip() or 0)
    yield Finding("faiss", "ok", f"exact search works; {gpus or 'no'} GPU")


def _search(settings: Settings) -> Finding:
    """What would search a large gallery."""
    if settings.search_device == "cpu":
        return Finding("search", "ok", "on the processor, as the setting search_device says")
    why = gpu_works()
    if why is None:
        return Finding("search", "ok", f"large galleries on {gpu_name()}")
    if settings.search_device == "cuda":
        hint = "Set GESTALT_SEARCH_DEVICE=auto to search without a GPU."
        return Finding("search", "fail", f"no GPU can search: {why}", hint)
    return Finding("search", "ok", f"on the processor; no GPU, since {why}")


def _models(settings: Settings) -> Iterator[Finding]:
    store = ModelStore(settings.models_dir)
    models = store.sound_models()
    for model in models:
        yield from _guarded(f"model {model.name}", partial(_model, settings, store, model))
    for folder in store.damaged():
        yield Finding(
            f"model {folder}",
            "fail",
            "its manifest cannot be read",
            f"Run `gestalt models remove {folder}` and add it again.",
        )
    for role in ("encoder", "detector"):
        if not any(model.file(role) for model in models):
            yield Finding(
                role,
                "fail",
                "none is installed",
                "Run `gestalt models pull NAME`, or `gestalt models add FILE --name NAME`.",
            )


def _model(settings: Settings, store: ModelStore, model: InstalledModel) -> Iterator[Finding]:
    store.verify(model.name)
    roles = " and ".join(f"{file.role} ({file.kind})" for file in model.files)
    if model.encoders:
        encoder = open_encoder(model, precision=settings.precisions.get(model.name, "float32"))
        roles += f", runs in {encoder.run}"
    yield Finding(f"model {model.name}", "ok", f"{roles}; {model.license}")
    if model.encoders and model.name != BUILTIN and has_torch():
        reason = why_not_native(model)
        if reason is not None:
            yield Finding(f"model {model.name}", "note", f"no GPU and no bf16: {reason}")


def _gallery(settings: Settings) -> Iterator[Finding]:
    if database_revision(settings.database) is None:
        yield Finding(
            "gallery", "note", "there is none yet", "Run `gestalt index add patients.csv`."
        )
        return
    with Gallery(settings) as gallery:
        where = gallery.database.where
        problems = gallery.database.problems()
        if problems:
            yield Finding(
                "database", "fail", f"{where}: {problems[0]}", "Go back to your last backup."
            )
            return
        counts = gallery.stats().counts
        yield Finding(
            "database",
            "ok",
            f"{where}, migration {REVISION}: {counts.patients} patients, {counts.photos} photos, "
            f"{counts.disorders} disorders",
        )
        yield from _erasures(gallery)
        if not counts.patients:
            yield Finding("gallery", "note", "it is empty", "Run `gestalt index add patients.csv`.")
            return
        yield from _guarded("space", lambda: _space(gallery))
        yield from _guarded("index", lambda: _index(gallery))
        yield from _guarded("calibration", lambda: _calibrations(gallery))


def _erasures(gallery: Gallery) -> Iterator[Finding]:
    """Erasures that were begun: what they erase may still be in a file."""
    for begun in gallery.begun_erasures():
        detail = f"one that {begun.actor} began at {begun.at:%Y-%m-%d %H:%M} UTC is not done"
        yield Finding("erasure", "fail", detail, "Run `gestalt index erase --resume`.")


def _rights(settings: Settings) -> Iterator[Finding]:
    found = exposure(settings)
    if found is None:
        return
    state: State = "fail" if found.to_all else "note"
    whom = "everybody on this machine" if found.to_all else "others"
    what = "files" if len(found.paths) > 1 else "the names of files"
    detail = f"{what} of the home {display_name(found.home)} are readable for {whom}"
    yield Finding("rights", state, detail, f"Run `{found.mending}`.")


def _space(gallery: Gallery) -> Iterator[Finding]:
    space = gallery.space
    yield Finding("space", "ok", f"{space.model.name}, {space.fingerprint[:12]}")
    if space.model.name == BUILTIN:
        yield Finding("encoder", "note", BUILTIN_CAUTION, "Run `gestalt models list`.")
    runs = gallery.runs()
    mixed = mixed_precisions(runs)
    if mixed is not None:
        yield Finding("descriptors", "note", mixed, "Run `gestalt index fill --again`.")
    elif runs:
        made = (
            f"{count:,} in {'a run not recorded' if run is None else run}" for run, count in runs
        )
        yield Finding("descriptors", "ok", "; ".join(made))


def _calibrations(gallery: Gallery) -> Iterator[Finding]:
    held = gallery.stats()
    for (space, _), state in zip(held.spaces, held.calibrations, strict=True):
        subject, hint = f"calibration {space.model}", "Run `gestalt index calibrate`."
        if state.told is not None:
            yield Finding(subject, "note", state.told.removesuffix(hint).rstrip(), hint)
        elif state.photos is not None:
            yield Finding(subject, "ok", f"of {state.photos:,} photos")


def _index(gallery: Gallery) -> Iterator[Finding]:
    for model, found in gallery.check_index().items():
        yield Finding(f"index {model}", "ok", found)
