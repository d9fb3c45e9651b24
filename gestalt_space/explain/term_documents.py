"""Spaces, and faces in them, by HPO terms: the documents and tables of what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gestalt_space.documents.figures import BootstrapForm, estimate_form
from gestalt_space.documents.form import filled, rounded
from gestalt_space.documents.space_terms import (
    LikeTermForm,
    SpaceProbeDocument,
    SpaceTermsDocument,
    TermEffectForm,
)
from gestalt_space.explain.gallery_terms import LookedLike
from gestalt_space.explain.space_probe import ProbedSpace
from gestalt_space.explain.term_effects import TermEffect
from gestalt_space.explain.term_faces import FacesPlan
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap
from gestalt_space.tables.table import Column, Table

Space = tuple[str, str, ProbedSpace]
"""The name of a model, the fingerprint of its space, and what was found."""
Differences = Mapping[str, Estimate]
"""By term: how much larger the effect is in the first than in the second space."""


def space_probe_document(
    spaces: Sequence[Space],
    differences: Differences,
    plan: FacesPlan,
    bootstrap: Bootstrap,
    detector: str,
) -> SpaceProbeDocument:
    """Spaces that were probed with the same faces."""
    _, _, first = spaces[0]
    return {
        "document": "space-probe",
        "version": 1,
        "people": first.people,
        "strength": plan.strength,
        "seed": plan.seed,
        "detector": detector,
        "missed": first.missed,
        "bootstrap": filled(BootstrapForm, bootstrap),
        "spaces": [
            {
                "model": name,
                "fingerprint": fingerprint,
                "another_photo": _effect_form(found.another_photo),
            }
            for name, fingerprint, found in spaces
        ],
        "terms": [
            {
                "id": term,
                "name": TERMS[term].label,
                "spaces": [_effect_form(found.terms[term]) for _, _, found in spaces],
                "difference": estimate_form(differences[term], 3) if differences else None,
            }
            for term in first.terms_in_order
        ],
    }


def space_probe_table(found: ProbedSpace) -> Table:
    """A row for each term of one space, and one for another photo of the same person."""
    table = Table(
        (
            Column("id", title="HPO", whole=True, least=0),
            Column("term"),
            Column("effect", "number", shown=".2f"),
            Column("effect_low", "number", title="low", shown=".2f"),
            Column("effect_high", "number", title="high", shown=".2f"),
            Column("beyond", "number", shown=".0%"),
            Column("moved", "number", shown=".0%"),
        )
    )
    for term, one in _rows(found):
        effect = one.effect
        table.add_row(
            term or None,
            _name(term),
            *(effect.value, effect.low, effect.high, one.beyond.value, one.moved),
        )
    return table


def term_groups_table(found: ProbedSpace, groups: Sequence[str]) -> Table:
    """A row for each term, and its effect in each group of people."""
    columns = [Column("id", title="HPO", whole=True, least=0), Column("term")]
    columns += [Column("effect", "number", title="all", shown=".2f")]
    columns += [Column(group, "number", shown=".2f") for group in groups]
    table = Table(columns)
    for term, one in _rows(found):
        effects = (one.groups[group].value for group in groups)
        table.add_row(term or None, _name(term), one.effect.value, *effects)
    return table


def spaces_compared_table(
    one: ProbedSpace, other: ProbedSpace, names: tuple[str, str], differences: Differences
) -> Table:
    """A row for each term: its effect in two spaces, and how much larger the first one is."""
    table = Table(
        (
            Column("id", title="HPO", whole=True, least=0),
            Column("term"),
            *(Column(name, "number", shown=".2f") for name in names),
            Column("difference", "number", shown="+.2f"),
            Column("difference_low", "number", title="low", shown="+.2f"),
            Column("difference_high", "number", title="high", shown="+.2f"),
        )
    )
    second = dict(_rows(other))
    for term, effect in _rows(one):
        between = differences.get(term)
        table.add_row(
            term or None,
            _name(term),
            *(effect.effect.value, second[term].effect.value),
            *((None,) * 3 if between is None else (between.value, between.low, between.high)),
        )
    return table


def space_terms_document(
    space: str, fingerprint: str, about: str, found: LookedLike, top: int
) -> SpaceTermsDocument:
    """The terms that a face or a disorder looks like most."""
    return {
        "document": "space-terms",
        "version": 1,
        "space": space,
        "fingerprint": fingerprint,
        "about": about,
        "patients": found.patients,
        "left_out": found.left_out,
        "terms": [
            rounded(filled(LikeTermForm, one, rank=rank, id=one.term, name=TERMS[one.term].label))
            for rank, one in enumerate(found.terms[:top], start=1)
        ],
    }


def space_terms_table(found: LookedLike, top: int) -> Table:
    """A row for each term."""
    table = Table(
        (
            Column("rank", "integer"),
            Column("id", title="HPO", whole=True),
            Column("term"),
            Column("deviations", "number", shown="+.1f"),
            Column("beyond", "number", shown=".0%"),
        )
    )
    for rank, one in enumerate(found.terms[:top], start=1):
        table.add_row(rank, one.term, TERMS[one.term].label, one.deviations, one.beyond)
    return table


def _effect_form(one: TermEffect) -> TermEffectForm:
    return {
        "effect": estimate_form(one.effect, 3),
        "beyond": estimate_form(one.beyond, 3),
        "moved": round(one.moved, 3),
        "people": one.people,
        "groups": {name: estimate_form(found, 3) for name, found in one.groups.items()},
    }


def _rows(found: ProbedSpace) -> list[tuple[str, TermEffect]]:
    """Terms in order, and at the end, without a term, another photo."""
    return [(t, found.terms[t]) for t in found.terms_in_order] + [("", found.another_photo)]


def _name(term: str) -> str:
    return TERMS[term].label if term else "(another photo)"
