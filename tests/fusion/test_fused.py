"""Totals whose parts are known."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from gestalt_space.fusion import terms_evidence
from gestalt_space.fusion.exome_evidence import FEWEST_VARIANTS, ExomeEvidence
from gestalt_space.fusion.fused import FusedLine, Fusion, against_others, worst_ranks
from gestalt_space.fusion.parts import ExomePart, PhotoPart, TermsPart
from gestalt_space.genomics.gene_scores import GeneScore
from gestalt_space.phenotype.query import parse_query
from gestalt_space.phenotype.ranking import Ranker
from tests.fusion.made import FEW, gene, line

NOSE = ("HP:0000011",)


def exome_of(ranker: Ranker, *genes: GeneScore, variants: int = FEWEST_VARIANTS) -> ExomeEvidence:
    return ExomeEvidence(genes, variants, ranker.release.annotations)


def by_id(lines: Iterable[FusedLine]) -> dict[str, FusedLine]:
    return {one.id: one for one in lines}


def test_a_total_is_the_sum_of_what_is_shown(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000011", "!HP:0000020"])
    exome = exome_of(ranker, gene("AAA1", 30.0), gene("BBB1", None), gene("New1", 12.0))
    fusion = Fusion(ranker, [line("OMIM:1", 7.3, 2.1), line("OMIM:9", 0.2)], query, exome)
    shown = [*fusion.disorders().lines, *fusion.genes().lines]
    assert len(shown) == 4 + len(ranker.release.annotations.genes) + 1  # and a new gene
    for one in shown:
        parts = sum(part.log10_ratio for part in one.parts.values())
        assert one.log10_ratio == round(parts + one.others, 4)
        part = one.parts["exome"]
        assert isinstance(part, ExomePart)
        assert part.log10_ratio == round(part.candidate + part.cadd + part.averaged, 4)
        assert one.likelihood_ratio == pytest.approx(10**one.log10_ratio)


def parts_of(one: FusedLine) -> float:
    return sum(part.log10_ratio for part in one.parts.values())


def test_the_photo_and_the_terms_add_up(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    terms = {one.id: one.score for one in ranker.rank(query).disorders}
    fusion = Fusion(ranker, [line("OMIM:1", 10.0, 2.0), line("OMIM:2", 0.1)], query, None)
    found = by_id(fusion.disorders().lines)
    assert parts_of(found["OMIM:1"]) == pytest.approx(1 + terms["OMIM:1"], abs=1e-4)
    assert parts_of(found["OMIM:2"]) == pytest.approx(-1 + terms["OMIM:2"], abs=1e-4)
    assert found["OMIM:2"].lower is None
    assert found["OMIM:2"].no_ratio is None


def test_a_ratio_is_against_the_mean_of_all_others(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    exome = exome_of(ranker, gene("AAA1", 30.0), gene("BBB1", None))
    fusion = Fusion(ranker, [line("OMIM:1", 7.3, 2.1)], query, exome)
    for lines in (fusion.disorders().lines, fusion.genes().lines):
        totals = np.array([parts_of(one) for one in lines])
        for place, one in enumerate(lines):
            mean = np.delete(10**totals, place).mean()
            assert one.likelihood_ratio == pytest.approx(10 ** totals[place] / mean, rel=1e-3)
        ratios = [one.log10_ratio for one in lines]
        assert ratios == sorted(ratios, reverse=True)


def test_what_others_have_is_known_where_one_is_far_above_them():
    found = against_others(np.array([60.0, 1.0, 1.0, 2.0]))
    assert found[0] == pytest.approx(math.log10(3 / 120), abs=1e-4)
    assert found[1:] == pytest.approx(math.log10(3) - 60, abs=1e-4)
    assert against_others(np.array([5.0])).tolist() == [0]
    assert against_others(np.array([4.0, 4.0, 4.0])).tolist() == [-4, -4, -4]


def test_a_bound_has_the_photo_s_and_fewer_terms(ranker: Ranker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terms_evidence, "CAREFUL", 0.5)
    query = parse_query(ranker.release.ontology, NOSE)
    fusion = Fusion(ranker, [line("OMIM:1", 10.0, 2.0), line("OMIM:2", 0.1)], query, None)
    lines = fusion.disorders().lines
    careful = {}
    for one in lines:
        terms = one.parts["terms"]
        assert isinstance(terms, TermsPart)
        careful[one.id] = one.parts["photo"].log10_ratio + terms.careful
    first = by_id(lines)["OMIM:1"]
    mean = np.mean([10**value for id_, value in careful.items() if id_ != "OMIM:1"])
    bound = careful["OMIM:1"] - 1 + math.log10(2) - math.log10(mean)
    assert first.lower == pytest.approx(bound, abs=2e-4)
    assert all(one.lower <= one.log10_ratio for one in lines if one.lower is not None)


def test_a_disorder_without_photos_is_neither_close_nor_far(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    found = by_id(Fusion(ranker, [line("OMIM:2", 3.0)], query, None).disorders().lines)
    part = found["OMIM:1"].parts["photo"]
    assert part.log10_ratio == 0
    assert part.why == "the gallery has no patient with this disorder"
    assert not part.is_withheld
    assert found["OMIM:1"].lower is not None


def test_a_gene_without_photos_is_neither_close_nor_far(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    fusion = Fusion(ranker, [line("OMIM:2", 0.01)], query, None)
    found = {one.name: one.parts["photo"] for one in fusion.genes().lines}
    assert (found["AAA1"].log10_ratio, found["BBB1"].log10_ratio) == (0, -2)
    assert found["AAA1"].why == "the gallery has no disorder of this gene"
    assert found["BBB1"].why is None


def test_where_the_photo_is_withheld_the_total_is_too_and_the_rank_stays(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    fusion = Fusion(ranker, [line("OMIM:1"), line("OMIM:2", 0.5)], query, None)
    first = fusion.disorders().lines[0]
    assert (first.rank, first.id) == (1, "OMIM:1")
    assert (first.likelihood_ratio, first.lower) == (None, None)
    assert first.no_ratio == f"withheld: {FEW}"
    assert first.parts["photo"].log10_ratio == 0
    (gene_line,) = [one for one in fusion.genes().lines if one.name == "AAA1"]
    assert gene_line.likelihood_ratio is None


def test_what_is_withheld_is_ordered_by_a_borrowed_ratio(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000020"])
    lines = [line("OMIM:1", borrowed=100.0), line("OMIM:2", 0.5)]
    first = Fusion(ranker, lines, query, None).disorders().lines[0]
    part = first.parts["photo"]
    assert (first.id, part.log10_ratio, part.is_withheld) == ("OMIM:1", 2, True)
    assert part.why is not None
    assert part.why.endswith("it is ordered by the ratio of disorders with fewer patients")
    assert (first.likelihood_ratio, first.lower) == (None, None)


def test_a_gene_takes_the_higher_ratio_borrowed_or_not(ranker: Ranker):
    lines = [line("OMIM:1", borrowed=8.0), line("ORPHA:7", 5.0)]
    query = parse_query(ranker.release.ontology, NOSE)
    part = Fusion(ranker, lines, query, None).genes().lines[0].parts["photo"]
    assert isinstance(part, PhotoPart)
    assert (part.disorder, part.is_withheld) == ("OMIM:1", True)


def test_a_gene_has_the_photo_of_its_closest_disorder_and_one_that_is_not_withheld(ranker: Ranker):
    lines = [line("OMIM:1", 2.0), line("ORPHA:7", 5.0)]
    query = parse_query(ranker.release.ontology, NOSE)
    part = Fusion(ranker, lines, query, None).genes().lines[0].parts["photo"]
    assert isinstance(part, PhotoPart)
    assert (part.disorder, part.log10_ratio) == ("ORPHA:7", round(math.log10(5), 4))
    fusion = Fusion(ranker, [line("OMIM:1", 0.5), line("ORPHA:7")], query, None)
    part = fusion.genes().lines[0].parts["photo"]
    assert isinstance(part, PhotoPart)
    assert (part.disorder, part.is_withheld) == ("OMIM:1", False)


def test_a_disorder_that_hpo_does_not_have_is_ranked_by_its_photo(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    exome = exome_of(ranker, gene("AAA1", 30.0))
    found = by_id(Fusion(ranker, [line("SIM:1", 100.0)], query, exome).disorders().lines)
    one = found["SIM:1"]
    assert (parts_of(one), one.name) == (2.0, "Name of SIM:1")
    assert one.parts["terms"].why == "HPO has no phenotypes of this disorder"
    assert one.parts["exome"].why == "HPO has no gene of this disorder"


def test_no_photo_excludes_a_disorder(ranker: Ranker):
    found = by_id(Fusion(ranker, [line("OMIM:1", 0.0)], None, None).disorders().lines)
    assert found["OMIM:1"].parts["photo"].log10_ratio == -3


def test_ranks_without_a_part(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000020"])
    exome = exome_of(ranker, gene("BBB1", 30.0))
    fusion = Fusion(ranker, [line("OMIM:1", 1000.0), line("OMIM:2", 0.9)], query, exome)
    lines = fusion.disorders().lines
    assert [one.id for one in lines] == ["OMIM:1", "OMIM:2", "OMIM:3"]
    first, second, _ = lines
    assert first.rank_without == {"photo": 3, "terms": 1, "exome": 1}
    assert second.rank_without["photo"] == 1
    alone = Fusion(ranker, None, query, exome).disorders().lines
    assert {one.id: one.rank for one in alone} == {
        one.id: one.rank_without["photo"] for one in lines
    }


def test_one_part_alone_has_no_rank_without_it(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    assert Fusion(ranker, None, query, None).disorders().lines[0].rank_without == {}


def test_equal_totals_take_the_worst_rank():
    assert worst_ranks(np.array([2.0, 5.0, 2.0, -1.0])).tolist() == [3, 1, 3, 4]


def test_genes_have_the_best_of_their_disorders(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    found = {one.name: one for one in Fusion(ranker, [], query, None).genes().lines}
    assert found["AAA1"].disorder == "OMIM:1"
    exome = exome_of(ranker, gene("New1", 12.0))
    (new,) = [one for one in Fusion(ranker, [], query, exome).genes().lines if one.name == "New1"]
    assert (new.disorder, new.id) == ("", "New1")
    assert new.parts["terms"].why == "HPO has no phenotypes of this gene"


def test_equal_totals_are_counted(ranker: Ranker):
    query = parse_query(ranker.release.ontology, ["HP:0000020"])
    fusion = Fusion(ranker, [], query, None)
    totals = [one.log10_ratio for one in fusion.genes().lines]
    for one in (*fusion.genes().lines, *fusion.genes(1).lines):
        assert one.tied == totals.count(one.log10_ratio)
    assert max(one.tied for one in fusion.genes().lines) > 1


def test_disorders_have_the_best_of_their_genes(ranker: Ranker):
    query = parse_query(ranker.release.ontology, NOSE)
    exome = exome_of(ranker, gene("CCC1", 30.0))
    fusion = Fusion(ranker, [line("SIM:1", 2.0)], query, exome)
    found = {one.id: one.gene for one in fusion.disorders().lines}
    assert found == {"OMIM:1": "AAA1", "OMIM:2": "BBB1", "OMIM:3": "CCC1", "SIM:1": ""}
    assert fusion.disorder("OMIM:3").gene == "CCC1"
