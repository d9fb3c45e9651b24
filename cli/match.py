"""`gestalt match`."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import GestaltError, Interrupted, UsageError

from . import (
    match_classifier,
    match_fused,
    match_fused_options,
    match_output,
    match_sites,
    options,
    output,
)
from .interruption import interruption
from .opening import opened_for_photos
from .probes import probe_names, probes_of
from .show_face import ShowFace, picture_paths, write_pictures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gestalt_space.gallery.pipeline import PhotoSource
    from gestalt_space.home import Gallery
    from gestalt_space.match.answer import Match
    from gestalt_space.match.probe import Probe
    from gestalt_space.match.question import Question
    from gestalt_space.sites.site import Site
    from gestalt_space.types import Face

FORMATS = ("table", "json", "csv", "gestaltmatcher")


def match(
    photos: Annotated[
        list[Path],
        typer.Argument(help="Photos, or folders of photos.", metavar="PHOTO", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    patient: Annotated[
        str | None,
        typer.Option(
            "--patient",
            help="Match a patient of the gallery, all photos as one probe. With --hpo, "
            "--phenopacket or --vcf, the stored HPO terms count too.",
            show_default=False,
        ),
    ] = None,
    as_one: Annotated[
        bool,
        typer.Option(
            "--as-one", help="Treat the photos as one patient. They may show different ages."
        ),
    ] = False,
    without: options.Without = [],  # noqa: B006 - Typer copies it
    family: options.Family = None,
    with_family: Annotated[
        bool,
        typer.Option(
            "--with-family",
            help="Match a stored patient against their family too. Relatives look alike even "
            "without a disorder.",
        ),
    ] = False,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of lines to list.")] = 10,
    by: Annotated[
        str, typer.Option("--by", help="What to rank: disorder, gene or patient.")
    ] = "disorder",
    aggregation: Annotated[
        str,
        typer.Option(
            "--aggregation",
            help="How to combine the patients of a line: nearest, patient-mean, centroid, blend, "
            "vote or calibrated.",
        ),
    ] = "nearest",
    among: Annotated[
        list[str],
        typer.Option(
            "--among",
            help="Match only against photos that fit: sex=female, ancestry=European;African, "
            "age=0-5y, cohort=…, family=…, site=…, disorder=OMIM:…, consent=…. If repeated, "
            "all filters must fit.",
            metavar="KEY=VALUE",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    index: Annotated[
        str,
        typer.Option(
            "--index",
            help="exact, ivf, hnsw, pgvector or milvus. ivf and hnsw are approximate indexes for "
            "millions of photos; `gestalt index approximate` builds them. pgvector and milvus are "
            "search engines; `gestalt index engine add` fills them. They miss some photos, and the "
            "output says how many. They need --aggregation nearest, and ivf and hnsw no --among.",
        ),
    ] = "exact",
    sex: Annotated[
        str | None,
        typer.Option(
            "--sex",
            help="Sex of the probe's patient. The output says how many patients of the gallery "
            "share it.",
            show_default=False,
        ),
    ] = None,
    age: Annotated[
        str | None,
        typer.Option(
            "--age", help="Age of the probe's patient: 4, 18m, 4y6m, 3w.", show_default=False
        ),
    ] = None,
    ancestry: Annotated[
        str | None,
        typer.Option(
            "--ancestry",
            help="Ancestry of the probe's patient, as the gallery spells it.",
            show_default=False,
        ),
    ] = None,
    hpo: match_fused_options.Hpo = [],  # noqa: B006
    phenopacket: match_fused_options.PhenopacketFile = None,
    vcf: match_fused_options.Vcf = None,
    sample: match_fused_options.Sample = None,
    build: match_fused_options.BuildName = None,
    genes: match_fused_options.GeneTable = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            "--classifier",
            help="Rank by this installed classifier instead of the gallery. It knows only its own "
            "classes.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    fuse: Annotated[
        bool,
        typer.Option(
            "--fuse", help="With --classifier: combine its ranking with that of the gallery."
        ),
    ] = False,
    ask: Annotated[
        list[str],
        typer.Option(
            "--ask",
            help="Also ask another hospital, by its name in the settings or by the https address "
            "of its service. Only the descriptor is sent. Repeat for several.",
            metavar="SITE",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            help="Show every photo that a line uses. Give the identifier of the disorder, or of a "
            "patient who has it.",
            metavar="ID",
            show_default=False,
        ),
    ] = None,
    face: options.FaceNumber = None,
    show_face: ShowFace = None,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="Output format: table, json, csv, or gestaltmatcher (the reply of the published "
            "service, for one probe).",
        ),
    ] = "table",
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> int:
    """Rank the gallery's disorders for each photo. Nothing is stored.

    Each line shows the nearest patient with that disorder. Similarity is the cosine of two
    descriptors, from -1 to 1; higher is closer. If a photo has several faces, the largest is used
    and reported. A patient is never matched against their own photos or against their family. `-`
    reads one photo from standard input.

    With --hpo, --phenopacket or --vcf, photo, terms and exome rank disorders and genes together,
    and each line shows what each of them adds.
    """
    from gestalt_space.documents.matches import failed_match_document
    from gestalt_space.gallery.intake.values import parse_text
    from gestalt_space.match.question import parse_index
    from gestalt_space.settings import load_settings

    output.check_csv(csv, as_json=as_json)
    form = _format(format_, as_json, csv is not None)
    names = [patient] if patient is not None else probe_names(photos)
    try:
        question = replace(
            _question(top, by, aggregation, among, without, sex, age, ancestry),
            family=parse_text(family),
            with_family=with_family,
            index=parse_index(index),
        )
        _check_probes(photos, patient, as_one)
        match_classifier.check_options(
            classifier, form, fuse=fuse, explain=explain, show_face=show_face, space=space
        )
        given = match_fused.Given(hpo, phenopacket, vcf, sample, build, genes)
        options_given = [
            ("--classifier", classifier is not None),
            ("--explain", explain is not None),
            ("--show-face", show_face is not None),
        ]
        match_fused.check_options(
            *(given, question, form),
            others=options_given,
            probes=0 if as_one else len(photos),
        )
        if show_face is not None:
            _check_pictures(patient, explain, form)
        sites: tuple[Site, ...] = ()
        if ask:
            sites = match_sites.sites_to_ask(
                load_settings(home),
                ask,
                question,
                form,
                others=[*options_given, ("--hpo, --phenopacket or --vcf", given.is_any)],
            )
        sources: list[PhotoSource] = []
        if patient is None:
            sources, found = probes_of(photos, face, load_settings(home).max_photo_bytes)
            if not quiet:
                output.say_passed_over(found)
            names = [source.name for source in sources]
        pictures = picture_paths(show_face, sources, overwrite=overwrite)
        if form == "gestaltmatcher" and len(sources) > 1 and not as_one:
            raise UsageError(
                "The published reply is for one probe.",
                "Give one photo, or several of one patient with --as-one.",
            )
        with opened_for_photos(home, space, detector, landmarks, device, precision) as gallery:
            gallery = gallery.pinned()
            if classifier is not None:
                return match_classifier.classify(
                    *(gallery, classifier, question, sources, patient, form, csv),
                    as_one=as_one,
                    fuse=fuse,
                    device=device,
                    quiet=quiet,
                )
            if explain is not None:
                return _explain(gallery, question, sources, patient, as_one, explain, form, csv)
            if form == "gestaltmatcher":
                return _service_reply(gallery, question, sources, patient, as_one)
            if given.is_any:
                match_fused.check_options(
                    given, question, form, others=(), probes=0 if as_one else len(sources)
                )
                return match_fused.match_fused(
                    gallery, given, question, sources, patient, as_one, form, csv, quiet
                )
            if sites:
                return match_sites.match_and_ask(
                    gallery, sites, question, sources, patient, as_one, form, csv, quiet
                )
            return _match(gallery, question, sources, patient, as_one, form, csv, pictures, quiet)
    except GestaltError as error:
        if form != "json" or classifier is not None or isinstance(error, Interrupted):
            raise
        output.fail(error, as_json=False)
        output.write_json(failed_match_document(error, names, by))
        return error.exit_code


def _format(name: str, as_json: bool, as_csv: bool) -> str:
    if name not in FORMATS:
        raise UsageError(f"Unknown format {name!r}.", f"Choose one of: {', '.join(FORMATS)}.")
    short = "json" if as_json else "csv" if as_csv else name
    if name not in ("table", short):
        raise UsageError(
            f"--format {name} and --{short} cannot be combined.", "Leave one of them out."
        )
    return short


def _question(
    top: int,
    by: str,
    aggregation: str,
    among: Sequence[str],
    without: Sequence[str],
    sex: str | None,
    age: str | None,
    ancestry: str | None,
) -> Question:
    from gestalt_space.gallery.intake.values import parse_age, parse_sex, parse_text
    from gestalt_space.match.filters import parse_filter
    from gestalt_space.match.question import Question, parse_aggregation, parse_by
    from gestalt_space.names import normal_name

    return Question(
        k=top,
        by=parse_by(by),
        aggregation=parse_aggregation(aggregation),
        among=parse_filter(among),
        without=tuple(map(normal_name, without)),
        sex=parse_sex(sex),
        age=parse_age(age),
        ancestry=parse_text(ancestry),
    )


def _check_probes(photos: Sequence[Path], patient: str | None, as_one: bool) -> None:
    if patient is None and not photos:
        raise UsageError(
            "There is nothing to match.", "Name photos, or a patient with --patient ID."
        )
    if patient is not None and (photos or as_one):
        raise UsageError(
            "--patient already matches all stored photos of a patient.",
            "Leave out the photos and --as-one.",
        )


def _check_pictures(patient: str | None, explain: str | None, form: str) -> None:
    if patient is not None:
        raise UsageError(
            "--show-face needs photos; the gallery does not keep the photos of a patient.",
            "Name the photos instead of --patient.",
        )
    if explain is not None or form == "gestaltmatcher":
        raise UsageError(
            "--show-face cannot be combined with --explain or --format gestaltmatcher.",
            "To write the picture, run `gestalt faces PHOTO --show-face FILE`.",
        )


def _match(
    gallery: Gallery,
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    as_one: bool,
    form: str,
    csv: Path | None,
    pictures: Sequence[Path],
    quiet: bool,
) -> int:
    from gestalt_space.documents.matches import match_document

    view = gallery.view(question)
    if view.state.damage is not None:
        output.say(
            f"{view.state.damage} The gallery is read from the database instead, which is slower. "
            "The next change rebuilds the index; or run `gestalt index rebuild` now."
        )
    if patient is not None:
        answers = iter([gallery.match_patient(patient, question)])
    else:
        answers = (
            _as_one(gallery, question, sources, quiet)
            if as_one
            else gallery.match(sources, question)
        )
        # Answers are shown as they come, so that on a terminal they are the progress themselves.
        unseen = form == "json" or not sys.stdout.isatty()
        bar = unseen and len(sources) > 1 and not (quiet or as_one)
        answers = output.with_bar(answers, "Matching", len(sources), quiet=not bar)
    encoded = gallery.encoded(photos=patient is None)
    output.say_precisions(encoded)
    calibration = gallery.calibration()
    shown: list[bool] = []
    faces: list[list[Face]] = []
    noted = _noting(answers, shown, faces)
    with interruption(
        lambda: (
            f" after {len(shown):,} of {counted_text(len(sources), 'photo')}. "
            f"{'Nothing was printed' if form == 'json' else 'The results printed are complete'}, "
            "and nothing was stored."
        )
    ):
        if form == "json":
            matches = list(noted)
            output.write_json(match_document(gallery.space, view, matches, encoded, calibration))
        elif form == "csv":
            match_output.write_csv(noted, view, csv or output.STANDARD_OUTPUT)
        else:
            detector = "" if patient is not None else gallery.pipeline.detector
            match_output.write_tables(noted, view, detector)
            if not quiet:
                match_output.write_summary(view, gallery.space, calibration)
    if pictures:
        from gestalt_space.gallery.opened import photo_limits

        write_pictures(pictures, sources, faces, photo_limits(gallery.settings), quiet=quiet)
    return 3 if any(shown) else 0


def _as_one(
    gallery: Gallery, question: Question, sources: Sequence[PhotoSource], quiet: bool
) -> Iterator[Match]:
    with output.progress("Reading", len(sources), quiet=quiet) as show:
        matches = list(gallery.match(sources, question, as_one=True, progress=show))
    yield from matches


def _noting(
    answers: Iterable[Match], shown: list[bool], faces: list[list[Face]]
) -> Iterator[Match]:
    """Pass answers on; for each that has been shown, note whether a photo of it failed. `faces` is
    given the face of each photo, none where there is none."""
    for match in answers:
        faces += [[] if photo.face is None else [photo.face] for photo in match.photos]
        yield match
        shown.append(
            match.error is not None or any(photo.error is not None for photo in match.photos)
        )


def _probes(
    gallery: Gallery,
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    as_one: bool,
) -> list[Probe]:
    if patient is not None:
        return [gallery.stored_probe(patient)]
    probes = [probe for batch in gallery.probes(sources, as_one=as_one) for probe in batch]
    output.say_precisions(gallery.encoded())
    copies = (gallery.copies(one, question) for one in probes)
    for copy in itertools.chain.from_iterable(copies):
        output.say(
            f"This photo may be of patient {copy.patient}: it is very similar to {copy.photo} "
            f"(similarity {copy.similarity:.3f}). To exclude that patient: --without "
            f"{copy.patient}."
        )
    return probes


def _explain(
    gallery: Gallery,
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    as_one: bool,
    wanted: str,
    form: str,
    csv: Path | None,
) -> int:
    from gestalt_space.documents.evidence import evidence_document, evidence_table
    from gestalt_space.encoders.registry import encoder_spec

    if form == "gestaltmatcher":
        raise UsageError(f"--explain has no {form} format.", "Leave out --format, or use --json.")
    gallery.view(question)  # what cannot be asked is said before photos are read
    probes = _probes(gallery, question, sources, patient, as_one)
    if len(probes) != 1:
        raise UsageError(
            "--explain works for one probe.",
            "Give one photo, or several of one patient with --as-one.",
        )
    slots = encoder_spec(gallery.space.model).slots
    evidence = gallery.evidence(probes[0], question, wanted)
    if form == "json":
        encoded = gallery.encoded(photos=patient is None)
        document = evidence_document(gallery.space, probes[0], wanted, evidence, encoded)
        output.write_json(document)
    elif form == "csv":
        output.write_table(evidence_table(evidence), csv or output.STANDARD_OUTPUT)
    else:
        match_output.write_evidence(probes[0], evidence, slots)
    return 0


def _service_reply(
    gallery: Gallery,
    question: Question,
    sources: Sequence[PhotoSource],
    patient: str | None,
    as_one: bool,
) -> int:
    from gestalt_space.errors import GalleryEmpty
    from gestalt_space.interop.gestaltmatcher import service_reply

    if question.aggregation != "nearest":
        raise UsageError(
            "The published reply always ranks by the nearest photo.", "Leave out --aggregation."
        )
    if question.index != "exact":
        raise UsageError(
            "The published reply has no field for an approximate index.", "Leave out --index."
        )
    if question.by != "disorder":
        raise UsageError("The published reply always has disorders and genes.", "Leave out --by.")
    view = gallery.view(question)
    probes = _probes(gallery, question, sources, patient, as_one)
    _, (disorders,) = gallery.answer(probes, question, view)
    if disorders.error is not None:
        raise disorders.error
    try:
        _, (found,) = gallery.answer(probes, replace(question, by="gene"))
        gene_lines = found.lines
    except GalleryEmpty:  # a gallery may well have no genes
        gene_lines = ()
    output.write_json(service_reply(gallery.space, view, disorders.lines, gene_lines))
    return 0
