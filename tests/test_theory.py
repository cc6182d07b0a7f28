import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from utils import metrics, theory
from utils.chains import bn_chain


def test_infinite_width_map_agrees_with_adaptive_quadrature(generator):
    """Against SciPy's quad on the integral as printed, from well conditioned to almost singular."""

    def integrand(log_t, lam, i):
        t = math.exp(log_t)
        return t * lam[i] / (1 + 2 * t * lam[i]) / np.sqrt(1 + 2 * t * lam).prod()

    for n in (2, 3, 7):
        lam = torch.rand(n, dtype=torch.float64, generator=generator) ** 4 + 1e-6
        lam = lam / lam.sum()
        for i in range(n):
            value, _ = integrate.quad(integrand, -40, 60, (lam.numpy(), i), limit=500, epsabs=1e-13, epsrel=1e-12)
            assert float(theory.infinite_width_map(lam)[i]) == pytest.approx(value, rel=1e-9)


def test_infinite_width_map_for_two_samples_is_the_arcsine_law():
    """n = 2: E[λ₁w₁²/(λ₁w₁² + λ₂w₂²)] = √λ₁/(√λ₁ + √λ₂), by integrating over the angle."""
    first = torch.tensor([1e-300, 1e-12, 1e-3, 0.25, 0.5], dtype=torch.float64)
    lam = torch.stack([first, 1 - first], -1)
    root = lam.sqrt()
    torch.testing.assert_close(theory.infinite_width_map(lam), root / root.sum(-1, keepdim=True), rtol=1e-13, atol=0)


def test_infinite_width_map_keeps_what_it_must(generator):
    lam = torch.tensor([[0.25] * 4, [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.4, 0.3, 0.2, 0.1]], dtype=torch.float64)
    p = theory.infinite_width_map(lam)
    torch.testing.assert_close(p[:3], lam[:3])
    torch.testing.assert_close(p.sum(-1), torch.ones(4, dtype=torch.float64))
    assert (p[3].diff() < 0).all()
    permuted = lam[3, [2, 0, 3, 1]]
    torch.testing.assert_close(theory.infinite_width_map(permuted), p[3, [2, 0, 3, 1]])
    torch.testing.assert_close(theory.infinite_width_map(7 * lam), p)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [-0.1, 1.1], [math.nan, 1.0]])
def test_infinite_width_map_refuses_what_is_no_spectrum(bad):
    with pytest.raises(ValueError, match="eigenvalues"):
        theory.infinite_width_map(torch.tensor(bad))


@pytest.mark.parametrize("n", [2, 4, 8, 32, 100])
def test_local_rate_is_the_derivative_of_the_map(n, generator):
    direction = torch.randn(n, dtype=torch.float64, generator=generator)
    direction -= direction.mean()
    step = 1e-4 / n / direction.norm()
    plus, minus = (theory.infinite_width_map(1 / n + sign * step * direction) for sign in (1, -1))
    slope = (plus - minus) / (2 * step)
    torch.testing.assert_close(slope, theory.local_rate(n) * direction, rtol=1e-6, atol=1e-7)


def test_infinite_width_path_starts_with_the_batch_and_ends_orthogonal():
    path = theory.infinite_width_path(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64), 80)
    assert path.shape == (81, 3)
    torch.testing.assert_close(path[0], torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64) / 6)
    assert theory.spectral_gap(path[-1]) < 1e-15


@pytest.mark.parametrize(
    ("found", "by_hand"),
    [
        (theory.theorem1_bound(1, 4, 10**4, lambda_min=0.25), 2 + 12 / 25),
        (theory.theorem1_bound(3, 4, 10**4, lambda_min=0.25), 2 * (5 / 6) ** 2 + 12 / 25),
        (theory.theorem1_bound_printed(3, 4, math.inf, sigma_min=0.5), 2 * (2 / 3) ** 2),
        (theory.theorem5_bound(0.05, 4, 100), (1 - 2 / 3 * 0.2) * 0.05 + 0.1),
        (theory.theorem5_bound(0.05, 4, math.inf, contraction=4 / 3), (1 - 4 / 3 * 0.2) * 0.05),
        (theory.average_bound(0.2, 5, 100), 3 * 0.2 / 10 + 3 / 20),
        (theory.largest_gap(4), math.sqrt(3) / 2),
        (theory.vanilla_drift(2), -2 * math.log(2)),  # ψ(1/2) − ψ(1)
        (theory.lemma4_constant(2), math.sqrt(2)),
        (theory.centered_mean_square_gap(2, 50), 0.5),
        (theory.centered_mean_square_gap(5, 100), 1 / 20 + theory.gap_floor(4, 100) ** 2),
        (theory.mixture_ratio(2), (math.sqrt(5 / 3) - 1) ** 2 * 3 / 2),
        (theory.gap_floor(4, 1000) ** 2, (1 - 1 / 4) / 1000 / (1 - (4 / 6) ** 2)),
        (1.25 ** (theory.overflow_depth(1.25, largest=1e10) / 2), 1e10),  # the energy passes the largest square
    ],
)
def test_bounds_and_constants_by_hand(found, by_hand):
    assert found == pytest.approx(by_hand)


def test_floor_drift_and_growth_of_gradients_at_their_ends():
    assert theory.gap_floor(10**6, 10**9) == pytest.approx(0.5 * math.sqrt(10**6 / 10**9), rel=1e-5)
    assert theory.vanilla_drift(1000) == pytest.approx(-1 / 1000, rel=2e-3)
    assert theory.gradient_growth(2) == theory.gradient_growth(3, centered=True) == math.inf
    with pytest.raises(ValueError, match="batch_size=2, expected at least 3"):
        theory.gradient_growth(2, centered=True)


def test_expected_square_gap_is_the_mean_after_one_layer(generator):
    """Lemma 6 with equality, against one layer of explicit weights; within 5 standard errors."""
    h = torch.diag(torch.tensor([0.6, 0.25, 0.15], dtype=torch.float64).sqrt())
    (after,) = bn_chain(h.expand(40_000, 3, 3), width=12, depth=1, generator=generator, method="direct")
    square = metrics.orthogonality_gap(after).square()
    expected = theory.expected_square_gap(metrics.spectrum(h), 12)
    assert abs(square.mean() - expected) < 5 * square.std() / math.sqrt(len(square))
    assert 5 * square.std() / math.sqrt(len(square)) < 0.02 * expected


@pytest.mark.parametrize(("n", "centered"), [(3, False), (6, False), (4, True), (9, True)])
def test_gradient_growth_is_the_mean_squared_jacobian_of_one_row(n, centered):
    """E tr(JᵀJ)/n of x ↦ x/‖x‖ for x ~ N(0, I/n), by quadrature over the law of ‖x‖² (χ²_n/n)."""
    dimensions = n - centered
    chi = stats.chi2(dimensions)
    inverse, _ = integrate.quad(lambda s: dimensions / s * chi.pdf(s), 0, np.inf, epsabs=1e-11)
    expected = inverse * (dimensions - 1) / dimensions
    assert theory.gradient_growth(n, centered=centered) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("eps", [1e-5, 1e-7])
def test_epsilon_growth_is_the_mean_square_of_the_derivative(eps):
    """By quadrature over x = √ε t; the correction to the leading order is of relative order √ε."""

    def integrand(t):
        return stats.norm.pdf(math.sqrt(eps) * t) / (t * t + 1) ** 3

    value, _ = integrate.quad(integrand, -np.inf, np.inf, epsabs=1e-12)
    assert theory.epsilon_growth(eps) == pytest.approx(value / math.sqrt(eps), rel=math.sqrt(eps))


def test_orthogonal_energy_is_that_of_the_linear_map_it_describes(generator):
    """Rotate, drop the diagonal, repeat, on explicit matrices: 4000 of them, so good to 1 %."""
    n, d, layers = 5, 3, 4
    m = torch.randn(4000, d, n, generator=generator, dtype=torch.float64)
    start = m.square().sum((1, 2))
    for _ in range(layers):
        # H = (I 0): M is the first d columns of G, the others lie outside.
        m[:, range(d), range(d)] = 0
        q, r = torch.linalg.qr(torch.randn(4000, d, d, generator=generator, dtype=torch.float64))
        q = q * r.diagonal(dim1=-2, dim2=-1).sign()[:, None]
        m = q.mT @ torch.cat([m[..., :d] @ q, m[..., d:]], -1)
    left = float(m.square().sum((1, 2)).mean() / start.mean())
    assert theory.orthogonal_energy(layers, n, d) == pytest.approx(left, rel=0.02)
    assert theory.orthogonal_energy(10_000, 8, 8) == pytest.approx(1 - 9 / 16)
    with pytest.raises(ValueError, match="batch_size=4 with width=5"):
        theory.orthogonal_energy(1, 4, 5)


@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_lemma8_constant_is_approached_near_orthogonality_and_nowhere_undercut(n, generator):
    """(p_n/λ_n − 1)/V̂ from the map itself: near I/n within the distance from it, elsewhere above."""

    def constant(lam):
        return (theory.infinite_width_map(lam)[..., -1] / lam[..., -1] - 1) / (1 / n - lam[..., -1])

    near = torch.full((n,), 1 + 1e-4 / (n - 1), dtype=torch.float64)
    near[-1] = 1 - 1e-4
    assert float(constant(near / n)) == pytest.approx(theory.lemma8_constant(n), rel=2e-3)
    weights = torch.rand(50, n, dtype=torch.float64, generator=generator) ** 3 + 1e-3
    spectra = (weights / weights.sum(-1, keepdim=True)).sort(descending=True).values
    assert (constant(spectra) > theory.lemma8_constant(n)).all()


def test_lemma7_bound_is_attained_by_one_feature_of_two_orthogonal_samples():
    """d = 1: C_{ℓ+1} = uuᵀ, so λ_min is 0 where 1/2 was expected; and at most (1 − 1/n)²/d in general."""
    assert float(theory.lemma7_bound(torch.tensor([0.5, 0.5], dtype=torch.float64), 1)) == pytest.approx(0.25)
    lam = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.3, 0.3]], dtype=torch.float64)
    assert (theory.lemma7_bound(lam, 10) < (2 / 3) ** 2 / 10).all()
    flat = torch.full((3,), 1 / 3, dtype=torch.float64)
    assert float(theory.lemma7_bound(flat, 10)) == pytest.approx((2 / 3) ** 2 / 10)


@pytest.mark.parametrize("n", [2, 4, 9])
def test_sharp_bounds_say_nothing_exactly_below_their_widths(n):
    width = (n - 1) ** 2 * (n + 2) ** 2 / 4
    assert theory.theorem1_bound_sharp(10**6, n, width, lambda_min=1 / n) == pytest.approx(theory.largest_gap(n))
    assert theory.theorem1_bound_sharp(1, n, math.inf, lambda_min=1 / n) == pytest.approx(theory.largest_gap(n))
    sharp = {"contraction": theory.lemma8_constant(n), "noise": 1 - 1 / n}
    assert theory.average_bound(0, 1, 16 * width, **sharp) == pytest.approx(1 / (4 * n**2))
    assert theory.average_bound(0, 1, 36 * n**4) == pytest.approx(1 / (4 * n**2))
