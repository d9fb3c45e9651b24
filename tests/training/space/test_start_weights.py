from __future__ import annotations

import pytest
import torch

from gestalt_space.errors import UsageError
from gestalt_space.training.classifier.recipe import load_classifier_recipe
from gestalt_space.training.space.adapters import adapters_of, add_adapters, merge_adapters
from gestalt_space.training.space.loop import train
from gestalt_space.training.space.start_weights import StartWeights
from tests.training.space.conftest import Small, Start
from tests.training.space.test_loop import same, silent, state_of


def learn(network: torch.nn.Module) -> None:
    for weights in network.parameters():
        torch.nn.init.normal_(weights)


def test_a_mean_is_between_the_start_and_what_was_learned() -> None:
    network = Small()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    start = StartWeights(network, 0.25)
    learn(network)
    learned = {name: one.clone() for name, one in network.state_dict().items()}
    mean = start.mean(network)
    assert torch.allclose(
        mean["space.weight"], 0.75 * before["space.weight"] + 0.25 * learned["space.weight"]
    )
    with start.applied(network):
        assert same(network.state_dict(), mean)
    assert same(network.state_dict(), learned)


def test_what_did_not_learn_is_what_it_was_to_the_last_bit() -> None:
    network = Small()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    assert same(StartWeights(network, 0.7).mean(network), before)


def test_of_adapters_the_share_of_what_they_add_is_added() -> None:
    network = Small()
    weights = network.space.weight.detach().clone()
    add_adapters([network], 2)
    start = StartWeights(network, 0.25)
    for adapter in adapters_of(network):
        learn(adapter)
    whole = network.space.weight.detach() - weights
    network.load_state_dict(start.mean(network))
    merge_adapters(network)
    assert torch.allclose(network.space.weight.detach() - weights, 0.25 * whole, atol=1e-6)


def test_the_mean_is_what_is_validated_and_kept(make_training: Start) -> None:
    changes = ("epochs=4", "rate=0.1", "stop_after=0")
    learned = make_training("learned", *changes, "trained_share=1", may_stay=True)
    first = {name: one.clone() for name, one in learned.start.network.state_dict().items()}
    alone = train(learned, silent)
    training = make_training("mean", *changes, "trained_share=0.3", may_stay=True)
    epochs = train(training, silent)
    # What learns does not depend on it.
    assert [one.loss for one in epochs[1:]] == [one.loss for one in alone[1:]]
    assert same(state_of(training.folder)["network"], state_of(learned.folder)["network"])
    assert [one.figures for one in epochs] != [one.figures for one in alone]
    kept = torch.load(training.folder / "best.pt", weights_only=True)
    assert same(training.start.network.state_dict(), kept["network"])
    assert kept["epoch"] > 0
    until = make_training("until", *changes, f"epochs={kept['epoch']}", "trained_share=1")
    train(until, silent)
    then = state_of(until.folder)["network"]
    for name, weights in kept["network"].items():
        if weights.is_floating_point():
            assert torch.equal(weights, torch.lerp(first[name], then[name], 0.3))


def test_a_classifier_is_refused_a_mean() -> None:
    with pytest.raises(UsageError, match=r"trained_share is 0\.5"):
        load_classifier_recipe("deepgestalt", ["trained_share=0.5"])
