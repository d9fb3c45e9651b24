"""The evidence of a photo: the calibrated likelihood ratios of a match, by disorder and by gene."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gestalt_space.fusion.parts import DIGITS, PhotoPart
from gestalt_space.match.answer import MatchLine
from gestalt_space.phenotype.annotations import Annotations

LEAST_RATIO = 0.001
"""A ratio of less counts as this one: no photo excludes a disorder."""
_NO_DISORDER = PhotoPart(0.0, "the gallery has no patient with this disorder")
_NO_GENE = PhotoPart(0.0, "the gallery has no disorder of this gene")
_UNCALIBRATED = "the gallery is not calibrated"
_BORROWED = "; it is ordered by the ratio of disorders with fewer patients"


class PhotoEvidence:
    """The parts of a photo, from all lines of a match by disorder."""

    def __init__(self, lines: Iterable[MatchLine], annotations: Annotations) -> None:
        self.names = {}
        self._by_disorder = {}
        self._by_gene: dict[int, PhotoPart] = {}
        for line in lines:
            part = _part_of(line)
            self.names[line.id] = line.name
            self._by_disorder[line.id] = part
            place = annotations.place_of_disorder.get(line.id)
            genes = () if place is None else annotations.disorder_genes[place].tolist()
            for gene in genes:
                self._by_gene[gene] = _better(self._by_gene.get(gene, part), part)

    def of_disorder(self, id_: str) -> PhotoPart:
        """The part of a disorder."""
        return self._by_disorder.get(id_, _NO_DISORDER)

    def of_gene(self, place: int) -> PhotoPart:
        """The part of a gene of the annotations: that of its disorder with the highest ratio."""
        return self._by_gene.get(place, _NO_GENE)


def without_photo_of_gene() -> PhotoPart:
    """The part of a gene that HPO does not know, and that so has no disorder."""
    return _NO_GENE


def _part_of(line: MatchLine) -> PhotoPart:
    ratio = line.likelihood_ratio
    if ratio is None:
        why = f"withheld: {line.no_ratio or _UNCALIBRATED}"
        borrowed = 0.0
        if line.borrowed_ratio is not None:
            why += _BORROWED
            borrowed = _log10(max(line.borrowed_ratio, LEAST_RATIO))
        return PhotoPart(borrowed, why, True, None, line.id, line.similarity)
    return PhotoPart(
        _log10(max(ratio.value, LEAST_RATIO)),
        lower=_log10(max(ratio.lower, LEAST_RATIO)) if ratio.lower > 0 else None,
        disorder=line.id,
        similarity=line.similarity,
    )


def _better(one: PhotoPart, other: PhotoPart) -> PhotoPart:
    """The higher ratio, which may be borrowed; of none only where there is no other."""
    return max(one, other, key=lambda part: (_has_ratio(part), part.log10_ratio))


def _has_ratio(part: PhotoPart) -> bool:
    return not part.is_withheld or part.log10_ratio != 0


def _log10(ratio: float) -> float:
    return round(math.log10(ratio), DIGITS)
