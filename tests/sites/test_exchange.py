"""Encrypted connections: whose certificate is trusted, and for which name."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gestalt_space.home import Gallery
from gestalt_space.match.answer import Match, ProbePhoto
from gestalt_space.match.probe import Probe
from gestalt_space.match.question import Question
from gestalt_space.sites.asking import ask_sites
from gestalt_space.sites.replies import SiteReply
from gestalt_space.sites.site import Site
from gestalt_space.weights.store import ModelStore
from tests.hospitals import PROBE, SHARED, fill, hospital, patient

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")


def reply(gallery: Gallery, site: Site) -> SiteReply:
    probe = Probe("a", (ProbePhoto("a"),), PROBE, None)
    (found,) = ask_sites(gallery, [site], [probe], [Match("a")], Question())
    assert found is not None
    return found.replies[0]


def test_a_certificate_has_to_be_trusted_and_of_that_name(
    tmp_path: Path, tiny_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GESTALT_SITE_CONSENTS", f'["{SHARED}"]')
    monkeypatch.setenv("GESTALT_SITE_TIMEOUT", "50")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=hospital-b", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    home = fill(tmp_path / "b", tiny_store, [patient(f"Q{n}", "A", 0.5, n) for n in range(5)])
    with hospital(home, certificate, key) as b:
        unknown = reply(b.gallery, b.site())
        assert unknown.state == "unreachable"
        assert "certificate is not trusted: self-signed certificate. To trust" in str(unknown.told)
        assert "SSL_CERT_FILE" in str(unknown.told)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert reply(b.gallery, b.site()).state == "answered"
        other = replace(b.site(), address=b.address.replace("127.0.0.1", "localhost"))
        assert "Hostname mismatch" in str(reply(b.gallery, other).told)
        plain = replace(b.site(), address=b.address.replace("https", "http"))
        assert reply(b.gallery, plain).state in ("invalid_answer", "unreachable")
