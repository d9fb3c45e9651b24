"""An explanation of a made-up face, for documents and pages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gestalt_space.explain.explanation import ExplainedLine, Explanation
from gestalt_space.explain.face_map import correlation
from gestalt_space.faces.alignment import TEMPLATE
from gestalt_space.match.line_descriptors import LineDescriptors
from gestalt_space.types import Face, Quality
from tests import made
from tests.explain.faces import spot


def explanation(name: Callable[[str], str] = str) -> Explanation:
    """Of a photo that is an aligned face; every name by `name`."""
    quality = Quality(sharpness=200.0, size=90.0, yaw=1.0, roll=0.0)
    box = np.array([11, 11, 101, 101], np.float32)
    crop = made.crop(1)
    one = ExplainedLine(name("OMIM:122470"), name("CdLS"), spot(66, 56), reference(name, True))
    two = ExplainedLine(name("ORPHA:199"), name("other"), spot(90, 56), reference(name, False))
    return Explanation(
        photo=name("photo.jpg"),
        pixels=crop,
        face=Face(1, 1, "builtin", "as is", box, TEMPLATE, 0.98, quality, crop),
        model="builtin",
        method="gradients",
        seed=0,
        line=one,
        against=two,
        correlation=correlation(one.face_map, two.face_map),
        line_by="centroid",
    )


def reference(name: Callable[[str], str], is_kept: bool) -> LineDescriptors:
    vector = np.eye(4, dtype=np.float32)[0]
    return LineDescriptors(
        id="OMIM:122470",
        name="",
        nearest=vector,
        patient=name("P7"),
        photo=name("a.jpg"),
        similarity=0.61234567,
        crop=made.crop(2) if is_kept else None,
        centroid=vector.astype(np.float64),
        patients=3,
        photos=4,
        others=np.zeros(4),
        lines=1,
    )
