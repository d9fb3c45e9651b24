"""PEDIA on made-up cases, of which the truth is known."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC

from gestalt_space.errors import (
    GestaltError,
    ModelDamaged,
    ModelUnsuitable,
    TrainingError,
    UsageError,
)
from gestalt_space.genomics import pedia_training
from gestalt_space.genomics.genes import Gene, GeneSymbols, GeneTable
from gestalt_space.genomics.pedia_card import card_text, write_model
from gestalt_space.genomics.pedia_model import Feature, PediaModel, load_model, model_text
from gestalt_space.genomics.pedia_table import PediaTable, joined, read_pedia_table
from gestalt_space.genomics.pedia_training import (
    GRID,
    PediaPlan,
    PediaTraining,
    causal_genes,
    choose_c,
    cross_validated_ranks,
    fit,
    train_pedia,
)
from gestalt_space.genomics.pheval import FOLDER, write_pheval
from gestalt_space.genomics.score_files import ScoreFile
from gestalt_space.stats.resampling import Bootstrap
from tests.genomics import made_cases

PLAN = PediaPlan(folds=3, inner=2, bootstrap=Bootstrap(200))


@pytest.fixture(scope="module")
def table() -> PediaTable:
    return made_cases.cases(30, 12, causal_genes=10)


@pytest.fixture(scope="module")
def trained(table: PediaTable) -> PediaTraining:
    return train_pedia(table, PLAN)


# --- the model


def test_scores_that_tell_get_weight_and_others_get_little(trained: PediaTraining):
    gestalt, cadd, noise = (feature.weight for feature in trained.model.features)
    assert min(gestalt, cadd) > 3 * abs(noise)


def test_both_scores_together_find_more_than_each_alone():
    many = made_cases.cases(150, 15, causal_genes=50, missing=0.1, seed=1)
    found = train_pedia(many, PLAN)
    rank = {one.title: np.mean(1 / np.array(one.ranks)) for one in found.accuracy}
    assert rank["all"] > 0.03 + max(rank["gestalt alone"], rank["cadd alone"])
    assert rank["without noise"] > 0.03 + max(rank["without gestalt"], rank["without cadd"])
    assert rank["noise alone"] < 0.3
    assert [*rank] == ["all"] + [
        title.format(name)
        for title in ("without {}", "{} alone")
        for name in ("gestalt", "cadd", "noise")
    ]
    for one in found.accuracy:
        assert one.tops[1].value == pytest.approx(np.mean(np.equal(one.ranks, 1)))
        assert one.tops[1].low <= one.tops[1].value <= one.tops[1].high


def test_where_nothing_tells_it_is_chance():
    nothing = made_cases.cases(60, 10, informative=(), missing=0.0, causal_genes=20, seed=3)
    found = train_pedia(nothing, replace(PLAN, folds=5))
    assert found.chance == pytest.approx(0.1)
    first = found.accuracy[0].tops[1]
    assert first.low <= found.chance
    assert first.value < 0.25
    assert any("not better than chance" in note for note in found.notes)


def test_the_score_is_the_sum_of_what_is_shown(table: PediaTable, trained: PediaTraining):
    model = trained.model
    weights = {feature.name: feature.weight for feature in model.features}
    count = 0
    for case in model.rank(table):
        for gene in case.genes:
            shown = [round(model.intercept, 6), *(part.contribution for part in gene.parts)]
            assert gene.score == pytest.approx(math.fsum(shown), abs=1e-9)
            for part in gene.parts:
                assert part.weight == round(weights[part.feature], 6)
                assert part.contribution == pytest.approx(part.weight * part.scaled, abs=1e-6)
                assert (part.value is None) <= (part.scaled == 0)
            count += 1
    assert count == len(table.genes)


def test_scores_are_those_of_scikit_learn(table: PediaTable):
    model = fit(table, 2**-4, PLAN)
    scaled = np.nan_to_num(MinMaxScaler().fit_transform(table.values), nan=0.0)
    machine = LinearSVC(
        C=2**-4, loss="hinge", dual=True, class_weight="balanced", max_iter=100_000
    ).fit(scaled, table.causal)
    scores = model.scores(model.contributions(table.values)[1])
    assert scores == pytest.approx(machine.decision_function(scaled), abs=0.01)


def test_ranks_are_those_of_plain_loops(table: PediaTable):
    model = fit(table, 2**-4, PLAN)
    for case in model.rank(table):
        for gene in case.genes:
            assert gene.rank == sum(other.score >= gene.score for other in case.genes)
        assert [gene.rank for gene in case.genes] == sorted(gene.rank for gene in case.genes)


def test_missing_scores_are_counted(table: PediaTable, trained: PediaTraining):
    first = trained.model.rank(table)[0]
    rows = table.rows_of([first.case])
    missing = np.isnan(table.values[rows]).sum(axis=0)
    assert first.missing == dict(zip(table.features, missing.tolist(), strict=True))
    assert 0.1 < trained.model.features[0].missing < 0.3


# --- distances, and genes without a photo match


@pytest.fixture(scope="module")
def distances() -> PediaTable:
    """The same cases with a distance, as GestaltMatcher writes it: 0 is perfect."""
    given = made_cases.cases(30, 12, causal_genes=10, missing=0.0)
    values = given.values.copy()
    values[:, 0] = 1.3 - values[:, 0] / 10
    rng = np.random.default_rng(7)
    values[rng.random(len(values)) < 0.4, 0] = np.nan
    return replace(given, features=("gestalt_distance", "cadd", "noise"), values=values)


def test_a_distance_that_is_not_declared_is_refused(distances: PediaTable):
    with pytest.raises(UsageError, match="'gestalt_distance' looks like a distance"):
        train_pedia(distances, PLAN)


def test_a_distance_under_another_name_is_noticed_by_its_weight(distances: PediaTable):
    renamed = replace(distances, features=("gestalt", "cadd", "noise"))
    known = ~np.isnan(renamed.values[:, 0])
    full = renamed.at(renamed.rows_of(renamed.cases))
    assert known.any()
    values = np.where(np.isnan(full.values), np.nanmax(full.values[:, 0]), full.values)
    found = train_pedia(replace(full, values=values), PLAN)
    assert any("weight of gestalt is negative" in note for note in found.notes)


def test_a_gene_without_a_photo_match_is_never_as_good_as_the_best_one(distances: PediaTable):
    """A missing distance that is read as 0 would put such genes first."""
    plan = replace(PLAN, distances=frozenset({"gestalt_distance"}))
    model = fit(distances, 2**-4, plan)
    assert model.features[0].weight > 0
    known = distances.values[:, 0][~np.isnan(distances.values[:, 0])]
    case = ("x",) * 4
    genes = tuple(Gene(name) for name in ("BEST", "MIDDLE", "WORST", "MISSING"))
    asked = np.array([known.min(), np.median(known), known.max(), np.nan])
    rows = np.column_stack([asked, np.ones(4), np.zeros(4)])
    asking = replace(distances, cases=case, genes=genes, values=rows, causal=np.zeros(0, bool))
    (ranked,) = model.rank(asking)
    rank = {gene.gene.symbol: gene.rank for gene in ranked.genes}
    assert rank == {"BEST": 1, "MIDDLE": 2, "WORST": 4, "MISSING": 4}
    missing = next(gene for gene in ranked.genes if gene.gene.symbol == "MISSING")
    assert (missing.parts[0].value, missing.parts[0].contribution) == (None, 0)


def test_scaling():
    similarity = Feature("a", "similarity", 2.0, 4.0, 0.0)
    distance = Feature("a", "distance", -4.0, -2.0, 0.0)
    values = np.array([2.0, 3.0, 4.0, np.nan, 5.0])
    assert similarity.scaled(values).tolist() == [0, 0.5, 1, 0, 1.5]
    assert distance.scaled(values).tolist() == [1, 0.5, 0, 0, -0.5]
    assert Feature("a", "similarity", 3.0, 3.0, 0.0).scaled(values).tolist() == [0] * 5


# --- training


def test_no_gene_is_ranked_by_a_model_that_saw_it(
    table: PediaTable, monkeypatch: pytest.MonkeyPatch
):
    genes = causal_genes(table)
    trained_on: list[set[str]] = []
    known, unknown = [], []
    real_choose, real_ranks = pedia_training.choose_c, pedia_training._causal_ranks

    def choose(given: PediaTable, plan: PediaPlan) -> Any:
        trained_on.append(set(causal_genes(given).values()))
        return real_choose(given, plan)

    def ranks(model: PediaModel, given: PediaTable) -> dict[str, int]:
        found = real_ranks(model, given)
        held_out = {genes[case] for case in found}
        # Inner folds are of cases that are trained on in the end; outer ones have other genes.
        (known if held_out <= trained_on[-1] else unknown).append((held_out, trained_on[-1]))
        return found

    monkeypatch.setattr(pedia_training, "choose_c", choose)
    monkeypatch.setattr(pedia_training, "_causal_ranks", ranks)
    assert set(pedia_training.cross_validated_ranks(table, PLAN)) == set(genes)
    assert len(unknown) == len(trained_on) == 3
    assert all(held_out.isdisjoint(others) for held_out, others in unknown)
    assert set().union(*(held_out for held_out, _ in unknown)) == set(genes.values())
    assert known


def test_c_is_that_of_the_most_first_causal_genes(table: PediaTable):
    chosen = choose_c(table, PLAN)
    cases = list(dict.fromkeys(table.cases))
    folds = [test for _, test in GroupKFold(PLAN.inner).split(cases, groups=cases)]
    quality = {}
    for c in GRID:
        ranks = []
        for test in folds:
            held_out = {cases[number] for number in test}
            model = fit(table.at(table.rows_of(set(cases) - held_out)), c, PLAN)
            for case in model.rank(table.at(table.rows_of(held_out))):
                causal = causal_genes(table)[case.case]
                ranks += [gene.rank for gene in case.genes if gene.gene.key == causal]
        quality[c] = (np.mean(np.equal(ranks, 1)), np.mean(1 / np.array(ranks)))
    assert quality[chosen] == max(quality.values())


def test_a_training_gives_the_same_model_again(table: PediaTable, trained: PediaTraining):
    assert cross_validated_ranks(table, PLAN) == dict(
        zip(causal_genes(table), trained.accuracy[0].ranks, strict=True)
    )
    assert fit(table, trained.model.c, PLAN).features == trained.model.features


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"distances": frozenset({"x"})}, UsageError, "has no column x"),
        ({"count": 4, "causal_genes": 4}, TrainingError, "4 cases with 4 causal genes are too few"),
        ({"count": 9, "causal_genes": 2}, TrainingError, "9 cases with 2 causal genes"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    change: dict[str, Any], kind: type[GestaltError], message: str
):
    distances = change.pop("distances", frozenset())
    with pytest.raises(kind, match=message):
        train_pedia(made_cases.cases(**{"count": 9} | change), replace(PLAN, distances=distances))


# --- files


def test_a_model_is_written_as_json_and_names_no_case(
    trained: PediaTraining, table: PediaTable, tmp_path: Path
):
    write_model(tmp_path / "model", trained)
    assert load_model(tmp_path / "model") == trained.model
    for path in (tmp_path / "model").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not [case for case in set(table.cases) if case in text]
        assert "GENE" not in text
    assert load_model(tmp_path / "model" / "pedia.json").rank(table) == trained.model.rank(table)
    card = card_text(trained)
    assert "| all |" in card
    assert "| noise alone |" in card
    assert f"Trained on {trained.cases} cases with 10 causal genes" in card


def edited(model: PediaModel, **changes: Any) -> str:
    return json.dumps(json.loads(model_text(model)) | changes)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"format": "other"}, ModelUnsuitable, "is not a PEDIA model"),
        ({"version": 2}, ModelUnsuitable, "is of version 2; this program reads 1"),
        ({"features": []}, ModelDamaged, "does not have the values of a model"),
        ({"features": [{"name": "a"}]}, ModelDamaged, "does not have the values"),
        ({"intercept": "high"}, ModelDamaged, "does not have the values"),
        ({"intercept": math.nan}, ModelDamaged, "finite numbers"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    trained: PediaTraining,
    tmp_path: Path,
    changes: dict[str, Any],
    kind: type[GestaltError],
    message: str,
):
    path = tmp_path / "pedia.json"
    path.write_text(edited(trained.model, **changes), encoding="utf-8")
    with pytest.raises(kind, match=message):
        load_model(tmp_path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelDamaged, match="is not JSON"):
        load_model(tmp_path)
    path.unlink()
    with pytest.raises(UsageError, match="has no PEDIA model"):
        load_model(tmp_path)


def test_a_kind_that_is_neither_is_refused(trained: PediaTraining, tmp_path: Path):
    feature = asdict(trained.model.features[0]) | {"kind": "both"}
    (tmp_path / "pedia.json").write_text(edited(trained.model, features=[feature]))
    with pytest.raises(ModelDamaged, match="a similarity or a distance, not 'both'"):
        load_model(tmp_path)


def test_a_table_is_read_as_it_was_written(table: PediaTable, tmp_path: Path):
    found = read_pedia_table(
        made_cases.write(table, tmp_path / "cases.csv"), GeneSymbols(), for_training=True
    )
    assert (found.cases, found.genes, found.features) == (table.cases, table.genes, table.features)
    assert (found.causal == table.causal).all()
    assert found.values == pytest.approx(table.values, abs=1e-6, nan_ok=True)


HEAD = "case,gene,causal,cadd"
TABLE = GeneTable(
    "genes.txt",
    [(Gene("AAA1", "HGNC:1"), ["OLD1", "BOTH"]), (Gene("BBB1", "HGNC:2"), ["BOTH"])],
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,gene,cadd\na,AAA1,1\n", "has no column causal"),
        (f"{HEAD}\na,AAA1,2,1\n", "line 2, column causal: '2' is neither 0 nor 1"),
        (f"{HEAD}\na,AAA1,1,high\n", "line 2, column cadd: 'high' is not a number"),
        (f"{HEAD}\na,AAA1,1,1\na,OLD1,0,2\n", "line 3: case a has the gene AAA1 on line 2 already"),
        (f"{HEAD}\na,BOTH,1,1\n", "line 2: The gene symbol 'BOTH' means 2 genes"),
        (f"{HEAD}\na,XXX1,1,1\n", "line 2: genes.txt has no gene 'XXX1'"),
        (f"{HEAD}\n,AAA1,1,1\n", "line 2: the row has no case"),
        (f"{HEAD}\na,AAA1,1,\na,BBB1,0,\n", "no row has a score cadd"),
        ("case,gene,causal\na,AAA1,1\n", "has no scores"),
        (f"{HEAD}\na,AAA1,0,1\n", "case a has no causal gene"),
        (f"{HEAD}\na,AAA1,1,1\na,BBB1,1,1\n", "case a has 2 causal genes"),
        (f"{HEAD}\n", "has no rows"),
    ],
)
def test_a_table_that_is_not_clear_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "cases.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_pedia_table(path, TABLE, for_training=True)


def test_genes_are_those_of_the_identifiers(tmp_path: Path):
    path = tmp_path / "scores.csv"
    path.write_text("case,gene,hgnc_id,cadd\na,whatever,HGNC:2,1\na,OLD1,,2\n", encoding="utf-8")
    found = read_pedia_table(path, TABLE, for_training=False)
    assert [gene.symbol for gene in found.genes] == ["BBB1", "AAA1"]
    assert found.features == ("cadd",)


def test_a_score_of_the_model_that_a_table_lacks_is_named(
    trained: PediaTraining, table: PediaTable
):
    with pytest.raises(UsageError, match="has no column noise"):
        trained.model.rank(table.of_features(("gestalt", "cadd")))


def test_a_patient_without_a_photo_is_ranked_by_the_other_scores(
    trained: PediaTraining, tmp_path: Path
):
    path = tmp_path / "scores.csv"
    path.write_text("case,gene,gestalt,cadd,noise\nP1,AAA1,,30,0\nP1,BBB1,,2,0\n", encoding="utf-8")
    table = read_pedia_table(path, GeneSymbols(), for_training=False)
    (case,) = trained.model.rank(table)
    assert [gene.gene.symbol for gene in case.genes] == ["AAA1", "BBB1"]
    assert case.missing == {"gestalt": 2, "cadd": 0, "noise": 0}
    assert {gene.parts[0].contribution for gene in case.genes} == {0}


def test_scores_of_several_files_are_joined_by_gene():
    one, two = Gene("AAA1", "HGNC:1"), Gene("BBB1", "HGNC:2")
    first = ScoreFile("a", "table", {"HGNC:1": 3.0}, {"HGNC:1": one}, 0, (), ())
    second = ScoreFile("b", "x", {"HGNC:2": 0.5}, {"HGNC:2": two, "HGNC:1": one}, 1, (), ())
    table = joined("P1", {"cadd": first, "exomiser": second})
    assert table.names == ("case", "gene", "hgnc_id", "entrez_id", "cadd", "exomiser")
    assert table.rows == [
        ("P1", "AAA1", "HGNC:1", None, 3.0, None),
        ("P1", "BBB1", "HGNC:2", None, None, 0.5),
    ]


def test_results_for_pheval(trained: PediaTraining, table: PediaTable, tmp_path: Path):
    named = replace(table, genes=tuple(replace(g, hgnc_id="HGNC:1") for g in table.genes))
    ranked = trained.model.rank(named)
    assert write_pheval(tmp_path / "out", ranked) == 30
    found = pq.read_table(tmp_path / "out" / FOLDER / "case 3-gene_result.parquet")
    assert found.schema.names == ["rank", "score", "gene_symbol", "gene_identifier"]
    rows = found.to_pylist()
    assert [row["score"] for row in rows] == [gene.score for gene in ranked[3].genes]
    # PhEval ranks by the score, equal ones at the worst rank (polars' method `max`).
    scores = np.array([row["score"] for row in rows])
    assert [row["rank"] for row in rows] == [int((scores >= score).sum()) for score in scores]
    assert {row["gene_identifier"] for row in rows} == {"HGNC:1"}
    with pytest.raises(UsageError, match="cannot be the name of a file"):
        write_pheval(tmp_path / "bad", [replace(ranked[0], case="../x")])
    assert not (tmp_path / "bad").exists()
