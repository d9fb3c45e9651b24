"""What jobs there are: the form of each one's options, the command that does it, and the files that
it makes. Options have the names and the meaning that the command's have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from gestalt_space.errors import UsageError
from gestalt_space.service.requests import Name, Text
from gestalt_space.store.accounts import Role

MOST_NAMES = 10_000
MOST_DRAWS = 100_000

Names = Annotated[list[Name], Field(max_length=MOST_NAMES)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Draws = Annotated[int, Field(ge=0, le=MOST_DRAWS)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@with_config(ConfigDict(extra="forbid"))
class Chosen(TypedDict):
    """Patients who fit all that is given; all patients where nothing is."""

    cohort: NotRequired[Names]
    disorder: NotRequired[Names]
    gene: NotRequired[Names]
    patients: NotRequired[Names]
    space: NotRequired[Text]


class MatrixRequest(Chosen):
    """See `gestalt cohort matrix`."""

    unit: NotRequired[Text]
    patient_value: NotRequired[Text]
    value: NotRequired[Text]
    with_family: NotRequired[bool]


class CohesionRequest(Chosen):
    """See `gestalt cohort cohesion`."""

    match: NotRequired[Names]
    permutations: NotRequired[Draws]
    with_family: NotRequired[bool]
    seed: NotRequired[Seed]


@with_config(ConfigDict(extra="forbid"))
class ComparisonRequest(TypedDict):
    """See `gestalt cohort compare`."""

    a_cohort: NotRequired[Names]
    a_disorder: NotRequired[Names]
    a_gene: NotRequired[Names]
    a_patients: NotRequired[Names]
    b_cohort: NotRequired[Names]
    b_disorder: NotRequired[Names]
    b_gene: NotRequired[Names]
    b_patients: NotRequired[Names]
    match: NotRequired[Names]
    permutations: NotRequired[Draws]
    bootstrap: NotRequired[Draws]
    with_family: NotRequired[bool]
    prior: NotRequired[Finite]
    seed: NotRequired[Seed]
    space: NotRequired[Text]


class ClustersRequest(Chosen):
    """See `gestalt cohort cluster`."""

    clusters: NotRequired[Annotated[int, Field(ge=1)]]
    bootstrap: NotRequired[Draws]
    margin: NotRequired[Finite]
    within: NotRequired[Text]
    seed: NotRequired[Seed]
    show_patients: NotRequired[bool]


class MapRequest(Chosen):
    """See `gestalt cohort map`."""

    method: NotRequired[Text]
    colour: NotRequired[Text]
    perplexity: NotRequired[Finite]
    seed: NotRequired[Seed]
    show_patients: NotRequired[bool]


class CompositeRequest(Chosen):
    """See `gestalt cohort composite`."""

    sharpen: NotRequired[bool]


class ReportRequest(Chosen):
    """See `gestalt cohort report`."""

    permutations: NotRequired[Draws]
    bootstrap: NotRequired[Draws]
    seed: NotRequired[Seed]
    show_patients: NotRequired[bool]
    show_faces: NotRequired[bool]


@with_config(ConfigDict(extra="forbid"))
class EvaluationRequest(TypedDict):
    """See `gestalt evaluate gallery`."""

    space: NotRequired[Names]
    by: NotRequired[Text]
    controls: NotRequired[Text]
    with_family: NotRequired[bool]
    aggregation: NotRequired[Names]
    bootstrap: NotRequired[Draws]
    seed: NotRequired[Seed]


@with_config(ConfigDict(extra="forbid"))
class BackupRequest(TypedDict):
    """See `gestalt index backup`."""

    with_models: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job. `command`: its words; `outputs`: options that name a file or folder of the job
    and its name there, an argument where the option is empty. `is_backup`: it writes into a new
    folder of the service's backups, and no reader gets it. `role`: the least that may start it."""

    name: str
    form: Any
    command: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...] = ()
    is_backup: bool = False
    role: Role = "reader"

    def check(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request whose options are the command's. Raises `UsageError`."""
        try:
            checked: dict[str, Any] = TypeAdapter(self.form).validate_python(request, strict=True)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
            )
            raise UsageError(
                f"The options of the job do not fit: {wrong}.",
                f"They are those of `gestalt {' '.join(self.command)}`.",
            ) from error
        return checked

    def words(
        self, request: Mapping[str, Any], folder: Path, backups: Path | None = None
    ) -> list[str]:
        """The words of the command for a request, to be run in `folder`: lists of patients that it
        reads are written there, and what it makes goes into `outputs`; a backup into `backups`.
        Raises `UsageError` for a backup without a place."""
        words = list(self.command)
        for name, value in request.items():
            option = f"--{name.replace('_', '-')}"
            if name.endswith("patients") and isinstance(value, list):
                # Others on the machine can read the words of a process.
                listed = f"{name}.txt"
                (folder / listed).write_text("\n".join(value) + "\n", encoding="utf-8")
                words.append(f"{option}={listed}")
            elif value is True:
                words.append(option)
            elif isinstance(value, list):
                words += [f"{option}={one}" for one in value]
            elif value is not False:
                words.append(f"{option}={value}")
        for option, name in self.outputs:
            place = f"{OUTPUTS}/{name}"
            words.append(f"{option}={place}" if option else place)
        if self.is_backup:
            words.append(str(checked_backups(backups) / f"{datetime.now(UTC):{_BACKUP}}"))
        return [*words, "--json"]


OUTPUTS = "outputs"
_BACKUP = "gestalt-%Y%m%d-%H%M%S"
"""The name of the folder of a backup, by its time (UTC)."""
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "matrix",
            MatrixRequest,
            ("cohort", "matrix"),
            (
                ("--output", "matrix.csv"),
                ("--figure", "matrix.html"),
                ("--figure", "matrix.png"),
            ),
        ),
        Kind("cohesion", CohesionRequest, ("cohort", "cohesion")),
        Kind("comparison", ComparisonRequest, ("cohort", "compare")),
        Kind("clusters", ClustersRequest, ("cohort", "cluster"), (("--figure", "tree.svg"),)),
        Kind(
            "map",
            MapRequest,
            ("cohort", "map"),
            (("--output", "map.html"), ("--output", "map.png")),
        ),
        Kind(
            "composite", CompositeRequest, ("cohort", "composite"), (("--output", "composite.png"),)
        ),
        Kind("report", ReportRequest, ("cohort", "report"), (("", "report"),)),
        Kind(
            "evaluation",
            EvaluationRequest,
            ("evaluate", "gallery"),
            (("--output", "evaluation.html"), ("--figures", "figures")),
        ),
        Kind("backup", BackupRequest, ("index", "backup"), is_backup=True, role="admin"),
    )
}


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises `UsageError`."""
    if name not in KINDS:
        raise UsageError(f"There are no jobs {name!r}.", f"There are {', '.join(KINDS)}.")
    return KINDS[name]


def checked_backups(folder: Path | None) -> Path:
    """Where a service writes backups. Raises `UsageError` where it has no such place."""
    if folder is None:
        raise UsageError(
            "This service has no folder for backups.", "Start it with --backups FOLDER."
        )
    return folder
