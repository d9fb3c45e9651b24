"""From a trained network to the built-in encoder's file."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gestalt_space.training.encoder import DIM, Network

BATCH = 64


def trunk_features(network: Network, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Aligned faces `(n, 112, 112, 3)` uint8 to what the network's heads see, `(n, 256)`."""
    network.eval()
    with torch.inference_mode():
        return np.concatenate(
            [
                network.trunk(_images(crops[start : start + BATCH])).float().numpy()
                for start in range(0, len(crops), BATCH)
            ]
        )


def _images(crops: NDArray[np.uint8]) -> Tensor:
    images = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))).float()
    return ((images - 127.5) / 127.5).to(memory_format=torch.channels_last)


def fit_space(
    features: NDArray[np.float32], deformations: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear map `(256, DIM)` and offset `(DIM,)` after which cosine tells deformations best.

    Fisher's discriminant analysis of many people who carry each of many deformations: what differs
    between people who carry the same is scaled down.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    analysis.fit(features, deformations)
    matrix = analysis.scalings_[:, :DIM]
    return matrix.astype(np.float32), (-features.mean(axis=0) @ matrix).astype(np.float32)


class _Encoder(nn.Module):
    """The convolutions, and all linear maps after them as one."""

    def __init__(
        self, network: Network, matrix: NDArray[np.float32], offset: NDArray[np.float32]
    ) -> None:
        super().__init__()
        *body, linear, norm = network.trunk
        assert isinstance(linear, nn.Linear)  # noqa: S101 - the network's own layout
        assert isinstance(norm, nn.BatchNorm1d)  # noqa: S101
        fused = nn.utils.fusion.fuse_linear_bn_eval(linear, norm)
        head = torch.from_numpy(matrix)
        self.body = nn.Sequential(*body)
        self.space = nn.Linear(fused.in_features, DIM)
        with torch.no_grad():
            self.space.weight.copy_(head.T @ fused.weight)
            self.space.bias.copy_(fused.bias @ head + torch.from_numpy(offset))

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.space(self.body(images))
        return features


def export(
    network: Network, matrix: NDArray[np.float32], offset: NDArray[np.float32], path: Path
) -> None:
    """Write the encoder as ONNX: `(n, 3, 112, 112)` float32 to `(n, DIM)`, not of unit length."""
    encoder = _Encoder(network.eval(), matrix, offset).eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own insides
        torch.onnx.export(
            encoder,
            (torch.zeros(2, 3, 112, 112),),
            str(path),
            input_names=["faces"],
            output_names=["features"],
            dynamo=True,
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            external_data=False,
            verbose=False,
        )
