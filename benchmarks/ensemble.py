"""GestaltMatcher-Arc's twelve slots a face: our ensemble beside the published script's way.

`python -m benchmarks.ensemble [--faces 8] [--compiled]`. Networks of the true shapes (IResNet-50
and twice IResNet-100) with random weights; a folder of aligned faces of simulated persons. The
published way reads each image, and for each network, mirrored or not, grey or not, prepares it and
runs it alone in float32. Ours is the encoder that `gestalt encode` runs, in each precision that
this processor multiplies in.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.table import keep, seconds
from gestalt_space.devices import cores
from gestalt_space.encoders.iresnet import IResNet, randomised
from gestalt_space.encoders.precision import fast_precisions
from gestalt_space.encoders.preparation import ALL_VIEWS
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_encoder import TorchEncoder
from gestalt_space.encoders.tuning import least_cosine
from gestalt_space.faces.alignment import align
from gestalt_space.simulate.persons import Persons
from gestalt_space.types import Slots

SEED = 29
ARCHITECTURES = ("iresnet50", "iresnet100", "iresnet100")
SPEC = EncoderSpec(
    family="iresnet",
    weights=("0" * 64,) * 3,
    template="arcface-112",
    input_size=112,
    channels="RGB",
    mean=127.5,
    std=127.5,
    slots=tuple(f"model{model}-{view.name}" for model in range(3) for view in ALL_VIEWS),
    dim=512,
)
ASKED = 2.8


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=8)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(cores())
    networks = [
        randomised(IResNet(name), SEED + number) for number, name in enumerate(ARCHITECTURES)
    ]
    place = torch.device("cpu")
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), options.faces)
        found: list[Slots] = []
        published = seconds(lambda: found.append(one_by_one(paths, networks)))[0]
        rows.append(
            (
                "the published script's way, float32",
                f"{options.faces / published:.3f}",
                "1.0 ×",
                "1.000000",
            )
        )
        ways = (False, True) if options.compiled else (False,)
        for precision, compiled in product(fast_precisions(place), ways):
            ours = TorchEncoder(
                SPEC,
                deepcopy(networks),
                ALL_VIEWS,
                device=place,
                precision=precision,
                compiled=compiled,
            )
            ours.encode(read(paths[:1]))
            took = seconds(lambda: found.append(ours.encode(read(paths))))[0]  # noqa: B023
            name = f"ours, {precision}{', compiled' if compiled else ''}"
            rows.append(
                (
                    name,
                    f"{options.faces / took:.3f}",
                    f"{published / took:.2f} ×",
                    f"{least_cosine(found[-1], found[0]):.6f}",
                )
            )
    keep(
        "ensemble",
        f"python -m benchmarks.ensemble --faces {options.faces}{' --compiled' * options.compiled}"
        f" (seed {SEED}, torch {torch.__version__})",
        ("12 slots a face", "faces/s", f"asked {ASKED} ×", "least cosine of a slot"),
        rows,
    )


def written(folder: Path, count: int) -> list[Path]:
    """Aligned faces as PNG files."""
    persons, rng = Persons.builtin(), np.random.default_rng(SEED)
    paths = []
    for number in range(count):
        portrait = persons.portrait(persons.sample(rng), rng)
        crop = align(portrait.pixels, portrait.landmarks)
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), crop[..., ::-1])
    return paths


def read(paths: Sequence[Path]) -> NDArray[np.uint8]:
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    return np.stack(images).astype(np.uint8)


def one_by_one(paths: Sequence[Path], networks: Sequence[nn.Module]) -> Slots:
    """Each view of each image prepared and run alone."""
    faces = []
    for path in paths:
        image = cv2.imread(str(path))
        slots = []
        for network in networks:
            for view in ALL_VIEWS:
                shown = cv2.cvtColor(cv2.resize(image, (112, 112)), cv2.COLOR_BGR2RGB)
                if view.grey:
                    shown = cv2.cvtColor(
                        cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB
                    )
                if view.flip:
                    shown = shown[:, ::-1]
                levels = torch.from_numpy(np.ascontiguousarray(shown.transpose(2, 0, 1))).float()
                levels = levels.div_(255).sub_(0.5).div_(0.5)[None]
                with torch.no_grad():
                    slots.append(nn.functional.normalize(network(levels))[0].numpy())
        faces.append(np.stack(slots))
    return np.stack(faces)


if __name__ == "__main__":
    main()
