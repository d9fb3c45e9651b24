"""`gestalt simulate` and `demo`: people who do not exist. The rooms of these names fill them in."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.form import Form
from gestalt_space.documents.matches import LineForm
from gestalt_space.documents.phenopackets import UnreadPacketForm
from gestalt_space.documents.truth import TermCountForm


class TermForm(Form):
    """An HPO term that can be simulated, and what of the face is measured by it."""

    term: str
    label: str
    axis: str
    measure: str


class TermsDocument(Form):
    """`gestalt simulate terms`."""

    document: Literal["terms"]
    version: Literal[1]
    terms: list[TermForm]


class SimulatedCountsForm(Form):
    """How many there are; `frequent`: disorders of so many patients that GMDB calls them so."""

    disorders: int
    frequent: int
    patients: int
    controls: int
    photos: int


class PublishedCasesForm(Form):
    """Phenopackets, and what became of them. `read`: all that were found; `usable`: cases of one
    disorder with `least_terms` facial terms that can be shown; then how many are left out for which
    reason; `hpo`: the release; `not_shown`: facial terms without a deformation, of all cases."""

    photos: Literal["simulated face of a published case"]
    hpo: str
    least_terms: int
    read: int
    usable: int
    without_disorder: int
    several_disorders: int
    too_few_terms: int
    failed: list[UnreadPacketForm]
    not_shown: list[TermCountForm]


class SimulatedDocument(Form):
    """`gestalt simulate cohort`. `published`: where the patients show published cases."""

    document: Literal["simulated"]
    version: Literal[1]
    output: str
    counts: SimulatedCountsForm
    published: NotRequired[PublishedCasesForm]


class ReaderGroupForm(Form):
    """A group of simulated readers."""

    group: str
    readers: int


class SimulatedReadersDocument(Form):
    """`gestalt simulate readers`. `trials`: a reader looks at a face; `fixations`: that were
    planned; `formats`: of the exports."""

    document: Literal["simulated-readers"]
    version: Literal[1]
    output: str
    groups: list[ReaderGroupForm]
    faces: int
    trials: int
    fixations: int
    formats: list[str]


class DemoSpaceForm(Form):
    """The space of a demo."""

    name: str
    fingerprint: str


class DemoGalleryForm(Form):
    """The gallery of a demo."""

    patients: int
    photos: int
    disorders: int
    failed: int


class HeldBackForm(Form):
    """Patients who were held back and asked about."""

    patients: int
    photos: int
    failed: int


class DemoTopForm(Form):
    """How many of the probes had the true disorder among the first k; `chance`: by guessing."""

    k: int
    hits: int
    probes: int
    share: float
    chance: float


class DemoProbeForm(Form):
    """One patient who was held back, the planted disorder, its rank, and the lines."""

    photo: str
    patient: str
    disorder: str
    rank: int | None
    disorders: list[LineForm]


class DemoDocument(Form):
    """`gestalt demo`. `seconds`: by part of the work."""

    document: Literal["demo"]
    version: Literal[1]
    output: str
    report: str
    cohort: str
    home: str
    seed: int
    space: DemoSpaceForm
    detector: str
    gallery: DemoGalleryForm
    held_back: HeldBackForm
    top: list[DemoTopForm]
    probe: DemoProbeForm
    seconds: dict[str, float]
