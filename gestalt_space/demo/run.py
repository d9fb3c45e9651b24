"""The demo as a whole: a folder with a cohort, a gallery of its own, and the report."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from gestalt_space.atomic_files import write_private
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.demo.trial import HeldBack, Stage, Trial, hold_back, run_trial, unwatched
from gestalt_space.devices import Device
from gestalt_space.documents.matches import line_form
from gestalt_space.documents.simulated import DemoDocument, DemoProbeForm
from gestalt_space.encoders.registry import find_encoder_model
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.faces.registry import BEST_FIRST, detector_factory
from gestalt_space.home import Gallery
from gestalt_space.paths import display_name, is_folder
from gestalt_space.settings import Settings, load_settings
from gestalt_space.simulate.cohort import Cohort
from gestalt_space.simulate.cohort_files import write_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects, SubjectSource
from gestalt_space.weights.store import BUILTIN, ModelStore

GENERATOR = "gestalt-space demo"
"""Stands at the beginning of every page, by which an earlier demo is known."""
COHORT = "cohort"
HOME = "home"
EXPLAINED = "explained.html"
"""The page that one of the next commands writes, beside the demo's folder."""
REPORT = "report.html"

DrawCohort: TypeAlias = Callable[[SubjectSource], Cohort]
"""Draws the cohort: `draw_cohort` or `draw_case_cohort` with a plan."""
WritePage: TypeAlias = Callable[[Trial, Path, Persons, Sequence[str]], str]
"""Makes the page, as HTML, of a trial, the folder of its photos, and commands to try next."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """A demo that was run. `folder`: as it was named; `seconds`: by what they went into."""

    folder: Path
    trial: Trial
    next_steps: tuple[str, ...]
    seconds: dict[str, float]


def run_demo(
    folder: Path,
    *,
    draw: DrawCohort,
    models: ModelStore,
    page: WritePage,
    space: str = BUILTIN,
    detector: str = BUILTIN,
    device: Device = "auto",
    overwrite: bool = False,
    stage: Stage = unwatched,
) -> DemoResult:
    """Simulate, fill a gallery, match, and write the report; all into `folder`, or nothing.

    `draw` draws the cohort; `page` makes the report: `gestalt_space.pages.demo.demo_page`.
    `overwrite`: take the place of an earlier demo. The user's own gallery is not opened. Raises
    `OutputError` where there is something else in `folder`, and the errors of what is done.
    """
    check_place(folder, overwrite=overwrite)
    clock = _Clock()
    with clock.time("simulate"):
        persons = Persons.builtin()
        cohort = draw(SampledSubjects(persons))
    # What would end the work later ends it before it begins.
    hold_back(cohort)
    find_encoder_model(models, space)
    detector_factory(models, detector, device=device)
    with whole_folder(folder) as place:
        with clock.time("simulate"), stage("Taking photos", cohort.photo_count) as show:
            write_cohort(cohort, place / COHORT, progress=show)
        settings = _own_settings(place / HOME)
        _install(models, space, detector, ModelStore(settings.models_dir))
        with (
            clock.time("match"),
            Gallery(settings, space=space, detector=detector, device=device) as gallery,
        ):
            trial = run_trial(cohort, place / COHORT, gallery, stage)
        steps = _next_steps(folder, trial, settings)
        with clock.time("report"), stage("Writing the report", 1):
            text = page(trial, place / COHORT, persons, steps)
            write_private(place / REPORT, text.encode())
    return DemoResult(folder, trial, steps, clock.seconds)


def open_demo(result: DemoResult, device: Device = "auto") -> Gallery:
    """The gallery of a demo, as it was filled. Whoever opens it closes it."""
    trial = result.trial
    return Gallery(
        _own_settings(result.folder / HOME),
        space=trial.space.model.name,
        detector=trial.detector.split()[0],
        device=device,
    )


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Raises `OutputError` or `UsageError` where no demo can be written to `folder`."""
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(
            f"{display_name(folder)} is the current folder.", "Give a new folder in it."
        )
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_demo(folder):
        raise OutputError(
            f"{display_name(folder)} already exists, and is not an earlier demo.",
            "Choose another folder.",
        )
    foreign = sorted({path.name for path in folder.iterdir()} - {COHORT, HOME, REPORT})
    if foreign:
        raise OutputError(
            f"{display_name(folder)} has a file that is not from the demo: "
            f"{display_name(foreign[0])}.",
            "Move it elsewhere, or choose another folder.",
        )
    if not overwrite:
        raise OutputError(
            f"{display_name(folder)} already has a demo.",
            f"To serve it: `gestalt serve --home {display_name(folder / HOME)}`. To make it anew, "
            "add --overwrite, or choose another folder.",
        )


def demo_document(result: DemoResult) -> DemoDocument:
    """What programs read of a demo."""
    trial, folder = result.trial, result.folder
    return {
        "document": "demo",
        "version": 1,
        "output": display_name(folder),
        "report": display_name(folder / REPORT),
        "cohort": display_name(folder / COHORT),
        "home": display_name(folder / HOME),
        "seed": trial.cohort.plan.seed,
        "space": {"name": trial.space.model.name, "fingerprint": trial.space.fingerprint},
        "detector": trial.detector,
        "gallery": {
            "patients": trial.patient_count,
            "photos": len(trial.gallery),
            "disorders": trial.disorder_count,
            "failed": trial.failed,
        },
        "held_back": {
            "patients": len(trial.held_back),
            "photos": len(trial.probes),
            "failed": sum(probe.encoded is None for probe in trial.probes),
        },
        "top": [
            {
                "k": top.k,
                "hits": top.hits,
                "probes": top.probes,
                "share": round(top.share, 4),
                "chance": round(top.chance, 4),
            }
            for top in trial.top()
        ],
        "probe": _probe_record(trial.shown),
        "seconds": {name: round(value, 2) for name, value in result.seconds.items()},
    }


def _probe_record(probe: HeldBack) -> DemoProbeForm:
    return {
        "photo": probe.record.photo,
        "patient": probe.record.patient,
        "disorder": probe.record.disorders[0].id,
        "rank": probe.rank,
        "disorders": [line_form(line) for line in probe.match.lines],
    }


def _is_demo(folder: Path) -> bool:
    try:
        with (folder / REPORT).open("rb") as stream:
            return GENERATOR.encode() in stream.read(500)
    except OSError:
        return False


def _own_settings(home: Path) -> Settings:
    """The user's settings, for a gallery that is not theirs: nothing of it lies outside `home`."""
    own = {"models": None, "database_url": None}
    return load_settings(home).model_copy(update=own)


def _install(models: ModelStore, space: str, detector: str, own: ModelStore) -> None:
    """Copy the models in use into the demo's home, so that its gallery is asked like any other."""
    used = [find_encoder_model(models, space)]
    for kind in BEST_FIRST if detector == "auto" else (detector,):
        if (model := models.best("detector", kind)) is not None:
            used.append(model)
            break
    for model in used:
        target = own.folder / model.name
        if model.name != BUILTIN and not is_folder(target):
            shutil.copytree(model.folder, target)


def _next_steps(folder: Path, trial: Trial, settings: Settings) -> tuple[str, ...]:
    photo = folder / COHORT / trial.shown.record.photo
    words = ["--home", display_name(folder / HOME)]
    store = ModelStore(settings.models_dir)
    if trial.detector == "aligned":
        words += ["--detector", "aligned"]
    elif detector_factory(store)[0] != trial.detector:
        words += ["--detector", trial.detector.split()[0]]
    true = trial.shown.record.disorders[0].id
    explained = ["--line", true, "-o", EXPLAINED]
    return (
        shlex.join(["gestalt", "match", display_name(photo), *words]),
        shlex.join(["gestalt", "explain", display_name(photo), *explained, *words]),
        shlex.join(["gestalt", "serve", *words]),
        "gestalt simulate cohort --output my-cohort --disorders 100",
    )


class _Clock:
    """Adds up the seconds that parts of the work took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        spent = time.perf_counter() - start
        self.seconds[part] = self.seconds.get(part, 0.0) + spent
        self.seconds["total"] = self.seconds.get("total", 0.0) + spent
