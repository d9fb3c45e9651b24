"""The effects of a reader study: planted differences, no differences, and designs that cannot be
analysed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.gaze.crossed_trials import CrossedTrials
from gestalt_space.gaze.reader_study import study, study_effects
from gestalt_space.gaze.reader_tables import read_ancestries, read_groups, read_measures
from gestalt_space.gaze.study_power import MeasurePlan, draw_trials, power

SMALL = MeasurePlan(readers=(5, 7), photos=(6, 6))


def rows_of(trials: CrossedTrials, area: str = "eyes", column: str = "dwell") -> list[str]:
    groups = np.where(trials.is_second, "Taipei", "Bonn")
    assert trials.is_other is not None
    ancestries = np.where(trials.is_other, "Taiwanese", "European")
    return [
        f"r{r},{groups[r]},p{p},{ancestries[p]},{area},{value:.4f}"
        for r, p, value in zip(trials.reader, trials.photo, trials.value, strict=True)
    ]


def table(folder: Path, rows: Sequence[str], header: str = "") -> Path:
    path = folder / "measures.csv"
    header = header or "reader,group,photo,ancestry,area,dwell"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_planted_differences_are_found_with_their_sign_and_size(tmp_path: Path) -> None:
    plan = MeasurePlan(group=12, ancestry=-20, both=15, trial_sd=5, photo_sd=2)
    found = study(read_measures(table(tmp_path, rows_of(draw_trials(plan, 1)))), permutations=499)
    assert (found.groups, found.ancestries) == (("Bonn", "Taipei"), ("European", "Taiwanese"))
    effects = {one.effect: one for one in found.effects}
    assert effects["group"].contrast == "Bonn − Taipei"
    for name, true in (("group", 12), ("ancestry", -20), ("group x ancestry", 15)):
        one = effects[name]
        assert one.estimate.low < true < one.estimate.high
        assert one.p < 0.05
        assert one.p_permuted < 0.05
        assert (one.readers, one.photos, one.trials) == (24, 40, 960)
    assert effects["ancestry"].exchanged == "photos"


def test_an_effect_is_the_difference_of_the_means_of_its_cells(tmp_path: Path) -> None:
    found = study(read_measures(table(tmp_path, rows_of(draw_trials(SMALL, 2)))), permutations=0)
    means = {(one.group, one.ancestry): one.mean for one in found.cells}
    assert len(means) == 4
    bonn, taipei = (
        [means[group, ancestry] for ancestry in found.ancestries] for group in found.groups
    )
    effects = {one.effect: one.estimate.value for one in found.effects}
    assert effects["group"] == pytest.approx(np.mean(bonn) - np.mean(taipei), abs=1e-6)
    assert effects["group x ancestry"] == pytest.approx(
        (bonn[0] - taipei[0]) - (bonn[1] - taipei[1]), abs=1e-6
    )


def test_without_a_difference_one_study_in_twenty_finds_one() -> None:
    """Readers, photos and trials vary, ancestry differs, and the groups are unequal. The benchmark
    `gaze_studies` has 1,000 studies of each kind."""
    plan = replace(SMALL, ancestry=8, photo_by_group_sd=4, missing=0.1)
    p = np.array(
        [
            [
                (one.p, one.p_permuted)
                for one in study_effects(draw_trials(plan, seed), permutations=99)
            ]
            for seed in range(100)
        ]
    )
    rejected = (p[:, [0, 2]] <= 0.05).mean(axis=0)
    assert (rejected[:, 0] <= 0.1).all()
    assert (rejected[0] > 0).all()
    assert (p[:, 1, 0] < 0.05).mean() > 0.3


def test_photos_that_differ_by_group_make_the_model_careful_but_not_the_permutation() -> None:
    plan = replace(SMALL, readers=(12, 12), reader_sd=1, photo_by_group_sd=15, trial_sd=5)
    p = np.array(
        [
            [
                (one.p, one.p_permuted)
                for one in study_effects(draw_trials(plan, seed), permutations=99)
            ]
            for seed in range(40)
        ]
    )
    model, permuted = (p[:, 0] <= 0.05).mean(axis=0)
    assert model < 0.15
    assert permuted > 0.3


def test_p_is_adjusted_for_the_number_of_areas(tmp_path: Path) -> None:
    rows = [
        row
        for number, area in enumerate(("eyes", "nose", "mouth"))
        for row in rows_of(draw_trials(SMALL, number), area)
    ]
    found = study(read_measures(table(tmp_path, rows)), permutations=0)
    of_group = sorted((one for one in found.effects if one.effect == "group"), key=lambda o: o.p)
    assert of_group[0].p_adjusted == pytest.approx(min(1, 3 * of_group[0].p))
    assert {one.area for one in of_group} == {"eyes", "nose", "mouth"}


def test_a_time_is_compared_by_its_ratio_on_the_log_scale(tmp_path: Path) -> None:
    trials = draw_trials(
        MeasurePlan(
            group=0.7,
            mean=0,
            reader_sd=0.1,
            trial_sd=0.2,
            photo_sd=0.1,
            reader_by_ancestry_sd=0,
            photo_by_group_sd=0,
        ),
        3,
    )
    times = replace(trials, value=np.exp(trials.value))
    measures = read_measures(table(tmp_path, rows_of(times)))
    [effect] = [
        one
        for one in study(measures, logs=["dwell"], permutations=0).effects
        if one.effect == "group"
    ]
    assert effect.scale == "ratio"
    assert effect.estimate.low < np.exp(0.7) < effect.estimate.high
    with pytest.raises(UsageError, match="no measure time"):
        study(measures, logs=["time"])


def test_a_measure_that_cannot_be_analysed_is_skipped_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    trials = draw_trials(SMALL, 4)
    flat = replace(trials, value=np.zeros(len(trials.value)))
    rows = rows_of(trials) + rows_of(flat, "ears")
    found = study(read_measures(table(tmp_path, rows)), permutations=0)
    assert [(one.area, one.reason) for one in found.skipped] == [("ears", "the values do not vary")]
    assert {one.area for one in found.effects} == {"eyes"}


def test_photos_of_one_ancestry_allow_the_comparison_of_groups(tmp_path: Path) -> None:
    rows = [row.replace("Taiwanese", "European") for row in rows_of(draw_trials(SMALL, 5))]
    found = study(read_measures(table(tmp_path, rows)), permutations=0)
    assert found.ancestries == ()
    assert [one.effect for one in found.effects] == ["group"]


def test_groups_and_ancestries_may_come_from_tables_of_their_own(tmp_path: Path) -> None:
    trials = draw_trials(SMALL, 6)
    rows = [
        f"r{r},p{p},{value:.4f}"
        for r, p, value in zip(trials.reader, trials.photo, trials.value, strict=True)
    ]
    readers, photos = tmp_path / "readers.csv", tmp_path / "photos.csv"
    readers.write_text("reader,group\n" + "".join(f"r{n},{'AB'[n > 4]}\n" for n in range(12)))
    photos.write_text("medium,ancestry\n" + "".join(f"p{n},{'xy'[n > 5]}\n" for n in range(12)))
    measures = read_measures(
        table(tmp_path, rows, "reader,medium,share"),
        groups=read_groups(readers),
        ancestries=read_ancestries(photos),
    )
    found = study(measures, permutations=0)
    assert found.readers == {"A": 5, "B": 7}
    assert found.photos == 12
    assert found.effects[0].estimate.value == pytest.approx(
        study_effects(trials, permutations=0)[0].estimate.value, abs=1e-3
    )


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = rows_of(draw_trials(SMALL, 7))
    rows[0] = rows[0].rsplit(",", 1)[0] + ","
    rows += [f"x,,p{n},{'European' if n < 6 else 'Taiwanese'},eyes,30" for n in range(12)]
    rows += [f"r{n},{'Bonn' if n < 5 else 'Taipei'},q,,eyes,30" for n in range(3)]
    found = study(read_measures(table(tmp_path, rows)), permutations=0)
    assert found.left_out == {
        "without dwell": 1,
        "of readers without a group": 12,
        "of photos without an ancestry": 3,
    }
    assert found.readers == {"Bonn": 5, "Taipei": 7}


ROWS = [
    f"r{r},{'A' if r < 3 else 'B'},p{p},{'x' if p < 3 else 'y'},eyes,{(7 * r + 5 * p) % 11}"
    for r in range(6)
    for p in range(6)
]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row for row in ROWS if row.startswith("r0")], ["1 group (A)", "second group"]),
        ([row for row in ROWS if "A" not in row or "r0" in row], ["group A has 1 reader"]),
        (
            [row for row in ROWS if "A" not in row or "x" in row],
            ["group A", "0 photos", "ancestry y"],
        ),
        ([row.replace("r5,B", "r5,C") for row in ROWS], ["3 groups (A, B, C)", "--group"]),
        ([*ROWS, "r0,B,p9,x,eyes,1"], ["line 38", "r0", "'B'", "'A' on line 2"]),
        ([*ROWS, "r9,B,p0,y,eyes,1"], ["photo p0", "ancestry"]),
        ([*ROWS, ROWS[0]], ["line 38", "on line 2 already"]),
        ([*ROWS, "r9,B,p0,x,eyes,1e"], ["line 38, column dwell", "'1e' is not a number"]),
        ([*ROWS, "r9,B,p0,x,eyes,1e99"], ["line 38, column dwell", "too large"]),
        ([*ROWS, ",B,p0,x,eyes,1"], ["reader or the photo is missing"]),
    ],
)
def test_designs_that_cannot_be_compared_are_refused(
    tmp_path: Path, rows: list[str], words: list[str]
) -> None:
    with pytest.raises(UsageError) as refused:
        study(read_measures(table(tmp_path, rows)), permutations=0)
    told = f"{refused.value.message} {refused.value.hint}"
    for word in words:
        assert word in told
    assert refused.value.hint


def test_names_that_differ_between_tables_are_said(tmp_path: Path) -> None:
    path = table(tmp_path, ROWS)
    with pytest.raises(UsageError) as refused:
        read_measures(path, ancestries={"p0.jpg": "x", "p1.jpg": "y"})
    assert "no measure is left (36 of photos without an ancestry)" in refused.value.message
    assert "such as r0 and p0" in refused.value.hint
    with pytest.raises(UsageError, match="36 of readers without a group"):
        read_measures(path, groups={})


def test_two_of_three_groups_can_be_compared(tmp_path: Path) -> None:
    rows = [row.replace(",B,", ",C,") if row[1] in "5" else row for row in ROWS]
    rows += [row.replace("r5", "r6") for row in rows if row.startswith("r5")]
    measures = read_measures(table(tmp_path, rows))
    found = study(measures, groups=["C", "A"], permutations=0)
    assert found.groups == ("C", "A")
    assert found.left_out == {"of groups or ancestries that are not compared": 12}
    with pytest.raises(UsageError, match="group D"):
        study(measures, groups=["C", "D"])


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column reader"):
        read_measures(table(tmp_path, ["a,b,1"], "who,photo,dwell"))
    with pytest.raises(UsageError, match="no column photo"):
        read_measures(table(tmp_path, ["a,b,1"], "reader,picture,dwell"))
    with pytest.raises(UsageError, match="no column group"):
        read_measures(table(tmp_path, ["a,b,1"], "reader,photo,dwell"))
    with pytest.raises(UsageError, match="no measure share"):
        read_measures(table(tmp_path, ["a,g,b,1"], "reader,group,photo,dwell"), ["share"])


def test_power_rises_with_the_difference_and_is_the_level_without_one() -> None:
    plan = MeasurePlan(readers=(6, 6), photos=(6, 6))
    null, small, large = (
        power(replace(plan, group=size), studies=60).share.value for size in (0, 10, 25)
    )
    assert null < 0.2
    assert null < small < large
    assert large > 0.9


@pytest.mark.parametrize(
    ("plan", "effect"),
    [
        (MeasurePlan(readers=(1, 9)), "group"),
        (MeasurePlan(photos=(40, 1)), "group"),
        (MeasurePlan(photos=(40, 0)), "ancestry"),
    ],
)
def test_a_plan_that_cannot_be_analysed_has_no_power(plan: MeasurePlan, effect: str) -> None:
    with pytest.raises(UsageError, match="fewer than two"):
        power(plan, effect, studies=1)  # type: ignore[arg-type]


def test_a_small_group_that_varies_more_is_not_taken_for_one_that_differs() -> None:
    """With one variance for both groups, one study in seven found a difference."""
    plan = MeasurePlan(readers=(4, 14), photos=(6, 6), reader_sd=0)
    p = []
    for seed in range(150):
        trials = draw_trials(plan, seed)
        spread = np.where(trials.is_second, 4, 16)
        deviations = spread * np.random.default_rng(seed).normal(size=18)
        varied = replace(trials, value=trials.value + deviations[trials.reader])
        p.append(study_effects(varied, permutations=0)[0].p)
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_readers_who_each_saw_one_ancestry_have_no_permutation_of_the_interaction() -> None:
    trials = draw_trials(MeasurePlan(readers=(4, 4), photos=(4, 4)), 1)
    assert trials.is_other is not None
    # Of each group, two readers see the photos of one ancestry, and two those of the other.
    seen = (trials.reader % 2 == 1) == trials.is_other[trials.photo]
    half = replace(
        trials, reader=trials.reader[seen], photo=trials.photo[seen], value=trials.value[seen]
    )
    effects = {one.effect: one for one in study_effects(half, permutations=99)}
    assert math.isnan(effects["group x ancestry"].p_permuted)
    assert 0 < effects["group x ancestry"].p <= 1


def of_readers(trials: CrossedTrials, seen: NDArray[np.bool_]) -> CrossedTrials:
    return replace(
        trials, reader=trials.reader[seen], photo=trials.photo[seen], value=trials.value[seen]
    )


def test_readers_who_saw_no_photo_of_the_others_have_no_permutation() -> None:
    trials = draw_trials(replace(SMALL, photos=(12, 0), photo_sd=50, reader_sd=1), 1)
    seen = (trials.photo % 2 == 1) == trials.is_second[trials.reader]
    [effect] = study_effects(of_readers(trials, seen), permutations=99)
    assert math.isnan(effect.p_permuted)
    assert 0 < effect.p <= 1


def test_a_group_in_which_nobody_saw_both_ancestries_has_no_permutation_of_both() -> None:
    trials = draw_trials(SMALL, 1)
    assert trials.is_other is not None
    second, other = trials.is_second[trials.reader], trials.is_other[trials.photo]
    found = study_effects(
        of_readers(trials, second | ((trials.reader % 2 == 0) == other)), permutations=99
    )
    p = {one.effect: one.p_permuted for one in found}
    assert math.isnan(p["group x ancestry"])
    assert 0 < p["group"] <= 1
    assert 0 < p["ancestry"] <= 1


def test_a_ratio_whose_interval_is_beyond_all_numbers_is_skipped() -> None:
    trials = draw_trials(MeasurePlan(readers=(2, 2), photos=(4, 0)), 1)
    times = np.exp(np.clip((trials.value - 35) * 20, -600, 600))
    with pytest.raises(ValueError, match="beyond all numbers"):
        study_effects(replace(trials, value=times), log=True, permutations=0)


def test_a_planned_study_that_loses_too_many_trials_finds_nothing() -> None:
    plan = MeasurePlan(readers=(2, 2), photos=(3, 0), missing=0.5, group=1000)
    found = power(plan, studies=50)
    assert 0 < found.share.value < 1
    with pytest.raises(UsageError, match="No simulated study can be analysed"):
        power(replace(plan, missing=0.99), studies=50)


@pytest.mark.parametrize(
    "plan",
    [
        MeasurePlan(group=math.nan),
        MeasurePlan(both=math.inf),
        MeasurePlan(trial_sd=1e300),
        MeasurePlan(readers=(10**10, 3)),
    ],
)
def test_a_plan_of_numbers_that_cannot_be_is_refused(plan: MeasurePlan) -> None:
    with pytest.raises(UsageError):
        power(plan, studies=50)
