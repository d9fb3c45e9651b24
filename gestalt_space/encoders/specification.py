"""Everything that decides a descriptor's numbers, and the contract of encoders."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

from gestalt_space.errors import SpaceMismatch
from gestalt_space.types import Crops, EncodingRun, Slots

FORMAT = 1
Levels = float | tuple[float, ...]
"""A number for all channels, or one for each."""


@dataclass(frozen=True)
class EncoderSpec:
    """The specification of a space.

    `weights`: sha256 of each weights file. `template`: where landmarks lie in an aligned face.
    `input_size`: side of the square the network takes, in pixels. `channels`: their order, or
    `grey`. Pixels 0..255 go in as `(pixel - mean) / std`. `slots`: a name for each slot; `dim`: its
    length. `resize`: how an aligned face comes to that size; empty: by the template, else Pillow's
    filter and the side in pixels of which the middle is taken, as `bicubic 248`.
    """

    family: str
    weights: tuple[str, ...]
    template: str
    input_size: int
    channels: str
    mean: Levels
    std: Levels
    slots: tuple[str, ...]
    dim: int
    resize: str = ""

    @property
    def descriptor_dim(self) -> int:
        """Length of a descriptor: slots × dim."""
        return len(self.slots) * self.dim

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the specification in hex. Two encoders with one fingerprint share a space."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The specification as canonical JSON, the text that the fingerprint is taken of."""
        record = {"format": FORMAT, **asdict(self)}
        if not self.resize:
            del record["resize"]  # spaces that were stored before there was such a thing
        return json.dumps(record, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> EncoderSpec:
        """Read what `to_json` wrote. Raises `SpaceMismatch` for another format version."""
        record: dict[str, Any] = json.loads(text)
        if record.pop("format", None) != FORMAT:
            raise SpaceMismatch(
                "The space was written by another version of gestalt-space.",
                "Use the version that wrote it.",
            )
        for name in ("weights", "slots", "mean", "std"):
            if isinstance(record[name], list):
                record[name] = tuple(record[name])
        return cls(**record)


class Encoder(Protocol):
    """Maps aligned faces to slots. Safe to call from one thread at a time."""

    @property
    def spec(self) -> EncoderSpec:
        """The specification of the space that it maps to."""
        ...

    @property
    def run(self) -> EncodingRun:
        """What it runs with: precision, device, runtime."""
        ...

    def encode(self, crops: Crops) -> Slots:
        """`(n, 112, 112, 3)` uint8 RGB to `(n, slots, dim)` float32, order kept.

        What a face comes back as does not depend on the faces beside it or on those before.
        Each slot has unit length; a face to which the network gives zero or a number that is not
        finite comes back as NaN, and `descriptors.unsound` tells it.
        """
        ...
