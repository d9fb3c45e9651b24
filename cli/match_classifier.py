"""`gestalt match --classifier`: what a classifier says of photos, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import output
from .interruption import interruption
from .match_output import face_line, title_of, write_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gestalt_space.gallery.pipeline import PhotoSource
    from gestalt_space.home import Gallery
    from gestalt_space.match.classified import Classified
    from gestalt_space.match.probe import Probe
    from gestalt_space.match.question import Question
    from gestalt_space.weights.classifier_facts import ClassifierFacts, Measured, TopProbabilities

_FEW = 100
"""Of fewer patients, a share is given as a count."""


def check_options(
    classifier: str | None,
    form: str,
    *,
    fuse: bool,
    explain: str | None,
    show_face: object,
    space: str | None,
) -> None:
    """Raises `UsageError` for options that do not go with a classifier, or need one."""
    if classifier is None:
        if fuse:
            raise UsageError("--fuse needs a classifier.", "Name one: --classifier NAME.")
        return
    if form == "gestaltmatcher" or explain is not None or show_face is not None:
        raise UsageError(
            "--classifier cannot be combined with --explain, --show-face or --format "
            "gestaltmatcher.",
            "Leave them out.",
        )
    if space is not None and not fuse:
        raise UsageError(
            "--space is about the gallery, which a classifier does not look at.",
            "Add --fuse, or leave out --space.",
        )


def _check_question(question: Question, *, fuse: bool) -> None:
    """Raises `UsageError` for what is asked of the gallery, if it is not asked, and for what only
    its own answer shows."""
    from gestalt_space.match.question import TEN_DISORDERS

    of_the_gallery = ("aggregation", "among", "without", "family", "with_family", "index")
    names = ("sex", "age", "ancestry", *(() if fuse else of_the_gallery))
    for name in names:
        if getattr(question, name) != getattr(TEN_DISORDERS, name):
            option = f"--{name.replace('_', '-')}"
            only_fused = name in of_the_gallery
            raise UsageError(
                f"{option} is about the gallery, which a classifier does not look at.",
                f"Add --fuse, or leave out {option}." if only_fused else f"Leave out {option}.",
            )


def classify(
    gallery: Gallery,
    name: str,
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    form: str,
    csv: Path | None,
    *,
    as_one: bool,
    fuse: bool,
    device: str,
    quiet: bool,
) -> int:
    """Ask a classifier about photos or a patient, and show what it says."""
    from gestalt_space.classifiers.opening import find_classifier, open_classifier
    from gestalt_space.devices import parse_device
    from gestalt_space.documents.classified import classified_document, classified_table
    from gestalt_space.match.classified import ranked_by
    from gestalt_space.weights.store import ModelStore

    _check_question(question, fuse=fuse)
    model = find_classifier(ModelStore(gallery.settings.models_dir), name)
    opened = open_classifier(model, device=parse_device(device))
    asked = question if fuse else None
    genes = opened.facts.experiment == "specialised"
    if not fuse and question.by not in ("disorder", *["gene"] * genes):
        raise UsageError(f"The classifier {name} does not rank {question.by}s.", "Leave out --by.")
    if fuse:
        ranked_by(opened.facts)
        gallery.view(question)  # what cannot be asked is said before photos are read
    answers = (
        one
        for batch in _probes(gallery, sources, patient, as_one=as_one)
        for one in gallery.classify(batch, opened, question.k, asked)
    )
    bar = len(sources) > 1 and not (quiet or as_one)
    with interruption(lambda: ". Nothing was printed, and nothing was stored."):
        found = list(output.with_bar(answers, "Classifying", len(sources), quiet=not bar))
    if form == "json":
        space = gallery.space.model.name if fuse else None
        output.write_json(classified_document(name, opened.facts, found, space))
    elif form == "csv":
        output.write_table(classified_table(found), csv or output.STANDARD_OUTPUT)
    else:
        detector = "" if patient is not None else gallery.pipeline.detector
        for one in found:
            _write(one, name, opened.facts, detector)
        if not quiet:
            _write_summary(name, opened.facts, gallery.space.model.name if fuse else None)
    failed = any(one.error is not None or any(p.error for p in one.photos) for one in found)
    return 3 if failed else 0


def _probes(
    gallery: Gallery, sources: Sequence[PhotoSource], patient: str | None, *, as_one: bool
) -> Iterator[list[Probe]]:
    if patient is not None:
        return iter([[gallery.stored_probe(patient)]])
    return gallery.probes(sources, as_one=as_one)


def _write(one: Classified, name: str, facts: ClassifierFacts, detector: str) -> None:
    if one.error is not None:
        output.say_error(one.error, one.photo)
        return
    output.write_text(one.photo, style="bold")
    for photo in one.photos:
        title = photo.name if len(one.photos) > 1 else ""
        if photo.error is not None:
            output.say_error(photo.error, photo.name)
        elif photo.face is not None:
            output.write_text(face_line(photo.face, detector, title))
    if one.own is not None:
        output.write_text(
            f"  {_own_text(name, one.own, is_known=one.trained_on)}",
            style="bold" if one.trained_on else None,
        )
    if one.is_first is not None and facts.threshold is not None:
        told = _decision(facts, facts.threshold, is_first=one.is_first)
        output.write_text(f"  {told}", style="bold")
    if one.fused is None:
        kind = "gene" if facts.experiment == "specialised" else "class"
        table = output.new_table("rank", kind, "probability", right=("rank", "probability"))
        for line in one.lines:
            table.add_row(str(line.rank), title_of(line.id, line.name), f"{line.probability:.3f}")
    else:
        write_verdict(one.verdict, one.best_percentile, "in the gallery: ")
        right = ("rank", "in the gallery", "similarity", "probability")
        table = output.new_table("rank", "name", *right[1:], right=right)
        for fused in one.fused:
            known = "not known" if fused.probability is None else f"{fused.probability:.3f}"
            cells = (str(fused.gallery_rank), f"{fused.similarity:.4f}", known)
            table.add_row(str(fused.rank), title_of(fused.id, fused.name), *cells)
    output.write_table(table)
    output.write_text(f"  {_top_text(one, facts)}")
    if facts.measured is not None:
        output.write_text(f"  {_measured_text(facts.measured)}")
    if facts.no_better_than_chance:
        output.write_text("  this classifier is not better than chance", style="bold")


def _own_text(name: str, patient: str, *, is_known: bool | None) -> str:
    """Whether the classifier knows a patient of the gallery from its training."""
    if is_known is None:
        return (
            f"patient {patient} of the gallery: the classifier may have been trained on them, and "
            "then knows them too well"
        )
    if is_known:
        return (
            f"patient {patient} of the gallery was in the training of {name}: the probability of "
            "their own class is too high"
        )
    return f"patient {patient} of the gallery was not in the training of {name}"


def _decision(facts: ClassifierFacts, threshold: float, *, is_first: bool) -> str:
    """What a binary classifier says, as a sentence."""
    first, second = (one.id for one in facts.classes)
    if is_first:
        return f"{first}: its probability reaches the threshold of {threshold:.2f}"
    if facts.against_others:
        return f"not {first}: its probability is below the threshold of {threshold:.2f}"
    return f"{second}: the probability of {first} is below the threshold of {threshold:.2f}"


def _measured_text(measured: Measured) -> str:
    """How well the classifier did on patients who were not trained on."""
    told = []
    if measured.top1 is not None:
        told.append(f"top-1 {measured.top1:.1%}")
    if measured.chance is not None:
        told.append(f"by chance {measured.chance:.1%}")
    if measured.p is not None:
        told.append("p < 0.001" if measured.p < 0.001 else f"p = {measured.p:.3f}")
    if measured.sensitivity is not None:
        told.append(f"sensitivity {measured.sensitivity:.1%}")
    if measured.specificity is not None:
        told.append(f"specificity {measured.specificity:.1%}")
    if measured.auroc is not None:
        told.append(f"AUROC {measured.auroc:.3f}")
    return f"measured on families that were not trained on: {', '.join(told)}"


def _top_text(one: Classified, facts: ClassifierFacts) -> str:
    told = f"largest probability {one.top:.2f}, entropy {one.entropy:.2f}"
    if facts.against_others or one.top is None:
        return told
    of_genes = facts.experiment == "specialised"
    unknown = "with another disorder" if of_genes else "with none of the classes"
    if facts.unknown is None:
        return f"{told}; what patients {unknown} get was not measured"
    told += f"; reached by {_reaching(one.top, facts.unknown)} {unknown}"
    if facts.known is not None:
        known = "with one of the genes" if of_genes else "with one of them"
        told += f", and by {_reaching(one.top, facts.known)} {known}"
    return told


def _reaching(probability: float, top: TopProbabilities) -> str:
    """How many patients reach a probability: of few, as a count."""
    patients = counted_text(top.patients, "patient")
    if top.patients >= _FEW:
        return f"{top.share_reaching(probability):.0%} of {patients}"
    count = top.count_reaching(probability)
    return f"about {count} of {patients}" if count else f"none of {patients}"


def _limits(name: str, facts: ClassifierFacts) -> str:
    """Whom the classifier is for, and what its probabilities assume."""
    if facts.experiment == "specialised":
        return (
            f"The classifier {name} is for patients with {facts.subject} only, and knows only "
            f"{len(facts.classes)} genes: anybody else gets one of them all the same. Its "
            "probabilities assume that all of these genes are equally frequent."
        )
    if facts.against_others:
        return (
            f"The classifier {name} tells {facts.subject} from the other disorders of the gallery "
            "that it was trained on. Its probabilities assume that both groups are equally "
            "frequent."
        )
    return (
        f"The classifier {name} knows only its {len(facts.classes)} classes: a patient with "
        "another disorder gets one of them all the same. Its probabilities assume that all classes "
        "are equally frequent."
    )


def _write_summary(name: str, facts: ClassifierFacts, space: str | None) -> None:
    output.write_text(_limits(name, facts), style="dim")
    if space is not None:
        output.write_text(f"The gallery was ranked in the space of {space}.", style="dim")
    output.write_text(output.DISCLAIMER, style="dim")
