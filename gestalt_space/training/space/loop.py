"""The training loop: epochs of batches, a validation and a checkpoint after each, exact resume.

Each step draws its random numbers from the seed, the epoch and the step alone. So a training that
was killed goes on as if nothing had happened, with any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gestalt_space.encoders.preparation import sized
from gestalt_space.encoders.trainable import TrainableEncoder
from gestalt_space.errors import TrainingError, UsageError
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.training.computing import Computing
from gestalt_space.training.space import checkpoints
from gestalt_space.training.space.adapters import add_adapters, merge_adapters
from gestalt_space.training.space.augmentation import Augmentation
from gestalt_space.training.space.discriminant import fit_discriminant, fold
from gestalt_space.training.space.frozen_trunk import FrozenTrunk
from gestalt_space.training.space.history import Epoch, best_of, write_board, write_csv
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.losses import centres_of, make_loss, start_centres
from gestalt_space.training.space.patient_split import PatientSplit, faces_of
from gestalt_space.training.space.photo_batches import MOST_THREADS, Looks, PhotoBatches, as_images
from gestalt_space.training.space.processes import Processes, share_norms
from gestalt_space.training.space.rates import freeze, parameter_groups, trained_layers
from gestalt_space.training.space.recipe import Optimiser, Recipe
from gestalt_space.training.space.retrieval import RetrievalTest
from gestalt_space.training.space.sampling import draw_batches
from gestalt_space.training.space.schedules import make_schedule
from gestalt_space.training.space.start_weights import StartWeights
from gestalt_space.types import Descriptors

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
ENCODED = 64
"""Faces that are encoded at once in a validation."""
_BATCHES, _PHOTOS, _STEPS, _START, _ADAPTERS, _LOSSES, _CENTRES = range(1, 8)
_NAMED = 3
_ALL = 1 - 1e-9
"""A share that is all but for rounding."""
_OPTIMISERS: dict[Optimiser, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}

Report = Callable[[Epoch], None]


@dataclass(frozen=True)
class Training:
    """What a space is trained from, by whom, on what, and where it is kept."""

    recipe: Recipe
    start: TrainableEncoder
    faces: LabelledFaces
    split: PatientSplit
    folder: Path
    computing: Computing
    processes: Processes = Processes()  # noqa: RUF009 - frozen
    """Those that train together."""
    may_stay: bool = False
    """Whether the network may stay as it is where no epoch makes it better."""


def train(training: Training, report: Report) -> list[Epoch]:
    """Train until the recipe's last epoch, or until nothing gets better; or go on from the
    checkpoint in the folder. Returns the figures of all epochs; the best network is in the folder,
    and at the end in `training.start.network`.

    Raises `UsageError` for a checkpoint of another recipe, of other patients or of another model,
    `TrainingError` for a loss that is no number, or if no epoch was better than the start and the
    network may not stay.
    """
    return _Loop(training).run(report)


class _Loop:
    """A training at work."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.recipe = recipe = training.recipe
        self.processes = training.processes
        training.computing.repeatable()
        self.network = training.computing.placed(training.start.network)
        self.preparation = training.start.preparation.to(training.computing.device)
        self.mine = faces_of(training.split.trained(training.faces), training.faces)
        disorders = training.faces.disorder_of_face[self.mine]
        self.labels = np.searchsorted(training.split.classes, disorders)
        photos = np.bincount(self.labels, minlength=len(training.split.classes))
        training.computing.seed(_drawn(recipe.seed, _START))
        loss = make_loss(recipe, training.start.spec.dim, photos)
        self.loss = loss.to(training.computing.device)
        layers = trained_layers(training.start, recipe)
        parts = [part for layer in layers for part in layer]
        if recipe.adapter_rank:
            training.computing.seed(_drawn(recipe.seed, _ADAPTERS))
            add_adapters(parts, recipe.adapter_rank)
        self.start = StartWeights(self.network, recipe.trained_share)
        if self.processes.size > 1:
            share_norms(self.network)
        freeze(training.start, recipe)
        groups = parameter_groups(training.start, self.loss, recipe)
        self.learning = [weights for group in groups for weights in group["params"]]
        self.optimiser = _OPTIMISERS[recipe.optimiser](groups)
        self.last_layer = len(groups) - (2 if list(loss.parameters()) else 1)
        self.schedule = make_schedule(recipe, self.optimiser)
        self.photos = PhotoBatches(
            training.faces.crops,
            training.start.spec,
            Augmentation(recipe),
            threads=min(torch.get_num_threads(), MOST_THREADS),
            ahead=0 if training.computing.shares_cores else 1,
        )
        is_part = len(layers) < len(training.start.layers)
        self.trunk = FrozenTrunk(self.network, parts if is_part else ())
        self.test = RetrievalTest(training.faces, training.split)
        self.epochs: list[Epoch] = []
        self.watched = f"all_top{recipe.watched_top}"

    def run(self, report: Report) -> list[Epoch]:
        path = self.training.folder / CHECKPOINT
        known = self.processes.of_the_first(path.exists())
        if known:
            self._resume()
        else:
            first = self._validated(0, float("nan"))
            if first.figures[self.watched] > _ALL and not self.training.may_stay:
                raise self._nothing_to_gain()
            self._keep(first)
            report(first)
        if len(self.epochs) == 1:
            self._set_out()
        while len(self.epochs) <= self.recipe.epochs and not self._is_stale():
            number = len(self.epochs)
            loss = self._train(number)
            is_due = number % self.recipe.validate_every == 0
            if is_due or number == self.recipe.epochs:
                epoch = self._validated(number, loss)
            else:
                epoch = Epoch.of(number, loss, self._rate(), None)
            self.schedule.finished(epoch.figures[self.watched] if is_due else None)
            self._keep(epoch)
            report(epoch)
        return self._finished()

    def _set_out(self) -> None:
        """Fit what the first epoch starts from to the training photos."""
        once = FrozenTrunk(self.network, ())
        if self.recipe.discriminant:
            found = fit_discriminant(self._encoded(self.mine, once), self.labels)
            fold(self.training.start.layers[-1], found)
        if (centres := centres_of(self.loss)) is not None:
            seed = _drawn(self.recipe.seed, _CENTRES)
            start_centres(centres, self._descriptors(self.mine, once), self.labels, seed)

    def _nothing_to_gain(self) -> TrainingError:
        return TrainingError(
            f"All validation photos have their disorder among the first {self.recipe.watched_top} "
            "before the training: no epoch could be better.",
            "Use --set watched_top=1. If that is reached, too, there are too few disorders.",
        )

    def _best(self) -> Epoch:
        return best_of(self.epochs, self.recipe.watched_top)

    def _is_stale(self) -> bool:
        waited = len(self.epochs) - 1 - self._best().epoch
        return bool(self.recipe.stop_after) and waited >= self.recipe.stop_after

    def _train(self, number: int) -> float:
        """One epoch; the mean loss of its batches."""
        freeze(self.training.start, self.recipe)
        self.loss.train()
        batches = list(self._batches(number))
        prepared = self.photos.prepared(self._looks(number, batches))
        losses = []
        for step, (places, images) in enumerate(zip(batches, prepared, strict=True), start=1):
            losses.append(self._step(images, places, number, step))
        return float(np.mean(losses))

    def _batches(self, number: int) -> Iterator[Numbers]:
        return draw_batches(
            self.recipe.sampling,
            self.labels,
            self.training.faces.patient_of_face[self.mine],
            size=self.recipe.batch,
            per_class=self.recipe.photos_per_disorder,
            seed=[self.recipe.seed, _BATCHES, number],
        )

    def _looks(self, number: int, batches: list[Numbers]) -> Iterator[tuple[Numbers, Looks]]:
        """Of each batch this process's share: the faces, and how they look."""
        rng = np.random.default_rng([self.recipe.seed, _PHOTOS, number])
        for places in batches:
            looks = self.photos.vary.draw(rng, len(places))
            yield self.processes.share(self.mine[places]), self.processes.share(looks)

    def _step(self, images: Tensor, places: Numbers, number: int, step: int) -> float:
        """Learn from a batch, of which `images` are the share of this process; its loss."""
        name = f"batch {step} of epoch {number}"
        self.training.computing.seed(_drawn(self.recipe.seed, _STEPS, number, step))
        features = self.processes.joined(self._features(images), len(places))
        labels = torch.from_numpy(self.labels[places]).to(features.device)
        # What the network drew may differ between processes; the loss is the same in all of them.
        self.training.computing.seed(_drawn(self.recipe.seed, _LOSSES, number, step))
        loss = self.loss(features, labels)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise self._not_a_number("loss", places, name)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.add_gradients(self.network.parameters())
        largest = self.recipe.clip or float("inf")
        if not torch.isfinite(nn.utils.clip_grad_norm_(self.learning, largest)):
            raise self._not_a_number("gradient", places, name)
        self.optimiser.step()
        return value

    def _features(self, images: Tensor) -> Tensor:
        """Of faces as `as_images` gives them, in the numbers that this device learns in."""
        prepared = self._prepared(images)
        with self.training.computing.mixed():
            features: Tensor = self.network(prepared)
        return features

    def _prepared(self, images: Tensor) -> Tensor:
        prepared: Tensor = self.preparation(images.to(self.training.computing.device))
        return prepared.to(memory_format=torch.channels_last)

    def _shown(self, faces: Numbers) -> Tensor:
        """Faces as they are, as the network takes them."""
        crops = self.training.faces.crops[faces]
        return self._prepared(as_images(sized(crops, self.training.start.spec)))

    def _not_a_number(self, what: str, places: Numbers, name: str) -> TrainingError:
        faces = self.training.faces
        owners = np.unique(faces.patient_of_face[self.mine[places]])
        shown = ", ".join(faces.patients[number] for number in owners[:_NAMED])
        more = f" and {len(owners) - _NAMED} more" if len(owners) > _NAMED else ""
        return TrainingError(
            f"The {what} of {name} is not a finite number (patients {shown}{more}).",
            f"The checkpoint of epoch {len(self.epochs) - 1} and the best network are kept. Train "
            "again with another --output and a lower rate.",
        )

    def _validated(self, number: int, loss: float) -> Epoch:
        with self.start.applied(self.network):
            found = self.test.measure(self._descriptors(self.test.faces, self.trunk))
        return Epoch.of(number, loss, self._rate(), found)

    def _rate(self) -> float:
        return float(self.optimiser.param_groups[self.last_layer]["lr"])

    @torch.inference_mode()
    def _encoded(self, faces: Numbers, trunk: FrozenTrunk) -> NDArray[np.float32]:
        """The features of faces `(n, dim)`, in the numbers that this device learns in. `trunk`: one
        that knows no other faces."""
        self.network.eval()
        mine = self.processes.share(faces)
        parts = [np.zeros((0, self.training.start.spec.dim), dtype=np.float32)]
        for start in range(0, len(mine), ENCODED):
            images = partial(self._shown, mine[start : start + ENCODED])
            with self.training.computing.mixed():
                features = trunk.features(start, images)
            parts.append(features.float().cpu().numpy())
        found = np.concatenate(self.processes.everybodys(np.concatenate(parts)))
        if not np.isfinite(found).all():
            raise TrainingError(
                "The network gives descriptors that are not finite numbers.",
                "Train again with another --output and a lower rate.",
            )
        return np.asarray(found, dtype=np.float32)

    def _descriptors(self, faces: Numbers, trunk: FrozenTrunk) -> Descriptors:
        """The same of unit length."""
        features = torch.from_numpy(self._encoded(faces, trunk))
        return functional.normalize(features, dim=1).numpy()

    def _keep(self, epoch: Epoch) -> None:
        """Bring the network, and then where the training stands, to the disk."""
        self.epochs.append(epoch)
        if not self.processes.is_first:
            return
        folder = self.training.folder
        if epoch.is_validated and self._best() is epoch:
            best = self.start.mean(self.network)
            checkpoints.save(folder / BEST, {"epoch": epoch.epoch, "network": best})
        state = {
            **self._identity(),
            "epochs": [asdict(one) for one in self.epochs],
            "network": self.network.state_dict(),
            "loss": self.loss.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        checkpoints.save(folder / CHECKPOINT, state)
        write_csv(folder, self.epochs)
        write_board(folder, epoch)

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must have in common with a training that goes on from it."""
        training = self.training
        return {
            "recipe": self._lasting_values(),
            "model": training.start.file.sha256,
            "faces": training.faces.fingerprint,
            "split": training.split.parts.tolist(),
        }

    def _lasting_values(self) -> dict[str, Any]:
        """The values of the recipe that may not change on the way. The number of epochs may, where
        the rates do not depend on it."""
        may_change = self.recipe.schedule == "plateau"
        return self.recipe.values | ({"epochs": None} if may_change else {})

    def _resume(self) -> None:
        path = self.training.folder / CHECKPOINT
        own = checkpoints.load(path, torch.device("cpu")) if self.processes.is_first else {}
        state = self.processes.of_the_first(own)
        self._check_same(state)
        try:
            self.network.load_state_dict(state["network"])
            self.loss.load_state_dict(state["loss"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.epochs = [Epoch(**one) for one in state["epochs"]]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise checkpoints.unreadable(path) from error
        if self.processes.is_first:
            # A process that was killed just after the checkpoint may not have written them.
            write_csv(self.training.folder, self.epochs)

    def _check_same(self, state: dict[str, Any]) -> None:
        own = self._identity()
        values: dict[str, Any] = own["recipe"]
        theirs = state.get("recipe")
        theirs = theirs if isinstance(theirs, dict) else {}
        changed = [key for key in values if theirs.get(key) != values[key]]
        why = ""
        if changed:
            told = ", ".join(f"{key}={theirs.get(key)}" for key in changed)
            why = f"another recipe ({told})"
        elif state.get("model") != own["model"]:
            why = f"another model than {self.recipe.model} is now"
        elif state.get("faces") != own["faces"]:
            why = "other patients or photos than the gallery has now"
        elif state.get("split") != own["split"]:
            why = "another split"
        if why:
            raise UsageError(
                f"{self.training.folder} has a checkpoint of {why}.",
                "Choose another --output, or use what the checkpoint was made with.",
            )

    def _finished(self) -> list[Epoch]:
        best = self._best()
        if best.epoch == 0 and not self.training.may_stay:
            raise TrainingError(
                "No epoch was better than the model it started from (top-"
                f"{self.recipe.watched_top} over all disorders {best.figures[self.watched]:.1%}). "
                "No model is written.",
                "Try another loss, lower rates, or more patients.",
            )
        if self.processes.is_first:
            state = checkpoints.load(self.training.folder / BEST, self.training.computing.device)
            self.network.load_state_dict(state["network"])
            merge_adapters(self.network)
        return self.epochs


def _drawn(*numbers: int) -> int:
    """A seed of torch for these numbers."""
    return int(np.random.default_rng(numbers).integers(2**62))
