"""What each player wants, as a number to make smaller.

r and f are the discriminator's logits on real and generated windows, (batch,).
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def relativistic_discriminator(r: Tensor, f: Tensor) -> Tensor:
    """E softplus(f − r): a real window shall look more real than its generated partner
    (Jolicoeur-Martineau, ICLR 2019, section 4; paired as in Huang et al., NeurIPS 2024)."""
    return softplus(f - r).mean()


def relativistic_generator(r: Tensor, f: Tensor) -> Tensor:
    """softplus(r − f), the same game from the other side: (batch,)."""
    return softplus(r - f)


def bce_discriminator(r: Tensor, f: Tensor) -> Tensor:
    """−E log σ(r) − E log(1 − σ(f)) (Goodfellow et al., NIPS 2014, equation 1)."""
    return (softplus(-r) + softplus(f)).mean()


def non_saturating_generator(r: Tensor, f: Tensor) -> Tensor:
    """−log σ(f): generated windows labelled real (the same, section 3): (batch,)."""
    return softplus(-f)


def gradient_penalty(logits: Tensor, windows: Tensor) -> Tensor:
    """E‖∇D‖² over `windows` (batch, …), as in R1 (Mescheder et al., ICML
    2018, equation 9), differentiable again."""
    (gradient,) = torch.autograd.grad(logits.sum(), windows, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()
