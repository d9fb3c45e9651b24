"""The tables of a demo, for programs."""

from __future__ import annotations

from gestalt_space.demo.trial import Trial
from gestalt_space.tables.table import Table


def top_table(trial: Trial) -> Table:
    """How often the true disorder is among the first k, of all probes."""
    return Table(
        ("k", "hits", "probes", "share", "chance"),
        tuple((one.k, one.hits, one.probes, one.share, one.chance) for one in trial.top()),
    )


def ranking_table(trial: Trial) -> Table:
    """All disorders as they rank for the patient who is shown."""
    probe = trial.shown
    true = probe.record.disorders[0].id
    return Table(
        ("photo", "rank", "disorder", "name", "similarity", "patient", "true"),
        tuple(
            (
                probe.record.photo,
                line.rank,
                line.id,
                line.name,
                line.similarity,
                line.patient,
                line.id == true,
            )
            for line in probe.match.lines
        ),
    )
