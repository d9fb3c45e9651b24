"""`gestalt simulate`: people who do not exist, with phenotypes that are known."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output
from .interruption import unchanged
from .simulate_readers import readers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gestalt_space.simulate.cohort import Cohort
    from gestalt_space.simulate.published_cases import PublishedCases
    from gestalt_space.simulate.real_faces import RealFace
    from gestalt_space.simulate.subjects import SubjectSource

BUILTIN = "builtin"
MOST_SITES = 1_000
LISTED = 10
"""Files and terms that are named, of many."""

app = typer.Typer(
    help="Simulate patients with known phenotypes, and readers who look at them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("cohort", epilog=options.EXIT_CODES)
def cohort(
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)
    ],
    disorders: Annotated[
        int | None,
        typer.Option(
            "--disorders",
            min=1,
            help="Number of disorders. [default: 100; with --phenopackets: all]",
            show_default=False,
        ),
    ] = None,
    patients: options.Patients = None,
    even: Annotated[
        bool,
        typer.Option("--even", help="Give every disorder the same number of patients."),
    ] = False,
    controls: Annotated[
        int, typer.Option("--controls", min=0, help="Number of people without a disorder.")
    ] = 0,
    cohorts: Annotated[
        str,
        typer.Option(
            "--cohorts",
            help="Names of cohorts, separated by commas. The patients of each disorder are "
            "divided among them.",
        ),
    ] = "simulated",
    photos_per_patient: Annotated[
        float | None,
        typer.Option(
            "--photos-per-patient",
            min=1,
            max=20,
            help="A mean. [default: 1.3; with --phenopackets: 1]",
            show_default=False,
        ),
    ] = None,
    difficulty: Annotated[
        str,
        typer.Option(
            "--difficulty", help="How strong the phenotypes are: textbook, clinical or subtle."
        ),
    ] = "clinical",
    persons: Annotated[
        str,
        typer.Option(
            "--persons",
            help="Source of the faces: builtin, a file from `gestalt simulate fit-persons`, or a "
            "folder or zip file of photos of real faces.",
        ),
    ] = BUILTIN,
    sex: Annotated[
        str | None,
        typer.Option("--sex", help="Shares, such as female=0.5,male=0.5.", show_default=False),
    ] = None,
    age: Annotated[
        str | None,
        typer.Option(
            "--age",
            help="Shares of the age groups 0-2, 3-9, 10-19, 20-39, 40-59 and 60+.",
            show_default=False,
        ),
    ] = None,
    ancestry: Annotated[
        str | None,
        typer.Option(
            "--ancestry", help="Shares, such as white=0.7,asian=0.2,black=0.1.", show_default=False
        ),
    ] = None,
    terms: Annotated[
        str | None,
        typer.Option(
            "--terms",
            help="HPO identifiers to build disorders from, separated by commas. [default: all]",
            show_default=False,
        ),
    ] = None,
    sites: Annotated[
        str | None,
        typer.Option(
            "--sites",
            help="Names of hospitals, separated by commas, or their number. They differ in "
            "camera, light, background, ages and ancestries.",
            show_default=False,
        ),
    ] = None,
    site_strength: Annotated[
        float,
        typer.Option("--site-strength", min=0, max=1, help="How much the sites differ."),
    ] = 1.0,
    sites_by_disorder: Annotated[
        float,
        typer.Option(
            "--sites-by-disorder",
            min=0,
            max=1,
            help="Share of patients who are at the main site of their disorder. The others are "
            "divided evenly.",
        ),
    ] = 0.0,
    cohorts_by_site: Annotated[
        bool,
        typer.Option("--cohorts-by-site", help="Build each cohort from whole sites."),
    ] = False,
    families: Annotated[
        float,
        typer.Option(
            "--families",
            min=0,
            max=1,
            help="Share of patients who have a sibling or parent with the same disorder in the "
            "cohort.",
        ),
    ] = 0.0,
    kinship: Annotated[
        float,
        typer.Option("--kinship", min=0, max=1, help="Correlation of the faces of relatives."),
    ] = 0.5,
    wrong: Annotated[
        float,
        typer.Option(
            "--wrong",
            min=0,
            max=1,
            help="Share of patients with a wrong diagnosis in the tables. truth.json has the true "
            "disorder.",
        ),
    ] = 0.0,
    phenopackets: options.PublishedCases = None,
    min_terms: Annotated[
        int,
        typer.Option(
            "--min-terms",
            min=1,
            max=20,
            help="With --phenopackets: use cases with at least this number of facial terms that "
            "can be simulated.",
        ),
    ] = 2,
    hpo_release: options.HpoRelease = None,
    photos_dispersion: Annotated[
        float,
        typer.Option(
            "--photos-dispersion",
            min=0,
            max=20,
            help="How unequal the numbers of photos are. With 5, a few patients have most of the "
            "photos.",
        ),
    ] = 0.0,
    seed: options.Seed = 7,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a cohort of simulated patients: photos, tables and the truth.

    `patients.csv` is for `gestalt index add`. `gmdb/` has metadata and splits in the format of the
    GestaltMatcher Database. `truth.json` lists the phenotypes of each patient with their strength,
    and how each photo was taken. The same options give the same files.

    Real cohorts have several hospitals, families and wrong diagnoses. `--sites`, `--families` and
    `--wrong` add them.

    With `--phenopackets`, every patient shows the facial terms of a published case, with its
    disorder, genes, terms, sex and age. The faces are simulated all the same.
    """
    from gestalt_space.errors import UsageError
    from gestalt_space.simulate.case_cohorts import draw_case_cohort
    from gestalt_space.simulate.cohort import USUAL_AGES, CohortPlan, draw_cohort
    from gestalt_space.simulate.cohort_files import check_cohort_place, write_cohort
    from gestalt_space.simulate.study import StudyPlan

    check_cohort_place(folder, overwrite=overwrite)
    published = None
    if phenopackets is not None:
        if terms is not None:
            raise UsageError(
                "--terms and --phenopackets cannot be combined.",
                "The terms are those of the published cases.",
            )
        published = published_cases(phenopackets, min_terms, hpo_release, quiet=quiet)
    usual_photos = 1.3 if published is None else 1.0
    plan = CohortPlan(
        disorders=disorders or 100,
        patients=patients,
        controls=controls,
        photos_per_patient=usual_photos if photos_per_patient is None else photos_per_patient,
        difficulty=difficulty,
        seed=seed,
        sexes=_shares("--sex", sex),
        ages=_shares("--age", age) or USUAL_AGES,
        ancestries=_shares("--ancestry", ancestry),
        terms=None if terms is None else tuple(term.strip() for term in terms.split(",")),
        is_even=even,
        cohorts=tuple(name.strip() for name in cohorts.split(",")),
        study=StudyPlan(
            sites=_site_names(sites),
            site_strength=site_strength,
            sites_by_disorder=sites_by_disorder,
            cohorts_by_site=cohorts_by_site,
            families=families,
            kinship=kinship,
            wrong=wrong,
            photos_dispersion=photos_dispersion,
        ),
    )
    with unchanged(folder):
        source = _source(persons, detector, home, quiet=quiet)
        if published is None:
            drawn = draw_cohort(plan, source)
        else:
            drawn = draw_case_cohort(plan, published, source, disorders=disorders)
        with output.progress("Taking photos", drawn.photo_count, quiet=quiet) as show:
            write_cohort(drawn, folder, overwrite=overwrite, progress=show)
    _tell(drawn, folder, as_json=as_json, quiet=quiet)


app.command("readers", epilog=options.EXIT_CODES)(readers)


@app.command("fit-persons", epilog=options.EXIT_CODES)
def fit_persons(
    photos: Annotated[
        Path,
        typer.Argument(
            help="Folder or zip file of photos of faces. A `faces.csv` in it (file, age_years, "
            "sex, ancestry) describes the people.",
            metavar="PHOTOS|ZIP",
            show_default=False,
        ),
    ],
    path: Annotated[
        Path,
        typer.Option("--output", "-o", help="The .safetensors file to write.", show_default=False),
    ],
    components: Annotated[
        int, typer.Option("--components", min=8, max=1000, help="Number of principal components.")
    ] = 280,
    hold_out: Annotated[
        bool,
        typer.Option(
            "--hold-out",
            help="Leave out the fifth of the photos, chosen by a hash of their names, that the "
            "built-in models are never trained on.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the decomposition.")] = 0,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Fit a statistical model of faces to photos. Simulated people are sampled from it.

    Only frontal faces in colour are used. The file has means and directions, but no photo.
    """
    from gestalt_space.simulate.persons import Persons, check_persons_path
    from gestalt_space.training.splits import held_out

    def wanted(name: str) -> bool:
        return not (hold_out and held_out(name))

    check_persons_path(path, overwrite=overwrite)
    with unchanged(path):
        faces = [
            face
            for face in _faces(photos, detector, home, wanted=wanted, quiet=quiet)
            if face.is_frontal
        ]
        fitted = Persons.fit(
            [face.portrait for face in faces],
            [face.labels for face in faces],
            components=components,
            seed=seed,
        )
        fitted.save(path)
    if not quiet:
        output.say(f"Wrote a model of {counted_text(len(faces), 'face')} to {path}.")


@app.command("terms")
def terms_command(as_json: options.Json = False, csv: options.Csv = None) -> None:
    """List the phenotypes that can be simulated, by HPO identifier."""
    from gestalt_space.simulate.documents import terms_document, terms_table

    output.check_csv(csv, as_json=as_json)
    if as_json:
        output.write_json(terms_document())
    else:
        output.write_table(terms_table(), csv)


def published_cases(
    phenopackets: Path, least: int, hpo_release: Path | None, *, quiet: bool
) -> PublishedCases:
    """The cases of phenopackets that can be shown; says how many are left out, and why."""
    from gestalt_space.interop.phenopackets import read_phenopackets
    from gestalt_space.phenotype.release import open_ontology
    from gestalt_space.simulate.published_cases import use_cases

    ontology = open_ontology(hpo_release)
    with output.progress("Reading phenopackets", None, quiet=quiet, unit="files"):
        found = use_cases(read_phenopackets(phenopackets), ontology, least)
    if not quiet:
        _tell_published(found)
    return found


def _tell_published(found: PublishedCases) -> None:
    left_out = {
        f"with fewer than {counted_text(found.least, 'facial term')} that can be simulated": (
            found.too_few_terms
        ),
        "without a disorder": found.without_disorder,
        "with several disorders": found.several_disorders,
        "that cannot be used": len(found.failed),
    }
    told = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    output.say(
        f"Read {counted_text(found.read, 'phenopacket')}, of which {len(found.cases):,} can be "
        f"used. Left out: {told or 'none'}. HPO of {found.hpo}."
    )
    for name, error in found.failed[:LISTED]:
        output.say(f"{display_name(name)}: {error}", indent="  ")
    if len(found.failed) > LISTED:
        output.say(f"and {len(found.failed) - LISTED:,} more; --json lists all", indent="  ")
    if found.not_shown:
        most = ", ".join(f"{count.label} ({count.cases:,})" for count in found.not_shown[:LISTED])
        output.say(
            f"{counted_text(len(found.not_shown), 'facial term')} of these cases cannot be "
            f"simulated, most often: {most}. truth.json lists all."
        )


def _source(persons: str, detector: str, home: Path | None, *, quiet: bool) -> SubjectSource:
    from gestalt_space.simulate.persons import Persons
    from gestalt_space.simulate.subjects import RealSubjects, SampledSubjects

    if persons == BUILTIN:
        return SampledSubjects(Persons.builtin())
    path = Path(persons)
    if path.suffix == ".safetensors":
        return SampledSubjects(Persons.load(path))
    return RealSubjects(_faces(path, detector, home, quiet=quiet))


def _faces(
    photos: Path,
    detector: str,
    home: Path | None,
    *,
    wanted: Callable[[str], bool] = lambda name: True,  # noqa: ARG005
    quiet: bool,
) -> list[RealFace]:
    """The faces of photos. Raises `UsageError` where there is none."""
    from gestalt_space.errors import UsageError
    from gestalt_space.faces.registry import detector_factory
    from gestalt_space.settings import load_settings
    from gestalt_space.simulate.real_faces import read_faces
    from gestalt_space.weights.store import ModelStore

    name, factory = detector_factory(ModelStore(load_settings(home).models_dir), detector)
    if not quiet:
        output.say(f"Detector {name}.")
    with output.progress("Looking for faces", None, quiet=quiet) as show:
        faces = list(read_faces(photos, factory(1), wanted=wanted, progress=show))
    if not faces:
        raise UsageError(
            f"{name} found no face in the photos of {photos}.",
            "Use photos of faces, or try another --detector.",
        )
    return faces


def _shares(option: str, text: str | None) -> Mapping[str, float] | None:
    """`female=0.5,male=0.5` as shares."""
    from gestalt_space.errors import UsageError

    if text is None:
        return None
    shares = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        name = name.strip()
        if name in shares:
            raise UsageError(f"{option} has {name!r} twice.", "Write NAME=SHARE,NAME=SHARE.")
        try:
            shares[name] = float(share)
        except ValueError:
            raise UsageError(
                f"{option} {part!r} is not a share.", "Write NAME=SHARE,NAME=SHARE."
            ) from None
    return shares


def _site_names(text: str | None) -> tuple[str, ...]:
    """`Bonn,Taipei`, or `2` for `site-1` and `site-2`. Raises `UsageError` for a number that is
    none of sites."""
    from gestalt_space.errors import UsageError

    if text is None:
        return ()
    try:
        count = int(text)
    except ValueError:
        return tuple(name.strip() for name in text.split(","))
    if not 1 <= count <= MOST_SITES:
        raise UsageError(
            f"{count:,} is not a valid number of sites.", f"Give 1 to {MOST_SITES:,}, or names."
        )
    return tuple(f"site-{number}" for number in range(1, count + 1))


def _tell(cohort: Cohort, folder: Path, *, as_json: bool, quiet: bool) -> None:
    from gestalt_space.simulate.documents import simulated_counts, simulated_document
    from gestalt_space.simulate.subjects import RealSubjects

    counts = simulated_counts(cohort)
    if as_json:
        output.write_json(simulated_document(cohort, display_name(folder)))
    if not quiet:
        place = display_name(folder)
        are_real = isinstance(cohort.source, RealSubjects)
        output.say(
            f"Wrote {counted_text(counts['photos'], 'photo')} of "
            f"{counted_text(counts['patients'], 'patient')} with "
            f"{counted_text(counts['disorders'], 'disorder')} ({counts['frequent']:,} "
            f"frequent) and {counted_text(counts['controls'], 'control')} to {place}. "
            + _what_is_real(cohort, are_real=are_real)
        )
        if told := _circumstances(cohort):
            output.say(told)
        words = ["gestalt", "index", "add", f"{place}/patients.csv", "--home", f"{place}-home"]
        output.say(f"Next: {shlex.join(words)}")


def _what_is_real(cohort: Cohort, *, are_real: bool) -> str:
    if cohort.published is not None:
        return (
            "Each photo is a simulated face of a published case: the disorder and the terms are "
            "real, the person does not exist."
        )
    if are_real:
        return "The faces are of real people, but the disorders are not real."
    return "These people do not exist."


def _circumstances(cohort: Cohort) -> str:
    """How many sites, families and wrong diagnoses there are; empty where there are none."""
    patients = cohort.patients
    counts = {
        "Sites": len({patient.site.name for patient in patients if patient.site}),
        "Families": len({patient.family for patient in patients if patient.family}),
        "Wrong diagnoses": sum(patient.disorder is not patient.diagnosis for patient in patients),
    }
    return " ".join(f"{what}: {count:,}." for what, count in counts.items() if count)
