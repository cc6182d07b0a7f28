import pytest
import torch
from torch import nn

from utils.chains import batch_norm, gradient_energies
from utils.networks.layers import BatchNorm
from utils.seeding import generator_for


def drawn(h, width, depth, key, weights="gaussian"):
    """The weights and the upstream gradient that the same generator gives, drawn again."""
    generator = generator_for(key)
    maps = []
    for fan_in in [h.shape[1]] + [width] * (depth - 1):
        w = torch.randn(len(h), width, fan_in, generator=generator, dtype=h.dtype)
        if weights == "haar":
            q, r = torch.linalg.qr(w)
            maps.append(q @ torch.diag_embed(r.diagonal(dim1=-2, dim2=-1).sign()))
        else:
            maps.append(w / fan_in**0.5)
    return maps, torch.randn(len(h), width, h.shape[2], generator=generator, dtype=h.dtype)


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
def test_energies_are_those_of_an_explicit_product_of_jacobians(weights, generator):
    """x ↦ x/‖x‖ has the Jacobian (I − yyᵀ)/‖x‖: chained row by row, without autograd."""
    h = torch.randn(3, 6, 4, generator=generator, dtype=torch.float64)
    energies = gradient_energies(
        h, layer=batch_norm, width=6, depth=3, generator=generator_for("jacobian"), weights=weights, scale=3.0
    )
    maps, gradient = drawn(h, 6, 3, "jacobian", weights)
    inputs = [h]
    for w in maps:
        x = w @ inputs[-1]
        inputs.append(x / x.norm(dim=-1, keepdim=True))
    gradient = 3 * gradient
    expected = [gradient.square().sum((1, 2))]
    for w, before, y in zip(reversed(maps), reversed(inputs[:-1]), reversed(inputs[1:]), strict=True):
        gradient = gradient - y * (y * gradient).sum(-1, keepdim=True)
        gradient = w.mT @ (gradient / (w @ before).norm(dim=-1, keepdim=True))
        expected.append(gradient.square().sum((1, 2)))
    torch.testing.assert_close(energies, torch.stack(expected[::-1]))


def test_energies_through_torchs_own_modules_agree_with_finite_differences(generator):
    h = torch.randn(1, 5, 4, generator=generator, dtype=torch.float64)
    layer = nn.Sequential(nn.Tanh(), BatchNorm(1, 3).double())  # tanh first, so that the scale of weights shows
    energies = gradient_energies(h, layer=layer, width=3, depth=2, generator=generator_for("differences"))
    maps, u = drawn(h, 3, 2, "differences")

    def value(x):
        for w in maps:
            x = layer(w @ x)
        return float((u * x).sum().detach())

    step = 1e-6
    slopes = []
    for direction in torch.eye(h.numel(), dtype=torch.float64).reshape(-1, *h.shape):
        slopes.append((value(h + step * direction) - value(h - step * direction)) / (2 * step))
    assert float(energies[0]) == pytest.approx(sum(s * s for s in slopes), rel=1e-6)


def test_haar_weights_are_orthogonal_so_without_bn_energies_stay(generator):
    h = torch.randn(4, 8, 3, generator=generator, dtype=torch.float64)
    energies = gradient_energies(h, layer=lambda x: x, width=8, depth=5, generator=generator, weights="haar")
    torch.testing.assert_close(energies, energies[-1:].expand_as(energies))


def test_a_gradient_that_overflows_shows_as_not_finite(generator):
    h = torch.randn(1, 16, 3, generator=generator)
    energies = gradient_energies(h, layer=lambda x: 1e9 * x, width=16, depth=8, generator=generator, scale=1e-30)
    finite = torch.isfinite(energies[:, 0])
    assert finite[-1] and not finite[0] and (finite[1:] >= finite[:-1]).all()


def test_batches_side_by_side_have_the_energies_they_have_alone(generator):
    h = torch.randn(2, 16, 7, generator=generator, dtype=torch.float64)
    parts = h.split([3, 4], dim=-1)
    scale = torch.tensor([1.0] * 3 + [2.0] * 4, dtype=torch.float64)
    settings = {"width": 16, "depth": 4}
    both = gradient_energies(
        h,
        layer=lambda x: torch.cat([batch_norm(part) for part in x.split([3, 4], dim=-1)], dim=-1),
        generator=generator_for("together"),
        scale=scale,
        batches=[3, 4],
        **settings,
    )
    assert both.shape == (5, 2, 2)
    maps, u = drawn(h, 16, 4, "together")
    for i, (part, direction) in enumerate(zip(parts, (scale * u).split([3, 4], dim=-1), strict=True)):
        x = part.clone().requires_grad_()
        y = x
        for w in maps:
            y = batch_norm(w @ y)
        (gradient,) = torch.autograd.grad(y, x, grad_outputs=direction)
        torch.testing.assert_close(both[0, :, i], gradient.square().sum((1, 2)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batches": [2, 2]}, "add up to the 3 samples"),
        ({"h": torch.ones(4, 3)}, "expected \\(runs, width, samples\\)"),
        ({"depth": 0}, "depth=0"),
        ({"weights": "he"}, "weights='he', expected one of gaussian, haar"),
        ({"weights": "haar", "width": 5}, "expected the same"),
    ],
)
def test_bad_values_are_named(changed, message, generator):
    good = {"h": torch.ones(1, 4, 3), "layer": batch_norm, "width": 4, "depth": 2, "generator": generator}
    with pytest.raises(ValueError, match=message):
        gradient_energies(**(good | changed))
