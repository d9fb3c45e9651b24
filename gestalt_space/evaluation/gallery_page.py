"""An evaluation of one's own gallery as a page to look at. It names no patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gestalt_space import __version__
from gestalt_space.evaluation.accuracy import CONDITIONAL, Accuracy
from gestalt_space.evaluation.curves import Roc
from gestalt_space.evaluation.gallery_results import GalleryEvaluation, SpaceResult
from gestalt_space.evaluation.paired import FLIPS
from gestalt_space.evaluation.strata import FEWEST_PATIENTS, Stratum, too_small
from gestalt_space.evaluation.units import LARGE
from gestalt_space.files import check_new_file, write_atomically
from gestalt_space.ranking.aggregation import Aggregation
from gestalt_space.report.charts import Bar, Line, bar_chart, curve_chart, dot_chart, line_key
from gestalt_space.report.html import (
    Markup,
    bullets,
    element,
    figure,
    join,
    page,
    paragraph,
    section,
    table,
)
from gestalt_space.stats.estimates import Estimate

SHOWN_TOPS = (1, 5, 10)
_ATTRIBUTES = {
    "ancestry": "Ancestry",
    "sex": "Sex",
    "age": "Age at the photo",
    "disorder": "Patients of the disorder",
}


def check_page_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise where no page can be written to `path`, before any work is done for it.

    `UsageError` for an ending other than `.html`, `OutputError` for a file that is there or a
    folder that is not.
    """
    check_new_file(path, (".html", ".htm"), overwrite=overwrite)


def write_page(evaluation: GalleryEvaluation, path: Path) -> None:
    """Write the page. Raises `OutputError`."""
    write_atomically(path, evaluation_page(evaluation).encode("utf-8"))


def evaluation_page(evaluation: GalleryEvaluation) -> str:
    """The page as HTML."""
    return page(
        "How well the gallery's own patients are ranked",
        *_opening(evaluation),
        *(part for result in evaluation.spaces for part in _space(result, evaluation)),
        *_comparisons(evaluation),
        _methods(evaluation),
        element(
            "footer",
            paragraph(
                f"Made by gestalt-space {__version__}. A research tool, not a medical device: "
                "similarity of faces is not a diagnosis.",
                class_="faint",
            ),
        ),
        generator=f"gestalt-space evaluate gallery {__version__}",
    )


def _opening(evaluation: GalleryEvaluation) -> Iterable[Markup]:
    result = evaluation.spaces[0]
    counts, by = result.counts, result.data.by
    how, best = max(
        ((how, found.patients.top[10]) for how, found in result.aggregations.items()),
        key=lambda item: item[1].value,
    )
    asked = (
        "each was left out in turn, and asked about with all others as the gallery"
        if evaluation.plan.split is None
        else "those of the part test were asked about, with those of the part gallery as evidence"
    )
    yield element("h1", "How well the gallery's own patients are ranked")
    yield paragraph(
        f"{counts.asked_patients:,} diagnosed patients: {asked}. With all photos of a patient as "
        f"one, the true {by} was among the first ten for {_text(best)} of the patients, at the "
        f"best, by {how}; a draw would have it there for "
        f"{min(1.0, 10 / counts.evidence_disorders):.0%}.",
        class_="lead",
    )
    yield element(
        "div",
        element("strong", "This is about the patients who are in this gallery. "),
        "How well others are ranked depends on how alike they are to them: in disorder, age, sex "
        "and ancestry, and in how their photos were taken. gestalt-space is a research tool, not a "
        "medical device.",
        class_="note",
        role="note",
    )


def _space(result: SpaceResult, evaluation: GalleryEvaluation) -> Iterable[Markup]:
    several = len(evaluation.spaces) > 1
    suffix = f", space {result.data.space}" if several else ""
    yield section(f"Who was asked about{suffix}", _facts(result), *_untested(result))
    yield section(f"The true {result.data.by} among the first{suffix}", *_tops(result))
    yield section(f"Telling apart{suffix}", *_curves(result))
    yield section(f"Side by side{suffix}", *_strata(result))


def _facts(result: SpaceResult) -> Markup:
    counts = result.counts
    facts = [
        ("Asked about", f"{counts.asked_patients:,} patients, {counts.asked_photos:,} photos"),
        ("Tested", f"{counts.asked_disorders:,} {result.data.by}s"),
        ("Evidence", f"{counts.evidence_patients:,} patients, {counts.evidence_photos:,} photos"),
        ("Ranked", f"{counts.evidence_disorders:,} {result.data.by}s"),
        ("Undiagnosed", f"{counts.undiagnosed:,} patients"),
        ("Controls", f"{counts.controls:,}" if counts.controls else "none named"),
        ("Encoder", result.data.space),
        ("Space", result.data.fingerprint[:12]),
    ]
    if counts.aside:
        facts.append(("In neither part of the split", f"{counts.aside:,} patients"))
    entries = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element("dl", *entries, class_="facts")


def _untested(result: SpaceResult) -> Iterable[Markup]:
    if not result.untested:
        return
    by = result.data.by
    names = [f"{one.name} ({one.id})" if one.name else one.id for one in result.untested]
    yield element(
        "details",
        element(
            "summary",
            f"{len(names):,} {by}{'s have' if len(names) > 1 else ' has'} no other patient to be "
            "found by, and cannot be tested",
        ),
        bullets(names),
    )


def _tops(result: SpaceResult) -> Iterable[Markup]:
    by = result.data.by
    bars = [
        (
            f"Among the first {k}" if k > 1 else "In the first place",
            [_bar(how, found.patients.top[k]) for how, found in result.aggregations.items()],
        )
        for k in SHOWN_TOPS
    ]
    yield figure(
        bar_chart(bars, alt=f"Share of patients whose true {by} is among the first 1, 5 and 10"),
        f"Share of patients, all photos of each as one, whose true {by} is among the first k, by "
        "five ways of weighing the photos of a disorder, or those of them that were asked for. "
        "Thin lines: 95 % intervals.",
    )
    for title, which in (
        ("Each patient's photos as one", "patients"),
        ("Every photo by itself", "images"),
    ):
        yield _accuracy_table(
            title, by, {how: getattr(found, which) for how, found in result.aggregations.items()}
        )


def _accuracy_table(title: str, by: str, accuracies: Mapping[Aggregation, Accuracy]) -> Markup:
    first = next(iter(accuracies.values()))
    columns = [f"top-{k}" for k in first.top]
    rows = []
    for how, found in accuracies.items():
        ranks = join(
            f"mean {found.mean_rank:.1f}", element("br"), f"median {found.median_rank:.0f}"
        )
        cells = [
            join(_text(found.top[k]), element("br"), _text(found.top_of_disorders[k]))
            for k in found.top
        ]
        rows.append((how + _mark(found), *cells, ranks))
    return table(
        ("Aggregation", *columns, "rank"),
        rows,
        caption=f"{title}: {first.cases:,} cases of {first.patients:,} patients and "
        f"{first.disorders:,} {by}s. Above: every case weighs the same; below: the mean over "
        f"{by}s. "
        "†: intervals conditional on this gallery",
        numbers=(*columns, "rank"),
    )


def _curves(result: SpaceResult) -> Iterable[Markup]:
    by = result.data.by
    same = {how: found.same_different for how, found in result.aggregations.items()}
    control = {how: found.patient_control for how, found in result.aggregations.items()}
    drawn = [
        _curve_figure(
            same,
            f"other {by}s that reach it",
            f"true {by}s that reach it",
            f"The patient's {by} from other {by}s",
        ),
        _curve_figure(
            control,
            "controls who reach it",
            "patients who reach it",
            "Patients from people without a disorder, by the score that came first",
        ),
    ]
    shown = [one for one in drawn if one is not None]
    yield paragraph(
        "A score is let through from some height on: how many of those that should be let through "
        "are, and how many of the others? The area under the curve (AUROC) is the chance that a "
        "score of the first kind is above one of the second; 0.5 is a coin."
    )
    yield element("div", *shown, class_="charts")
    if not result.counts.controls:
        yield paragraph(
            "Whether patients are told from people without a disorder is not computed: no controls "
            "were named (--controls COHORT)."
        )


def _curve_figure(
    curves: Mapping[Aggregation, Roc | None], x: str, y: str, caption: str
) -> Markup | None:
    known = {how: roc for how, roc in curves.items() if roc is not None}
    if not known:
        return None
    names = [
        f"{how}: {roc.auroc.value:.3f} ({roc.auroc.low:.3f}–{roc.auroc.high:.3f})"
        for how, roc in known.items()
    ]
    lines = [
        Line(name, roc.false_positives, roc.true_positives)
        for name, roc in zip(names, known.values(), strict=True)
    ]
    first = next(iter(known.values()))
    return figure(
        join(curve_chart(lines, x=x, y=y, alt=f"ROC curves: {caption}"), line_key(names)),
        f"{caption}: {first.positives:,} against {first.negatives:,}. With AUROC and its 95 % "
        "interval.",
    )


def _strata(result: SpaceResult) -> Iterable[Markup]:
    first = next(iter(result.aggregations))
    for k in (1, 10):
        groups = []
        for attribute, title in _ATTRIBUTES.items():
            parts = [part for part in result.strata if part.attribute == attribute]
            bars = [_stratum_bar(part.value, part.patients, k) for part in parts if part.patients]
            groups.append((title, bars))
        yield figure(
            dot_chart(groups, alt=f"Top-{k} of parts of the patients"),
            f"Top-{k} by {first}, all photos of a patient as one, with 95 % intervals and how many "
            f"patients. Pale: fewer than {FEWEST_PATIENTS} patients, too few to read anything "
            "from. Parts differ in their disorders, too: a difference need not be one of ancestry, "
            "sex or age.",
        )
    yield _strata_table(result.strata, result.data.by)


def _strata_table(strata: Sequence[Stratum], by: str) -> Markup:
    columns = ("patients", f"{by}s", "photos", "top-1", "top-10", "photos: top-1", "photos: top-10")
    rows = []
    for part in strata:
        patients, images = part.patients, part.images
        counted = patients or images
        rows.append(
            (
                join(f"{_ATTRIBUTES[part.attribute]}: {part.value}"),
                "" if counted is None else f"{counted.patients:,}",
                "" if counted is None else f"{counted.disorders:,}",
                "" if images is None else f"{images.cases:,}",
                *_cells(patients),
                *_cells(images),
            )
        )
    return table(
        ("Part", *columns),
        rows,
        caption=f"Parts side by side; *: fewer than {FEWEST_PATIENTS} patients, too few to read",
        numbers=columns,
    )


def _cells(found: Accuracy | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    mark = "*" * too_small(found)
    return _text(found.top[1]) + mark, _text(found.top[10]) + mark


def _comparisons(evaluation: GalleryEvaluation) -> Iterable[Markup]:
    if not evaluation.comparisons:
        return
    by = evaluation.spaces[0].data.by
    columns = ("difference, points", "p", "p (Holm)")
    yield section(
        "Compared",
        table(
            ("What", "against", "top-k", *columns),
            [
                (
                    f"{one.aggregation} in {one.space}",
                    f"{one.other_aggregation} in {one.other_space}",
                    f"top-{one.k}" if one.over == "cases" else f"top-{one.k}, mean over {by}s",
                    _points(one.found.difference),
                    _p(one.found.p),
                    _p(one.p_held),
                )
                for one in evaluation.comparisons
            ],
            caption="All photos of a patient as one, on the cases that both have; intervals are "
            "conditional on this gallery",
            numbers=columns,
        ),
    )


def _methods(evaluation: GalleryEvaluation) -> Markup:
    plan, result = evaluation.plan, evaluation.spaces[0]
    by, counts = result.data.by, result.counts
    spaces = "; ".join(
        f"{one.data.space} (fingerprint {one.data.fingerprint[:12]})" for one in evaluation.spaces
    )
    protocol = (
        f"Each of {counts.asked_patients:,} diagnosed patients was left out of the gallery with "
        "all photos and asked about"
        if plan.split is None
        else f"The patients of the part test of {plan.split.name} were asked about, with those of "
        "the part gallery as the only evidence"
    )
    relatives = "were" if plan.with_family else "neither"
    return section(
        "Methods",
        paragraph(
            f"{protocol}: once by every photo ({counts.asked_photos:,}), and once by all photos as "
            "one, their mean descriptor brought to unit length. The patient's own photos were "
            f"never evidence, those of relatives {relatives}. A case is a patient (or photo) with "
            f"one {by}; a patient's other "
            f"{by}s did not count against it. Scores are cosine similarities, aggregated as named "
            "(nearest: Hsieh et al. 2022); ties break by identifier. A "
            f"{by} without another patient cannot be tested and is counted apart "
            f"({len(result.untested):,})."
        ),
        paragraph(
            "Intervals, 95 %, are of two kinds. Those of nearest and patient-mean are for "
            f"galleries of as many families of the same {by}s, all drawn anew: a jackknife over "
            f"families within {by}s, in which ranks are found again without each, corrected by "
            f"second differences (Efron and Stein 1981); {by}s of fewer than {LARGE} families are "
            "taken as one, among those of their size; shares as Wilson (1927) has them. Mean and "
            "median ranks have none: none that was tried held the truth as often as it said. All "
            "others (†), and those of AUROC and of differences, are conditional on this gallery, "
            "and too narrow for another one: "
            f"percentile bootstrap over families, {plan.bootstrap.replicates:,} draws, seed "
            f"{plan.bootstrap.seed}; means over {by}s are over those in the draw. "
            "AUROC of same/different: pairs of a patient and a "
            f"{by}, at one threshold for all patients. AUROC of patient/control: best scores, "
            "patients and controls drawn apart. Comparisons: sign-flip permutation test over "
            f"families, two-sided, {FLIPS:,} flips, p = (b + 1)/(m + 1), held by Holm's method "
            "over all lines of the table."
        ),
        paragraph(
            f"gestalt-space {__version__}, {datetime.now(UTC):%Y-%m-%d}; encoders: {spaces}."
        ),
    )


def _bar(name: str, one: Estimate) -> Bar:
    return Bar(name, one.value, one.low, one.high)


def _stratum_bar(value: str, found: Accuracy, k: int) -> Bar:
    one, note = found.top[k], f"n = {found.patients:,}"
    return Bar(value, one.value, one.low, one.high, note, faint=too_small(found))


def _mark(found: Accuracy) -> str:
    return " †" if found.interval == CONDITIONAL else ""


def _text(one: Estimate) -> str:
    return f"{100 * one.value:.1f} % ({100 * one.low:.0f}–{100 * one.high:.0f})"


def _points(one: Estimate) -> str:
    return f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
