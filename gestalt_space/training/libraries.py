"""The versions of libraries that decide what a training gives."""

from __future__ import annotations

import platform

import cv2
import numpy as np
import torch


def libraries() -> str:
    """The versions that decide what a training gives, in one line."""
    return (
        f"torch {torch.__version__}, numpy {np.__version__}, OpenCV {cv2.__version__}, "
        f"{platform.machine()}"
    )
