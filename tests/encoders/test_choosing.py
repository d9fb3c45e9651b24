from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.encoders import choosing
from gestalt_space.encoders.choosing import LEAST_FACES, ChoosingEncoder, least_cosine
from gestalt_space.encoders.precision import Precision
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.types import Crops, Slots

SPEC = EncoderSpec("test", ("0" * 64,), "arcface-112", 112, "RGB", 0.0, 1.0, ("one",), 4)
ABLE: tuple[Precision, ...] = ("float32", "bf16", "fp16")
FACES = np.zeros((LEAST_FACES, 112, 112, 3), np.uint8)


@dataclass
class Slow:
    """Takes as long as told, and is off by as much as told."""

    precision: Precision
    seconds: float
    off: float
    clock: list[float]
    spec: EncoderSpec = SPEC
    device: str = "cpu"

    def encode(self, crops: Crops) -> Slots:
        self.clock[0] += self.seconds
        slots = np.zeros((len(crops), 1, 4), np.float32)
        slots[..., 0], slots[..., 1] = np.cos(self.off), np.sin(self.off)
        return slots


@dataclass
class Machine:
    """What each precision costs and by how much (radians) it is off."""

    costs: dict[str, tuple[float, float]]
    clock: list[float] = field(default_factory=lambda: [0.0])
    opened: list[str] = field(default_factory=list)

    def __call__(self, precision: Precision) -> Slow:
        self.opened.append(precision)
        return Slow(precision, *self.costs[precision], self.clock)


def choosing_on(machine: Machine, memory: Path, monkeypatch: pytest.MonkeyPatch) -> ChoosingEncoder:
    monkeypatch.setattr(choosing.time, "perf_counter", lambda: machine.clock[0])
    return ChoosingEncoder(machine, ABLE, memory, "this machine")


@pytest.mark.parametrize(
    ("costs", "chosen"),
    [
        ({"float32": (3, 0.0), "bf16": (1, 0.01), "fp16": (2, 0.0)}, "bf16"),
        ({"float32": (3, 0.0), "bf16": (1, 0.1), "fp16": (2, 0.01)}, "fp16"),
        ({"float32": (3, 0.0), "bf16": (1, 0.1), "fp16": (4, 0.0)}, "float32"),
        ({"float32": (3, 0.0), "bf16": (1, np.nan), "fp16": (4, 0.0)}, "float32"),
    ],
)
def test_the_fastest_that_keeps_descriptors_is_chosen_and_remembered(
    costs: dict[str, tuple[float, float]],
    chosen: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    memory = tmp_path / ".precisions.json"
    encoder = choosing_on(Machine(costs), memory, monkeypatch)
    encoder.encode(FACES)
    assert encoder.precision == chosen
    assert json.loads(memory.read_text()) == {"this machine": chosen}
    again = Machine(costs)
    later = choosing_on(again, memory, monkeypatch)
    later.encode(FACES)
    assert again.opened == [chosen]


def test_with_few_faces_nothing_is_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    machine = Machine({"float32": (3, 0.0), "bf16": (1, 0.0), "fp16": (1, 0.0)})
    encoder = choosing_on(machine, tmp_path / "memory", monkeypatch)
    for _ in range(3):
        encoder.encode(FACES[:-1])
    assert encoder.precision == "float32"
    assert machine.opened == ["float32"]
    assert not (tmp_path / "memory").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"this machine": "int3"}'])
def test_a_damaged_memory_is_forgotten(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    memory = tmp_path / "memory"
    memory.write_text(text)
    machine = Machine({"float32": (3, 0.0), "bf16": (1, 0.0), "fp16": (2, 0.0)})
    encoder = choosing_on(machine, memory, monkeypatch)
    encoder.encode(FACES)
    assert encoder.precision == "bf16"


def test_a_folder_that_cannot_be_written_to_costs_the_memory_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    machine = Machine({"float32": (3, 0.0), "bf16": (1, 0.0), "fp16": (2, 0.0)})
    encoder = choosing_on(machine, tmp_path / "nowhere" / "memory", monkeypatch)
    encoder.encode(FACES)
    assert encoder.precision == "bf16"


def test_the_least_cosine_is_that_of_the_worst_slot():
    exact = np.zeros((2, 2, 3), np.float32)
    exact[..., 0] = 1
    off = exact.copy()
    off[1, 1] = (0.6, 0.8, 0.0)
    assert least_cosine(exact, exact) == 1
    assert least_cosine(off, exact) == pytest.approx(0.6)
