"""The steps of a chain and their gradient are what autograd makes of them, one by one."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, linear

from training.chain import Numbers, chain
from training.discrete import Choices
from training.layers import SLOPE

STEPS, BATCH, HIDDEN, COMPONENTS, INNER = 7, 5, 6, 3, 4


def written_plainly(
    sizes: tuple[int, ...], x: Tensor, gumbels: Tensor, h: Tensor, c: Tensor, chosen: Tensor,
    weight: Tensor, outward: Tensor, among: Tensor, numbers: Numbers | None, fresh: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The same as `chain`, left to autograd; choices are drawn as `Choices.one_hot` draws them."""
    made: list[tuple[Tensor, ...]] = []
    total = gumbels.new_zeros(len(h), 0) if numbers is None else numbers.total
    for t in range(len(x)):
        i, f, g, o = (x[t] + linear(torch.cat([h, chosen], 1), weight)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        logit, v, lasting = gumbels[t] + linear(h, outward), total, torch.cat([total, total], 1)
        if numbers is not None:
            z = numbers.moving[t] + linear(h, numbers.moves)
            v = z[:, INNER:] + linear(leaky_relu(z[:, :INNER], SLOPE), numbers.moved)
            last, total = total, numbers.decay * total + numbers.push[t] + numbers.b * v
            total = last if fresh and t == 0 else total
            lasting = torch.cat([total, (total - last) / numbers.increments], 1)
            told = linear(lasting, numbers.tells, numbers.bias)
            logit = logit + linear(leaky_relu(told, SLOPE), numbers.told)
        parts: list[Tensor] = []
        for k, part in enumerate(logit.split(sizes, 1)):
            start = sum(sizes[:k])
            own = part
            if parts:
                own = part + linear(torch.cat(parts, 1), among[start : start + sizes[k], :start])
            logit = torch.cat([logit[:, :start], own, logit[:, start + sizes[k] :]], 1)
            parts.append(Choices(1, (sizes[k],)).one_hot(own))
        chosen = torch.cat(parts, 1)
        made.append((h, chosen, logit, v, lasting))
    return *(torch.stack(part) for part in zip(*made, strict=True)), h, c


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("beside_numbers", [True, False])
@pytest.mark.parametrize("sizes", [(3,), (4, 2, 3)])
def test_the_gradient_is_that_of_the_steps(sizes: tuple[int, ...], beside_numbers: bool, fresh: bool):
    torch.manual_seed(len(sizes) + 2 * beside_numbers + fresh)
    width = sum(sizes)

    def some(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64)

    rows = torch.arange(width)
    of = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    given = [
        some(STEPS, BATCH, 4 * HIDDEN), some(STEPS, BATCH, width), some(BATCH, HIDDEN), some(BATCH, HIDDEN),
        some(BATCH, width), some(4 * HIDDEN, HIDDEN + width), some(width, HIDDEN),
        some(width, width) * (of[rows][:, None] > of[rows][None]),
    ]  # fmt: skip
    numbers = [
        some(BATCH, COMPONENTS), some(STEPS, BATCH, INNER + COMPONENTS), some(INNER + COMPONENTS, HIDDEN),
        some(COMPONENTS, INNER), some(STEPS, BATCH, COMPONENTS), torch.rand(COMPONENTS).double(),
        some(COMPONENTS).exp(), some(COMPONENTS).exp(), some(8, 2 * COMPONENTS), some(8), some(width, 8),
    ] if beside_numbers else []  # fmt: skip
    found, wanted = [], []
    for play, results in ((chain, found), (written_plainly, wanted)):
        own = [part.clone().requires_grad_() for part in given]
        beside = [part.clone().requires_grad_() for part in numbers]
        made = play(sizes, *own, Numbers(*beside) if beside else None, fresh)
        torch.manual_seed(9)
        loss = sum((part * torch.randn_like(part)).sum() + (part**2).sum() for part in made)
        loss.backward()
        results += [part.detach() for part in made]
        told = torch.zeros_like(given[7]) if own[7].grad is None else own[7].grad
        results += [*(part.grad for part in own[:7]), told * (given[7] != 0)]
        # Neither the rates at which sums forget nor the increments are learnt.
        results += [part.grad for n, part in enumerate(beside) if n not in (5, 7)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
