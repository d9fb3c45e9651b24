"""The card of a PEDIA model: what it was trained on, in counts alone, and how well it did."""

from __future__ import annotations

from pathlib import Path

from gestalt_space.atomic_folders import whole_folder
from gestalt_space.genomics.pedia_model import FILE, model_text
from gestalt_space.genomics.pedia_training import TOPS, PediaTraining
from gestalt_space.stats.estimates import Estimate
from gestalt_space.weights.manifest import CARD


def write_model(folder: Path, found: PediaTraining) -> None:
    """Write the model and its card; neither names a case. Raises `OutputError`."""
    with whole_folder(folder) as aside:
        (aside / FILE).write_text(model_text(found.model), encoding="utf-8")
        (aside / CARD).write_text(card_text(found), encoding="utf-8")


def card_text(found: PediaTraining) -> str:
    """The card, in Markdown."""
    model = found.model
    lines = [
        "# PEDIA",
        "",
        (
            "Ranks the genes of a patient by several scores together: a linear support vector "
            "machine (Hsieh et al. 2019)."
        ),
        "",
        (
            f"- Trained on {found.cases} cases with {model.causal_genes} causal genes, "
            f"{found.rows:,} rows"
        ),
        f"- Genes: {model.gene_table or 'by symbol, without a gene table'}",
        f"- C = {model.c:g}",
        "- Not for diagnosis. It ranks genes; it does not say how probable they are.",
        "- Do not evaluate it on the cases it was trained on.",
        *(f"- {note}" for note in found.notes),
        "",
        "## Scores",
        "",
        (
            "Scores are scaled by the range; a distance is negated before. A missing score is 0 "
            "after that."
        ),
        "",
        "| score | kind | from | to | missing | weight |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.kind} | {one.low:g} | {one.high:g} | {one.missing:.1%} | "
            f"{one.weight:.3f} |"
            for one in model.features
        ),
        "",
        f"The intercept is {model.intercept:.3f}.",
        "",
        "## Accuracy",
        "",
        (
            f"{found.folds}-fold cross-validation by causal gene, C chosen by {found.inner}-fold "
            "cross-validation by case; equal scores take the worst rank. The share of cases whose "
            "causal gene is among the first, with 95 % intervals over causal genes. The model in "
            f"this folder was trained on all cases. An order at random gives {found.chance:.1%} "
            "for the first."
        ),
        "",
        "| scores | " + " | ".join(f"top-{k}" for k in TOPS) + " |",
        "|---" * (1 + len(TOPS)) + "|",
        *(
            f"| {one.title} | " + " | ".join(share_text(one.tops[k]) for k in TOPS) + " |"
            for one in found.accuracy
        ),
        "",
    ]
    return "\n".join(lines)


def share_text(one: Estimate) -> str:
    """A share with its interval, in percent."""
    return f"{one.value:.1%} ({one.low:.1%}–{one.high:.1%})"
