from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from gestalt_space.gallery.pipeline import PhotoSource
from gestalt_space.home import Gallery
from gestalt_space.interop.gestaltmatcher import service_reply
from gestalt_space.match.question import Question
from gestalt_space.service import users
from tests.service.conftest import PASSWORD, Serve


def sent(photo: tuple[str, bytes]) -> dict[str, str]:
    return {"img": base64.b64encode(photo[1]).decode()}


def client_of_the_published_service(client: TestClient, photo: bytes, **options: Any) -> Any:
    """As its clients are written: base64 of the file as `img`, HTTP Basic, JSON back."""
    body = {"img": base64.b64encode(photo).decode("utf-8")}
    reply = client.post("/predict", json=body, **options)
    assert reply.status_code == 200
    return reply.json()


def test_a_client_of_the_published_service_works_unchanged(
    client: TestClient, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    users.add_user(gallery.database, "lab", "admin", PASSWORD)
    reply = client_of_the_published_service(client, photo[1], auth=("lab", PASSWORD))
    assert list(reply) == [
        *("model_version", "gallery_version"),
        *("suggested_genes_list", "suggested_syndromes_list"),
    ]
    probes = next(gallery.probes([PhotoSource("input", photo[1], largest=True)]))
    view, (match,) = gallery.answer(probes, Question())
    assert reply == service_reply(gallery.space, view, match.lines, ())
    assert [one["omim_id"] for one in reply["suggested_syndromes_list"]].count(122470) == 1
    distances = [one["distance"] for one in reply["suggested_syndromes_list"]]
    assert (
        distances
        == sorted(distances)
        == [one["gestalt_score"] for one in reply["suggested_syndromes_list"]]
    )


def test_a_crop_is_the_aligned_face(client: TestClient, photo: tuple[str, bytes]) -> None:
    reply = client.post("/crop", json=sent(photo)).json()
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["crop"]))))
    assert pixels.shape == (112, 112, 3)


def test_descriptors_leave_only_where_they_may(
    serve: Serve, gallery: Gallery, photo: tuple[str, bytes]
) -> None:
    assert serve().post("/encode", json=sent(photo)).status_code == 403
    client = serve(descriptors=True)
    encodings = client.post("/encode", json=sent(photo)).json()["encodings"]
    assert list(encodings) == ["img_name", "model", "flip", "gray", "class_conf", "representations"]
    assert encodings["img_name"] == {"0": "input"}
    ((result,),) = gallery.pipeline.run([PhotoSource("input", photo[1], largest=True)])
    assert result.descriptor is not None
    np.testing.assert_allclose(encodings["representations"]["0"], result.descriptor, rtol=1e-6)
    by_file = client.post("/encode_file", files={"file": photo}).json()["encodings"]
    assert by_file == encodings


@pytest.mark.parametrize("strict", [False, True])
def test_a_failure_is_200_and_a_message_unless_strict(serve: Serve, strict: bool) -> None:
    client = serve(strict_status=strict)
    reply = client.post("/predict", json=sent(("x", b"no photo")))
    if strict:
        assert (reply.status_code, reply.json()["error"]["code"]) == (415, "photo_format")
    else:
        assert (reply.status_code, reply.json()) == (200, {"message": "Face alignment error."})


def test_a_body_that_no_client_sends_is_refused(client: TestClient) -> None:
    for text in ("***", "臺灣"):
        assert client.post("/predict", json={"img": text}).status_code == 400
    assert client.post("/predict", json={}).status_code == 400


def test_the_service_runs(client: TestClient) -> None:
    assert client.get("/status").json() == {"status": "running"}
