"""`gestalt index set`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import corrections, facts, options

if TYPE_CHECKING:
    from gestalt_space.gallery.correcting import Correction
    from gestalt_space.home import Gallery

Patient = Annotated[str, typer.Argument(help="Patient id.", show_default=False)]
Photo = Annotated[
    str | None,
    typer.Option(
        "--photo",
        help="Photo whose age or site to set, by its file name, path in the gallery or sha256.",
        show_default=False,
    ),
]
Clear = Annotated[
    list[str],
    typer.Option(
        "--clear",
        help="Fact to remove: disorder, gene, sex, ancestry, cohort, family, hpo, consent; with "
        "--photo also age, site. Repeatable.",
        metavar="FACT",
        show_default=False,
    ),
]


def set_facts(
    patient: Patient,
    disorder: facts.Disorder = [],  # noqa: B006 - Typer copies it
    disorder_name: facts.DisorderName = [],  # noqa: B006
    gene: facts.Gene = [],  # noqa: B006
    sex: facts.Sex = None,
    ancestry: facts.Ancestry = None,
    cohort: facts.Cohort = None,
    family: facts.Family = None,
    hpo: facts.Hpo = [],  # noqa: B006
    hpo_absent: facts.HpoAbsent = [],  # noqa: B006
    consent: facts.Consent = None,
    photo: Photo = None,
    age: facts.Age = None,
    site: facts.Site = None,
    clear: Clear = [],  # noqa: B006
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Correct facts about a patient, or about one of their photos.

    The facts that you give replace the old ones, lists included (disorders, genes, HPO terms).
    Other facts stay; --clear removes one. `gestalt index log` shows the old values, and `gestalt
    index undo` restores them.

    `--consent withdrawn` takes the patient out of matching at once. Photos and facts stay, but only
    `list`, `show` and `stats` read them. Any other --consent brings the patient back. `gestalt
    index remove` removes the patient.
    """
    from gestalt_space.gallery.intake.given import correction_of, given_cells

    cells = given_cells(
        disorder=disorder,
        gene=gene,
        sex=sex,
        age=age,
        ancestry=ancestry,
        cohort=cohort,
        family=family,
        site=site,
        hpo=hpo,
        hpo_absent=hpo_absent,
        consent=consent,
    )
    told, cleared = correction_of(cells, patient, disorder_name, clear)

    def work(gallery: Gallery) -> Correction:
        return gallery.set_facts(told.record, photo=photo, clear=cleared)

    corrections.carry_out(work, home, as_json=as_json, quiet=quiet, notes=told.notes)
