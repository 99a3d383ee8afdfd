"""Choices among labels: Gumbel noise, a layout that goes both ways, and numbers alone as they were."""

from pathlib import Path

import numpy as np
import torch

from training.basis import Basis, Mixing
from training.chain import chain
from training.config import RECIPES, Sizes, TrainConfig
from training.data import load
from training.data.columns import Column
from training.data.dataset import Dataset
from training.decoder import Decoding
from training.discrete import EDGE, LOUDNESS, Choices
from training.generator import Generator
from training.layout import Layout
from training.likelihood import negative_log_likelihood
from training.view import View

SIZES = Sizes(8, 16, 24, 32)
COLUMNS = (Column("a", missing=True), Column("b", labels=("x", "y"), missing=True), Column("c"))


def mixing(components: int) -> Mixing:
    one = np.ones(components)
    return Mixing(0 * one, np.eye(components), np.eye(components), one, 0.9 * one, one, one, one)


def test_a_normal_becomes_a_gumbel():
    choices = Choices(4, (3,))
    normals = torch.linspace(-EDGE - 1, EDGE + 1, 9001)
    exact = -torch.log(-torch.special.log_ndtr(normals.double().clamp(-EDGE, EDGE)))
    assert (choices.gumbel(normals) - exact).abs().max() < 2e-5


def test_choices_are_drawn_from_the_softmax_of_their_logits():
    torch.manual_seed(0)
    choices = Choices(4, (3, 2))
    hidden = torch.randn(1, 4)
    drawn = choices.one_hot(choices.alone(hidden, choices.gumbel(torch.randn(40_000, 5))))
    logits = LOUDNESS * torch.nn.functional.linear(hidden[0], choices.weight, choices.bias)
    wanted = torch.cat([part.softmax(0) for part in logits.split([3, 2])])
    torch.testing.assert_close(drawn.mean(0), wanted, atol=0.01, rtol=0)


def test_a_choice_knows_those_before_it_in_its_row():
    torch.manual_seed(0)
    choices = Choices(4, (2, 2))
    torch.nn.init.zeros_(choices.weight)
    choices.among[0].data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])  # the second is as the first
    gumbels, nothing = choices.gumbel(torch.randn(1, 40_000, 4)), torch.zeros(40_000, 4)
    _, (drawn,), *_ = chain(
        choices.sizes, torch.zeros(1, 40_000, 16), gumbels, nothing, nothing, nothing, torch.zeros(16, 8),
        torch.zeros(4, 4), LOUDNESS * choices.told, None, True,
    )  # fmt: skip
    alike = (drawn[:, :2] == drawn[:, 2:]).all(1).float().mean()
    assert abs(float(alike) - torch.sigmoid(torch.tensor(2 * LOUDNESS))) < 0.01
    torch.testing.assert_close(drawn.mean(0), torch.full((4,), 0.5), atol=0.01, rtol=0)


def test_forward_is_the_choice_and_backward_the_softmax():
    logits = torch.randn(5, 4, 3, requires_grad=True)
    weights = torch.randn(3)
    chosen = Choices(2, (3,)).one_hot(logits)
    assert set(chosen.unique().tolist()) == {0.0, 1.0}
    (straight,) = torch.autograd.grad((chosen * weights).sum(), logits)
    (soft,) = torch.autograd.grad((logits.softmax(-1) * weights).sum(), logits)
    torch.testing.assert_close(straight, soft)


def test_a_choice_knows_nothing_of_later_steps_and_is_known_to_later_ones():
    torch.manual_seed(0)
    generator = Generator(SIZES, mixing(2), 6, (3,)).eval()
    latent, noise = torch.randn(1, generator.latents), torch.randn(1, 6, generator.noise_size)
    other = noise.clone()
    other[0, 3, 8:] = torch.tensor([-3.0, -3.0, -3.0])
    other[0, 3, 8 + (noise[0, 3, 8:].argmin())] = 5.0  # another choice at step 3 alone
    with torch.no_grad():
        (one, first, _), (two, second, _) = (generator.play(latent, n) for n in (noise, other))
    same = (first == second).all(2)[0].tolist()
    assert first[0, 3].argmax() != second[0, 3].argmax()
    assert same[:3] == [True] * 3
    assert not any(same[3:])
    assert torch.equal(one[0, :3], two[0, :3])


def test_without_labels_the_weights_are_those_of_numbers_alone():
    """Layers are made in the same order, and what there is not draws no random number."""
    torch.manual_seed(3)
    generator = Generator(SIZES, mixing(2), 0)
    after = torch.rand(1)
    torch.manual_seed(3)
    lstm = torch.nn.LSTM(2 * SIZES.latent, SIZES.hidden, batch_first=True)
    shapes = [(32, 24), (24, 4), (32, 4), (8, 32), (32, 32), (32, 2)]  # head, direct, level
    linear = [torch.nn.Linear(*shape) for shape in shapes]
    made = [generator.head[0], generator.head[2], generator.direct, generator.level[0]]
    assert torch.equal(generator.lstm.weight_hh_l0, lstm.weight_hh_l0)
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(made, linear, strict=False))
    assert torch.equal(torch.rand(1), after)
    assert generator.noise_size == SIZES.latent


def test_the_layout_goes_there_and_back():
    layout = Layout.of(COLUMNS)
    assert (layout.numeric, layout.discrete, layout.sizes, layout.chosen_numbers) == (
        (0, 2),
        (1,),
        (3, 2),
        {0: 1},
    )
    rows = np.array([[1.5, 0, 3], [np.nan, 1, 4], [2.5, -1, 5]])
    outcomes = layout.outcomes(rows)
    assert outcomes.tolist() == [[0, 1], [1, 0], [2, 1]]
    one_hot = layout.one_hot(outcomes)
    assert one_hot.tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]]
    np.testing.assert_array_equal(layout.chosen(one_hot), outcomes)
    values, labels = layout.tensors(np.array([[1.5, 3], [9, 4], [2.5, 5]], np.float32), outcomes)
    np.testing.assert_array_equal(layout.rows(values, labels), rows)


def test_the_layout_knows_the_value_that_is_drawn_by_itself():
    layout = Layout.of([Column("rain", mass=0.0), Column("sun", missing=True, mass=100.0)])
    assert layout.sizes == (2, 3)
    rows = np.array([[0, 100], [2.5, np.nan], [0, 7]])
    outcomes = layout.outcomes(rows)
    assert outcomes.tolist() == [[1, 2], [0, 0], [1, 1]]
    values, _ = layout.tensors(np.array([[3, 1], [2.5, 2], [4, 7]], np.float32), outcomes)
    np.testing.assert_array_equal(values, rows)


def test_a_number_that_is_mostly_one_value_is_found_and_decoded_as_the_data_have_it():
    random = np.random.default_rng(0)
    rain = np.where(random.random(2000) < 0.9, 0, random.lognormal(0, 1, 2000))
    data = Dataset.of("x", [Column("rain"), Column("few"), Column("a")], [
        np.column_stack([rain, random.integers(0, 5, 2000), random.normal(size=2000)])
    ])  # fmt: skip
    assert [c.mass for c in data.columns] == [0.0, None, None]  # few: of few values each is its own
    assert any("'rain' is 0 in 9" in note for note in data.notes)
    basis = Basis(data, data.windows(12, 1), "cowhitened")
    assert basis.decoder.table[0, 0] > 0  # the table is of the others
    y = basis.encode(np.arange(0, 1980, 12), random.random((165, 1, 1)))
    scores = (y[..., :3].double().numpy() @ basis.mixing.outward.T + basis.mixing.mean).astype(np.float32)
    made = Decoding(data.layout, basis.decoder).rows(scores, y[..., 3:].numpy())
    np.testing.assert_allclose(made.reshape(-1, 3)[:, 0], rain[:1980], rtol=0.1, atol=0.02)
    assert [c.name for c in View(data).columns] == ["rain", "few", "a", "rain = 0"]


def test_a_view_is_plain_numbers_that_say_what_is_missing():
    rows = np.array([[1.0, 0, 3], [np.nan, 1, 4], [3, -1, 5]])
    data = Dataset.of("x", COLUMNS, [rows])
    view = View(data)
    assert [c.name for c in view.columns] == ["a", "c", "b = x", "b = y", "b = missing", "a = there"]
    shown = [[1, 3, 1, 0, 0, 1], [2, 4, 0, 1, 0, 0], [3, 5, 0, 0, 1, 1]]
    assert view(rows).tolist() == shown
    assert view.dataset(data).values.tolist() == shown


def test_labels_alone_and_numbers_that_stand_still_can_be_played_with(tmp_path: Path):
    for header, start in (("day", ""), ("a,day", "3,")):
        path = tmp_path / "x.csv"
        path.write_text("\n".join([header, *(f"{start}{d}" for d in ["Mon", "Tue", "Wed"] * 20)]))
        data = load(str(path), TrainConfig())
        windows = data.windows(6, 1)
        basis = Basis(data, windows, RECIPES["relativistic"].basis)
        encoded = basis.encode(np.arange(4), np.zeros((4, 1, 1)))
        assert encoded.shape == (4, 6, 3)
        assert encoded.sum(2).unique().tolist() == [1]


def test_steps_one_by_one_are_those_of_choices_known_beforehand():
    torch.manual_seed(0)
    generator = Generator(SIZES, mixing(2), 6, (3, 2)).eval()
    torch.nn.init.normal_(generator.choices.among[0])
    torch.nn.init.normal_(generator.tells[2].weight)
    latent, noise = torch.randn(4, generator.latents), torch.randn(4, 12, generator.noise_size)
    with torch.no_grad():
        whole, _, after = generator.play(latent, noise)
        state = None
        for at, part in ((0, noise[:, :6]), (6, noise[:, 6:])):
            before = state
            y, logits, state = generator.play(latent, part, before, at)
            chosen = generator.choices.one_hot(logits)
            again, told, end = generator.play(latent, part, before, at, chosen)
            torch.testing.assert_close((again, told, end), (y, logits, state))
    torch.testing.assert_close((y, state), (whole[:, 6:], after))


def test_a_label_can_follow_from_a_number_and_a_number_from_a_label():
    torch.manual_seed(0)
    generator = Generator(SIZES, mixing(2), 0, (2,)).eval()
    first, _, last = generator.tells
    for part in (generator.tells, generator.head, generator.direct):
        for weight in part.parameters():
            torch.nn.init.zeros_(weight)
    with torch.no_grad():
        first.weight[0, 0] = 1  # type: ignore[index,operator]
        last.weight[1, 0] = 1000  # type: ignore[index,operator]  the label says where the first number lies
        generator.direct.weight[1, SIZES.hidden + SIZES.latent + generator.latents + 1] = (
            5  # the second, what the label is
        )
        y, logits, state = generator.play(
            torch.randn(64, generator.latents), torch.randn(64, 9, generator.noise_size)
        )
    label = generator.choices.one_hot(logits)[..., 1]  # (64, 9)
    assert 0.2 < label.mean() < 0.8
    clear = y[..., 0].abs() > 0.05
    torch.testing.assert_close(label[clear], (y[..., 0] > 0).float()[clear])
    torch.testing.assert_close(y[:, -1, 1] - state[2][:, 1], 5 * generator.a[1] * label[:, -1])


def test_likelihood_is_that_of_the_softmax_and_leaves_out_what_is_behind_an_end():
    torch.manual_seed(0)
    generator = Generator(SIZES, mixing(0), 0, (3,), given=1, most=6).eval()
    once = torch.cat([torch.randn(2, 8), torch.tensor([[0.5], [1.0]])], 1)  # 3 of 6 steps, and all
    noise = torch.randn(2, 6, generator.noise_size)
    chosen = torch.eye(3)[torch.randint(3, (2, 6))]
    with torch.no_grad():
        found = negative_log_likelihood(generator, once, noise, chosen)
        _, logits, _ = generator.play(once, noise, chosen=chosen)
        logits = logits - generator.choices.gumbel(noise[..., 8:])
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), chosen.argmax(2), reduction="none")
    wanted = (each[0, :3].sum() + each[1].sum()) / 9
    torch.testing.assert_close(found, wanted)


def test_beside_numbers_likelihood_is_under_those_of_the_data():
    torch.manual_seed(0)
    generator = Generator(SIZES, mixing(2), 0, (3,)).eval()
    torch.nn.init.normal_(generator.tells[2].weight)
    once, noise = torch.randn(4, generator.latents), torch.randn(4, 6, generator.noise_size)
    rows = torch.cat([torch.randn(4, 6, 2), torch.eye(3)[torch.randint(3, (4, 6))]], 2)
    with torch.no_grad():
        found = negative_log_likelihood(generator, once, noise, rows)
        moved = negative_log_likelihood(generator, once, noise, rows + torch.tensor([1.0, 0, 0, 0, 0]))
        _, logits, _ = generator.play(once, noise, chosen=rows[..., 2:], known=rows[..., :2])
        logits = logits - generator.choices.gumbel(noise[..., 8:])
        wanted = torch.nn.functional.cross_entropy(logits.transpose(1, 2), rows[..., 2:].argmax(2))
    torch.testing.assert_close(found, wanted)
    assert (found - moved).abs() > 1e-3
