"""Figures as files, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import output

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")
PAGES = (".html",)


def check_picture_path(
    path: Path, endings: tuple[str, ...] = PICTURES + PAGES, *, overwrite: bool
) -> None:
    """Raise where no figure can be written, before anything is computed for it."""
    from gestalt_space.atomic_files import check_new_file

    check_new_file(path, endings, overwrite=overwrite)


def write_picture(draw: Callable[[], Figure], path: Path, *, overwrite: bool, quiet: bool) -> None:
    """Draw a figure, write it as the ending of its file says, and say which characters are
    missing."""
    from gestalt_space.figures.saving import save_figure

    with output.step("Drawing", quiet=quiet):
        missing = save_figure(draw(), path, overwrite=overwrite)
    say_missing(missing, path)


def say_missing(characters: str, path: Path) -> None:
    """Say which characters no font of this machine has."""
    if characters:
        is_text = path.suffix.lower() == ".svg"
        shown = "" if is_text else "; they are shown as �"
        output.say(f"{path}: no font on this machine has {' '.join(characters)}{shown}.")
        output.say("Install one that has them, such as Debian's fonts-noto-cjk.", indent="  ")
