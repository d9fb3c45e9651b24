"""Asks other hospitals about probes, all at once: what may leave, and events of the audit trail
before it does and after."""

from __future__ import annotations

import base64
import http.client
import json
import queue
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gestalt_space.errors import NotShared, UsageError
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match
from gestalt_space.match.for_site import SiteQuestion
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.sites.answers import failed, reply_of
from gestalt_space.sites.combined import CombinedLine, combined_lines
from gestalt_space.sites.exchange import Exchange, TooLate, TooLong
from gestalt_space.sites.replies import SiteReply
from gestalt_space.sites.site import Site
from gestalt_space.store.audit import record_event
from gestalt_space.store.lookups import find_patient

MOST_LINES = 100
_AUTHORITIES = "To trust an authority of your own, set SSL_CERT_FILE to its certificate."
SILENT = ("late", "unreachable")
"""Who is one of these is not asked about further probes."""


@dataclass(frozen=True, slots=True)
class AskedSites:
    """What other hospitals say of one probe, in the order in which they were named, and the lines
    of all of them and of our gallery; None for a probe without a descriptor, which nobody was
    asked about."""

    replies: tuple[SiteReply, ...]
    combined: tuple[CombinedLine, ...]


def check_question(question: Question) -> None:
    """Raise `UsageError` for a question that other hospitals cannot be asked."""
    refused = ""
    if question.by == "patient":
        refused = "--by patient"
    elif question.aggregation != "nearest":
        refused = f"--aggregation {question.aggregation}"
    elif question.index != "exact":
        refused = f"--index {question.index}"
    elif question.among:
        refused = "--among"
    elif question.k > MOST_LINES:
        refused = f"more than {MOST_LINES} lines"
    if refused:
        raise UsageError(f"--ask cannot be combined with {refused}.", f"Leave out {refused}.")


def ask_sites(
    gallery: Gallery,
    sites: Sequence[Site],
    probes: Sequence[Probe],
    matches: Sequence[Match],
    question: Question,
) -> list[AskedSites | None]:
    """Ask other hospitals about probes, whose own `matches` are known.

    Their descriptors leave, and nothing else. Raises `NotShared` before anything is sent where a
    probe is of a patient of the gallery whose consent does not cover it, and as `check_question`
    does.
    """
    check_question(question)
    patients = _patients(gallery, probes, matches, question)
    _check_consents(gallery, patients)
    asked = [probe for probe in probes if probe.descriptor is not None]
    if not asked:
        return [None] * len(probes)
    sent = [{"hospital": f"{site.name} ({site.address})"} for site in sites]
    _record(gallery, "ask", patients, len(asked), *sent)
    found: list[AskedSites | None] = []
    silent: dict[str, SiteReply] = {}
    for probe, match in zip(probes, matches, strict=True):
        if probe.descriptor is None:
            found.append(None)
            continue
        wanted = _site_question(gallery, probe, question)
        open_ = [site for site in sites if site.name not in silent]
        new = dict(zip((s.name for s in open_), _ask_all(open_, wanted, gallery), strict=True))
        silent |= {name: reply for name, reply in new.items() if reply.state in SILENT}
        replies = tuple(new.get(site.name) or silent[site.name] for site in sites)
        answers = {one.site: one.answer for one in replies if one.answer is not None}
        found.append(AskedSites(replies, combined_lines(match.lines, answers, question.k)))
    _record(gallery, "asked", patients, len(asked), {"changes": _outcomes(found)})
    return found


def _patients(
    gallery: Gallery, probes: Sequence[Probe], matches: Sequence[Match], question: Question
) -> list[str]:
    """Patients of the gallery whom probes are of, or may be: those of the same picture, also those
    whom the question leaves out, and those whose crops are not in the database. Raises
    `CropStoreError` where these cannot be compared."""
    found = {probe.own.identifier for probe in probes if probe.own is not None}
    found |= {copy.patient for match in matches for copy in match.copies}
    everybody = replace(question, without=())
    asked = (probe for probe in probes if probe.descriptor is not None)
    copies = (copy for one in asked for copy in gallery.copies(one, everybody, outside=True))
    return sorted(found | {copy.patient for copy in copies})


def _check_consents(gallery: Gallery, patients: Sequence[str]) -> None:
    covered = {text.lower() for text in gallery.settings.site_consents}
    for patient in patients:
        consent = gallery.patient(patient).consent
        if (consent or "").lower() not in covered:
            raise NotShared(
                f"The consent of patient {patient!r} does not cover other hospitals; nothing was "
                "sent.",
                "GESTALT_SITE_CONSENTS names the consents that do. If the patient consents: "
                f"`gestalt index set {patient} --consent TEXT`.",
            )


def _site_question(gallery: Gallery, probe: Probe, question: Question) -> SiteQuestion:
    assert probe.descriptor is not None, "asked only with one"  # noqa: S101
    by: Literal["disorder", "gene"] = "gene" if question.by == "gene" else "disorder"
    return SiteQuestion(gallery.space.fingerprint, probe.descriptor, by, question.k)


def body_of(question: SiteQuestion) -> bytes:
    """All that another hospital is sent."""
    descriptor = base64.b64encode(question.descriptor.astype("<f4").tobytes()).decode()
    fields = {"space": question.fingerprint, "descriptor": descriptor}
    return json.dumps({**fields, "by": question.by, "top": question.k}).encode()


def _ask_all(sites: Sequence[Site], question: SiteQuestion, gallery: Gallery) -> list[SiteReply]:
    """The replies of sites, all asked at once; those that do not answer in time are not waited
    for."""
    seconds = gallery.settings.site_timeout
    late = f"It did not answer within {seconds:g} seconds."
    exchanges = [Exchange(site, body_of(question), seconds) for site in sites]
    answers: queue.SimpleQueue[tuple[int, SiteReply]] = queue.SimpleQueue()

    def ask(place: int) -> None:
        answers.put((place, _reply(sites[place], question, exchanges[place], late)))

    until = time.monotonic() + seconds
    for place in range(len(sites)):
        # A name that is looked up cannot be interrupted: such a thread must not keep the program.
        threading.Thread(target=ask, args=(place,), name="site", daemon=True).start()
    found: dict[int, SiteReply] = {}
    while len(found) < len(sites):
        try:
            place, reply = answers.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        found[place] = reply
    for place, exchange in enumerate(exchanges):
        if place not in found:
            exchange.stop()
    return [found.get(place) or failed(site, "late", late) for place, site in enumerate(sites)]


def _reply(site: Site, question: SiteQuestion, exchange: Exchange, late: str) -> SiteReply:
    try:
        return reply_of(site, question, exchange.run())
    except (TooLate, TimeoutError):
        return failed(site, "late", late)
    except TooLong:
        return failed(site, "invalid_answer", "Its answer is too long.")
    except ssl.SSLCertVerificationError as error:
        told = f"Its certificate is not trusted: {error.verify_message.rstrip('.')}. {_AUTHORITIES}"
        return failed(site, "unreachable", told)
    except ssl.SSLError:
        return failed(site, "unreachable", "No encrypted connection was possible.")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return failed(site, "unreachable", f"It cannot be reached: {why}.")
    except (http.client.HTTPException, ValueError):
        return failed(site, "invalid_answer", "Its answer is not HTTP.")


def _outcomes(found: Sequence[AskedSites | None]) -> list[str]:
    """What each site said, in words."""
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        for reply in () if one is None else one.replies:
            key = reply.site, reply.state
            counts[key] = counts.get(key, 0) + 1
    return [f"{site}: {state} ({count:,})" for (site, state), count in counts.items()]


def _record(
    gallery: Gallery,
    action: str,
    patients: Sequence[str],
    probes: int,
    *told: Mapping[str, object],
) -> None:
    """An event for each of what is told."""
    with gallery.database.writing() as session:
        found = [find_patient(session, name) for name in patients]
        keys = [key for key in found if key is not None]
        for one in told:
            record_event(session, action, patients=keys, detail={"probes": probes, **one})
