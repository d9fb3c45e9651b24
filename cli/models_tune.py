"""`gestalt models tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.encoders.tuning import PrecisionMeasurement
    from gestalt_space.machine.tuning import TuningFaces


def tune(
    name: Annotated[str, typer.Argument(help="Name of the model.", show_default=False)],
    faces: Annotated[
        Path | None,
        typer.Option(
            "--faces",
            help="Folder of photos to measure on. [default: faces of the gallery, else simulated "
            "faces]",
            show_default=False,
        ),
    ] = None,
    detector: options.Detector = "auto",
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> None:
    """Measure how much faster an encoder is in a lower precision, and how much its results change.

    Nothing is changed. For each precision that the hardware supports, the output lists faces per
    second, the lowest cosine between the slots of a face and the same slots in float32, and how
    often the nearest photo and the ten nearest stay the same. A precision below cosine 0.999 is not
    recommended.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.documents.models import tuned_document, tuned_table
    from gestalt_space.encoders.registry import find_encoder_model
    from gestalt_space.encoders.tuning import fastest
    from gestalt_space.machine.tuning import tune_model, tuning_faces
    from gestalt_space.settings import load_settings
    from gestalt_space.weights.store import ModelStore

    output.check_csv(csv, as_json=as_json)
    settings = load_settings(home)
    model = find_encoder_model(ModelStore(settings.models_dir), name)
    found = tuning_faces(settings, model, faces, detector)
    with output.progress("Measuring precisions", None, quiet=as_json, unit="precisions"):
        rows = tune_model(model, found, device=parse_device(device))
    best = fastest(rows)
    if as_json:
        output.write_json(
            tuned_document(name, found.faces, found.compared_with, rows, best.precision)
        )
        return
    if csv is not None:
        output.write_table(tuned_table(rows), csv)
        return
    _write_rows(rows, found)
    if best.precision == "float32":
        output.write_text(
            "float32, the default, is the best choice here. You need to change nothing."
        )
        return
    from gestalt_space.settings import settings_file

    output.write_text(f"To use {best.precision}, add to {settings_file()}:")
    output.write_text(f'\n[precisions]\n"{name}" = "{best.precision}"\n')


def _write_rows(rows: Sequence[PrecisionMeasurement], found: TuningFaces) -> None:
    from gestalt_space.documents.models import tuned_table

    output.write_table(tuned_table(rows))
    device = rows[0].run.device
    output.write_text(f"Measured on {found.faces}, on device {device}.")
    output.write_text(f"Compared with {found.compared_with}.")
    if not all(row.sound for row in rows):
        output.write_text("Not recommended: for some faces, the cosine to float32 is below 0.999.")
