"""Many terms count as few independent ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gestalt_space.fusion import terms_evidence
from gestalt_space.fusion.terms_evidence import TermsEvidence, weight_of
from gestalt_space.phenotype.query import parse_query
from gestalt_space.phenotype.ranking import Ranker


def test_few_terms_have_their_own_score(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000011", "!HP:0000020"])
    part = TermsEvidence(ranker, query).of_disorder(0)
    assert part.weight == 1
    assert part.score == part.log10_ratio == ranker.rank(query).disorders[0].score


def test_many_terms_weigh_less(ranker: Ranker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terms_evidence, "INDEPENDENT", 1.5)
    query = parse_query(ranker.release.ontology, ["HP:0000011", "HP:0000013"])
    part = TermsEvidence(ranker, query).of_disorder(0)
    assert part.score is not None
    assert part.weight == 0.75
    assert part.log10_ratio == round(0.75 * part.score, 4)


def test_an_excluded_term_counts_as_a_quarter(ranker: Ranker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terms_evidence, "INDEPENDENT", 1.0)
    query = parse_query(ranker.release.ontology, ["HP:0000011", "!HP:0000012", "!HP:0000020"])
    assert TermsEvidence(ranker, query).of_disorder(0).weight == round(1 / 1.5, 4)


def test_many_excluded_terms_count_as_few(ranker: Ranker):
    """One term that is present does not let all others count in full."""
    query = parse_query(ranker.release.ontology, ["HP:0000011"])
    many = replace(query, excluded=tuple(range(400)))
    assert [weight_of(one, 4.0) for one in (many, query)] == [round(4 / 101, 4), 1]


def test_a_bound_has_fewer_independent_terms(ranker: Ranker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terms_evidence, "CAREFUL", 0.5)
    query = parse_query(ranker.release.ontology, ["HP:0000011", "HP:0000013"])
    part = TermsEvidence(ranker, query).of_disorder(0)
    assert part.score is not None
    assert (part.log10_ratio, part.careful) == (part.score, round(part.score / 4, 4))


def test_what_hpo_does_not_have_gets_nothing(ranker: Ranker):
    evidence = TermsEvidence(ranker, parse_query(ranker.release.ontology, ["HP:0000011"]))
    place = ranker.release.annotations.place_of_disorder["OMIM:4"]
    for part in (evidence.of_disorder(place), evidence.of_disorder(None)):
        assert (part.log10_ratio, part.score) == (0, None)
        assert part.why == "HPO has no phenotypes of this disorder"
    assert evidence.of_gene(None).why == "HPO has no phenotypes of this gene"
