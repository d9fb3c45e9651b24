"""`gestalt train`: encoders and classifiers from a gallery's patients, rankings of genes."""

from __future__ import annotations

import typer

from .train_binary import binary
from .train_multiclass import multiclass
from .train_pedia import pedia
from .train_recognisable import recognisable
from .train_space import space
from .train_specialised import specialised

app = typer.Typer(
    help="Train encoders and classifiers on your patients.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def train() -> None:
    """Train encoders and classifiers on your patients."""


app.command("space")(space)
app.command("multiclass")(multiclass)
app.command("binary")(binary)
app.command("specialised")(specialised)
app.command("recognisable")(recognisable)
app.command("pedia")(pedia)
