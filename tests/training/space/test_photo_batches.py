from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from gestalt_space.encoders.preparation import sized
from gestalt_space.training.space.augmentation import Augmentation
from gestalt_space.training.space.photo_batches import Looks, PhotoBatches
from gestalt_space.types import Pixels
from tests import made
from tests.training.space.conftest import small_recipe, small_start

CROPS = np.stack([made.crop(seed) for seed in range(6)])
BATCHES = ([0, 3, 5], [1], [4, 4, 2, 0, 1])


def photos(threads: int, vary: Augmentation | None = None, ahead: int = 1) -> PhotoBatches:
    vary = vary or Augmentation(small_recipe())
    return PhotoBatches(CROPS, small_start().spec, vary, threads, ahead)


def drawn(vary: Augmentation) -> list[tuple[np.ndarray, Looks]]:
    rng = np.random.default_rng(8)
    return [(np.array(faces), vary.draw(rng, len(faces))) for faces in BATCHES]


@pytest.mark.parametrize("size", [112, 128])
@pytest.mark.parametrize(("threads", "ahead"), [(1, 1), (2, 0), (7, 1)])
def test_batches_come_in_order_varied_and_in_the_networks_size(
    threads: int, ahead: int, size: int
) -> None:
    mine = photos(threads, ahead=ahead)
    mine = replace(mine, spec=replace(mine.spec, input_size=size))
    batches = drawn(mine.vary)
    found = list(mine.prepared(batches))
    assert len(found) == len(batches)
    for images, (faces, looks) in zip(found, batches, strict=True):
        pairs = zip(faces, looks, strict=True)
        varied = np.stack([mine.vary(CROPS[face], numbers) for face, numbers in pairs])
        wanted = sized(varied, mine.spec).transpose(0, 3, 1, 2)
        assert images.shape == (len(faces), 3, size, size)
        assert np.array_equal(images.numpy(), wanted)
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_a_share_without_a_face_is_empty() -> None:
    mine = photos(2)
    (images,) = mine.prepared(
        [(np.array([], np.int64), mine.vary.draw(np.random.default_rng(), 0))]
    )
    assert images.shape == (0, 3, 112, 112)


@pytest.mark.parametrize("ahead", [0, 1])
def test_the_next_batch_is_prepared_while_the_network_learns_and_no_more(ahead: int) -> None:
    asked = []

    def noted() -> Iterator[tuple[np.ndarray, Looks]]:
        for number, batch in enumerate(drawn(mine.vary)):
            asked.append(number)
            yield batch

    mine = photos(1, ahead=ahead)
    prepared = mine.prepared(noted())
    next(prepared)
    assert asked == [0, 1][: ahead + 1]
    assert len(list(prepared)) == 2


class Broken(Augmentation):
    def __call__(self, crop: Pixels, numbers: Looks) -> Pixels:
        raise MemoryError("too little memory")


def test_an_error_in_a_thread_reaches_the_training() -> None:
    mine = photos(2, Broken(small_recipe()))
    with pytest.raises(MemoryError, match="too little"):
        next(mine.prepared(drawn(mine.vary)))
