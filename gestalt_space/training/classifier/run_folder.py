"""The folder of a training: what may be in it, and the tables that it gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from gestalt_space.atomic_files import check_path, make_private_folder, unwritable, write_atomically
from gestalt_space.errors import OutputError
from gestalt_space.paths import display_name
from gestalt_space.tables.rows import RowWriter
from gestalt_space.training.classifier.region_networks import REGIONS_FOLDER
from gestalt_space.training.classifier.results import RegionFigures
from gestalt_space.training.classifier.trunks import PRETRAINING

MODEL = "model"
SPLIT = "split.csv"
LOG = "log.csv"
_OURS = frozenset({SPLIT, LOG, REGIONS_FOLDER, PRETRAINING})


def open_run_folder(folder: Path) -> None:
    """Make the folder of a training, or go on with one that was interrupted.

    Raises `OutputError` for a folder with a finished training or with something else in it.
    """
    check_path(folder)
    if (folder / MODEL).exists():
        raise OutputError(
            f"{display_name(folder)} has a finished training.",
            f"Its model is {display_name(folder / MODEL)}: `gestalt models add` installs it. To "
            "train again, choose another --output.",
        )
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{display_name(folder)} is a file.", "Choose another --output.")
    if folder.is_dir():
        others = [path.name for path in folder.iterdir() if path.name not in _OURS]
        if others:
            raise OutputError(
                f"{display_name(folder)} has other files in it: {display_name(others[0])}.",
                "Choose a new folder.",
            )
    try:
        make_private_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


def write_log(folder: Path, regions: Sequence[RegionFigures]) -> None:
    """Write the figures of each region. Raises `OutputError`."""
    columns = ("region", "top1", "log_loss", "weight")
    rows = ((one.region, *map(repr, (one.top1, one.log_loss, one.weight))) for one in regions)
    write_atomically(folder / LOG, table_bytes(columns, rows))


def table_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as CSV."""
    stream = StringIO()
    writer = RowWriter(stream)
    writer.write(columns)
    writer.write_all(rows)
    return stream.getvalue().encode()
