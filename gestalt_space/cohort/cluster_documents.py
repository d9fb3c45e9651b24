"""Clusters as a document for programs. It names patients only on request."""

from __future__ import annotations

from gestalt_space import __version__
from gestalt_space.cohort.clusters import Clustering
from gestalt_space.cohort.selection import Selection
from gestalt_space.documents.cohorts import (
    ClusteredDisorderForm,
    ClusterForm,
    ClusterPlanForm,
    ClustersDocument,
    DisorderPairForm,
)
from gestalt_space.documents.figures import estimate_form, finding_forms, measured_space_form
from gestalt_space.documents.form import filled, without_nan


def cluster_document(
    selection: Selection, found: Clustering, *, show_patients: bool = False
) -> ClustersDocument:
    """All figures of a clustering; what is not a number is None."""
    document: ClustersDocument = {
        "document": "clusters",
        "version": 1,
        "made_by": f"gestalt-space {__version__}",
        "space": measured_space_form(selection.space, selection.fingerprint, selection.runs),
        "selection": selection.source,
        "patients": len(found.patients),
        "photos": len(selection),
        "plan": filled(ClusterPlanForm, found.plan),
        "rule": found.rule,
        "silhouette": found.silhouette,
        "adjusted_rand": {
            "patients": found.compared,
            "average_linkage": found.agreement,
            "hdbscan": found.dense_agreement,
            "resampled": found.resampled_agreement,
        },
        "clusters": [filled(ClusterForm, one) for one in found.clusters],
        "hdbscan_clusters": int(found.dense.max()),
        "disorders": [filled(ClusteredDisorderForm, one) for one in found.disorders],
        "pairs": [
            filled(DisorderPairForm, one, share=estimate_form(one.share)) for one in found.pairs
        ],
        "findings": finding_forms(
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
    whole: ClustersDocument = without_nan(document)
    return whole
