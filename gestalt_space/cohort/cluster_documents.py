"""Clusters as a document for programs. It names no patient unless it is asked to."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from gestalt_space import __version__
from gestalt_space.cohort.clusters import Clustering
from gestalt_space.cohort.selection import Selection
from gestalt_space.gallery.spaces import run_records
from gestalt_space.stats.estimates import finding_records


def cluster_document(
    selection: Selection, found: Clustering, *, show_patients: bool = False
) -> dict[str, Any]:
    """All figures of a clustering; what is not a number is None."""
    document: dict[str, Any] = {
        "version": 1,
        "made_by": f"gestalt-space {__version__}",
        "space": {
            "model": selection.space,
            "fingerprint": selection.fingerprint,
            "runs": run_records(selection.runs),
        },
        "selection": selection.source,
        "patients": len(found.patients),
        "photos": len(selection),
        "plan": asdict(found.plan),
        "rule": found.rule,
        "silhouette": found.silhouette,
        "adjusted_rand": {
            "patients": found.compared,
            "average_linkage": found.agreement,
            "hdbscan": found.dense_agreement,
            "resampled": found.resampled_agreement,
        },
        "clusters": [asdict(one) for one in found.clusters],
        "hdbscan_clusters": int(found.dense.max()),
        "disorders": [{**asdict(one), "reading": one.reading} for one in found.disorders],
        "pairs": [asdict(one) for one in found.pairs],
        "findings": finding_records(
            [
                *(one.finding for one in found.pairs if one.p == one.p),
                *(one.finding for one in found.disorders if one.p == one.p),
            ]
        ),
    }
    if show_patients:
        document["members"] = [
            {"patient": patient, "cluster": int(label), "hdbscan": int(dense) or None}
            for patient, label, dense in zip(found.patients, found.labels, found.dense, strict=True)
        ]
    return dict(without_nan(document))


def without_nan(value: Any) -> Any:
    """What JSON can hold: text keys, lists, and null for what is not a number."""
    if isinstance(value, dict):
        return {str(key): without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
