from functools import partial
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from utils.metrics import orthogonality_gap
from utils.networks import hidden_maps, linear_maps, mlp, representations
from utils.networks.convnet import convnet
from utils.networks.data import images
from utils.networks.init import (
    identity_like,
    layer_by_layer,
    orthogonalising_weight,
    permutation_like,
    scaled,
    standard,
)
from utils.seeding import generator_for


def representation(d=12, n=36, replicas=2):
    return torch.randn(replicas, d, n, generator=generator_for("h"), dtype=torch.float64).relu() + 0.1


def by_the_text(h, exponent, v):
    """Eq. 6 for one H, written with the SVD as the paper writes it."""
    u, sigma, _ = torch.linalg.svd(h, full_matrices=False)
    w = v @ torch.diag(sigma**-exponent) @ u.T
    return w / torch.linalg.matrix_norm(w @ h)


def nearest_orthogonal(v):
    left, _, right = torch.linalg.svd(v)
    return left @ right


@pytest.mark.parametrize("exponent", [0.5, 1.0])
@pytest.mark.parametrize(
    ("options", "basis"),
    [({"through": "gram"}, lambda v: v), ({"through": "svd"}, lambda v: v), ({"basis": "polar"}, nearest_orthogonal)],
    ids=["gram", "svd", "polar"],
)
def test_weights_are_equation_6_with_the_svds_own_slice_or_the_orthogonal_matrix_nearest_to_it(
    exponent, options, basis
):
    h = representation()
    w = orthogonalising_weight(h, 12, exponent=exponent, **options)
    for one, weight in zip(h, w, strict=True):
        _, _, vt = torch.linalg.svd(one, full_matrices=False)
        torch.testing.assert_close(weight, by_the_text(one, exponent, basis(vt.T[:12])), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("basis", ["polar", "haar"])
@pytest.mark.parametrize(("exponent", "power"), [(0.5, 0.5), (1.0, 0.0)])
def test_with_an_orthogonal_basis_the_output_has_the_powers_of_the_spectrum(basis, exponent, power):
    h = representation()
    generators = [generator_for(seed) for seed in range(2)]
    w = orthogonalising_weight(h, 12, exponent=exponent, basis=basis, generators=generators)
    wanted = torch.linalg.svdvals(h).pow(power)
    torch.testing.assert_close(torch.linalg.svdvals(w @ h), wanted / wanted.norm(dim=-1, keepdim=True))


def test_haar_is_uniform():
    """Entries of a uniformly random orthogonal matrix have the mean 0 and the variance 1/d, whatever U is."""
    h = representation(d=6, n=18, replicas=4000)
    w = orthogonalising_weight(h, 6, exponent=0.0, basis="haar", generators=[generator_for(s) for s in range(4000)])
    w = w * torch.linalg.matrix_norm(h, keepdim=True)  # exponent 0: an orthogonal matrix, divided by the norm of H
    torch.testing.assert_close(w @ w.mT, torch.eye(6, dtype=w.dtype).expand(4000, 6, 6))
    assert w.mean(0).abs().max() < 5 * (1 / 6 / 4000) ** 0.5
    assert (w.square().mean(0) - 1 / 6).abs().max() < 5 * (2 / 36 / 4000) ** 0.5


@pytest.mark.parametrize(("least", "called"), [(1e-3, 0), (4e-6, 1)])
def test_the_gram_matrix_gives_way_to_the_svd_where_it_is_not_safe(monkeypatch, least, called):
    u, s, vt = torch.linalg.svd(representation(), full_matrices=False)
    s[:, -1] = least * s[:, 0]
    near_singular = u * s[:, None, :] @ vt
    expected = orthogonalising_weight(near_singular, 12, through="svd")
    spy = Mock(wraps=torch.linalg.svd)
    monkeypatch.setattr(torch.linalg, "svd", spy)
    torch.testing.assert_close(orthogonalising_weight(near_singular, 12), expected, rtol=1e-6, atol=1e-6)
    assert spy.call_count == called


@pytest.mark.parametrize("basis", ["slice", "polar", "haar"])
@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_dead_units_are_left_out(basis, exponent):
    h = representation()
    h[:, 3] = 0
    h[:, 7] = 2 * h[:, 5]
    w = orthogonalising_weight(h, 12, exponent=exponent, basis=basis, generators=[generator_for(s) for s in range(2)])
    assert torch.isfinite(w).all() and w.abs().max() < 100
    assert w[:, :, 3].abs().max() < 1e-9, "a dead unit feeds nothing"
    if basis == "haar":
        kept = torch.linalg.svdvals(w @ h)
        wanted = torch.linalg.svdvals(h)[:, :10] ** (1 - exponent)
        torch.testing.assert_close(kept[:, :10], wanted / wanted.norm(dim=-1, keepdim=True))
        assert kept[:, 10:].max() < 1e-6


def test_layer_by_layer_sees_what_the_layers_before_let_through():
    network = mlp(features=20, width=8, depth=5, classes=3, replicas=2)
    standard(network, "xavier", generators=[generator_for(s) for s in range(2)])
    first, readout = (linear_maps(network)[i].weight.detach().clone() for i in (0, -1))
    x = torch.randn(2, 20, 24, generator=generator_for("x"))
    layer_by_layer(network, x, partial(orthogonalising_weight, exponent=1.0, basis="polar"))
    before, after = representations(network, x)
    for h, z in zip(after, before[1:], strict=False):
        torch.testing.assert_close(torch.linalg.matrix_norm(z), torch.ones(2), rtol=1e-5, atol=1e-5)
        # Exponent 1 and an orthogonal basis make all singular values equal: the least gap that 24 samples have in as many
        # dimensions as there are live units.
        alive = torch.linalg.matrix_rank(h).float()
        torch.testing.assert_close(orthogonality_gap(z), (1 / alive - 1 / 24).sqrt(), rtol=1e-3, atol=1e-3)
    assert (linear_maps(network)[0].weight == first).all() and (linear_maps(network)[-1].weight == readout).all()
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_redrawn_layers_use_samples_of_their_own():
    x = torch.randn(1, 20, 240, generator=generator_for("x"))
    seen = []

    def spy(h, fan_out):
        seen.append(h)
        return identity_like(h, fan_out)

    network = mlp(features=20, width=8, depth=4, classes=3)
    standard(network, "xavier", generators=[generator_for(0)])
    layer_by_layer(network, x, spy, samples=24)
    # Identity weights: after the first layer nothing changes, so the same samples arrive everywhere.
    torch.testing.assert_close(seen[0], seen[2])
    seen.clear()
    layer_by_layer(network, x, spy, samples=24, redraw=[generator_for(1)])
    assert all(h.shape == (1, 8, 24) for h in seen) and not torch.equal(seen[0], seen[2])


def test_identity_permutations_and_what_is_scaled_to_unit_norm():
    h = representation()
    identity = torch.eye(12, dtype=h.dtype).expand(2, 12, 12)
    torch.testing.assert_close(identity_like(h, 12), identity)
    p = permutation_like(h, 12, generators=[generator_for(s) for s in range(2)])
    assert ((p.sum(1) == 1) & (p.sum(2) == 1)).all() and not torch.equal(p[0], p[1])
    w = scaled(identity_like)(h, 12)
    torch.testing.assert_close(torch.linalg.matrix_norm(w @ h), torch.ones(2, dtype=h.dtype))
    torch.testing.assert_close(w / w[:, :1, :1], identity)


def test_convolutions_identity_passes_images_through():
    network = convnet(depth=6, channels=(2, 3, 4), image_channels=1, side=16, classifier=8, dropout=0.0)
    standard(network, "xavier", generators=[generator_for(0)])
    layer_by_layer(network, torch.rand(1, 256, 5), identity_like)
    image = torch.rand(5, 4, 6, 6)
    for module in hidden_maps(network):
        torch.testing.assert_close(module(image), image)


def test_convolutions_are_set_through_their_patches():
    """A convolution is a linear map of patches: the released code's formula with the top singular directions."""
    network = convnet(depth=4, channels=(2, 3, 4), image_channels=1, side=16, classifier=8, dropout=0.0)
    standard(network, "xavier", generators=[generator_for(0)])
    x = torch.rand(1, 256, 6, generator=generator_for("x"))
    layer_by_layer(network, x, partial(orthogonalising_weight, exponent=0.5))
    (module,) = hidden_maps(network)
    position = list(network).index(module)
    h = network[:position](x)
    patches = nn.functional.unfold(h, 3, padding=1).transpose(0, 1).flatten(1).double()  # 36 × positions of all images
    u, sigma, vt = torch.linalg.svd(patches, full_matrices=False)
    expected = vt.T[:4, :4] @ torch.diag(sigma[:4] ** -0.5) @ u[:, :4].T
    expected = expected / torch.linalg.matrix_norm(expected @ patches)
    torch.testing.assert_close(module.weight.detach().double().flatten(1), expected, rtol=1e-4, atol=1e-5)
    assert module(h).norm().item() == pytest.approx(1, rel=1e-4)


def test_replicas_are_drawn_alone_as_in_company():
    together, alone = (mlp(features=4, width=4, depth=2, classes=2, replicas=r) for r in (3, 1))
    standard(together, "orthogonal", generators=[generator_for(s) for s in (5, 6, 7)])
    standard(alone, "orthogonal", generators=[generator_for(6)])
    for a, b in zip(linear_maps(together), linear_maps(alone), strict=True):
        assert torch.equal(a.weight[1], b.weight[0])


def test_real_images_reach_the_paper_s_shape_of_the_gap():
    """On real digits the released slice raises the gap before the activation where Eq. 6's words would lower it."""
    h = images("digits")[:192].T.double()[None] * 2 - 1
    w = orthogonalising_weight(h, 64, exponent=0.5, basis="polar")
    assert orthogonality_gap(w @ h) < orthogonality_gap(h)


def of_depth(depth):
    return mlp(features=4, width=4, depth=depth, classes=2)


ONE, NINE = [generator_for(0)], torch.ones(1, 4, 9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: orthogonalising_weight(representation(), 12, basis="slize"), "basis='slize'"),
        (lambda: orthogonalising_weight(representation(), 12, basis="haar"), "generators: 0 for 2 replicas"),
        (lambda: orthogonalising_weight(representation(n=8), 12), r"shape \(2, 12, 8\) with fan_out=12"),
        (lambda: orthogonalising_weight(representation() * 0, 12), "died out"),
        (lambda: orthogonalising_weight(representation() * torch.nan, 12), "NaN or infinite"),
        (lambda: standard(of_depth(1), "xavier", generators=2 * ONE), "generators: 2 for 1 replicas"),
        (lambda: standard(of_depth(1), "glorot", generators=ONE), "scheme='glorot'"),
        (lambda: layer_by_layer(of_depth(1), NINE, identity_like), "nothing to set"),
        (lambda: layer_by_layer(of_depth(2), NINE, identity_like, samples=10), "samples=10, expected 1 to 9"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
