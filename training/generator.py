"""The generator, an LSTM: noise to rows.

    [latent, given] ─▶ level ─▶ total_0       drift_t = r∘drift_{t−1} + √(1−r²)∘noise_t
    [drift_s, given] ─▶ level ─▶ home,        at the end of a window that begins at s, and home_t on its way
    [latent, given] ─▶ start ─▶ c_0, or 0
    [noise_t, drift_t, given, choice_{t−1}] ─▶ LSTM ─▶ h_t,   h_t, gumbel_t ─▶ choice_t
    [h_t, noise_t, drift_t] ─▶ head + direct ─▶ [u_t, v_t]
    total_t = ρ∘total_{t−1} + (1−ρ)∘κ∘home_t + b∘v_t,    total_1 = total_0,    y_t = a∘u_t + total_t
    (of u_1 as much as is fleeting in the data's first rows)
    of numbers beside labels v_t first, then choice_t, which sees total_t and its move,
    then u_t, which sees both
    and where it ends its sequences itself, h_t, gumbel_t ─▶ gate_t

A row is x_t = [y_t, choice_t]: its numbers in the basis and its labels as one-hot vectors. Where there
are none of one or the other, and where no condition is given, those parts are empty (`training/layout.py`,
`training/discrete.py`, `training/conditions.py`). Where sequences end, `training/ends.py` says how; with a
gate x_t = [y_t, choice_t, valid_t].

Of numbers the LSTM never sees the generator's own output, so all steps go through it at once, and
through two linear recurrences. A choice is shown to the next step, which waits for it. A label may follow
from a number, as "high" does, or a number from a label, as an amount does from what was bought: so what
lasts in the numbers is there before the choice, and what is new in each step comes after it. It is
written so that a run can be cut anywhere: `forward` takes the state and gives it back (where sequences
end, only at the end, since time is counted from the beginning).

Where the data are long series a sequence may go on for ever, and what keeps it where the data are is that
where it is at home is drawn, and not added up: `training/homes.py`. The mean of v is taken out, which a sum
would add up.

Where nothing is longer than a window, the latent stays as it is, nothing is taken out, and v begins with
the data's mean, `Mixing.course`: a mean that is taken out a little later is pushed anew in every step,
and the running average of the weights lags behind what rises for ever.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from contract.calendar import Season
from training.basis import Mixing
from training.chain import Numbers, chain
from training.config import Sizes
from training.discrete import LOUDNESS, Choices
from training.ends import CLOCK, GATE, clock_of, elapsed, survival, validity
from training.homes import Lasting, by_window, lasting_of, rates_for, way_home
from training.layers import SLOPE, float32, linear, linears, perceptron
from training.overlap import OverlapAdd
from training.recurrence import recurrence
from training.screen import Screen
from training.seasons import Seasons

State = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""LSTM state h and c, both (1, batch, hidden), the running sum `total` (batch, components), the
drifting latent `drift` (batch, latents), where `home` is as this window begins and as it ends (batch, 2
components), or none of it where no home is drawn, the last choice (batch, width) and the last frame's
`tail` (batch, hop)."""

Recurrent = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""The state but for the tail."""

Made = tuple[Tensor, Tensor, Tensor, Tensor]
"""u, v and totals, each (batch, steps, components), and logits (batch, steps, width + gate)."""

_CENTRE_RATE = 0.01


class Generator(nn.Module):
    """Noise to scores, see `training/basis.py` for what these are."""

    mean: Tensor
    outward: Tensor
    centre: Tensor
    homes: Tensor
    calendar: Tensor
    drawn: Tensor
    decay: Tensor
    unsettled: Tensor
    increments: Tensor
    rates: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self, sizes: Sizes, mixing: Mixing, window: int, choices: tuple[int, ...] = (), given: int = 0,
        most: int = 0, gated: bool = False, seasons: tuple[Season, ...] = (),
    ):  # fmt: skip
        super().__init__()
        components = len(mixing.increments)
        self.sizes = sizes
        self.window = window
        """Rows of a window where sequences go on for ever, else 0."""
        self.latents = sizes.latent + (sizes.latent // 2 if window else 0)
        """Numbers of the latent, with those that forget soon."""
        self.most, self.gated = most, gated
        self.seasons = Seasons(seasons)
        width, conditions = sum(choices), given
        given += self.seasons.width
        time = 1 if gated else CLOCK * (most > 0)
        inputs = sizes.latent + self.latents + given + time + width
        self.lstm = nn.LSTM(inputs, sizes.hidden, batch_first=True)
        self.mixed = bool(components and width)
        """Whether there are numbers and labels."""
        said = sizes.hidden + sizes.latent + self.latents
        if self.mixed:
            self.moves = perceptron(said, sizes.head, components)
            self.moves_direct = linear(said, components)
            self.tells = perceptron(2 * components, sizes.head, width)
            nn.init.zeros_(self.tells[2].weight)  # type: ignore[arg-type]
            said += width + 2 * components
        self.head = perceptron(said, sizes.head, components if self.mixed else 2 * components)
        self.direct = linear(said, components if self.mixed else 2 * components)
        lasting = lasting_of(mixing, window)
        self.draws_homes = bool(lasting.drawn.any())
        """Whether anything is at home where a level says."""
        self.level = nn.Sequential(
            nn.Linear(sizes.latent + given, sizes.level),
            nn.LeakyReLU(SLOPE),
            perceptron(sizes.level, sizes.level, components),
        )
        self.start = perceptron(sizes.latent + given, sizes.start, sizes.hidden) if sizes.start else None
        self.choices = Choices(sizes.hidden, choices)
        self.gate = Choices(sizes.hidden, GATE if gated else ())
        if gated:  # at first one of `most` steps is an end
            with torch.no_grad():
                self.gate.bias[1] = -math.log(most) / LOUDNESS
        self.overlap = OverlapAdd(mixing.axes)
        self.screen = Screen(mixing.screen)
        self.register_buffer("increments", float32(mixing.increments))
        # In logarithms, so that a step of training is as small beside a small one as beside a large one.
        self.log_a = nn.Parameter(float32(np.log(mixing.noise)))  # (components,)
        self.log_b = nn.Parameter(float32(np.log(lasting.walk)))  # (components,)
        self._remember(mixing, lasting, conditions)
        # How much of u the first row has: all of it, unless the level's own game has settled that row.
        self.register_buffer("unsettled", torch.ones(components))  # (components,)
        self.register_buffer("mean", float32(mixing.mean))  # (channels,)
        self.register_buffer("outward", float32(mixing.outward))  # (channels, components)
        self.register_buffer("low", float32(mixing.low))  # (components,)
        self.register_buffer("high", float32(mixing.high))  # (components,)

    def _remember(self, mixing: Mixing, lasting: Lasting, conditions: int) -> None:
        """What keeps sequences where the data are."""
        components = len(mixing.increments)
        rates = rates_for(self.window, self.sizes.latent, lasting.slowest)
        self.register_buffer("rates", float32(rates))  # (latents,)
        self.register_buffer("drawn", float32(lasting.drawn))  # (components,)
        self.register_buffer("decay", float32(lasting.decay))  # (components,)
        course = mixing.course if not self.window and len(mixing.course) else np.zeros(components)
        self.register_buffer("centre", -float32(course) / self.b.detach())  # (components,)
        homes = mixing.homes if self.window and mixing.homes.size else np.zeros((conditions, components))
        self.register_buffer("homes", float32(homes * (1 - lasting.drawn)))  # (conditions, components)
        calendar = mixing.calendar if mixing.calendar.size else np.zeros((self.seasons.width, components))
        self.register_buffer("calendar", float32(calendar))  # (numbers of seasons, components)

    @property
    def a(self) -> Tensor:
        """(components,): the deviation of what each step has anew."""
        return self.log_a.exp()

    @property
    def b(self) -> Tensor:
        """(components,): the deviation of what each step adds."""
        return self.log_b.exp()

    @property
    def kept(self) -> Tensor:
        """(components,): of a total, the v that leaves it as it is."""
        return (1 - self.decay) / self.b

    @property
    def noise_size(self) -> int:
        """Normals that a step takes: the noise, and one for each outcome of a choice and of the gate."""
        return self.sizes.latent + self.choices.width + self.gate.width

    def forward(
        self, once: Tensor, noise: Tensor, state: State | None = None, position: int = 0
    ) -> tuple[Tensor, State]:
        """x (batch, steps, components + width), 0 behind an end, with a gate one more that says where there
        are rows; and the state behind its last step.

        `once` is [latent, given], (batch, latents + given), of which `training/seasons.py` says what comes
        last; `noise` (batch, steps, `noise_size`); no state
        begins anew. `position`: of the first of these steps in its sequence.
        """
        y, logits, state = self.play(once, noise, state, position)
        x = self.rows(y, logits)
        if self.most:
            valid = self.valid(once, logits)[..., None]  # (batch, steps, 1)
            x = torch.cat([x * valid, valid], 2) if self.gated else x * valid
        return x, state

    def rows(self, y: Tensor, logits: Tensor) -> Tensor:
        """x (batch, steps, components + width) whether a sequence has ended or not, of what `play` gave."""
        return torch.cat([y, self.choices.one_hot(logits[..., : self.choices.width])], 2)

    def valid(self, once: Tensor, logits: Tensor) -> Tensor:
        """Where sequences that end have a row, as 1 and 0: (batch, steps), of what `play` took and gave."""
        if self.gated:
            return survival(logits[..., self.choices.width :], self.most)
        return validity(once, self.most, logits.shape[1])

    def play(
        self, once: Tensor, noise: Tensor, state: State | None = None, position: int = 0,
        chosen: Tensor | None = None, known: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, State]:  # fmt: skip
        """y (batch, steps, components), the logits of choices and gate with their noise (batch, steps,
        width + gate) and the state behind the last step. With `chosen` (batch, steps, width) the numbers
        follow these choices, and labels are said of what is `known`, as large as y, and not of totals. Of
        a waveform y are its samples (batch, steps, hop), put together from frames.
        """
        h, c, total, drift, home, before, tail = state or self.begin(once)
        given = once[:, self.latents :]
        u, v, totals, logits, behind = self.drive(
            noise, given, (h, c, total, drift, home, before), position, chosen, known, fresh=state is None
        )
        if state is None:  # the level is where the first row lies, but for what is fleeting
            u = torch.cat([u[:, :1] * self.unsettled, u[:, 1:]], 1)
        if self.training and self.window and state is None:
            self.centre.lerp_(v.detach().mean((0, 1)).to(self.centre.dtype), _CENTRE_RATE)
        y = u * self.a + totals  # (batch, steps, components)
        y, tail = self.overlap(y, tail)  # of a waveform (batch, steps, hop)
        return y, logits, (*behind, tail)

    def drive(
        self, noise: Tensor, given: Tensor, state: Recurrent, position: int = 0,
        chosen: Tensor | None = None, known: Tensor | None = None, fresh: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Recurrent]:  # fmt: skip
        """u, v and totals, each (batch, steps, components), the logits (batch, steps, width + gate), and
        the state behind them but for the tail; `fresh`, the first total is the one before."""
        h, c, total, drift, home, before = state
        parts = []
        for rows in by_window(position, noise.shape[1], self.window if self.draws_homes else 0):
            here, begins = self.seasons.later(given, rows.start), fresh and rows.start == 0
            if self.draws_homes and (position + rows.start) % self.window == 0 and not begins:
                left = home[:, len(self.a) :]
                home = torch.cat([left, self._home(drift, here)], 1)  # (batch, 2 components)
            way = home[:, None]
            if self.draws_homes:
                way = way_home(home, position + rows.start, rows.stop - rows.start, self.window)
            told = [None if x is None else x[:, rows] for x in (chosen, known)]
            made, (h, c, drift, before) = self._driven(
                noise[:, rows], here, h, c, total, drift, way, before, told[0], told[1], begins
            )
            total = made[2][:, -1]
            parts.append(made)
        u, v, totals, logits = (torch.cat(x, 1) for x in zip(*parts, strict=True))
        return u, v, totals, logits, (h, c, total, drift, home, before)

    def _driven(
        self, noise: Tensor, given: Tensor, h: Tensor, c: Tensor, total: Tensor, drift: Tensor,
        home: Tensor, before: Tensor, chosen: Tensor | None, known: Tensor | None, fresh: bool,
    ) -> tuple[Made, tuple[Tensor, Tensor, Tensor, Tensor]]:  # fmt: skip
        """The same of steps of one window, at `home` (batch, steps, components), and h, c, the drift
        and the choice behind them."""
        widths = [self.sizes.latent, self.choices.width, self.gate.width]
        noise, normals, latch = noise.split(widths, 2)
        again = noise[..., : self.latents - self.sizes.latent]  # what forgets soon is of the same noise
        pushes = (1 - self.rates**2).sqrt() * torch.cat([noise, again], 2)
        drifts = recurrence(self.rates, drift, pushes)  # (batch, steps, latents)
        parts = [noise, drifts, self.seasons.each(given, noise.shape[1])]
        if self.most:
            time = elapsed if self.gated else clock_of
            parts.append(time(given, self.most, noise.shape[1]))
        inputs = torch.cat(parts, 2)  # (batch, steps, latent + latents + given + clock)
        gumbels = self.choices.gumbel(normals)  # (batch, steps, width)
        homeward = self._homeward(given, home)
        if chosen is None and self.choices.width:
            begun = h, c, total, before
            with torch.autocast(noise.device.type, enabled=False):  # one step's rounding is the next one's
                hidden, chosen, logits, v, lasts, (h, c) = self._choose(
                    inputs, gumbels, *begun, homeward, fresh
                )
            totals = lasts[..., : len(self.a)]
        else:  # what is chosen is known beforehand, and no step waits for another
            chosen = gumbels if chosen is None else chosen
            seen = torch.cat([before[:, None], chosen[:, :-1]], 1)
            hidden, (h, c) = self.lstm(torch.cat([inputs, seen], 2), (h, c))  # (batch, steps, hidden)
            if self.mixed:
                v = self._moved(hidden, noise, drifts)
                totals = self._totals(v, total, homeward, fresh)
                first, seen = (total[:, None], totals) if known is None else (known[:, :1], known)
                lasts = self._lasting(torch.cat([first, seen[:, :-1]], 1), seen)
                gumbels = gumbels + LOUDNESS * self.tells(lasts)
            logits = self.choices.logits(hidden, gumbels, chosen)
        if self.gated:
            logits = torch.cat([logits, self.gate.alone(hidden, self.gate.gumbel(latch))], 2)
        said = torch.cat([hidden, noise, drifts], 2)  # (batch, steps, hidden + latent + latents)
        if self.mixed:
            said = torch.cat([said, chosen, lasts], 2)  # (…, that + width + 2 components)
            u = self.head(said) + self.direct(said)
        else:
            u, v = (self.head(said) + self.direct(said)).split([len(self.a)] * 2, 2)
            totals = self._totals(v, total, homeward, fresh)
        return (u, v, totals, logits), (h, c, drifts[:, -1], chosen[:, -1])

    def _choose(
        self, inputs: Tensor, gumbels: Tensor, h: Tensor, c: Tensor, total: Tensor, chosen: Tensor,
        homeward: Tensor, fresh: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:  # fmt: skip
        """Step after step, each choice shown to the next: the LSTM's output (batch, steps, hidden), choices
        and logits (batch, steps, width), where there are numbers too v (batch, steps, components) and what
        lasts (batch, steps, 2 components), and h and c behind them."""
        dtype = self.log_a.dtype
        steps, gumbels = (part.transpose(0, 1).to(dtype) for part in (inputs, gumbels))  # (steps, batch, …)
        h, c, total, chosen = (part.to(dtype) for part in (h[0], c[0], total, chosen))  # (batch, …)
        inward, again, *biases = self.lstm.all_weights[0]  # (4 hidden, inputs + width), (4 hidden, hidden)
        onward, shown = inward.tensor_split([steps.shape[2]], 1)
        x = nn.functional.linear(steps, onward, biases[0] + biases[1])  # (steps, batch, 4 hidden)
        gumbels = gumbels + LOUDNESS * self.choices.bias
        numbers = None
        if self.mixed:
            pushes = (self.b * (homeward - self.centre)).expand(-1, len(steps), -1).transpose(0, 1)
            (first, last), (speaks, tells) = linears(self.moves), linears(self.tells)
            both = torch.cat([first.weight, self.moves_direct.weight])  # (head + components, …)
            moves, moving = both.tensor_split([self.sizes.hidden], 1)
            bias = torch.cat([first.bias, self.moves_direct.bias + last.bias])
            numbers = Numbers(
                total,
                nn.functional.linear(steps[..., : self.sizes.latent + self.latents], moving, bias),
                moves, last.weight, pushes, self.decay, self.b, self.increments,
                speaks.weight, speaks.bias, LOUDNESS * tells.weight,
            )  # fmt: skip
            gumbels = gumbels + LOUDNESS * tells.bias
        *made, h, c = chain(
            self.choices.sizes, x, gumbels, h, c, chosen, torch.cat([again, shown], 1),
            LOUDNESS * self.choices.weight, LOUDNESS * self.choices.told, numbers, fresh,
        )  # fmt: skip
        hidden, choices, logits, v, lasts = (part.transpose(0, 1) for part in made)  # (batch, steps, …)
        return hidden, choices, logits, v, lasts, (h[None], c[None])

    def _moved(self, *said: Tensor) -> Tensor:
        """v, of numbers beside labels: (…, components), of what the LSTM says, noise and drift."""
        x = torch.cat(said, -1)  # (…, hidden + latent + latents)
        v: Tensor = self.moves(x) + self.moves_direct(x)
        return v

    def _lasting(self, last: Tensor, total: Tensor) -> Tensor:
        """Where numbers are and how they moved there, but for what is new in each step: (…, 2 components),
        of two totals (…, components)."""
        return torch.cat([total, (total - last) / self.increments], -1)

    def _totals(self, v: Tensor, total: Tensor, homeward: Tensor, fresh: bool) -> Tensor:
        """The sums of v, and what brings them home, (batch, steps, components) each, from the one before,
        (batch, components)."""
        pushes = v - self.centre + homeward
        if fresh:
            pushes = torch.cat([(total * self.kept)[:, None], pushes[:, 1:]], 1)
        return recurrence(self.decay, total, pushes * self.b)

    def _homeward(self, given: Tensor, home: Tensor) -> Tensor:
        """What is added to v so that a sum comes back to where it is at home under conditions, `given`
        (batch, given), and at each step, `home` (batch, steps, components): the same."""
        known = (self.seasons.parted(given)[0] @ self.homes)[:, None]  # (batch, 1, components)
        return (known + self.drawn * home if self.draws_homes else known) * self.kept

    def begin(self, once: Tensor) -> State:
        """The state before the first step."""
        rest = once.new_zeros(1, len(once), self.sizes.hidden)
        nothing = once.new_zeros(len(once), self.choices.width)
        latent, given = once.tensor_split([self.latents], 1)
        cell = rest
        if self.start is not None:
            seen = torch.cat([latent[:, : self.sizes.latent], self.seasons.first(given)], 1)
            cell = self.start(seen)[None]  # (1, batch, hidden)
        level = self._level(latent, given)  # (batch, components)
        home = self._at_home(level, given).repeat(1, 2) if self.draws_homes else nothing[:, :0]
        return rest, cell, level, latent, home, nothing, self.overlap.tail(level)

    def _level(self, latent: Tensor, given: Tensor) -> Tensor:
        """Where rows of this latent (batch, latents) lie that begin as `given` (batch, given) says: (batch,
        components)."""
        latent = latent[:, : self.sizes.latent]
        level: Tensor = self.level(torch.cat([latent, self.seasons.first(given)], 1))
        return level

    def _at_home(self, level: Tensor, given: Tensor) -> Tensor:
        """The same less what goes with the calendar, which comes and goes by itself."""
        if not self.seasons.width:
            return level
        return level - self.seasons.first(given)[:, -self.seasons.width :] @ self.calendar

    def _home(self, drift: Tensor, given: Tensor) -> Tensor:
        """Where a window is at home before which this `drift` (batch, latents) was: (batch, components)."""
        return self._at_home(self._level(drift, given), given)

    def scores(self, y: Tensor) -> Tensor:
        """y (…, components) to scores (…, channels): what the decoder takes."""
        if len(self.low):
            y = torch.minimum(y, 2 * self.high - y)
            y = torch.maximum(y, 2 * self.low - y)
        scores: Tensor = self.screen(y @ self.outward.T + self.mean)
        return scores
