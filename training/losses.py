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
    """E softplus(r − f): the same game from the other side."""
    return softplus(r - f).mean()


def bce_discriminator(r: Tensor, f: Tensor) -> Tensor:
    """−E log σ(r) − E log(1 − σ(f)) (Goodfellow et al., NIPS 2014, equation 1)."""
    return (softplus(-r) + softplus(f)).mean()


def non_saturating_generator(r: Tensor, f: Tensor) -> Tensor:
    """−E log σ(f): generated windows labelled real (the same, section 3)."""
    return softplus(-f).mean()


def gradient_penalty(logits: Tensor, windows: Tensor) -> Tensor:
    """E‖∇D‖² over `windows` (batch, …), as in R1 (Mescheder et al., ICML
    2018, equation 9), differentiable again."""
    (gradient,) = torch.autograd.grad(logits.sum(), windows, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


def energy_distance(generated: Tensor, real: Tensor) -> Tensor:
    """2 E‖f − r‖ − E‖f − f′‖ over points f and r (batch, width), over √width: the part of the
    energy distance that the generator can change (Székely and Rizzo, Journal of Statistical
    Planning and Inference 143, 2013, equation 2.1). Its mean over batches does not depend on
    their size, so its gradient has no bias towards samples that are too much alike, as that of
    matched moments has (Bellemare et al., arXiv:1705.10743, section 3)."""
    batch, width = generated.shape
    apart = torch.cdist(generated, real).mean()
    among = torch.cdist(generated, generated).sum() / (batch * (batch - 1))
    distance: Tensor = (2 * apart - among) / width**0.5
    return distance
