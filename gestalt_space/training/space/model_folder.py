"""The result of a training: a folder with a model and its card, that `gestalt models add` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gestalt_space.atomic_folders import whole_folder
from gestalt_space.evaluation.split_file import PARTS
from gestalt_space.training.cards import count_text, strata_lines, toml_lines
from gestalt_space.training.libraries import libraries
from gestalt_space.training.space.history import Epoch, best_of
from gestalt_space.training.space.loop import Training
from gestalt_space.training.space.patient_split import faces_of
from gestalt_space.weights.manifest import CARD, InstalledModel, write_manifest


def write_model(
    training: Training,
    epochs: Sequence[Epoch],
    folder: Path,
    *,
    mark: Callable[[InstalledModel], None],
) -> InstalledModel:
    """Write the network as it is now, its manifest and its card. The licence is that of the model
    it was trained from. `mark` is called with the model before its folder appears. Raises
    `OutputError`, and what `mark` raises.
    """
    start = training.start
    with whole_folder(folder) as aside:
        files = start.write(aside)
        model = InstalledModel(
            name=training.folder.resolve().name,
            folder=aside,
            files=files,
            source=f"{start.model.name}, trained by {training.recipe.name}",
            license=start.model.license,
            terms=start.model.terms,
            restricted=start.model.restricted,
            accepted_at=None,
            added_at=datetime.now(UTC).isoformat(timespec="seconds"),
            views=start.model.views,
            trained_from=(*start.model.trained_from, start.spec.fingerprint),
        )
        write_manifest(model)
        (aside / CARD).write_text(card_of(training, epochs, model), encoding="utf-8")
        mark(model)
    return model


def card_of(training: Training, epochs: Sequence[Epoch], model: InstalledModel) -> str:
    """The card: what the model was trained from, on whom, and how well it did. Counts alone; no
    patient is named, and small groups are not counted."""
    faces, split, recipe = training.faces, training.split, training.recipe
    best = best_of(epochs, recipe.watched_top)
    start = training.start
    lines = [
        f"# {model.name}",
        "",
        (
            f"An encoder fine-tuned from {start.model.name} (sha256 {start.file.sha256}) by "
            "`gestalt train space`."
        ),
        "",
        f"- Licence: {model.license}. {model.terms}".rstrip(),
        (
            f"- Recipe: {recipe.name}, seed {recipe.seed}, {len(epochs) - 1} epochs, of which "
            f"number {best.epoch} is kept"
        ),
        f"- Made with {libraries()}, {training.computing}",
        (
            "- Not for diagnosis. Do not evaluate it on the patients it was trained on: they are "
            "found too easily."
        ),
        "",
        "## Patients",
        "",
        (
            f"{len(split.classes)} disorders were trained, "
            f"{len(faces.titles) - len(split.classes)} rare ones were not."
        ),
        "",
        "| part | patients | photos |",
        "|---|---|---|",
    ]
    for number, part in enumerate(PARTS):
        patients = split.patients(number)
        photos = len(faces_of(patients, faces))
        lines.append(f"| {part} | {count_text(len(patients))} | {count_text(photos)} |")
    trained = split.patients(0)
    lines += ["", "Of the patients trained on:", "", "| | patients |", "|---|---|"]
    lines += strata_lines("sex", (faces.sex[number] for number in trained))
    lines += strata_lines("ancestry", (faces.ancestry[number] for number in trained))
    lines += [
        "",
        "## Validation",
        "",
        (
            "Share of the validation photos whose disorder is among the first k, the mean over "
            "disorders. The epoch was chosen by these patients, so the figures are too high for "
            "others."
        ),
        "",
        "| disorders | k | before | after |",
        "|---|---|---|---|",
    ]
    for name, value in best.figures.items():
        part, _, k = name.partition("_top")
        if value == value:
            lines.append(f"| {part} | {k} | {epochs[0].figures[name]:.1%} | {value:.1%} |")
    lines += ["", "## Values", "", "```toml"]
    lines += toml_lines(recipe.values)
    return "\n".join([*lines, "```", ""])
