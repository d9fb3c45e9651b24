"""The description of the API as it was last looked at. `python -m tests.service.description` writes
it anew: where that changes it, docs/http.md and CHANGELOG.md say so."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from gestalt_space.home import Gallery
from gestalt_space.service.app import create_app

SNAPSHOT = Path(__file__).parent / "openapi.json"


def described(gallery: Gallery) -> str:
    """The description of the API of a service, without its version."""
    document = create_app(gallery).openapi()
    document["info"]["version"] = "0"
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Gallery.open(folder) as nothing:
        SNAPSHOT.write_text(described(nothing), encoding="utf-8")
