"""The models that can be fetched by name: where from, under which licence, and their sha256.

The sha256 of the InsightFace packs are those of the archives on the project's release page, as
several independent public projects pin them.
"""

from __future__ import annotations

from dataclasses import dataclass

INSIGHTFACE_LICENSE = "InsightFace model licence"
INSIGHTFACE_TERMS = (
    "Only for non-commercial research. InsightFace sells licences for other use "
    "(https://insightface.ai)."
)
YUNET_LICENSE = "MIT (OpenCV Zoo)"
YUNET_FAMILY_LICENSE = "as its publisher states (YuNet: MIT or Apache-2.0)"
UNKNOWN_LICENSE = "not stated"
UNKNOWN_TERMS = "The licence of this file is not known. Make sure that you may use it."


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A model on offer. `restricted`: its licence restricts use and has to be accepted."""

    name: str
    title: str
    url: str
    sha256: str | None
    megabytes: int
    license: str
    terms: str
    restricted: bool


def _insightface(name: str, title: str, megabytes: int, sha256: str) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        title=title,
        url=f"https://github.com/deepinsight/insightface/releases/download/v0.7/{name}.zip",
        sha256=sha256,
        megabytes=megabytes,
        license=INSIGHTFACE_LICENSE,
        terms=INSIGHTFACE_TERMS,
        restricted=True,
    )


CATALOGUE: tuple[CatalogueEntry, ...] = (
    _insightface(
        "antelopev2",
        "SCRFD-10GF and ArcFace ResNet-100 (Glint360K)",
        361,
        "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
    ),
    _insightface(
        "buffalo_l",
        "SCRFD-10GF and ArcFace ResNet-50 (WebFace600K)",
        289,
        "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
    ),
    _insightface(
        "buffalo_m",
        "SCRFD-2.5GF and ArcFace ResNet-50 (WebFace600K)",
        276,
        "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9",
    ),
    _insightface(
        "buffalo_s",
        "SCRFD-500MF and ArcFace MobileFaceNet (WebFace600K)",
        128,
        "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
    ),
    _insightface(
        "buffalo_sc",
        "SCRFD-500MF and ArcFace MobileFaceNet (WebFace600K)",
        15,
        "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
    ),
    CatalogueEntry(
        name="yunet",
        title="YuNet face detector, March 2023",
        url="https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
        "face_detection_yunet/face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        megabytes=1,
        license=YUNET_LICENSE,
        terms="Free to use.",
        restricted=False,
    ),
)


def find_entry(name: str) -> CatalogueEntry | None:
    """The catalogue's entry of that name, if there is one."""
    return next((entry for entry in CATALOGUE if entry.name == name), None)
