"""The page "Cohorts": patients are chosen, and what is measured of them runs as a job."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.responses import Response

from gestalt_space.errors import GalleryMissing
from gestalt_space.service.requests import Text
from gestalt_space.service.routers.jobs import own_job, start
from gestalt_space.service.web.page import Page, ReaderPage
from gestalt_space.service.web.words import N_
from gestalt_space.store import jobs
from gestalt_space.store.jobs import JobRecord

router = APIRouter(prefix="/cohorts", include_in_schema=False)

SHOWN = 50
MOST_FINDINGS = 50
OFFERED = {
    "matrix": N_("Matrix of similarities, as a heat map"),
    "map": N_("Map of the patients"),
    "cohesion": N_("Cohesion: are they more alike than others?"),
    "comparison": N_("Comparison of two groups"),
    "clusters": N_("Clusters"),
    "composite": N_("Average face"),
    "report": N_("Report with all of it"),
    "evaluation": N_("Evaluation: how often does the gallery find the disorder?"),
}
"""The kinds of jobs that the page offers, as it names them."""
BACKUP = "backup"
KIND_NAMES = {**OFFERED, BACKUP: N_("Backup")}
STATES = {
    "queued": N_("waiting"),
    "running": N_("at work"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
}
PICTURES = (".svg", ".png")
_SEPARATORS = re.compile(r"[;\n]")


class ChosenForm(BaseModel):
    """What is measured of whom; the second group is that of a comparison."""

    kind: Text
    cohort: Text = ""
    disorder: Text = ""
    gene: Text = ""
    patients: str = ""
    b_cohort: Text = ""
    b_disorder: Text = ""
    b_gene: Text = ""
    b_patients: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A main figure of a result, with how many digits it is shown."""

    name: str
    value: float | None
    digits: int = 0


@router.get("")
def cohorts(page: ReaderPage) -> Response:
    """The form, and the jobs of the reader."""
    return page.show("cohorts.html", offered=OFFERED, **listed(page, OFFERED, "/cohorts"))


@router.post("")
def begin(page: ReaderPage, form: Annotated[ChosenForm, Form()]) -> Response:
    """Start a job, and show the jobs."""
    start(page.gallery, page.parts, page.reader, form.kind, request_of(form))
    return page.show("jobs.html", **listed(page, OFFERED, "/cohorts"))


@router.get("/jobs")
def list_jobs(page: ReaderPage) -> Response:
    """The jobs, as a part of the page."""
    return page.show("jobs.html", **listed(page, OFFERED, "/cohorts"))


@router.get("/jobs/{key}")
def show(page: ReaderPage, key: str) -> Response:
    """What a job gave: its main figures, its pictures and its files."""
    job = own_job(page.gallery, page.reader, key)
    with page.gallery.database.reading() as session:
        document = json.loads(jobs.result_of(session, key))
    return page.show(
        "job.html",
        job=job,
        kinds=KIND_NAMES,
        is_backup=job.kind == BACKUP,
        figures=figures_of(document),
        findings=findings_of(document)[:MOST_FINDINGS],
        warnings=warnings_of(document),
        pictures=[one for one in job.files if one.endswith(PICTURES)],
    )


@router.post("/jobs/{key}/cancel")
def cancel(page: ReaderPage, key: str) -> Response:
    """End a job. One that has ended meanwhile keeps its result."""
    own_job(page.gallery, page.reader, key)
    with page.gallery.database.writing() as session:
        jobs.cancel_job(session, key, with_result=False)
    page.parts.runner.wake()
    return Response(status_code=204)


def request_of(form: ChosenForm) -> dict[str, Any]:
    """The options of a job. A kind that takes no patients is given none."""
    if form.kind == "evaluation":
        return {}
    given: dict[str, str] = form.model_dump(exclude={"kind"})
    if form.kind == "comparison":
        named = {
            name if name.startswith("b_") else f"a_{name}": text for name, text in given.items()
        }
    else:
        named = {name: text for name, text in given.items() if not name.startswith("b_")}
    lists = {
        name: [one.strip() for one in _SEPARATORS.split(text) if one.strip()]
        for name, text in named.items()
    }
    request: dict[str, Any] = {name: values for name, values in lists.items() if values}
    if form.kind == "matrix":
        request["unit"] = "patient"
    return request


def figures_of(document: dict[str, Any]) -> list[Figure]:
    """The main figures of a result."""
    if document["document"] == "report":
        parts = [document[name] for name in ("clusters", "cohesion")]
        return [one for part in parts if part for one in figures_of(part)]
    if document["document"] == "cohesion":
        one = document["cohesion"]
        return [
            Figure(N_("Patients"), one["patients"]),
            Figure(N_("Mean similarity of their pairs"), one["similarity"], 3),
            Figure(N_("Mean of random groups of that size"), one["random_mean"], 3),
            Figure(N_("Percentile among random groups"), one["percentile"], 1),
            Figure(N_("p"), one["p"], 4),
        ]
    if document["document"] == "clusters":
        return [
            Figure(N_("Patients"), document["patients"]),
            Figure(N_("Clusters"), len(document["clusters"])),
            Figure(N_("Mean silhouette, −1 to 1"), document["silhouette"], 3),
        ]
    if document["document"] == "comparison":
        return [
            Figure(name, group["patients"])
            for name, group in zip(
                (N_("Patients of the first group"), N_("Patients of the second group")),
                document["groups"],
                strict=False,
            )
        ]
    if document["document"] == "evaluation":
        return [one for space in document["spaces"] for one in _accuracy(space)]
    if document["document"] == "backup":
        one = document["backup"]
        return [
            Figure(N_("Patients"), one["patients"]),
            Figure(N_("Photos"), one["photos"]),
            Figure(N_("MB on the disk"), one["bytes"] / 1e6, 1),
        ]
    counted = document.get("patients")
    return [] if counted is None else [Figure(N_("Patients"), counted)]


def findings_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What was tested, as the documents of studies have it."""
    if document["document"] == "report":
        parts = [document[name] for name in ("clusters", "comparison")]
        return [one for part in parts if part for one in findings_of(part)]
    found: list[dict[str, Any]] = document.get("findings", [])
    return found


def warnings_of(document: dict[str, Any]) -> list[str]:
    """What a person should know of a result, in words."""
    return [*document.get("warnings", []), *document.get("left_out", [])]


def _accuracy(space: dict[str, Any]) -> list[Figure]:
    found = [Figure(N_("Patients asked about"), space["counts"]["asked_patients"])]
    names = {
        "1": N_("First line is right, in percent"),
        "10": N_("Among the first ten, in percent"),
    }
    accuracy = next((one["patients"] for one in space["aggregations"].values()), None)
    for k, name in names.items():
        share = accuracy["top"].get(k, {}).get("value") if accuracy else None
        if share is not None:
            found.append(Figure(name, 100 * share, 1))
    return found


def listed(page: Page, kinds: Collection[str], place: str) -> dict[str, Any]:
    """What the list of jobs of some kinds shows: the reader's own, of an admin's all. `place`: the
    page that it stands on."""
    found: list[JobRecord] = []
    whose = None if page.may("admin") else page.reader.name
    with suppress(GalleryMissing), page.gallery.database.reading() as session:
        found = jobs.jobs(session, actor=whose, kinds=kinds, limit=SHOWN)
    return {"jobs": found, "kinds": KIND_NAMES, "states": STATES, "place": place}
