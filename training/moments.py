"""Moments that are the data's: where each step lies in the mean, how often values lie where, how far moves
go, how much they turn, which go together, whether they know where they began, how much livelier one window
is than another, and how far apart windows lie.

A discriminator need not see any of these. A component that moves a hundredth of another is a hundredth of
what it looks at, a mean that wavers by a tenth of a deviation is lost among its windows, and by the time it
looks closer it knows these by heart. Prices then go twice as far in a window as they should, open
anywhere but at the last close, move more in the first steps than in the last, come home from wherever
they began, and are calm or wild for a whole window where the data have a wild day. And what is noise of
each step lies to one side for a whole window, since the latent does. So the generator is told, as
constraints beside its game:

    ȳ_t = mean y_t,      F_n = mean σ((y_t − z_n) / ω_n),
                         r_k = mean (y_{t+k} − y_t)² / the same of the data,
                         r_0 = mean (y_{t+1} − 2 y_t + y_{t−1})² / the same of the data,
                         s_k, s_0: the same of absolute values, at each step t by itself,
                         w   = mean over windows (mean_t |y_{t+1} − y_t|)² / the same of the data,
                         l   = mean over windows (mean_t y_t)² / the same of the data,
    c_k = mean Δy_{t+k} Δy_tᵀ / σ σᵀ,    σ² = mean Δy² of the data,
    p   = mean (y_T − y_1) (y_T − y_1)ᵀ / ς ς,    q = mean (y_T − y_1) y_1ᵀ / ς,
                         ς² = mean (y_T − y_1)² of the data, T the last step

    L += η Σ (m(ȳ_t) − the data's) · ȳ_t  +  η Σ (m(x) − the data's) · x     for every F_n, c_k, p and q
       + η Σ log m(x) · x / m(x)                                             for every r_k, s_k, w and l

over components, and of F, r, s, w and l over the channels as well: what moves as far as it should in each
component need not in what they are mixed to, which has tails and calm hours of its own; both together weigh
as much as components would alone. z_n are quantiles of the data, and F says, softly, how much lies beyond
each: lights that are mostly out are out as often, which a mean does not say. Steps t weigh as 24 do of
means, and F as much, and as one of moves, however many there are; k is 1 step, 4, 16 and so on, and a
window, and 0 stands for turns: of what is smooth they are so small a part of any move that no lag sees
them. With squares alone what moves seldom and far would move always and a little: r and s together say how
heavy tails are, and w in which windows. Of pairs k is 0 and 1: which components move together, and which
one after the other; p says which have gone together by the end. m is a running mean: the conditions of a
generalised method of moments (Hansen, Econometrica 50, 1982), each with the weight that its errors so far
ask for. Where m is as the data have it nothing is added. The squared difference of a batch's own moments,
as in moment matching networks (Li, Swersky and Zemel, ICML 2015), would go on pushing there, towards what
makes one batch like another: moves that are too small.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

LAGS = 4
"""Moves are looked at over 1 step, over so many, over as many times that, and so on, and over a whole
window, or what most of them have where they end."""
LOOKED_AT, _ROWS = 4096, 2**16
"""Windows of the data that are measured, and rows of them that quantiles are of."""
STEPS = 24
"""What all steps together weigh."""
QUANTILES = (0.02, 0.1, 0.25, 0.4, 0.6, 0.75, 0.9, 0.98)
"""Of the data, at which it is asked how much lies beyond."""
_SOFT, _SHARPEST = 0.25, 0.1
"""ω, of the distance between the quantiles on either side; and the least it is, in deviations."""
_MEMORY = 0.98
"""Of m, from step to step of the game."""
_LEAST = 1e-11
"""Of a mean square of the data: what never moves is let be."""
_MOST = 16.0
"""How far m(r) is taken to be off, either way."""
_PAIRS = 2
"""Moves that are in the same step, and in the next one."""


class Seen(NamedTuple):
    """Moments of some windows, beside the data's."""

    means: Tensor
    """ȳ less the data's, (steps, components)."""
    marginals: Tensor
    """F less the data's, (quantiles, components + channels)."""
    squares: Tensor
    """r, w and l, (lags, turns and two of windows, components + channels)."""
    sizes: Tensor
    """s, (places, components + channels): of one lag after another, each step that a move begins at; then
    of turns."""
    pairs: Tensor
    """c and then p, less the data's, (_PAIRS + 1, components, components); of a component with itself at
    once, which r says, 0."""
    homes: Tensor
    """q less the data's, (components, components): where a component goes, by where another began."""


class Moments:
    """The data's, and the running means of what the generator's are beside them."""

    def __init__(self, y: Tensor, valid: Tensor | None, channels: Tensor):
        """Of the data's windows, y (windows, steps, components) where `valid` (windows, steps) is 1, and of
        `channels` (channels, components) that are mixed of these."""
        self._channels = channels
        steps = y.shape[1] if valid is None else int(valid.sum(1).median())
        longest = steps - 1
        powers = (LAGS**n for n in range(longest.bit_length()))
        self.lags = sorted({lag for lag in (*powers, longest) if 0 < lag < steps})
        self._means = _means(y, valid)  # (steps, components)
        self._bounds, self._soft = _bounds_of(self._both(y), valid)  # (quantiles, components + channels)
        self._marginals = self._marginals_of(y, valid)
        moves = _moves(self._both(y), valid, self.lags)
        self._squares, self._sizes, self._shares = moves
        sigma = self._squares[:1, : y.shape[2]].sqrt() if self.lags else y.new_zeros(1, y.shape[2])
        self._unit = _inverse(sigma)  # (1, components)
        spans = _spans(y, valid)  # (windows, components)
        self._span = _inverse(spans.square().mean(0).sqrt())  # (components,)
        self._pairs = self._pairs_of(y, spans * self._span, valid)
        self._homes = _homes(y, spans * self._span)
        self.now = Seen(
            torch.zeros_like(self._means), torch.zeros_like(self._marginals),
            torch.ones_like(self._squares), torch.ones_like(self._sizes),
            torch.zeros_like(self._pairs), torch.zeros_like(self._homes),
        )  # fmt: skip
        """Their running means, m."""

    def of(self, y: Tensor, valid: Tensor | None) -> Seen:
        """The moments of windows."""
        moves = _moves(self._both(y), valid, self.lags)
        spans = _spans(y, valid) * self._span  # (windows, components)
        sizes = _ratio(moves.sizes, self._sizes, _LEAST**0.5)
        return Seen(
            _means(y, valid) - self._means,
            self._marginals_of(y, valid) - self._marginals,
            _ratio(moves.squares, self._squares, _LEAST),
            torch.where(moves.shares > 0, sizes, 1.0),
            self._pairs_of(y, spans, valid) - self._pairs,
            _homes(y, spans) - self._homes,
        )

    def _both(self, y: Tensor) -> Tensor:
        """Components, and channels beside them: (windows, steps, components + channels)."""
        return torch.cat([y, y @ self._channels.T], 2)

    def follow(self, seen: Seen, step: int) -> None:
        """Move the running means on by what `of` gave."""
        follow(self.now, seen, step)

    def push(self, seen: Seen) -> Tensor:
        """What a batch of these moments costs the generator: ()."""
        now = self.now
        squares, sizes = (off.clamp(1 / _MOST, _MOST) for off in (now.squares, now.sizes))
        cost = STEPS * (now.means * seen.means).mean(0).sum()
        part = now.means.shape[1] / now.squares.shape[1]  # channels take their weight from components
        cost = cost + STEPS * part * (now.marginals * seen.marginals).sum()
        cost = cost + part * (squares.log() * seen.squares / squares).sum()
        cost = cost + part * (self._shares * sizes.log() * seen.sizes / sizes).sum()
        return cost + (now.pairs * seen.pairs).sum() + (now.homes * seen.homes).sum()

    def _marginals_of(self, y: Tensor, valid: Tensor | None) -> Tensor:
        """F: (quantiles, components + channels)."""
        x = self._both(y)
        parts = [torch.sigmoid((x - z) / soft) for z, soft in zip(self._bounds, self._soft, strict=True)]
        return torch.stack([_mean(part, valid) for part in parts])

    def _pairs_of(self, y: Tensor, spans: Tensor, valid: Tensor | None) -> Tensor:
        """c and p of windows that go so far, in ς (windows, components): (_PAIRS + 1, components,
        components)."""
        together = _others(torch.einsum("bi,bj->ij", spans, spans) / len(y))
        return torch.cat([_pairs(y * self._unit, valid), together[None]])


def follow(now: Iterable[Tensor], seen: Iterable[Tensor], step: int) -> None:
    """Move running means on; they forget their beginning faster while young."""
    keep = min(_MEMORY, (step + 1) / (step + 20))
    for mean, one in zip(now, seen, strict=True):
        mean.lerp_(one, 1 - keep)


class _Moves(NamedTuple):
    """How far windows go, over one lag after another, and how much they turn."""

    squares: Tensor
    """Means over all that there are, then of what windows move in the mean and of where they lie: (lags,
    turns and two of windows, components)."""
    sizes: Tensor
    """Means of absolute values at each place, (places, components); 0 where no window has one."""
    shares: Tensor
    """How many of a kind are at each place, of all of them, (places, 1)."""


def _moves(y: Tensor, valid: Tensor | None, lags: list[int]) -> _Moves:
    """y_{t+k} − y_t for each lag k, and y_{t+1} − 2 y_t + y_{t−1}, over steps that there are."""
    nothing = y.new_zeros(0, y.shape[2])
    squares, sizes, shares = [nothing], [nothing], [nothing[:, :1]]
    moves = [(lag, y[:, lag:] - y[:, :-lag]) for lag in lags]  # (windows, steps - lag, components)
    if y.shape[1] > 2:
        moves.append((2, y[:, 2:] - 2 * y[:, 1:-1] + y[:, :-2]))  # (windows, steps - 2, components)
    for behind, move in moves:
        # An end is behind all that comes before it: (windows, places, 1).
        there = move.new_ones(*move.shape[:2], 1) if valid is None else valid[:, behind:, None]
        count = there.sum(0)  # (places, 1)
        squares.append((move.square() * there).sum((0, 1))[None] / count.sum().clamp(min=1))
        sizes.append((move.abs() * there).sum(0) / count.clamp(min=1))
        shares.append(count / count.sum().clamp(min=1))
    if lags:
        ends = None if valid is None else valid[:, 1:]  # (windows, steps - 1)
        sides = _mean_steps((y[:, 1:] - y[:, :-1]).abs(), ends), _mean_steps(y, valid)
        squares += [side.square().mean(0, keepdim=True) for side in sides]
    return _Moves(torch.cat(squares), torch.cat(sizes), torch.cat(shares))


def _mean_steps(x: Tensor, valid: Tensor | None) -> Tensor:
    """The mean of each window, x (windows, steps, components), over steps that there are: (windows,
    components)."""
    if valid is None:
        return x.mean(1)
    there = valid[..., None]  # (windows, steps, 1)
    return (x * there).sum(1) / there.sum(1).clamp(min=1)


def _spans(y: Tensor, valid: Tensor | None) -> Tensor:
    """From the first step to the last there is: (windows, components)."""
    if valid is None:
        return y[:, -1] - y[:, 0]
    return ((y[:, 1:] - y[:, :-1]) * valid[:, 1:, None]).sum(1)


def _inverse(size: Tensor) -> Tensor:
    """1 / size, and 0 where nothing moves."""
    return torch.where(size**2 > _LEAST, 1 / size, 0.0)


def _ratio(size: Tensor, data: Tensor, least: float) -> Tensor:
    """Beside the data's; 1 where that never moves."""
    moving = data > least
    return torch.where(moving, size / torch.where(moving, data, 1.0), 1.0)


def _bounds_of(x: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """z and ω of x (windows, steps, width): (quantiles, width) both."""
    rows = x.flatten(0, 1) if valid is None else x[valid > 0]  # (rows, width)
    rows = rows[:: -(-len(rows) // _ROWS)]
    z = torch.quantile(rows, x.new_tensor(QUANTILES), dim=0)
    beyond = torch.cat([2 * z[:1] - z[1:2], z, 2 * z[-1:] - z[-2:-1]])  # (quantiles + 2, width)
    return z, (_SOFT * (beyond[2:] - beyond[:-2])).clamp(min=_SHARPEST)


def _mean(x: Tensor, valid: Tensor | None) -> Tensor:
    """Of x (windows, steps, width), over all that there are: (width,)."""
    if valid is None:
        return x.mean((0, 1))
    return (x * valid[..., None]).sum((0, 1)) / valid.sum().clamp(min=1)


def _means(y: Tensor, valid: Tensor | None) -> Tensor:
    """Mean y_t over the windows that have a step t: (steps, components)."""
    if valid is None:
        return y.mean(0)
    there = valid[..., None]  # (windows, steps, 1)
    return (y * there).sum(0) / there.sum(0).clamp(min=1)


def _homes(y: Tensor, spans: Tensor) -> Tensor:
    """q of windows that go so far, in ς (windows, components): (components, components)."""
    return torch.einsum("bi,bj->ij", spans, y[:, 0]) / len(y)


def _pairs(y: Tensor, valid: Tensor | None) -> Tensor:
    """Mean products of moves, (_PAIRS, components, components): of one component k steps after that of
    another; of the same in the same step, 0."""
    moves = y[:, 1:] - y[:, :-1]  # (windows, steps - 1, components)
    if valid is not None:
        moves = moves * valid[:, 1:, None]
    found = []
    for k in range(_PAIRS):
        later, sooner = moves[:, k:], moves[:, : max(0, moves.shape[1] - k)]  # (windows, steps - 1 - k, …)
        count = later.shape[0] * later.shape[1] if valid is None else float(valid[:, k + 1 :].sum())
        found.append(torch.einsum("bti,btj->ij", later, sooner) / max(1.0, count))
    found[0] = _others(found[0])
    return torch.stack(found)


def _others(products: Tensor) -> Tensor:
    """Products of one component with another, (components, components); with itself, 0."""
    return products - torch.diag(products.diagonal())
