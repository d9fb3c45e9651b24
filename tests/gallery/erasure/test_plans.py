"""What is remembered of an erasure names nobody as it stands in a file."""

from __future__ import annotations

import itertools
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest

from gestalt_space.gallery.erasure.forms import Text, forms_of
from gestalt_space.gallery.erasure.pieces import pieces_of
from gestalt_space.gallery.erasure.plans import ErasurePlan, masked, salted, unmasked

SHA256 = "ab" * 32


def a_plan() -> ErasurePlan:
    plan = ErasurePlan(
        patients=["PAT-2024-0017"],
        removed_before=[],
        salt="00",
        photos=[("front.jpg", SHA256)],
        sequence=7,
        descriptors=[1, 2],
    )
    plan.with_pieces(pieces_of([bytes(range(200))]))
    return plan


def test_a_plan_comes_back_and_is_not_readable_meanwhile() -> None:
    plan = a_plan()
    stored = json.loads(json.dumps(masked(plan)))
    assert unmasked(stored) == plan
    assert (stored["sequence"], stored["descriptors"]) == (7, [1, 2])
    raw = json.dumps(stored).encode()
    for text in plan.texts:
        for form in forms_of(text):
            assert form.data not in raw
    assert masked(plan)["masked"] != stored["masked"], "each has a key of its own"


def test_what_is_searched_for() -> None:
    plan = a_plan()
    assert plan.texts == [
        Text("identifier", "PAT-2024-0017"),
        Text("photo name", "front.jpg", before=SHA256[-8:]),
        Text("photo sha256", SHA256),
    ]
    assert plan.pieces.hashes.tolist() == pieces_of([bytes(range(200))]).hashes.tolist()


def test_a_salted_hash_is_what_the_receipt_says() -> None:
    # printf '%s' '00:P17' | sha256sum
    assert salted("00", "P17") == (
        "c001efc2bf33e62256965be4410bb6624da4ed0ffbf350afcf764972d37506ff"
    )


def test_forms_of_a_long_identifier() -> None:
    forms = {form.data for form in forms_of(Text("identifier", "Müller-2024")) if form.lead is None}
    assert forms == {
        "Müller-2024".encode(),
        "müller-2024".encode(),
        b"M\\u00fcller-2024",
        b"m\\u00fcller-2024",
        *(
            name.encode(f"utf-16-{end}")
            for name in ("Müller-2024", "müller-2024")
            for end in ("le", "be")
        ),
    }


@pytest.mark.parametrize("name", ["Müller-2024", "P-0017", "Åsa>~?"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_an_identifier_is_looked_for_in_base64_wherever_it_begins(
    name: str, encode: Callable[[bytes], bytes]
) -> None:
    forms = [form for form in forms_of(Text("identifier", name)) if form.lead is not None]
    assert min(len(form.data) for form in forms) >= 7, "fewer stand somewhere by chance"
    for before, after in itertools.product(range(5), range(4)):
        plain = b"?" * before + name.encode() + b"~" * after
        for text in (encode(plain), encode(plain).rstrip(b"="), b": " + encode(plain) + b" "):
            found = [form for form in forms if form.data in text]
            assert found, (before, after)
            for form in found:
                read, start = form.read(text, text.index(form.data))
                assert read[start : start + form.length] == name.encode()
                assert read.rstrip(b"\0") == plain
    assert [form for form in forms_of(Text("identifier", "P-017")) if form.lead is not None] == []


def test_what_is_no_base64_is_read_as_nothing() -> None:
    for form in forms_of(Text("identifier", "PAT-2024-0017")):
        if form.lead:
            for around in (form.data, b"!!!" + form.data):
                read, start = form.read(around, around.index(form.data))
                assert len(read[start : start + form.length]) < form.length


def test_a_short_identifier_is_looked_for_in_layouts() -> None:
    forms = forms_of(Text("identifier", "P17"))
    for form in forms:
        assert form.data[form.at : form.at + form.length].lower().replace(b"\0", b"") == b"p17"
    data = {form.data for form in forms}
    assert {b"P17p17", b'"P17"', b"\x03\x13\x01P17", b"\x03\x13\x06p17"} <= data
    assert b"P17" not in data


def test_a_photo_is_looked_for_behind_its_sha256() -> None:
    assert b"ababababa.png" in {f.data for f in forms_of(Text("photo name", "a.png", "abababab"))}
    assert bytes.fromhex(SHA256) in {f.data for f in forms_of(Text("photo sha256", SHA256))}
