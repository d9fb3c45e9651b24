"""Other hospitals are asked over real connections; some of them are not what they should be."""

from __future__ import annotations

import base64
import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import NotShared, UsageError
from gestalt_space.gallery.copies import Copy
from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match, ProbePhoto
from gestalt_space.match.filters import parse_filter
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.sites import exchange
from gestalt_space.sites.asking import AskedSites, ask_sites
from gestalt_space.sites.site import Site
from gestalt_space.weights.store import ModelStore
from tests.galleries import open_gallery
from tests.hospitals import (
    PROBE,
    SHARED,
    dead_address,
    fill,
    hospital,
    http_answer,
    patient,
    pretender,
    sites_of,
)

A, B, C = "OMIM:122470", "ORPHA:199", "OMIM:147920"
SECONDS = 3.0
"""How long those are waited for that do not answer."""
ASKED = Probe("secret name.jpg", (ProbePhoto("secret name.jpg"),), PROBE, None)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_LEAST_PATIENTS", "1")
    monkeypatch.setenv("GESTALT_SITE_TIMEOUT", "50")


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore) -> Iterator[Gallery]:
    """Ours: a patient of A, whose consent covers other hospitals, and one of B, whose does not."""
    photos = [patient("P0", A, 0.5, 0), patient("P1", B, 0.3, 1, consent="research")]
    with open_gallery(fill(tmp_path / "ours", tiny_store, photos)) as opened:
        yield opened


@pytest.fixture
def hurried(gallery: Gallery) -> Gallery:
    """Ours, which waits for a few seconds alone."""
    gallery.settings = gallery.settings.model_copy(update={"site_timeout": SECONDS})
    return gallery


def ask(
    gallery: Gallery,
    *sites: Site,
    probe: Probe = ASKED,
    question: Question | None = None,
    match: Match | None = None,
) -> AskedSites:
    question = question or Question()
    _, (own,) = gallery.answer([probe], question)
    (found,) = ask_sites(gallery, sites, [probe], [match or own], question)
    assert found is not None
    return found


def line(rank: int = 1, **changed: object) -> dict[str, object]:
    whole = {
        "rank": rank,
        "id": f"OMIM:{100_000 + rank}",
        "name": "a disorder",
        "similarity": 0.9 - rank / 10_000,
        "percentile": 99.0,
        "likelihood_ratio": {"value": 3.0, "lower": 1.0},
        "patients_at_least": 5,
        "photos_at_least": 5,
    }
    return whole | changed


def document(gallery: Gallery, *lines: object, **changed: object) -> bytes:
    whole = {
        "document": "site-answer",
        "version": 1,
        "space": gallery.space.fingerprint,
        "by": "disorder",
        "top": 10,
        "least_patients": 5,
        "patients_at_least": 100,
        "verdict": None,
        "lines": list(lines),
    }
    return json.dumps(whole | changed).encode()


def test_two_hospitals_and_ours_are_one_list(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
) -> None:
    there = [patient("Q0", C, 0.7, 10), patient("Q1", A, 0.4, 11)]
    elsewhere = [patient("R0", A, 0.6, 20), patient("R1", C, 0.2, 21)]
    with (
        hospital(fill(tmp_path / "b", tiny_store, there)) as b,
        hospital(fill(tmp_path / "c", tiny_store, elsewhere)) as c,
    ):
        found = ask(gallery, *sites_of(b, c))
    assert [(one.site, one.state, one.told) for one in found.replies] == [
        ("B", "answered", None),
        ("C", "answered", None),
    ]
    assert [(one.id, one.similarity) for one in found.combined] == [(C, 0.7), (A, 0.6), (B, 0.3)]
    assert [(at.site, at.rank) for at in found.combined[1].hospitals] == [
        ("C", 1),
        (None, 1),
        ("B", 2),
    ]
    events = gallery.log(newest=3)
    assert [(event.action, event.told) for event in events] == [
        ("ask", ("1 probe", f"descriptor sent to B ({b.address})")),
        ("ask", ("1 probe", f"descriptor sent to C ({c.address})")),
        ("asked", ("1 probe", "B: answered (1)", "C: answered (1)")),
    ]


def test_only_the_descriptor_leaves(gallery: Gallery) -> None:
    with pretender(http_answer(document(gallery))) as spy:
        found = ask(gallery, spy.site(), question=Question(k=7, sex="female", age=4.0))
    assert found.replies[0].state == "answered"
    (sent,) = spy.received
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert first == "POST /api/v1/descriptors/match HTTP/1.1"
    assert dict(one.split(": ", 1) for one in headers) == {
        "Host": spy.address.removeprefix("http://"),
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
        "Authorization": "Bearer gestalt_token-of-ours",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "gestalt-space",
    }
    told = json.loads(body)
    descriptor = np.frombuffer(base64.b64decode(told.pop("descriptor")), "<f4")
    assert np.array_equal(descriptor, PROBE)
    assert told == {"space": gallery.space.fingerprint, "by": "disorder", "top": 7}
    assert "gestalt_token-of-ours" not in repr(spy.site())


def test_those_that_do_not_answer_are_not_waited_for(
    hurried: Gallery,
) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(400):
            connection.sendall(b" ")
            time.sleep(0.1)

    with ExitStack() as running:
        good = running.enter_context(pretender(http_answer(document(hurried, line(id=C)))))
        silent = running.enter_context(pretender(lambda _: time.sleep(40)))
        slow = running.enter_context(pretender(drip))
        dead = Site("dead", dead_address(), "token")
        begun = time.monotonic()
        sites = [silent.site("silent"), slow.site("slow"), dead, good.site("good")]
        found = ask(hurried, *sites)
        assert time.monotonic() - begun < 20, "the silent ones would take 40 seconds"
        assert [(one.site, one.state) for one in found.replies] == [
            ("silent", "late"),
            ("slow", "late"),
            ("dead", "unreachable"),
            ("good", "answered"),
        ]
        assert found.replies[0].told == "It did not answer within 3 seconds."
        assert [one.id for one in found.combined] == [C, A, B]
        deadline = time.monotonic() + 20
        while any(thread.name == "site" for thread in threading.enumerate()):
            assert time.monotonic() < deadline, "a thread still waits"
            time.sleep(0.05)


def test_who_is_silent_is_not_asked_about_the_next_probe(hurried: Gallery) -> None:
    with pretender(lambda _: time.sleep(40)) as silent:
        probes = [ASKED, replace(ASKED, name="another"), Probe("x", (), None, None)]
        probes[2] = replace(ASKED, descriptor=None)
        question = Question()
        matches = [Match("a"), Match("b"), Match("c")]
        first, second, third = ask_sites(hurried, [silent.site()], probes, matches, question)
    assert first is not None
    assert second is not None
    assert (first.replies[0].state, second.replies[0].state, third) == ("late", "late", None)
    assert len(silent.received) == 1


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("401 Unauthorized", "not_authenticated", "refused"),
        ("403 Forbidden", "not_shared", "refused"),
        ("429 Too Many Requests", "too_many_requests", "refused"),
        ("409 Conflict", "space_mismatch", "other_space"),
        ("404 Not Found", "usage", "other_version"),
        ("405 Method Not Allowed", "usage", "other_version"),
        ("503 Service Unavailable", "service_busy", "unreachable"),
        ("418 I'm a teapot", "x", "invalid_answer"),
    ],
)
def test_refusals_are_told_in_their_words_without_what_steers_a_terminal(
    gallery: Gallery, status: str, code: str, state: str
) -> None:
    error = {"code": code, "message": "\x1b[31mNo\u202e <b>" + "x" * 10_000, "hint": ""}
    body = json.dumps({"document": "error", "version": 1, "error": error}).encode()
    with pretender(http_answer(body, status)) as other:
        (reply,) = ask(gallery, other.site()).replies
    assert (reply.state, reply.answer) == (state, None)
    assert reply.told is not None
    assert reply.told.isprintable()
    assert len(reply.told) <= 200


def test_redirects_are_not_followed(gallery: Gallery) -> None:
    with pretender(http_answer(document(gallery))) as target:
        where = f"Location: {target.address}/api/v1/descriptors/match"
        with pretender(http_answer(b"", "307 Temporary Redirect", where)) as other:
            (reply,) = ask(gallery, other.site()).replies
    assert (reply.state, target.received) == ("invalid_answer", [])


@pytest.mark.parametrize(
    "changed",
    [
        {"similarity": 1.5},
        {"similarity": "0.5"},
        {"similarity": math.nan},
        {"similarity": None},
        {"percentile": math.inf},
        {"percentile": 101},
        {"likelihood_ratio": {"value": -1.0, "lower": 0.0}},
        {"likelihood_ratio": [1]},
        {"patients_at_least": -5},
        {"patients_at_least": 1e9},
        {"patients_at_least": True},
        {"id": ""},
        {"id": "OMIM:99"},
        {"id": 5},
        {"name": "x" * 1001},
        {"rank": 2},
    ],
)
def test_lines_of_the_wrong_kind_are_refused(gallery: Gallery, changed: dict[str, object]) -> None:
    with pretender(http_answer(document(gallery, line(**changed)))) as other:
        found = ask(gallery, other.site())
    assert found.replies[0].state == "invalid_answer"
    assert [one.id for one in found.combined] == [A, B]


def bodies(gallery: Gallery) -> dict[str, tuple[bytes, str]]:
    lines = [line(rank) for rank in range(1, 12)]
    return {
        "no JSON": (b"<html>", "invalid_answer"),
        "nothing": (b"", "invalid_answer"),
        "no text": (b"\xff\xfe", "invalid_answer"),
        "nested": (b"[" * 100_000, "invalid_answer"),
        "another document": (document(gallery, document="match"), "invalid_answer"),
        "another version": (document(gallery, version=2), "other_version"),
        "another space": (document(gallery, space="0" * 64), "other_space"),
        "about genes": (document(gallery, by="gene"), "invalid_answer"),
        "more lines than asked": (document(gallery, *lines), "invalid_answer"),
        "the same twice": (document(gallery, line(1), line(2, id=line(1)["id"])), "invalid_answer"),
        "out of order": (document(gallery, line(1), line(2, similarity=0.95)), "invalid_answer"),
        "a million lines": (document(gallery, *[line()] * 5000), "invalid_answer"),
        "no lines at all": (document(gallery, lines=None), "invalid_answer"),
        "a field more": (document(gallery, line(extra=1), more=2), "answered"),
    }


def test_answers_that_are_none(gallery: Gallery) -> None:
    for name, (body, state) in bodies(gallery).items():
        with pretender(http_answer(body)) as other:
            (reply,) = ask(gallery, other.site()).replies
        assert reply.state == state, name


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_answers_that_are_not_http(gallery: Gallery, raw: bytes) -> None:
    with pretender(raw) as other:
        (reply,) = ask(gallery, other.site()).replies
    assert reply.state in ("invalid_answer", "unreachable")
    assert reply.told


def test_an_endless_answer_is_cut_off(gallery: Gallery) -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += connection.send(b"[" * 65536)

    with pretender(pour) as other:
        (reply,) = ask(gallery, other.site()).replies
    assert (reply.state, reply.told) == ("invalid_answer", "Its answer is too long.")
    assert sent < 100 * exchange.MOST_BYTES


def test_names_are_printable_and_ours_come_first(gallery: Gallery) -> None:
    lines = (line(1, name="\x1b]0;x\x07<script>"), line(2, id=A, name="a lie"))
    with pretender(http_answer(document(gallery, *lines))) as other:
        found = ask(gallery, other.site())
    names = {one.id: one.name for one in found.combined}
    assert names[A] == f"name of {A}"
    assert names["OMIM:100001"].isprintable()


def test_a_service_that_refuses_tells_why(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
) -> None:
    with hospital(fill(tmp_path / "b", tiny_store, [patient("Q0", A, 0.6, 10)])) as b:
        unknown = replace(b.site(), token="gestalt_unknown")
        (reply,) = ask(gallery, unknown).replies
        assert (reply.state, reply.told) == (
            "refused",
            "The token is unknown, revoked or expired.",
        )
        elsewhere = replace(b.site(), address=f"{b.address}/elsewhere")
        assert ask(gallery, elsewhere).replies[0].state == "other_version"
        b.gallery.database.close()


@pytest.mark.parametrize("how", ["stored", "copy"])
@pytest.mark.parametrize(("name", "may"), [("P0", True), ("P1", False)])
def test_a_stored_patient_is_asked_about_only_if_consent_covers_it(
    gallery: Gallery, how: str, name: str, may: bool
) -> None:
    probe = gallery.stored_probe(name) if how == "stored" else ASKED
    copies = (Copy(name, "a.png", 0.99, "crops"),) if how == "copy" else ()
    match = Match("a", copies=copies)
    with pretender(http_answer(document(gallery))) as other:
        if may:
            assert ask(gallery, other.site(), probe=probe, match=match).replies
            assert gallery.log(newest=2)[0].patients == ("P0",)
            return
        with pytest.raises(NotShared, match="'P1' does not cover other hospitals"):
            ask(gallery, other.site(), probe=probe, match=match)
        assert other.received == []
    assert [event.action for event in gallery.log()] == ["add"]


def test_who_is_left_out_of_the_question_is_asked_about_only_with_consent_too(
    gallery: Gallery, tmp_path: Path, tiny_store: ModelStore
) -> None:
    """A copy of a stored picture, whose patient `--without` names, as the hint of a match says."""
    stored = gallery.stored_probe("P1")
    probe = replace(stored, own=None)
    question = Question(without=("P1",))
    _, (match,) = gallery.answer([probe], question)
    assert match.copies == ()
    with (
        pretender(http_answer(document(gallery))) as other,
        pytest.raises(NotShared, match="'P1'"),
    ):
        ask_sites(gallery, [other.site()], [probe], [match], question)
    assert other.received == []


@pytest.mark.parametrize(
    ("changed", "option"),
    [
        ({"by": "patient"}, "--by patient"),
        ({"aggregation": "vote"}, "--aggregation vote"),
        ({"index": "hnsw"}, "--index hnsw"),
        ({"among": parse_filter(["sex=female"])}, "--among"),
        ({"k": 101}, "more than 100 lines"),
    ],
)
def test_what_cannot_be_asked(gallery: Gallery, changed: dict[str, object], option: str) -> None:
    question = Question(**changed)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=option):
        ask_sites(gallery, [], [ASKED], [Match("a")], question)
