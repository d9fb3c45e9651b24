"""Documents held against the schemas in `docs/schemas`, by an independent validator."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def assert_valid(document: Any, name: str | None = None) -> None:
    """A document is as the schema of its kind says; `name`: of one that does not say its own."""
    name = name or document["document"]
    wrong = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in _validator(name).iter_errors(document)
    ]
    assert not wrong, f"{name}: {wrong[:5]}"


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
