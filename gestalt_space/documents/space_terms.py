"""`gestalt space probe` and `gestalt space terms`: a space, or a face in it, by HPO terms."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.figures import BootstrapForm, EstimateForm
from gestalt_space.documents.form import Form


class TermEffectForm(Form):
    """What a space sees of a term. `effect`: how far it moves a face, in standard deviations
    between people; `beyond`: how often that face is further along than another person's without
    the term, 0.5 where nothing is seen; `moved`: the length of the move, as a share of the distance
    between two people; `groups`: the effect by group of sex, age or ancestry; `people`: measured.
    """

    effect: EstimateForm
    beyond: EstimateForm
    moved: float
    people: int
    groups: dict[str, EstimateForm]


class ProbedSpaceForm(Form):
    """A space. `another_photo`: what another photo of the same person does in place of a term."""

    model: str
    fingerprint: str
    another_photo: TermEffectForm


class ProbedTermForm(Form):
    """A term in each of the spaces, in their order. `difference`: by how much the effect is larger
    in the first than in the second space, in the same people; null with one space."""

    id: str
    name: str
    spaces: list[TermEffectForm]
    difference: EstimateForm | None


class SpaceProbeDocument(Form):
    """`gestalt space probe`. `people`: simulated people who were measured; `strength`: of the
    terms, in standard deviations; `missed`: photos in which no face was found."""

    document: Literal["space-probe"]
    version: Literal[1]
    people: int
    strength: float
    seed: int
    detector: str
    missed: int
    bootstrap: BootstrapForm
    spaces: list[ProbedSpaceForm]
    terms: list[ProbedTermForm]


class LikeTermForm(Form):
    """A term. `deviations`: how much the face looks as the term makes faces look, in standard
    deviations of the gallery's patients, of whom 0 is the mean; `beyond`: the share of patients who
    look so less."""

    rank: int
    id: str
    name: str
    deviations: float
    beyond: float


class SpaceTermsDocument(Form):
    """`gestalt space terms`. `about`: the photo, patient or disorder; `patients`: of the gallery
    that it was compared with; `left_out`: who was not, since it is about them or their family."""

    document: Literal["space-terms"]
    version: Literal[1]
    space: str
    fingerprint: str
    about: str
    patients: int
    left_out: int
    terms: list[LikeTermForm]
