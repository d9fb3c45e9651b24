"""The schemas in `docs/schemas` are those of the code, and they are strict."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.schemas import (
    DOCUMENTS,
    FORMS,
    REPLY,
    schema_of,
    schema_text,
    write_schemas,
)
from tests.documents.examples import PATIENTS, documents
from tests.documents.validation import SCHEMAS


@pytest.mark.parametrize("name", FORMS)
def test_the_file_is_what_the_code_says(name: str) -> None:
    written = (SCHEMAS / f"{name}.json").read_text(encoding="utf-8")
    assert written == schema_text(name), "run `make docs`"


def test_there_is_a_file_for_each_and_no_other() -> None:
    assert {path.stem for path in SCHEMAS.iterdir()} == set(FORMS)


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - {REPLY}))
def test_a_document_says_what_it_is_and_its_version(name: str) -> None:
    schema = schema_of(name)
    assert schema["properties"]["document"]["const"] == name
    assert isinstance(schema["properties"]["version"]["const"], int)
    assert {"document", "version"} <= set(schema["required"])


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_closed_and_described(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    for form in [schema, *schema.get("$defs", {}).values()]:
        assert form["additionalProperties"] is False
        assert form["description"]


def test_a_field_too_many_or_too_few_is_found() -> None:
    validator = Draft202012Validator(schema_of("patients"))
    good: dict[str, Any] = documents()["patients"]
    assert not list(validator.iter_errors(good))
    more, fewer, other = (copy.deepcopy(good) for _ in range(3))
    more["patients"][0]["name"] = "x"
    del fewer["patients"][0]["sex"]
    other["patients"][0]["photos"] = "2"
    for wrong in (more, fewer, other):
        assert list(validator.iter_errors(wrong))


def test_a_form_takes_its_own_fields_and_no_others() -> None:
    class Two(Form):
        patient: str
        photos: int

    assert filled(Two, PATIENTS[0], photos=9) == {"patient": "P1", "photos": 9}
    with pytest.raises(TypeError, match="Two has no field sex"):
        filled(Two, PATIENTS[0], sex="female")
    with pytest.raises(AttributeError):
        filled(Two, object())


def test_schemas_that_nothing_has_go(tmp_path: Any) -> None:
    (tmp_path / "old.json").write_text("{}", encoding="utf-8")
    write_schemas(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(FORMS)


def test_a_match_needs_no_schemas() -> None:
    code = (
        "import sys, gestalt_space.documents.matches;"
        "print([m for m in sys.modules if m.endswith('documents.schemas')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
