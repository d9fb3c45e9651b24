"""The reply of the published GestaltMatcher service, which `interop.gestaltmatcher` fills."""

from __future__ import annotations

from gestalt_space.documents.form import Form


class ReplyEvidenceForm(Form):
    """`distance`, and `gestalt_score`, which is the same: 1 - similarity, lower is closer.
    `image_id`: the photo's name; `subject_id`: the patient."""

    distance: float
    gestalt_score: float
    image_id: str
    subject_id: str


class ReplyGeneForm(ReplyEvidenceForm):
    """A gene; its Entrez number is not kept."""

    gene_name: str
    gene_entrez_id: None


class ReplySyndromeForm(ReplyEvidenceForm):
    """A disorder; `omim_id` is an empty text for those of other catalogues."""

    syndrome_name: str
    omim_id: int | str


class ReplyDocument(Form):
    """The reply of `/predict`. The names are the service's, and it has no version."""

    model_version: str
    gallery_version: str
    suggested_genes_list: list[ReplyGeneForm]
    suggested_syndromes_list: list[ReplySyndromeForm]
