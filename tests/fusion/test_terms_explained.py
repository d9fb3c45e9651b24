"""What the terms add, one by one, to parts that are known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gestalt_space.fusion.fused import Fusion
from gestalt_space.fusion.parts import TermsPart
from gestalt_space.fusion.terms_explained import TermsExplained
from gestalt_space.phenotype.query import Query, parse_query
from gestalt_space.phenotype.ranking import Ranker
from tests.fusion.made import line

MANY = ["HP:0000011", "HP:0000012", "HP:0000013", "!HP:0000020", "Part", "HP:0000021"]
QUERIES = [["HP:0000011"], ["HP:0000011", "!HP:0000020"], ["HP:0000012", "HP:0000013"], MANY]


def parts_of(ranker: Ranker, query: Query) -> Iterator[tuple[str, TermsPart]]:
    fusion = Fusion(ranker, [line("OMIM:9", 2.0)], query, None)
    explained = TermsExplained(ranker, query)
    for ranking in (explained.disorders(fusion.disorders()), explained.genes(fusion.genes())):
        for one in ranking.lines:
            part = one.parts["terms"]
            assert isinstance(part, TermsPart)
            yield one.id, part


@pytest.mark.parametrize("terms", QUERIES)
@pytest.mark.parametrize("independent", [0.7, 1.3, 3.5])
def test_what_terms_add_is_their_part(
    ranker: Ranker, terms: list[str], independent: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gestalt_space.fusion.terms_evidence.INDEPENDENT", independent)
    query = parse_query(ranker.release.ontology, terms)
    count = len(query.present) + len(query.excluded)
    seen = 0
    for id_, part in parts_of(ranker, query):
        if part.why is not None:
            assert part.shares == ()
            continue
        seen += 1
        assert len(part.shares) == count
        total = sum(one.adds for one in part.shares) + part.other_disorders
        assert round(total, 4) == part.log10_ratio, id_
        for one in part.shares:
            assert one.adds == pytest.approx(one.evidence.log10_ratio * part.weight, abs=1.1e-4)
    assert seen >= 7


def test_a_disorder_has_the_terms_of_the_ranking_by_terms(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000011", "HP:0000013", "!HP:0000020"])
    ranked = {one.id: one.evidence for one in ranker.rank(query, explain=True).disorders}
    parts = dict(parts_of(ranker, query))
    for id_, evidence in ranked.items():
        assert tuple(one.evidence for one in parts[id_].shares) == evidence
        assert parts[id_].other_disorders == 0


def test_a_gene_has_its_own_terms_and_its_best_disorders(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000012"])
    part = dict(parts_of(ranker, query))["Entrez:100"]  # of OMIM:1 and ORPHA:7
    annotations = ranker.release.annotations
    place, genes = annotations.place_of_disorder, annotations.place_of_gene
    (of_best,) = ranker.evidence(query, place["ORPHA:7"])
    (of_other,) = ranker.evidence(query, place["OMIM:1"])
    (own,) = ranker.evidence(query, len(place) + genes["AAA1"])
    assert of_best.log10_ratio > of_other.log10_ratio
    (share,) = part.shares
    assert share.adds == pytest.approx((own.log10_ratio + of_best.log10_ratio) / 2, abs=1e-4)
    assert part.other_disorders > 0
