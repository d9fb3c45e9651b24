"""Which detector a name stands for, and what `auto` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gestalt_space.devices import Device, providers
from gestalt_space.errors import ModelNotInstalled, UsageError
from gestalt_space.faces.detection import Detector
from gestalt_space.weights.manifest import InstalledModel, ModelFile
from gestalt_space.weights.store import ModelStore

DETECTORS = ("auto", "scrfd", "yunet", "builtin", "aligned", "landmarks")
BEST_FIRST = ("scrfd", "yunet", "builtin")
"""The kinds that `auto` looks for, in this order."""

DetectorFactory = Callable[[int], Detector]
"""Makes a detector for one thread, which may itself use that many threads."""


def detector_factory(
    store: ModelStore,
    name: str = "auto",
    *,
    landmarks: Path | None = None,
    device: Device = "auto",
) -> tuple[str, DetectorFactory]:
    """The detector's name in full, as `scrfd of buffalo_l`, and what makes one for each thread.

    Raises `ModelNotInstalled` where no model of that kind is installed, `UsageError` for a name
    that is not one of `DETECTORS`.
    """
    if name not in DETECTORS:
        raise UsageError(f"Unknown detector {name!r}.", f"Choose one of: {', '.join(DETECTORS)}.")
    if device == "cuda":
        # So that a device that is not there is told, whatever the detector runs on.
        providers(device)
    if landmarks is not None and name in ("auto", "landmarks"):
        return f"landmarks of {landmarks.name}", _landmarks(landmarks)
    if name == "landmarks" or landmarks is not None:
        raise UsageError(
            "--detector landmarks and --landmarks FILE must be used together.",
            "Give both, or only --landmarks FILE.",
        )
    if name == "aligned":
        return "aligned", _aligned
    if found := _best(store, BEST_FIRST if name == "auto" else (name,)):
        kind, model = found
        return _title(kind, model), _installed(model, kind, device)
    what = "detector" if name == "auto" else f"{name} detector"
    raise ModelNotInstalled(
        f"No {what} is installed.",
        "Run `gestalt models pull yunet`, or `gestalt models add FILE --name NAME`. If the photos "
        "are aligned crops, use `--detector aligned`.",
    )


def detector_weights(store: ModelStore, name: str, *, landmarks: Path | None = None) -> str:
    """The sha256 of the file of a detector, named as for `detector_factory`; empty where it has
    none."""
    if landmarks is not None or name in ("aligned", "landmarks"):
        return ""
    found = _best(store, BEST_FIRST if name == "auto" else (name,))
    return "" if found is None else _file(*found).sha256


def auto_detector(store: ModelStore) -> str | None:
    """The detector that `auto` takes of these models, by its name in full; None where none is
    installed."""
    found = _best(store, BEST_FIRST)
    return None if found is None else _title(*found)


def _best(store: ModelStore, kinds: Sequence[str]) -> tuple[str, InstalledModel] | None:
    models = ((kind, store.best("detector", kind)) for kind in kinds)
    return next(((kind, model) for kind, model in models if model is not None), None)


def _title(kind: str, model: InstalledModel) -> str:
    return kind if model.name == kind else f"{kind} of {model.name}"


def _file(kind: str, model: InstalledModel) -> ModelFile:
    return next(file for file in model.files if file.kind == kind)


def _landmarks(path: Path) -> DetectorFactory:
    from gestalt_space.faces.landmarks_file import LandmarksDetector

    detector = LandmarksDetector(path)
    return lambda threads: detector  # noqa: ARG005 - it only looks up


def _aligned(threads: int) -> Detector:  # noqa: ARG001 - it only looks
    from gestalt_space.faces.aligned import AlignedDetector

    return AlignedDetector()


def _installed(model: InstalledModel, kind: str, device: Device) -> DetectorFactory:
    file = _file(kind, model)
    model.checked_path(file)

    def make(threads: int) -> Detector:
        # Once more: they are opened as they are needed, and the file may be another by then.
        path = model.checked_path(file)
        if kind == "scrfd":
            from gestalt_space.faces.scrfd import ScrfdDetector

            return ScrfdDetector(path, device=device, threads=threads)
        if kind == "builtin":
            from gestalt_space.faces.builtin import BuiltinDetector

            return BuiltinDetector(path, device=device, threads=threads)
        from gestalt_space.faces.yunet import YunetDetector

        return YunetDetector(path)

    return make
