"""Layers that networks are made of, and arrays as they take them."""

import warnings

import numpy as np
import torch
from torch import Tensor, nn

SLOPE = 0.2
"""Of the leaky rectifiers below zero."""


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two linear layers with a leaky rectifier between them."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(SLOPE), linear(hidden, outputs))


def linears(layers: nn.Sequential) -> tuple[nn.Linear, nn.Linear]:
    """The two linear layers of a perceptron."""
    first, _, last = layers
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    return first, last


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer; without outputs too, at which torch would wonder aloud."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        return nn.Linear(inputs, outputs)


def float32(array: np.ndarray) -> Tensor:
    """An array as a tensor of single precision."""
    return torch.from_numpy(array.astype(np.float32))
