"""What `gestalt match` shows: tables for people, and CSV. Each answer is shown as it comes."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.ages import age_text
from gestalt_space.counts import counted_text
from gestalt_space.faces.steps import PLAIN, step_text

from . import output

if TYPE_CHECKING:
    from gestalt_space.gallery.calibration.calibrating import CalibrationState
    from gestalt_space.gallery.spaces import ActiveSpace
    from gestalt_space.match.answer import Match, MatchLine
    from gestalt_space.match.evidence import Evidence
    from gestalt_space.match.probe import Probe
    from gestalt_space.match.question import Question
    from gestalt_space.match.view import GalleryView
    from gestalt_space.types import Face

SHOWN_RELATIVES = 10


def write_tables(matches: Iterable[Match], view: GalleryView, detector: str) -> None:
    """A table for each match; errors on standard error."""
    for match in matches:
        _write_match(match, view, detector)


def write_summary(
    view: GalleryView, space: ActiveSpace, calibration: CalibrationState | None
) -> None:
    """What was ranked, and what kind of tool this is."""
    from gestalt_space.index.accelerator import PROCESSOR
    from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION

    state, by = view.state, view.question.by
    output.write_text(
        f"{counted_text(state.totals('patient').patients, 'patient')}, "
        f"{counted_text(state.photos, 'photo')}, "
        f"{counted_text(state.totals(by).lines, by)} "
        f"in the space of {space.model.name}.",
        style="dim",
    )
    if state.searched_on != PROCESSOR:
        output.write_text(f"Searched on {state.searched_on}.", style="dim")
    if calibration is not None and calibration.told is not None:
        output.write_text(calibration.told, style="dim")
    if space.model.name == BUILTIN:
        output.write_text(BUILTIN_CAUTION, style="dim")
    output.write_text(output.DISCLAIMER, style="dim")


def write_evidence(probe: Probe, evidence: Sequence[Evidence], slots: Sequence[str]) -> None:
    """Every photo of some lines; where there are several slots, a table of those for each line."""
    output.write_text(probe.name, style="bold")
    if probe.own is not None:
        output.write_text(f"  patient {probe.own.identifier} is excluded")
    for line in evidence:
        output.write_text(title_of(line.id, line.name))
        table = output.new_table(
            *("no", "patient", "photo", "age", "similarity"),
            right=("no", "similarity"),
            whole=("patient", "age"),
            least=("age",),
        )
        for number, photo in enumerate(line.photos, start=1):
            age = "" if photo.age is None else age_text(photo.age)
            cells = (photo.patient, photo.photo, age, f"{photo.similarity:.4f}")
            table.add_row(str(number), *cells)
        output.write_table(table)
        if any(photo.slots for photo in line.photos):
            _write_slots(line, slots)


def write_csv(matches: Iterable[Match], view: GalleryView, csv: Path) -> None:
    """The rows of each match as it comes."""
    from gestalt_space.documents.matches import match_table

    with output.csv_parts(csv) as write:
        write(match_table((), view))
        for match in matches:
            write(match_table([match], view))


def write_verdict(verdict: str | None, percentile: float | None, where: str = "") -> None:
    """How close the first line is, if the space is calibrated. `where`: before the verdict."""
    if verdict is None or percentile is None:
        return
    output.write_text(f"  {where}{verdict}", style="bold")
    share = f"{percentile:.0f} %" if percentile < 99.5 else "nearly all"
    output.write_text(
        f"  {share} of the gallery's patients are less similar than this to their nearest "
        "wrong disorder"
    )


def title_of(id_: str, name: str) -> str:
    """A line's name and identifier."""
    return id_ if name in ("", id_) else f"{name} ({id_})"


def _write_match(match: Match, view: GalleryView, detector: str) -> None:
    if match.error is not None:
        output.say_error(match.error, match.photo)
        return
    write_probe(match, view, detector)
    _write_lines(match, view.question)
    write_around(match, view.question)


def write_probe(match: Match, view: GalleryView, detector: str, where: str = "") -> None:
    """What stands above the lines of a match: whose face it is, and how close the first line is.
    `where`: before the verdict."""
    question = view.question
    output.write_text(match.photo, style="bold")
    if view.told is not None:
        output.write_text(f"  {view.told}", style="bold")
    if match.face is not None:
        output.write_text(face_line(match.face, detector))
    if len(match.photos) > 1:
        _write_photos(match, detector)
    if match.left_out == match.photo:
        output.write_text("  the patient's own photos are excluded")
    elif match.left_out is not None:
        output.write_text(
            f"  {'these photos are' if len(match.photos) > 1 else 'this photo is'} of patient "
            f"{match.left_out}, who is excluded"
        )
    if match.relatives:
        output.write_text(_relatives_line(match.relatives))
    if question.without:
        output.write_text(f"  excluded: {', '.join(question.without)}")
    _write_copies(match)
    write_verdict(match.verdict, match.best_percentile, where)


def _relatives_line(relatives: tuple[str, ...]) -> str:
    named = ", ".join(relatives[:SHOWN_RELATIVES])
    more = len(relatives) - SHOWN_RELATIVES
    rest = f" and {more:,} more" if more > 0 else ""
    return f"  excluded as family: {counted_text(len(relatives), 'patient')}, {named}{rest}"


def _write_copies(match: Match) -> None:
    """Stored photos that may be the probe itself in another file."""
    what = "one of these faces" if len(match.photos) > 1 else "this face"
    for copy in match.copies:
        proof = "" if copy.proof == "crops" else ", crops not compared"
        output.write_text(f"  {what} may be of patient {copy.patient}", style="bold")
        output.write_text(f"    {copy.photo} (similarity {copy.similarity:.3f}{proof})")
    if match.copies:
        names = dict.fromkeys(copy.patient for copy in match.copies)
        how = " ".join(f"--without {shlex.quote(name)}" for name in names)
        output.write_text(f"  to exclude {'that patient' if len(names) == 1 else 'them'}: {how}")


def _write_photos(match: Match, detector: str) -> None:
    used = [photo for photo in match.photos if photo.error is None]
    output.write_text(f"  {len(used)} of {len(match.photos)} photos as one probe")
    for photo in match.photos:
        if photo.error is not None:
            output.say_error(photo.error, photo.name)
        elif photo.face is not None:
            output.write_text(face_line(photo.face, detector, photo.name))


def _write_lines(match: Match, question: Question) -> None:
    scored = question.aggregation != "nearest"
    placed = any(line.percentile is not None for line in match.lines)
    weighed = any(line.likelihood_ratio is not None for line in match.lines)
    columns = ["rank", question.by, "similarity"]
    columns += [question.aggregation] * scored + ["pctl"] * placed + ["LR"] * weighed
    columns += ["patient"] * (question.by != "patient")
    columns += ["patients"] * (question.by != "patient") + ["photos"]
    table = output.new_table(
        *columns,
        right=("rank", "similarity", question.aggregation, "pctl", "LR", "patients", "photos"),
        whole=("patient", "gene"),
        least=("photos", "patients", "LR", "pctl", *["patient"] * (question.by != "patient")),
    )
    for line in match.lines:
        cells = [str(line.rank), title_of(line.id, line.name), f"{line.similarity:.4f}"]
        cells += [f"{line.score:.4f}"] * scored
        cells += [_percentile_text(line)] * placed
        cells += [_ratio_text(line)] * weighed
        cells += [line.patient] * (question.by != "patient")
        cells += [str(line.patients)] * (question.by != "patient") + [str(line.photos)]
        table.add_row(*cells)
    output.write_table(table)
    for why in dict.fromkeys(line.no_ratio for line in match.lines if line.no_ratio):
        ranks = [str(line.rank) for line in match.lines if line.no_ratio == why]
        lines = "line" if len(ranks) == 1 else "lines"
        output.write_text(f"  no LR in {lines} {', '.join(ranks)}: {why}", style="dim")


def write_around(match: Match, question: Question, where: str = "") -> None:
    """How many were asked for and could be ranked, and how the gallery is made up. `where`: before
    the first."""
    if match.eligible is not None and (question.among or match.eligible.lines < match.k):
        among = f" among {question.among}" if question.among else ""
        output.write_text(
            f"  {where}{counted_text(match.k, question.by)} requested, {match.eligible.lines} "
            f"eligible{among}, from {counted_text(match.eligible.patients, 'patient')} "
            f"with {counted_text(match.eligible.photos, 'photo')}"
        )
    for shared in match.composition:
        output.write_text(
            f"  {shared.attribute} {shared.value}, where known: {shared.neighbours} of "
            f"{counted_text(shared.neighbours_known, 'patient')} listed, {shared.eligible:,} of "
            f"{shared.eligible_known:,} eligible"
        )


def _write_slots(line: Evidence, slots: Sequence[str]) -> None:
    """Photos in columns, by their numbers; as many tables as 80 columns ask for."""
    width = 8
    for start in range(0, len(line.photos), width):
        photos = line.photos[start : start + width]
        numbers = [str(start + place) for place in range(1, len(photos) + 1)]
        table = output.new_table("slot", *numbers, right=numbers)
        for place, slot in enumerate(slots):
            table.add_row(slot, *(f"{photo.slots[place]:.3f}" for photo in photos))
        output.write_table(table)


def _percentile_text(line: MatchLine) -> str:
    # Cut off, not rounded: 100 would say that nobody else is as similar.
    return "" if line.percentile is None else f"{math.floor(10 * line.percentile) / 10:.1f}"


def _ratio_text(line: MatchLine) -> str:
    ratio = line.likelihood_ratio
    return "" if ratio is None else f"{ratio.value:.2g} (≥ {ratio.lower:.2g})"


def face_line(face: Face, detector: str, name: str = "") -> str:
    """Which face of a photo was used."""
    which = "one face" if face.count == 1 else f"face {face.number} of {face.count}"
    how = "" if face.step in PLAIN else f", photo {step_text(face.step)}"
    line = (
        f"  {which}, {face.quality.size:.0f} px wide, found by {detector} "
        f"(score {face.score:.2f}{how})"
    )
    line += f": {name}" if name else ""
    if output.lies_on_its_side(face):
        line += "\n  the face is turned on its side: turn the photo upright for a better match"
    if reasons := output.marks_text(face):
        line += f"\n  {reasons}"
    return line
