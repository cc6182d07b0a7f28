"""``orthogonalising_weight`` with ``fan_out=-1``, a non-finite exponent, H scaled by 1e-300 or 1e155; and all that has no scale."""

import math

import pytest
import torch

from utils import metrics
from utils.chains import activation_chain, batch_norm, bn_chain, vanilla_chain
from utils.chains.factors import gram_root, psd_root
from utils.networks.init import identity_like, layer_by_layer, orthogonalising_weight, permutation_like, scaled
from utils.networks.perceptron import mlp
from utils.seeding import generator_for

FACTORS = [2.0**-996, 2.0**-500, 2.0**515, 2.0**996]  # powers of two change no digit; 2**996 is 7e299
H = torch.randn(2, 6, 9, generator=generator_for("cases", "scales"), dtype=torch.float64)
SQUARE = torch.linalg.qr(H[0, :, :6]).R


def weight(h=H, fan_out=6, **options):
    if options.get("basis") == "haar":
        options["generators"] = [generator_for("cases", i) for i in range(2)]
    return orthogonalising_weight(h, fan_out, **options)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("basis", ["slice", "polar", "haar"])
@pytest.mark.parametrize("through", ["gram", "svd"])
@pytest.mark.parametrize("exponent", [-2.0, 0.0, 0.5, 1.0, 3.0])
def test_a_multiple_of_h_gives_the_weights_divided_by_it(factor, basis, through, exponent):
    options = {"basis": basis, "through": through, "exponent": exponent}
    torch.testing.assert_close(weight(factor * H, **options) * factor, weight(**options), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", [-1e308, -1e3, 1e3, 1e308])
def test_no_finite_exponent_overflows(exponent):
    w = weight(exponent=exponent, basis="polar")
    torch.testing.assert_close(torch.linalg.matrix_norm(w @ H), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: weight(fan_out=-1), ValueError, "fan_out=-1"),
        (lambda: weight(fan_out=0), ValueError, "fan_out=0"),
        (lambda: weight(fan_out=6.0), TypeError, "fan_out=6.0"),
        (lambda: weight(fan_out=True), TypeError, "fan_out=True"),
        (lambda: weight(fan_out=10**12), ValueError, "fan_out=1000000000000"),
        (lambda: weight(exponent=float("nan")), ValueError, "exponent=nan"),
        (lambda: weight(exponent=float("inf")), ValueError, "exponent=inf"),
        (lambda: weight(exponent=-float("inf")), ValueError, "exponent=-inf"),
        (lambda: weight(5e-324 * torch.ones(2, 6, 9, dtype=torch.float64)), ValueError, "h: no finite weights"),
        (lambda: weight(H.half()), TypeError, "h: dtype torch.float16"),
        (lambda: weight(H.numpy()), TypeError, "h: a ndarray"),
        (lambda: weight(H[0]), ValueError, "h: shape"),
        (lambda: identity_like(H, -1), ValueError, "fan_out=-1"),
        (lambda: identity_like(H, 4), ValueError, "fan_out=4 for fan_in=6"),
        (lambda: identity_like(H, 3), ValueError, "odd multiple"),
        (lambda: identity_like(H, 12), ValueError, "fan_out=12"),
        (lambda: permutation_like(H, -1, generators=[]), ValueError, "fan_out=-1"),
        (lambda: permutation_like(H, 6, generators=[]), ValueError, "generators: 0 for 2"),
        (lambda: scaled(lambda h, fan_out: torch.zeros(2, 6, 6).double())(H, 6), ValueError, "WH is zero"),
        (lambda: scaled(identity_like)(0 * H, 6), ValueError, "all zeros"),
        (
            lambda: layer_by_layer(
                mlp(features=4, width=4, depth=2, classes=2), torch.ones(1, 4, 9), identity_like, redraw=[]
            ),
            ValueError,
            "redraw: 0 for 1",
        ),
    ],
)
def test_what_cannot_be_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("factor", FACTORS)
def test_scaled_weights_see_no_scale(factor):
    torch.testing.assert_close(scaled(identity_like)(factor * H, 6) * factor, scaled(identity_like)(H, 6))


@pytest.mark.parametrize("factor", [*FACTORS, 2.0**1020, 2.0**-1070])
@pytest.mark.parametrize("name", [name for name in metrics.__all__ if name != "checked"])
def test_metrics_see_no_scale(name, factor):
    """Up to entries near the ends of floating point, whose sums leave it."""
    start = H[0] @ H[0].mT if name.startswith("gram_") else SQUARE
    start = (start / start.abs().max() * 2**30).round() if factor < 1e-305 else start / start.abs().max()
    measure = getattr(metrics, name)
    torch.testing.assert_close(measure(factor * start), measure(start), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("factor", FACTORS)
def test_roots_see_no_scale(factor):
    even = 2.0 ** (2 * (math.frexp(factor)[1] // 2))  # whose root is exact
    c = SQUARE.mT @ SQUARE
    torch.testing.assert_close(psd_root(even * c) / math.sqrt(even), psd_root(c))
    torch.testing.assert_close(gram_root(even * SQUARE)[0] / even, gram_root(SQUARE)[0])


def test_a_singular_matrix_leaves_the_roots_of_others_alone():
    regular, singular = SQUARE.mT @ SQUARE, torch.ones(6, 6, dtype=SQUARE.dtype)
    roots = psd_root(torch.stack([regular, singular, 2 * regular]))
    assert torch.equal(roots[[0, 2]], psd_root(torch.stack([regular, 2 * regular])))
    torch.testing.assert_close(roots[1].mT @ roots[1], singular)
    assert torch.equal(roots, roots.triu())


def test_what_has_no_root_is_named():
    for a in (-torch.eye(2), torch.full((2, 2), torch.nan)):
        with pytest.raises(ValueError, match=r"^a has"):
            psd_root(a)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("method", ["exact", "direct"])
def test_samplers_see_no_scale(factor, centered, method):
    def last(h):
        options = {"width": 8, "depth": 3, "method": method}
        chains = [
            bn_chain(h, centered=centered, generator=generator_for("a"), **options),
            activation_chain(h, torch.relu, centered=centered, generator=generator_for("b"), **options),
            vanilla_chain(h, generator=generator_for("c"), **options),
        ]
        return [list(chain)[-1] for chain in chains]

    for scaled_up, plain in zip(last(factor * SQUARE), last(SQUARE), strict=True):
        torch.testing.assert_close(scaled_up, plain, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(batch_norm(factor * SQUARE, centered=centered), batch_norm(SQUARE, centered=centered))
