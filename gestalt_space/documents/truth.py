"""What was planted in a simulated cohort, as `simulate/` writes it: `truth.json`."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.form import Form


class PlannedStudyForm(Form):
    """Sites, families and wrong diagnoses that were asked for."""

    sites: list[str]
    site_strength: float
    sites_by_disorder: float
    cohorts_by_site: bool
    families: float
    kinship: float
    wrong: float
    photos_dispersion: float


class PlannedCohortForm(Form):
    """What was asked for; null where nothing was, and the usual was taken."""

    disorders: int
    patients: int | None
    controls: int
    photos_per_patient: float
    difficulty: str
    seed: int
    sexes: dict[str, float] | None
    ages: dict[str, float]
    ancestries: dict[str, float] | None
    terms: list[str] | None
    is_even: bool
    cohorts: list[str]
    study: NotRequired[PlannedStudyForm]


class FeatureForm(Form):
    """An HPO term of a disorder, the share of patients who have it, and how strongly."""

    term: str
    penetrance: float
    severity: float


class PlantedDisorderForm(Form):
    """A disorder that does not exist, or a real one: with the terms that simulated faces show, and
    how often."""

    id: str
    name: str
    features: list[FeatureForm]
    genes: list[str]


class WallForm(Form):
    """What is behind the face: a colour, RGB 0..255, and its share, 0..1."""

    colour: list[float]
    share: float


class SiteForm(Form):
    """How photos of a site are taken, and whom it sees."""

    name: str
    light: list[float]
    balance: list[float]
    blur: float
    noise: float
    resolution: float
    quality: int
    wall: WallForm
    ages: dict[str, float]
    ancestries: dict[str, float]


class TermCountForm(Form):
    """An HPO term, and how many published cases have it."""

    term: str
    label: str
    cases: int


class PublishedSourceForm(Form):
    """Where the terms of a cohort of published cases are from. `photos`: what every photo is;
    `read`: phenopackets; `least_terms`: facial terms that every case shows;
    `not_shown`: facial terms of all phenopackets without a deformation."""

    photos: Literal["simulated face of a published case"]
    read: int
    least_terms: int
    not_shown: list[TermCountForm]


class PublishedFactsForm(Form):
    """What is known of a published case; null for what is not, and was drawn for the face."""

    sex: str | None
    age_years: float | None


class PlantedPatientForm(Form):
    """A patient: the true disorder, null for controls, and the strengths of HPO terms in standard
    deviations. `diagnosis`: what the tables say, where sites, families or wrong diagnoses were
    asked for. `case`: the identifier of the phenopacket, with all its terms, where a published case
    is shown."""

    patient: str
    disorder: str | None
    gene: str | None
    strengths: dict[str, float]
    case: NotRequired[str]
    published: NotRequired[PublishedFactsForm]
    present: NotRequired[list[str]]
    excluded: NotRequired[list[str]]
    diagnosis: NotRequired[str | None]
    cohort: NotRequired[str]
    site: NotRequired[str | None]
    family: NotRequired[str | None]
    relation: NotRequired[str | None]


class CaptureForm(Form):
    """How a photo was taken."""

    roll: float
    turn: float
    scale: float
    shift: list[float]
    light: list[float]
    balance: list[float]
    blur: float
    noise: float
    resolution: float
    quality: int
    glasses: float
    fringe: float
    seed: int


class PlantedPhotoForm(Form):
    """A photo, with the true landmarks `(5, 2)` in pixels."""

    photo: int
    patient: str
    age_years: float
    landmarks: list[list[float]]
    capture: CaptureForm


class Truth(Form):
    """Everything that was planted in a simulated cohort. `hpo`: the release that real disorders or
    terms are from."""

    format: Literal["gestalt-space cohort 1"]
    gestalt_space: str
    published: NotRequired[PublishedSourceForm]
    hpo: NotRequired[str]
    plan: PlannedCohortForm
    disorders: list[PlantedDisorderForm]
    sites: NotRequired[list[SiteForm]]
    patients: list[PlantedPatientForm]
    photos: list[PlantedPhotoForm]
