"""What works on this machine, and with what: versions, devices, models, database, index."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata

import numpy as np

import gestalt_space
from gestalt_space.classifiers.opening import open_classifier
from gestalt_space.counts import counted_text
from gestalt_space.devices import cores, runtime, session_options
from gestalt_space.distributed.cluster import open_cluster
from gestalt_space.encoders.precision import fast_precisions, has_torch, torch_device
from gestalt_space.encoders.registry import open_encoder, why_not_native
from gestalt_space.gallery.engines.engine_mixin import EngineState
from gestalt_space.gallery.inspecting.crops import without_wrong_crops
from gestalt_space.gallery.inspecting.findings import CheckFinding, guarded
from gestalt_space.gallery.inspecting.whole import inspect_gallery
from gestalt_space.home import Gallery
from gestalt_space.index.engines.contract import NOTHING, CollectionPlace, EngineRows
from gestalt_space.index.engines.lite_server import INSTALL as INSTALL_LITE
from gestalt_space.index.engines.milvus import open_milvus
from gestalt_space.index.gpu import gpu_name, gpu_works
from gestalt_space.phenotype.release import installed_ontology
from gestalt_space.settings import Settings
from gestalt_space.sites.checking import inspect_sites
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import BUILTIN, ModelStore

LIBRARIES = ("insightface", "onnxruntime", "opencv-python", "numpy", "pillow", "sqlalchemy")
FAISS = ("faiss-gpu", "faiss-cpu")
SELF_TEST_SECONDS = 60
RAY_SECONDS = 10

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


def examine(settings: Settings) -> Iterator[CheckFinding]:
    """Look at everything, one finding at a time. Never raises `GestaltError`."""
    yield CheckFinding(
        "gestalt-space", "ok", f"{gestalt_space.__version__}, Python {platform.python_version()}"
    )
    yield _libraries()
    yield CheckFinding("processor", "ok", f"{platform.machine()}, {cores()} cores in use")
    yield from guarded("onnxruntime", _onnxruntime())
    yield from guarded("torch", _torch())
    yield from guarded("faiss", _faiss())
    yield _search(settings)
    yield from guarded("milvus", _milvus())
    yield from guarded("Ray", _ray(settings))
    yield from guarded("HPO", _hpo())
    yield _variants()
    yield from guarded("search engines", _engines(settings))
    yield from guarded("models", _models(settings))
    yield from inspect_gallery(settings, sample=0, engines=False)
    yield from inspect_sites(settings)


def _libraries() -> CheckFinding:
    versions = {name: _version(name) for name in (*LIBRARIES, *FAISS)}
    missing = [name for name in LIBRARIES if versions[name] is None]
    if missing:
        return CheckFinding(
            "libraries", "fail", f"{', '.join(missing)} missing", "Install gestalt-space again."
        )
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return CheckFinding("libraries", "ok", found)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _ray(settings: Settings) -> Iterator[CheckFinding]:
    """Nothing where Ray is neither installed nor in the settings."""
    version, address = _version("ray"), settings.ray_address
    if address is not None:
        with open_cluster(address, patience=RAY_SECONDS) as cluster:
            cpus, gpus = (
                sum(getattr(one, kind) for one in cluster.nodes) for kind in ("cpus", "gpus")
            )
            yield CheckFinding(
                "Ray",
                "ok",
                f"{version}, {address}: machines {len(cluster.nodes)}, cores {cpus}, GPUs {gpus}",
            )
    elif version is not None:
        yield CheckFinding(
            "Ray", "ok", f"{version}; `--engine ray` uses this machine alone without --address"
        )


def _hpo() -> Iterator[CheckFinding]:
    ontology = installed_ontology()
    if ontology is None:
        yield CheckFinding(
            "HPO",
            "note",
            "not installed: no ranking by HPO terms",
            "Run `pip install 'gestalt-space[phenotype]'`.",
        )
        return
    yield CheckFinding("HPO", "ok", f"release {ontology.release}, {len(ontology):,} terms")


def _variants() -> CheckFinding:
    version = _version("cyvcf2")
    if version is None:
        return CheckFinding(
            "variants",
            "note",
            "cyvcf2 not installed: no VCF files",
            "Run `pip install 'gestalt-space[genomics]'`.",
        )
    return CheckFinding("variants", "ok", f"VCF files are read by cyvcf2 {version}")


def _onnxruntime() -> Iterator[CheckFinding]:
    offered = runtime().get_available_providers()
    threads = session_options().intra_op_num_threads
    device = "cuda and cpu" if "CUDAExecutionProvider" in offered else "cpu"
    yield CheckFinding("onnxruntime", "ok", f"devices {device}; {threads} threads")


def _torch() -> Iterator[CheckFinding]:
    if not has_torch():
        yield CheckFinding(
            "torch",
            "note",
            "not installed: no GestaltMatcher, no timm, no bf16",
            "Run `pip install 'gestalt-space[encoders]'`.",
        )
        return
    place = torch_device()
    able = ", ".join(fast_precisions(place))
    yield CheckFinding("torch", "ok", f"{_version('torch')}; on {place.type} in {able}")


def _faiss() -> Iterator[CheckFinding]:
    if all(map(_version, FAISS)):
        yield CheckFinding(
            "faiss",
            "note",
            "faiss-gpu and faiss-cpu are both installed, with files of the same names",
            "Run `pip uninstall faiss-cpu`, then "
            "`pip install --force-reinstall --no-deps faiss-gpu`.",
        )
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
        yield CheckFinding(
            "faiss", "fail", "the self-test did not finish", "Install faiss-cpu instead."
        )
        return
    if test.returncode:
        last = (test.stderr.strip().splitlines() or ["no message"])[-1]
        yield CheckFinding(
            "faiss", "fail", f"the self-test failed: {last}", "Install faiss-cpu instead."
        )
        return
    gpus = int(test.stdout.strip() or 0)
    yield CheckFinding("faiss", "ok", f"exact search works; {gpus or 'no'} GPU")


def _search(settings: Settings) -> CheckFinding:
    """What would search a large gallery."""
    if settings.search_device == "cpu":
        return CheckFinding("search", "ok", "on the CPU, because of the setting search_device")
    why = gpu_works()
    if why is None:
        return CheckFinding("search", "ok", f"large galleries on {gpu_name()}")
    if settings.search_device == "cuda":
        hint = "Set GESTALT_SEARCH_DEVICE=auto to search without a GPU."
        return CheckFinding("search", "fail", f"no GPU can be used for searching: {why}", hint)
    return CheckFinding("search", "ok", f"on the CPU; no GPU: {why}")


def _milvus() -> Iterator[CheckFinding]:
    """Where pymilvus is installed: whether Milvus Lite keeps and finds rows."""
    version, lite = _version("pymilvus"), _version("milvus-lite")
    if version is None:
        return
    if lite is None:
        told = f"pymilvus {version}, for Milvus servers; no Milvus Lite"
        yield CheckFinding("milvus", "note", told, INSTALL_LITE)
        return
    ids = np.arange(1, 5)
    rows = EngineRows(ids, ids, np.zeros(4), ids, np.eye(4, dtype=np.float32))
    with tempfile.TemporaryDirectory(prefix="gestalt-") as folder:
        engine = open_milvus(CollectionPlace(folder, "doctor", 4, "doctor"))
        try:
            engine.create()
            engine.add(rows)
            hits = engine.nearest(rows.vectors[2], 1)
        finally:
            engine.close()
    if hits.ids.tolist() != [3]:
        yield CheckFinding("milvus", "fail", "the self-test found a wrong row", INSTALL_LITE)
        return
    yield CheckFinding("milvus", "ok", f"pymilvus {version}; Milvus Lite {lite} works")


def _engines(settings: Settings) -> Iterator[CheckFinding]:
    """How far each search engine of the home is, by what it says of itself; nothing where the home
    has none. `gestalt index verify` compares all photos."""
    if not settings.engines_file.exists():
        return
    # What is wrong with the settings of the crops is a finding of the gallery.
    settings, _ = without_wrong_crops(settings)
    with Gallery(settings, finish=False) as gallery:
        for state in gallery.engines():
            yield _engine(state)


def _engine(state: EngineState) -> CheckFinding:
    name = state.record.name
    subject = f"engine {name}" if state.model is None else f"engine {name} {state.model}"
    sync = f"Run `gestalt index engine sync {name}`."
    if state.error is not None:
        return CheckFinding(subject, "fail", state.error.message, state.error.hint)
    if state.position is None or state.position.sequence == NOTHING:
        return CheckFinding(subject, "fail", "not filled to the end", sync)
    recall = state.record.recall
    told = "recall not measured" if recall is None else recall.told
    have = f"{counted_text(state.position.rows, 'photo')}; {told}"
    if not state.newer:
        counted = f"{have}; counted only, `gestalt index verify` compares them one by one"
        return CheckFinding(subject, "ok", counted)
    lacking = f"{have}; lacks {counted_text(state.newer, 'newer photo')}, searched exactly"
    return CheckFinding(subject, "note", lacking, sync)


def _models(settings: Settings) -> Iterator[CheckFinding]:
    store = ModelStore(settings.models_dir)
    models = store.sound_models()
    for model in models:
        yield from guarded(f"model {model.name}", _model(settings, store, model))
    for folder in store.damaged():
        yield CheckFinding(
            f"model {folder}",
            "fail",
            "its manifest cannot be read",
            f"Run `gestalt models remove {folder}` and add the model again.",
        )
    for role in ("encoder", "detector"):
        if not any(model.file(role) for model in models):
            yield CheckFinding(
                role,
                "fail",
                "none installed",
                "Run `gestalt models pull NAME`, or `gestalt models add FILE --name NAME`.",
            )


def _model(settings: Settings, store: ModelStore, model: InstalledModel) -> Iterator[CheckFinding]:
    store.verify(model.name)
    if model.classifier is not None:
        classes, regions = len(model.classifier.classes), len(model.classifier.regions)
        open_classifier(model)
        told = f"classifier of {classes} classes by {regions} regions; {model.license}"
        yield CheckFinding(f"model {model.name}", "ok", told)
        return
    at_work = [file for file in model.files if file.role != "training"]
    roles = " and ".join(f"{file.role} ({file.kind})" for file in at_work)
    if model.encoders:
        encoder = open_encoder(model, precision=settings.precisions.get(model.name, "float32"))
        roles += f", runs in {encoder.run}"
    yield CheckFinding(f"model {model.name}", "ok", f"{roles}; {model.license}")
    if model.encoders and model.name != BUILTIN and has_torch():
        reason = why_not_native(model)
        if reason is not None:
            yield CheckFinding(f"model {model.name}", "note", f"no GPU and no bf16: {reason}")
