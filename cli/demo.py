"""`gestalt demo`."""

from __future__ import annotations

import shutil
import sys
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

if TYPE_CHECKING:
    from gestalt_space.demo.run import DemoResult
    from gestalt_space.demo.trial import Show, Trial
    from gestalt_space.devices import Device

LISTED = 10


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Folder to create.", metavar="DIR", show_default=True)
    ] = Path("gestalt-demo"),
    disorders: options.Disorders = 40,
    patients: options.Patients = None,
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
    touched. Neither the people nor the disorders exist.

    With --serve the demo's gallery is then served, until Ctrl-C, and only to this machine.

    --csv writes the table `top` or `ranking`.
    """
    from gestalt_space.demo.run import demo_document, run_demo
    from gestalt_space.demo.tables import ranking_table, top_table
    from gestalt_space.devices import parse_device
    from gestalt_space.errors import UsageError
    from gestalt_space.pages.demo import demo_page
    from gestalt_space.settings import load_settings
    from gestalt_space.simulate.cohort import CohortPlan
    from gestalt_space.weights.store import ModelStore

    if open_browser and not serve:
        raise UsageError("--open is about the page that --serve gives.", "Add --serve.")
    if serve:
        # What is missing ends the work before it begins.
        import gestalt_space.service  # noqa: F401
    output.check_csv(csv, as_json=as_json)
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
            plan=CohortPlan(disorders=disorders, patients=patients, seed=seed),
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


def _show(result: DemoResult, *, quiet: bool) -> None:
    _show_ranking(result.trial)
    _show_top(result.trial)
    if not quiet:
        output.write_text(
            "These people and disorders do not exist. The results say nothing about real patients.",
            style="dim",
        )
        output.write_text(output.DISCLAIMER, style="dim")
        _say_next(result)


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
    output.write_text(f"\nPatient {probe.record.patient}, held back", style="bold")
    output.write_text(
        f"  {probe.record.photo}; the first patient by id, not the best result.\n  The simulated "
        f"disorder is {true.name} ({true.id})"
    )
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
