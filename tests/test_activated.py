"""The chain with an activation: its arguments, and what it becomes where the answer is known."""

import math

import pytest
import torch

from utils.chains import activation_chain, bn_chain
from utils.metrics import gram, orthogonality_gap, spectrum
from utils.protocols.activations import convolved_spectra
from utils.seeding import generator_for
from utils.theory import gap_floor, infinite_width_path

BATCH = torch.randn(6, 4, dtype=torch.float64, generator=generator_for("activated", "batch"))


def last(activation=torch.relu, h=BATCH, **options):
    settings = {"width": 64, "depth": 3, "generator": generator_for("activated", "chain")} | options
    *_, layer = activation_chain(h, activation, **settings)
    return layer


@pytest.mark.parametrize("method", ["exact", "direct"])
def test_without_an_activation_it_follows_the_linear_networks_recursion(method):
    width, depth = 4000, 3
    layer = last(lambda x: x, width=width, depth=depth, method=method)
    expected = infinite_width_path(spectrum(BATCH), depth)[-1]
    assert torch.linalg.vector_norm(spectrum(layer) - expected) < 6 * gap_floor(4, width)


@pytest.mark.parametrize("method", ["exact", "direct"])
def test_layers_have_unit_norm_and_the_batchs_order(method):
    h = torch.stack([BATCH[:, 0], BATCH[:, 0], BATCH[:, 1], -BATCH[:, 1]], dim=1)
    layer = last(torch.tanh, h=h, method=method, depth=1)
    cosines = 4 * gram(layer)
    assert math.isclose(float(torch.linalg.matrix_norm(layer)), 1)
    assert torch.isclose(cosines[0, 1], cosines[0, 0]) and torch.isclose(cosines[2, 3], -cosines[2, 2])


def test_the_norm_of_rows_matters_unless_the_activation_is_homogeneous():
    relu, scaled = (last(row_norm=norm) for norm in (1.0, 2.0))
    assert torch.allclose(orthogonality_gap(relu), orthogonality_gap(scaled), atol=1e-12)
    sigmoid, scaled = (last(torch.sigmoid, row_norm=norm) for norm in (1.0, 4.0))
    assert orthogonality_gap(scaled) < orthogonality_gap(sigmoid) - 0.1


def test_centring_takes_the_constant_away_and_a_dead_sample_stays_dead():
    layer = last(centered=True)
    assert (gram(layer) @ torch.ones(4, dtype=torch.float64)).abs().max() < 1e-12
    h = BATCH.clone()
    h[:, 2] = -h[:, 2].abs()  # ReLU leaves nothing of it
    c = gram(last(h=h))
    assert torch.isfinite(c).all() and c[2].abs().max() == 0


@pytest.mark.parametrize("method", ["exact", "direct"])
def test_several_activations_at_once_keep_apart(method):
    """With the exact sampler each one gives what it gives alone, from the same normal variates."""
    h, functions = BATCH.expand(2, 5, *BATCH.shape), [torch.relu, torch.tanh]
    settings = {"width": 300, "depth": 3, "centered": True, "method": method}
    *_, both = activation_chain(h, functions, generator=generator_for("several"), **settings)
    assert both.shape[:2] == (2, 5)
    if method == "exact":
        for part, start, function in zip(both, h, functions, strict=True):
            *_, alone = activation_chain(start, function, generator=generator_for("several"), **settings)
            torch.testing.assert_close(gram(part), gram(alone))
    gaps = orthogonality_gap(both).mean(1)
    *_, other = activation_chain(h, functions[::-1], generator=generator_for("turned"), **settings)
    torch.testing.assert_close(orthogonality_gap(other).mean(1).flip(0), gaps, atol=0.05, rtol=0)


def test_with_a_kernel_of_one_position_all_positions_are_samples_of_the_linear_chain():
    """Spectra of torch's own modules beside the exact sampler's, off the mean image; a larger kernel is seen."""
    n, side, width, runs, depth = 4, 2, 32, 60, 6
    setting = {"runs": runs, "depth": depth, "count": 1, "generator": generator_for("convolved")}
    one, nine = (convolved_spectra(n, side, width, k, {"none": lambda x: x}, **setting)["none"] for k in (1, 3))
    start = torch.randn(runs, width, n * side**2, dtype=torch.float64, generator=generator_for("convolved", "start"))
    *_, last = bn_chain(start, width=width, depth=depth, centered=True, generator=generator_for("convolved", "chain"))
    off = last.unflatten(-1, (n, side**2))
    off = off - off.mean(-2, keepdim=True)
    images = (n - 1) * spectrum(off.transpose(-1, -2).flatten(-3, -2))[:, : n - 1]
    positions = (n - 1) * side**2 * spectrum(off.flatten(-2))[:, : (n - 1) * side**2]

    def apart(found, expected):
        return float(((found - expected).mean(0) / ((found.var(0) + expected.var(0)) / runs).sqrt()).abs().max())

    assert apart(one[0][0], images) < 4.5 and apart(one[1][0], positions) < 4.5
    assert apart(nine[1][0], positions) > 10


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"activation": [torch.relu, torch.tanh], "h": BATCH.expand(3, *BATCH.shape)}, ValueError, "the 2 activations"),
        ({"width": 3}, ValueError, "width=3"),
        ({"depth": 0}, ValueError, "depth=0"),
        ({"row_norm": 0.0}, ValueError, "row_norm=0.0"),
        ({"method": "fast"}, ValueError, "method='fast'"),
        ({"h": BATCH.long()}, TypeError, "floating-point"),
        ({"h": -BATCH.abs()}, ValueError, "all zeros"),
    ],
)
def test_what_cannot_be_run_is_said_at_once(options, error, words):
    good = {"h": BATCH, "activation": torch.relu, "width": 8, "depth": 1, "generator": generator_for("e")}
    with pytest.raises(error, match=words):
        activation_chain(**good | options)
