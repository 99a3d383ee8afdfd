"""Steps that wait for one another: each choice is shown to the LSTM at the next one.

    gates_t = x_t + W·[h_{t−1}, choice_{t−1}],   h_t and c_t by the LSTM's own rule
    where there are numbers too
        z_t = m_t + M·h_t,   v_t = z_t's last + V·leaky(z_t's first)
        total_t = ρ∘total_{t−1} + push_t + b∘v_t
        lasting_t = [total_t, (total_t − total_{t−1}) / increments],   told_t = T·leaky(S·lasting_t + s)
    logits_t = gumbel_t + told_t + O·h_t + A·choice_t, of the choices before each
    choice_t, one-hot: where these are largest

That is a page of small products, and autograd takes as long around each of them as it takes itself. So the
steps are made without it, and their gradient is written out: backpropagation through time (Werbos, 1990),
straight through the choices (`training/discrete.py`). Whatever no step waits for is done for all of them at
once: before, by the caller, or behind.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from training.layers import SLOPE

_leaky_backward = torch.ops.aten.leaky_relu_backward
_sigmoid_backward = torch.ops.aten.sigmoid_backward
_tanh_backward = torch.ops.aten.tanh_backward


class Numbers(NamedTuple):
    """What labels beside numbers take besides; `first` of z go through the rectifier."""

    total: Tensor
    """(batch, components), before the first step."""
    moving: Tensor
    """m: (steps, batch, first + components)."""
    moves: Tensor
    """M: (first + components, hidden)."""
    moved: Tensor
    """V: (components, first)."""
    push: Tensor
    """(steps, batch, components)"""
    decay: Tensor
    """ρ: (components,)."""
    b: Tensor
    """(components,)"""
    increments: Tensor
    """(components,)"""
    tells: Tensor
    """S: (told, 2 components)."""
    bias: Tensor
    """s: (told,)."""
    told: Tensor
    """T: (width, told)."""


def chain(
    sizes: Sequence[int], x: Tensor, gumbels: Tensor, h: Tensor, c: Tensor, chosen: Tensor, weight: Tensor,
    outward: Tensor, among: Tensor, numbers: Numbers | None, fresh: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """h (steps, batch, hidden), choices and logits (steps, batch, width), v (steps, batch, components) and
    what lasts (steps, batch, 2 components), of none where there are no numbers, and h and c behind the last
    step, (batch, hidden).

    Choices are of `sizes` outcomes; x is (steps, batch, 4 hidden), `gumbels` (steps, batch, width), h and c
    (batch, hidden) and `chosen` (batch, width) are those before, W (4 hidden, hidden + width), O (width,
    hidden), and A (width, width) is 0 but where one choice is told of another before it. `fresh`: the first
    total is the one before.
    """
    made: tuple[Tensor, ...] = _Chain.apply(
        tuple(sizes), fresh, x, gumbels, h, c, chosen, weight, outward, among, *(numbers or ())
    )  # type: ignore[no-untyped-call]
    return made  # type: ignore[return-value]


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sizes: tuple[int, ...], fresh: bool, x: Tensor, gumbels: Tensor, h: Tensor, c: Tensor,
        chosen: Tensor, weight: Tensor, outward: Tensor, among: Tensor, *numbers: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        steps, batch, hidden, width = len(x), len(h), h.shape[1], chosen.shape[1]
        own = Numbers(*numbers) if numbers else None
        behind = x.new_empty(steps + 1, batch, hidden + width)  # [h, choice], first those before
        behind[0] = torch.cat([h, chosen], 1)
        cells = x.new_empty(steps + 1, batch, hidden)
        cells[0] = c
        gates, bent = torch.empty_like(x), x.new_empty(steps, batch, hidden)  # bent: tanh c
        logits = x.new_empty(steps, batch, width)
        components = own.total.shape[1] if own else 0
        v, lasting = x.new_empty(steps, batch, components), x.new_empty(steps, batch, 2 * components)
        z, said = (
            (torch.empty_like(own.moving), x.new_empty(steps, batch, len(own.bias))) if own else (v, v)
        )
        total, rows = own.total if own else v, list(behind)
        shapes = [2 * hidden, hidden, hidden]
        onward, out = weight.T, outward.T
        for t, gate in enumerate(gates):
            torch.addmm(x[t], rows[t], onward, out=gate)
            both, g, o = gate.split(shapes, 1)
            i, f = both.sigmoid_().split(hidden, 1)
            g.tanh_(), o.sigmoid_()
            cell = torch.mul(f, cells[t], out=cells[t + 1]).addcmul_(i, g)
            now, choice = rows[t + 1].split([hidden, width], 1)
            torch.mul(o, torch.tanh(cell, out=bent[t]), out=now)
            logit = gumbels[t]
            if own is not None:
                torch.addmm(own.moving[t], now, own.moves.T, out=z[t])
                first, last = z[t].split([own.moved.shape[1], components], 1)
                torch.addmm(last, leaky_relu(first, SLOPE), own.moved.T, out=v[t])
                before, (here, move) = total, lasting[t].split(components, 1)
                if t or not fresh:
                    total = (total * own.decay).add_(own.push[t]).addcmul_(v[t], own.b)
                here.copy_(total)
                torch.sub(total, before, out=move).div_(own.increments)
                torch.addmm(own.bias, lasting[t], own.tells.T, out=said[t])
                logit = torch.addmm(logit, leaky_relu(said[t], SLOPE), own.told.T)
            torch.addmm(logit, now, out, out=logits[t])
            _choose(sizes, logits[t], choice, among)
        ctx.save_for_backward(
            behind, cells, gates, bent, logits, v, lasting, z, said, weight, outward, among, *numbers
        )
        ctx.sizes, ctx.fresh = sizes, fresh
        heard, choices = behind[1:].split([hidden, width], 2)
        return (
            heard.contiguous(), choices.contiguous(), logits, v, lasting, heard[-1].clone(),
            cells[-1].clone(),
        )  # fmt: skip

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        behind, cells, gates, bent, logits, v, lasting, z, said, weight, outward, among, *rest = (
            ctx.saved_tensors
        )
        own = Numbers(*rest) if rest else None
        of_heard, of_choices, of_logits, of_v, of_lasting, of_h, of_c = gradients
        steps, batch, hidden = of_heard.shape
        shares = torch.cat([part.softmax(2) for part in logits.split(ctx.sizes, 2)], 2)
        of_logits, of_gates, components = of_logits.clone(), torch.empty_like(gates), v.shape[2]
        of_z, of_said = torch.empty_like(z), torch.empty_like(said)
        of_totals = torch.zeros_like(v)  # of what each step adds
        carried = torch.cat([of_h, torch.zeros_like(of_choices[0])], 1)  # of [h, choice]
        of_cell, of_total = of_c, v.new_zeros(batch, components)
        for t in reversed(range(steps)):
            of_now, of_choice = carried.tensor_split([hidden], 1)
            of_logit = _through(ctx.sizes, shares[t], of_choice + of_choices[t], of_logits[t], among)
            of_now = torch.addmm(of_now, of_logit, outward) + of_heard[t]
            if own is not None:
                inner = own.moved.shape[1]
                of_said[t] = _leaky_backward(of_logit @ own.told, said[t], SLOPE, False)
                here, move = torch.addmm(of_lasting[t], of_said[t], own.tells).split(components, 1)
                move = move / own.increments
                of_total = of_total + here + move
                of_move = of_z[t, :, inner:]
                if t or not ctx.fresh:
                    of_totals[t] = of_total
                    torch.addcmul(of_v[t], of_total, own.b, out=of_move)
                    of_total = of_total * own.decay
                else:
                    of_move.copy_(of_v[t])
                of_total = of_total - move
                of_z[t, :, :inner] = _leaky_backward(of_move @ own.moved, z[t, :, :inner], SLOPE, False)
                of_now.addmm_(of_z[t], own.moves)
            i, f, g, o = gates[t].split(hidden, 1)
            of_i, of_f, of_g, of_o = of_gates[t].split(hidden, 1)
            of_cell = of_cell + _tanh_backward(of_now * o, bent[t])
            _sigmoid_backward(of_cell * g, i, grad_input=of_i)
            _sigmoid_backward(of_cell * cells[t], f, grad_input=of_f)
            _tanh_backward(of_cell * i, g, grad_input=of_g)
            _sigmoid_backward(of_now * bent[t], o, grad_input=of_o)
            of_cell = of_cell * f
            carried = of_gates[t] @ weight
        heard, choices = behind[1:].split([hidden, logits.shape[2]], 2)
        of_h, of_chosen = carried.tensor_split([hidden], 1)
        of_numbers: list[Tensor | None] = []
        if own is not None:
            inner = own.moved.shape[1]
            of_numbers = [
                of_total, of_z, _product(of_z, heard),
                _product(of_z[..., inner:], leaky_relu(z[..., :inner], SLOPE)), of_totals, None,
                (of_totals * v).sum((0, 1)), None, _product(of_said, lasting), of_said.sum((0, 1)),
                _product(of_logits, leaky_relu(said, SLOPE)),
            ]  # fmt: skip
        return (
            None, None, of_gates, of_logits, of_h, of_cell, of_chosen, _product(of_gates, behind[:-1]),
            _product(of_logits, heard), _product(of_logits, choices), *of_numbers,
        )  # fmt: skip


def _choose(sizes: Sequence[int], logit: Tensor, choice: Tensor, among: Tensor) -> None:
    """Choices of a step where its logits, (batch, width) both, are largest, and in the logits of each what
    those before it say: in place."""
    choice.zero_()
    start = 0
    for size in sizes:
        end = start + size
        one = choice[:, start:end]
        one.scatter_(1, logit[:, start:end].argmax(1, keepdim=True), 1)
        if end < logit.shape[1]:
            logit[:, end:].addmm_(one, among[end:, start:end].T)
        start = end


def _through(
    sizes: Sequence[int], share: Tensor, of_choice: Tensor, of_logit: Tensor, among: Tensor
) -> Tensor:
    """The gradient of a step's choices, and of its logits, (batch, width) both, as that of its logits: in
    place of it."""
    end = share.shape[1]
    for size in reversed(sizes):
        start = end - size
        own, of_own = share[:, start:end], of_choice[:, start:end]
        if end < share.shape[1]:
            of_own = torch.addmm(of_own, of_logit[:, end:], among[end:, start:end])
        weighed = own * of_own
        of_logit[:, start:end].add_(weighed).addcmul_(own, weighed.sum(1, keepdim=True), value=-1)
        end = start
    return of_logit


def _product(of_rows: Tensor, columns: Tensor) -> Tensor:
    """The gradient of a matrix that made rows (steps, batch, rows) of columns (steps, batch, columns)."""
    return of_rows.flatten(0, 1).T @ columns.flatten(0, 1)
