"""`gestalt index add`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import Interrupted
from gestalt_space.paths import display_name

from . import added_photos, facts, options, output
from .interruption import interruption
from .opening import opened_for_photos
from .probes import INPUT_NAME, STANDARD_INPUT, read_standard_input

if TYPE_CHECKING:
    from gestalt_space.documents.added import FolderForm
    from gestalt_space.gallery.intake import Intake
    from gestalt_space.gallery.intake.records import ReadRecord
    from gestalt_space.gallery.storing import Added, Status
    from gestalt_space.home import Gallery

Targets = Annotated[
    list[Path],
    typer.Argument(
        help="Photos, a folder, or a table (.csv, .tsv, .txt) with one row per photo.",
        metavar="PHOTO|FOLDER|TABLE",
        show_default=False,
    ),
]
Patient = Annotated[
    str, typer.Option("--patient", help="Patient in the photos.", show_default=False)
]
Update = Annotated[
    bool,
    typer.Option(
        "--update",
        help="If a row differs from the gallery, replace what is stored and list the changes. "
        "This applies to the facts of patients, and to the face of a photo that is already "
        "there.",
    ),
]
PatientLevel = Annotated[
    int | None,
    typer.Option(
        "--patient-level",
        min=1,
        help="For nested folders: the level of the folders that are named after patients. 1 is "
        "the outermost.",
        show_default=False,
    ),
]


def add(
    targets: Targets,
    patient: Patient = "",
    disorder: facts.Disorder = [],  # noqa: B006 - Typer copies it
    disorder_name: facts.DisorderName = [],  # noqa: B006
    gene: facts.Gene = [],  # noqa: B006
    sex: facts.Sex = None,
    age: facts.Age = None,
    ancestry: facts.Ancestry = None,
    cohort: facts.Cohort = None,
    family: facts.Family = None,
    site: facts.Site = None,
    hpo: facts.Hpo = [],  # noqa: B006
    hpo_absent: facts.HpoAbsent = [],  # noqa: B006
    consent: facts.Consent = None,
    patient_level: PatientLevel = None,
    face: options.FaceNumber = None,
    largest: options.Largest = False,
    no_crops: options.NoCrops = False,
    update: Update = False,
    report: options.Report = None,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    engine: options.EngineName = "local",
    address: options.Address = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Add photos of patients: single photos, a folder, or a table with one row per photo.

    Columns of a table: photo, patient, disorder, disorder_name, genes, sex, age, ancestry, cohort,
    family, site, hpo, face, consent. Only the first two are required. Separate lists by `;` or `|`,
    and write an absent HPO term as `!HP:0000252`. Paths are relative to the table. The separator
    and the text encoding are detected. An empty cell, `unknown`, `NA` or `?` means not known. `-`
    reads a table from standard input, with paths relative to the current folder.

    In a folder, each subfolder is named after a patient, and a photo outside a subfolder is named
    after its patient. With --patient, all photos are of that patient. For nested folders,
    --patient-level says which of them are named after patients.

    A patient without a disorder is undiagnosed. A photo that is already in the gallery is skipped,
    and new facts about it are added. After an interruption, run the same command again. If a row
    contradicts the gallery, the row fails and the differences are listed. With --update, the row
    replaces what is stored; an empty option, --disorder "", then removes the fact. Photos are not
    copied.
    """
    with ExitStack() as stack:
        with starting():
            from gestalt_space.gallery.intake.emptied import mark_emptied
            from gestalt_space.gallery.intake.given import given_cells
            from gestalt_space.gallery.intake.records import make_record

            cells = given_cells(
                disorder=disorder,
                gene=gene,
                sex=sex,
                age=age,
                ancestry=ancestry,
                cohort=cohort,
                family=family,
                site=site,
                hpo=hpo,
                hpo_absent=hpo_absent,
                consent=consent,
            )
            told = make_record(
                {
                    **cells,
                    "patient": patient,
                    "disorder_name": ";".join(disorder_name),
                    "face": "" if face is None else str(face),
                }
            )
            told = replace(told, record=mark_emptied([told.record], cells)[0])
            _check_report(report, targets)
            rows, plans = _rows(targets, told, patient_level, quiet=quiet)
            gallery = stack.enter_context(
                opened_for_photos(
                    home, space, detector, landmarks, device, precision, engine, address
                )
            )
        return put_in(
            gallery,
            rows,
            largest=largest,
            keep_crops=not no_crops,
            update=update,
            report=report,
            as_json=as_json,
            quiet=quiet,
            beside={"folders": plans} if plans else None,
        )


def starting() -> AbstractContextManager[None]:
    """Says, where adding is interrupted before it has begun, that nothing was added."""
    return interruption(
        lambda: " while starting: nothing was added.", "Run the same command again."
    )


def put_in(
    gallery: Gallery,
    rows: Sequence[Intake],
    *,
    largest: bool,
    keep_crops: bool,
    update: bool = False,
    report: Path | None,
    as_json: bool,
    quiet: bool,
    beside: Mapping[str, Any] | None = None,
) -> int:
    """Add rows to the gallery, and tell what became of each; the exit code.

    `beside`: what else stands in the JSON document.
    """
    with added_photos.report_to(report) as tell:
        with starting():
            _check_cluster(gallery)
            gallery.database.require_writable()
            if not quiet:
                _say_how(gallery)
            if gallery.options.engine == "local":
                output.say_precisions(gallery.encoded())
            else:
                output.say_precision(gallery.precision, gallery.runs())
        counts: Counter[Status] = Counter()
        try:
            with output.progress("Adding", len(rows), quiet=quiet) as show:

                def follow(result: Added) -> None:
                    tell(result)
                    counts[result.status] += 1
                    show(counts.total(), len(rows))

                added = gallery.add(
                    rows, largest=largest, keep_crops=keep_crops, update=update, progress=follow
                )
            unfilled = gallery.faces_to_fill()
            calibration = gallery.calibration()
        except KeyboardInterrupt:
            added_photos.say_counts(counts)
            raise Interrupted(
                f"Interrupted after {counts.total():,} of {counted_text(len(rows), 'photo')}.",
                "Run the same command again to continue; photos already added are skipped.",
            ) from None
    from gestalt_space.gallery.permissions import exposure

    left = added.left_in_log
    if as_json:
        from gestalt_space.documents.added import added_document

        document = added_document(added.photos, counts, left, calibration)
        output.write_json({**document, **(beside or {})})
    if not quiet:
        added_photos.say_results(added.photos)
        if left is not None:
            output.say_error(left)
        rights = exposure(gallery.settings)
        if rights is not None and rights.to_all:
            output.say(
                f"Everybody on this machine can read files of the home: run `{rights.mending}`."
            )
        if unfilled:
            output.say(
                f"{unfilled} photos of the gallery have no descriptor in this space: "
                "run `gestalt index fill` with the same --space."
            )
        if calibration is not None and calibration.told is not None:
            output.say(calibration.told)
    return 3 if added.failed else 0


def _rows(
    targets: list[Path], told: ReadRecord, patient_level: int | None, *, quiet: bool
) -> tuple[list[Intake], list[FolderForm]]:
    """The rows of all targets, and what the folders among them give, as it stands in JSON."""
    from gestalt_space.documents.added import folder_form
    from gestalt_space.gallery.intake.folders import one_photo, plan_folder
    from gestalt_space.gallery.intake.tables import TABLE_SUFFIXES
    from gestalt_space.paths import is_folder

    rows: list[Intake] = []
    plans: list[FolderForm] = []
    for target in targets:
        if is_folder(target):
            plan = plan_folder(target, told, patient_level=patient_level)
            if not quiet:
                output.say(f"{display_name(target)}: {plan}.")
            rows += plan.rows
            over = output.passed_over_forms(plan.found)
            folder = display_name(target)
            plans.append(folder_form(folder, len(plan.rows), plan.patients, over))
        elif target == STANDARD_INPUT or target.suffix.lower() in TABLE_SUFFIXES:
            rows += table_rows(target, told)
        else:
            rows.append(one_photo(target, told))
    return rows, plans


def table_rows(target: Path, told: ReadRecord | None = None) -> tuple[Intake, ...]:
    """The rows of a table, or of what comes in by standard input. Says what was read in another way
    than it is written. `told`: facts from options, of which a table takes none."""
    from gestalt_space.errors import UsageError
    from gestalt_space.gallery.intake.tables import read_table, read_table_bytes
    from gestalt_space.types import PhotoRecord

    is_piped = target == STANDARD_INPUT
    name = INPUT_NAME if is_piped else display_name(target.name)
    if told is not None and told.record != PhotoRecord(photo="", patient=""):
        raise UsageError(
            f"{name} is a table, so its columns give the facts of each photo.",
            "Leave out --patient and similar options.",
        )
    if is_piped:
        table = read_table_bytes(read_standard_input(), name, Path.cwd())
    else:
        table = read_table(target)
    if table.written:
        output.say(f"{name}: {table.written}.")
    if table.unread:
        output.say(f"{name}: columns not used: {', '.join(table.unread)}.")
    return table.rows


def _check_report(report: Path | None, targets: list[Path]) -> None:
    from gestalt_space.errors import UsageError

    if report is not None and report.resolve() in {target.resolve() for target in targets}:
        raise UsageError(
            f"The report would overwrite {report.name}.", "Choose another --report FILE."
        )


def _check_cluster(gallery: Gallery) -> None:
    """Before a gallery is made: that the cluster is there."""
    from gestalt_space.distributed.cluster import check_cluster

    if gallery.options.engine == "ray":
        check_cluster(gallery.options.address or gallery.settings.ray_address)


def _say_how(gallery: Gallery) -> None:
    from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION

    space, detector = gallery.space, gallery.detector
    if space.chosen:
        output.say(
            f"New gallery: it uses the best encoder installed, {space.model.name}, from now on."
        )
    output.say(f"Encoder {space.model.name}, detector {detector}.")
    if space.model.name == BUILTIN:
        output.say(BUILTIN_CAUTION)
