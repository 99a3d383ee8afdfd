"""x_t = ρ∘x_{t−1} + push_t as products with the powers of ρ: a loop is slow to train."""

import torch
from torch import Tensor

_CHUNK = 64
"""Steps that are summed at once: the matrix of powers grows with their square."""


def recurrence(rate: Tensor, before: Tensor, push: Tensor) -> Tensor:
    """x_t = rate∘x_{t−1} + push_t for every step: (batch, steps, width), from x before the first
    (batch, width)."""
    parts = []
    # In 16 bits the powers of a rate near 1 would be steps, and what is smooth rough.
    with torch.autocast(push.device.type, enabled=False):
        for part in push.split(_CHUNK, 1):
            steps = part.shape[1]
            time = torch.arange(steps, device=push.device)
            lag = time[:, None] - time  # (steps, steps)
            powers = torch.where(
                lag >= 0, rate[:, None, None] ** lag.clamp(min=0), 0.0
            )  # (width, steps, steps)
            x = torch.bmm(powers, part.permute(2, 1, 0)).permute(2, 1, 0)  # (batch, steps, width)
            x = x + before[:, None] * rate ** (time[:, None] + 1)
            before = x[:, -1]
            parts.append(x)
    return torch.cat(parts, 1)
