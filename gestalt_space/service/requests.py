"""What requests say in JSON. A field that a form does not have is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gestalt_space.names import LONGEST_NAME
from gestalt_space.paths import display_name
from gestalt_space.service.questions import MOST_LINES

MOST_NAMES = 1000
MOST_DAYS = 3650
MOST_SITE_LINES = 100
MOST_DESCRIPTOR = 2**18
"""Characters of a descriptor in base64: about 49,000 numbers."""
_LAST = 2**53


def _is_text(text: str) -> str:
    if text != display_name(text):
        raise ValueError("has characters that are no text")
    return text


Text = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_is_text)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_is_text)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Names = Annotated[list[Name], Field(max_length=MOST_NAMES)]
Texts = Annotated[list[Text], Field(max_length=MOST_NAMES)]
Number = Annotated[int, Field(ge=1, le=_LAST)]
Password = Annotated[str, Field(max_length=1024), AfterValidator(_is_text)]


class Body(BaseModel):
    """A body of a request."""

    model_config = ConfigDict(extra="forbid")


class Facts(Body):
    """Facts to be set, by the names of the options of `gestalt index set`: lists take the place of
    what was there as a whole, and what is not named stays. `clear`: facts that are not known."""

    disorder: Texts = []
    disorder_name: Texts = []
    gene: Texts = []
    sex: Text | None = None
    ancestry: Text | None = None
    cohort: Text | None = None
    family: Text | None = None
    hpo: Texts = []
    hpo_absent: Texts = []
    consent: Text | None = None
    photo: Text | None = Field(None, description="Whose age or site is set.")
    age: Text | None = Field(None, description="At the photo: 4y, 18m, 4y6m, 10d.")
    site: Text | None = None
    clear: Texts = []


class Consent(Body):
    """What a patient consented to; `withdrawn` takes them out of matching."""

    patient: Name
    consent: Name


class Removal(Body):
    """Patients to be removed, or photos by name or sha256; `of`: whose photo is meant."""

    patients: Names = []
    photos: Names = []
    of: Names = []


class Move(Body):
    """A photo that is another patient's."""

    photo: Name
    of: Name
    to: Name


class Merge(Body):
    """Two patients who are one; `keep`: whose facts are right where they contradict each other."""

    into: Name
    other: Name
    keep: Name | None = None


class Split(Body):
    """A patient who is two; `photos` are those of a new one, `to`."""

    patient: Name
    photos: Annotated[list[Name], Field(min_length=1, max_length=MOST_NAMES)]
    to: Name


class Undo(Body):
    """A correction to be taken back, the newest where no event is named. `consent_again` and
    `expected`: the patients and events of the error `consent_returns`, if they are to come back."""

    event: Number | None = None
    consent_again: Names = []
    expected: Annotated[list[Number], Field(max_length=MOST_NAMES)] = []


class Erasure(Body):
    """Patients to be erased; or `resume`, to bring to their end those that were begun."""

    patients: Names = []
    name_patients: bool = Field(False, description="The receipt is to name them as well.")
    resume: bool = False


class PatientQuestion(Body):
    """A question about a patient of the gallery: fields as the options of `gestalt match`."""

    patient: Name
    top: Annotated[int, Field(ge=1, le=MOST_LINES)] = 10
    by: Text = "disorder"
    aggregation: Text = "nearest"
    among: Texts = []
    without: Texts = []
    with_family: bool = False
    index: Text = "exact"
    sex: Text | None = None
    age: Text | None = None
    ancestry: Text | None = None


class DescriptorQuestion(Body):
    """What another hospital asks. `space`: the fingerprint of the descriptor's space; `descriptor`:
    its float32 numbers, little-endian, in base64."""

    space: Sha256
    descriptor: Annotated[str, Field(max_length=MOST_DESCRIPTOR)]
    by: Literal["disorder", "gene"] = "disorder"
    top: Annotated[int, Field(ge=1, le=MOST_SITE_LINES)] = 10


class SpaceChoice(Body):
    """The space to work in; `partly`: also where faces have no descriptor in it."""

    name: Name
    partly: bool = False


class NewUser(Body):
    """A user to be added; without a password, one who has tokens only."""

    name: Name
    role: Text = "reader"
    password: Password | None = None


class UserChange(Body):
    """What is to be changed about a user."""

    role: Text | None = None
    password: Password | None = None
    disabled: bool | None = None


class NewToken(Body):
    """A token to be made: for whom, what for, and for how many days. `user`: oneself where it is
    left out; an admin may name others."""

    user: Name | None = None
    name: Text = ""
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 365


class Login(Body):
    """Who logs in."""

    name: Name
    password: Password
