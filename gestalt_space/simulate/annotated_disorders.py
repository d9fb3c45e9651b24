"""Real disorders, as HPO's annotations describe them: their facial terms, and how often patients
have them. The patients are simulated."""

from __future__ import annotations

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.phenotype.release import Release
from gestalt_space.simulate.disorders import (
    FEWEST_TERMS,
    Difficulty,
    Feature,
    SimulatedDisorder,
)
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.published_cases import TOGETHER, shown_term

WELL_KNOWN = (
    *(147920, 148050, 122470, 194050, 163950, 180849, 135900, 117550, 194190, 305400),
    *(115150, 218040, 136140, 610443, 612313, 270400, 182290, 303600, 268310, 180700),
    *(139210, 249420, 231050, 154500, 101200, 277590, 610253, 615829, 309580, 309500),
    *(123450, 190350, 150230, 130720, 614607, 610759, 300590, 607721, 309583, 156200),
    *(300855, 101600, 257920, 600430, 609942, 102370, 214800, 188400, 616355, 301040),
)
"""Numbers in OMIM of disorders that many geneticists have seen: Kabuki syndrome first."""


def annotated_disorders(
    release: Release, rng: np.random.Generator, count: int, difficulty: Difficulty
) -> tuple[SimulatedDisorder, ...]:
    """Disorders of OMIM with at least `FEWEST_TERMS` terms that can be shown: first `WELL_KNOWN`,
    then those with the most such terms. How often patients have a term is HPO's frequency, its
    strength in them is drawn as for simulated disorders.

    Raises `UsageError` where there are not that many.
    """
    annotations = release.annotations
    shown = _shown_of_all(release)
    known = [f"OMIM:{number}" for number in WELL_KNOWN]
    others = sorted(shown.keys() - set(known), key=lambda id_: (-len(shown[id_]), id_))
    ids = [id_ for id_ in (*known, *others) if len(shown.get(id_, ())) >= FEWEST_TERMS]
    if count > len(ids):
        raise UsageError(
            f"HPO's annotations describe the faces of {len(ids):,} disorders, not {count:,}.",
            "Use fewer --disorders.",
        )
    found = []
    for id_ in ids[:count]:
        place = annotations.place_of_disorder[id_]
        symbols = (annotations.gene_symbols[gene] for gene in annotations.disorder_genes[place])
        severities = difficulty.severity * rng.lognormal(0.0, 0.25, len(shown[id_]))
        found.append(
            SimulatedDisorder(
                id=id_,
                name=annotations.disorder_names[place],
                features=tuple(
                    Feature(term, round(share, 3), round(float(severity), 3))
                    for (term, share), severity in zip(shown[id_].items(), severities, strict=True)
                ),
                genes=tuple(symbol for symbol in symbols if symbol != "-"),
            )
        )
    return tuple(found)


def _shown_of_all(release: Release) -> dict[str, dict[str, float]]:
    """Terms of `TERMS` with their frequencies, for each disorder of OMIM. Of two terms that
    contradict each other, the more frequent one."""
    ontology, annotations, profiles = release.ontology, release.annotations, release.profiles
    names: dict[int, str | None] = {}
    found = {}
    for place in np.flatnonzero(release.is_omim).tolist():
        shares: dict[str, float] = {}
        for own in profiles.own[place].tolist():
            if own not in names:
                names[own] = shown_term(ontology, ontology.id_of(own))
            term = names[own]
            if term is not None:
                shares[term] = max(shares.get(term, 0.0), profiles.share(own, place))
        kept: dict[str, float] = {}
        axes: set[str] = set()
        for term, share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
            axis = TERMS[term].axis
            if axis not in axes or axis in TOGETHER:
                kept[term] = share
                axes.add(axis)
        if kept:
            found[annotations.disorders[place]] = kept
    return found
