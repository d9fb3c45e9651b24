"""The reply of the published GestaltMatcher service, so that its clients and the variant pipelines
behind it can be answered from here.

In it `gestalt_score` is the distance, 1 - similarity, to three decimals: lower is closer. It is the
one place, beside files in the published formats, where a distance leaves this program.
"""

from __future__ import annotations

from collections.abc import Sequence

from gestalt_space.documents.reply import ReplyDocument, ReplyEvidenceForm
from gestalt_space.gallery.spaces import ActiveSpace
from gestalt_space.match.answer import MatchLine
from gestalt_space.match.view import GalleryView

OMIM = "OMIM:"


def service_reply(
    space: ActiveSpace,
    view: GalleryView,
    disorders: Sequence[MatchLine],
    genes: Sequence[MatchLine],
) -> ReplyDocument:
    """The reply of `/predict` for one probe's lines by disorder and by gene.

    `image_id` is the name of the photo that a line rests on. `omim_id` is a number, or an empty
    text for disorders of other catalogues; Entrez numbers are not kept here, and are null. Both
    lists stand by distance, ascending.
    """
    return {
        "model_version": f"gestalt-space {space.model.name} {space.fingerprint[:12]}",
        "gallery_version": (
            f"{view.state.totals('patient').patients} patients, {view.state.photos} photos"
        ),
        "suggested_genes_list": [
            {"gene_name": line.id, "gene_entrez_id": None, **_evidence(line)} for line in genes
        ],
        "suggested_syndromes_list": [
            {
                "syndrome_name": line.name or line.id,
                "omim_id": int(line.id.removeprefix(OMIM)) if line.id.startswith(OMIM) else "",
                **_evidence(line),
            }
            for line in disorders
        ],
    }


def _evidence(line: MatchLine) -> ReplyEvidenceForm:
    distance = round(1 - line.similarity, 3)
    return {
        "distance": distance,
        "gestalt_score": distance,
        "image_id": line.photo or "",
        "subject_id": line.patient,
    }
