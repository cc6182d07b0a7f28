"""The stationary law: closed forms against quadrature and computer algebra, lemmas of the page of proofs by numbers."""

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy import integrate

from utils import metrics, theory
from utils.chains import batch_norm, bn_chain
from utils.protocols import stationary

RATIOS = [0.04, 0.3, 0.81, 1.0]
#: Measured by the drift of the least eigenvalue's Schur complement over stationary chains of rank n − 1.
CRITICAL = {8: 22.77, 12: 46.55, 16: 78.28, 24: 165.72, 32: 284.98, 48: 619.3}


def marchenko_pastur_mean(function, c):
    """By quadrature in the angle, μ = 1 + c − 2√c cos θ, where the density is smooth."""

    def integrand(angle):
        x = 1 + c - 2 * math.sqrt(c) * math.cos(angle)
        return function(x) * 2 * math.sin(angle) ** 2 / (math.pi * x)

    return integrate.quad(integrand, 0, math.pi, epsabs=1e-11, limit=200)[0]


def standard_errors(values, expected) -> float:
    return abs(float((values.mean() - expected) / (values.std() / math.sqrt(len(values)))))


# --- the three dimensions ---


@pytest.mark.parametrize(("n", "d"), [(2, 3), (4, 32), (8, 100), (64, 4096)])
def test_floor_dimension_has_the_floor_exactly(n, d):
    nu = theory.floor_dimension(n, d)
    assert theory.normalized_wishart_mean_square_gap(n, nu) == pytest.approx(theory.gap_floor(n, d) ** 2, rel=1e-13)
    centered = theory.floor_dimension(n + 1, d, centered=True)
    rest = theory.centered_mean_square_gap(n + 1, d) - 1 / (n * (n + 1))
    assert theory.normalized_wishart_mean_square_gap(n, centered) == pytest.approx(rest, rel=1e-12)


def test_three_dimensions_agree_to_leading_order_and_never_coincide():
    n, d = 256, 256**2
    found = [f(n, d) for f in (theory.diffusion_dimension, theory.floor_dimension, theory.matched_dimension)]
    np.testing.assert_allclose(found, 4 * d / n, rtol=0.01)
    assert len(set(found)) == 3
    assert found[1] - found[2] == pytest.approx(7 / 3)


@pytest.mark.parametrize("c", [0.2, 0.8])
def test_matched_dimension_has_the_gap_to_the_next_order(c):
    """What is left of either formula falls like 1/n², relative to the gap."""
    left = []
    for n in (64, 128):
        d = n**2 / (4 * c)
        gap = theory.mean_square_gap(n, d)
        matched = theory.normalized_wishart_mean_square_gap(n, theory.matched_dimension(n, d))
        left.append([n**2 * (matched / gap - 1), n**2 * ((theory.second_moment(n, d) - 1 / n) / gap - 1)])
    np.testing.assert_allclose(left[0], left[1], rtol=0.1)


# --- the normalized Wishart law ---


@pytest.mark.parametrize("nu", [2.5, 6.0, 40.25])
def test_density_of_two_samples_against_quadrature(nu):
    """Eigenvalues ½ ± r, polar coordinates of the disk (C₁₁ − ½, C₁₂) of radius ½."""

    def mean(function):
        def integrand(radius):
            c = [[0.5 + radius, 0], [0, 0.5 - radius]]
            density = math.exp(float(theory.normalized_wishart_log_density(c, nu)))
            return function(0.5 + radius, 0.5 - radius) * density * 2 * math.pi * radius

        return integrate.quad(integrand, 0, 0.5, epsabs=1e-10)[0]

    assert mean(lambda a, b: 1) == pytest.approx(1, rel=1e-6)
    square = mean(lambda a, b: (a - b) ** 2 / 2)
    assert square == pytest.approx(theory.normalized_wishart_mean_square_gap(2, nu), rel=1e-6)
    isometry = mean(lambda a, b: -math.log(2) - math.log(a * b) / 2)
    assert isometry == pytest.approx(theory.normalized_wishart_isometry_gap(2, nu), rel=1e-5)


def test_density_outside_the_cone_is_zero():
    assert theory.normalized_wishart_log_density([[1.2, 0], [0, -0.2]], 5) == -math.inf


@pytest.mark.parametrize(("n", "nu"), [(2, 1.5), (3, 2.25), (5, 30.5)])
def test_sampler_has_the_moments_of_the_law(n, nu, generator):
    r = theory.normalized_wishart_root((40_000, n, n), freedom=nu, generator=generator)
    torch.testing.assert_close(torch.linalg.matrix_norm(r), torch.ones(40_000, dtype=torch.float64))
    gap = metrics.orthogonality_gap(r).square()
    assert standard_errors(gap, theory.normalized_wishart_mean_square_gap(n, nu)) < 5
    assert standard_errors(metrics.isometry_gap(r), theory.normalized_wishart_isometry_gap(n, nu)) < 5
    off = metrics.gram(r)[:, 0, 1]  # isotropic: E C_12 = 0, E C_12² = E V²/((n − 1)(n + 2))
    assert standard_errors(off, 0) < 5
    assert standard_errors(off.square(), theory.normalized_wishart_mean_square_gap(n, nu) / ((n - 1) * (n + 2))) < 5


def test_wishart_spectrum_approaches_marchenko_pastur(generator):
    c, n = 0.3, 96
    r = theory.normalized_wishart_root((20, n, n), freedom=n / c, generator=generator)
    lam = n * metrics.spectrum(r).numpy()
    for power in (0.5, 2, 3, -1):
        assert (lam**power).mean() == pytest.approx(theory.marchenko_pastur_moment(power, c), rel=0.03)
    low, high = theory.marchenko_pastur_edges(c)
    assert (lam.min(), lam.max()) == (pytest.approx(low, rel=0.2), pytest.approx(high, rel=0.1))
    gap = theory.normalized_wishart_isometry_gap(n, n / c)
    assert gap == pytest.approx(theory.marchenko_pastur_isometry_gap(c), rel=0.02)


def test_isometry_gap_is_the_log_of_arithmetic_over_geometric_mean():
    h = torch.diag(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64))
    assert float(metrics.isometry_gap(h)) == pytest.approx(math.log((9 + 4 + 1) / 3 / 36 ** (1 / 3)))
    assert float(metrics.isometry_gap(7 * torch.eye(3, dtype=torch.float64))) == pytest.approx(0, abs=1e-15)
    assert float(metrics.isometry_gap(torch.ones(2, 3))) == math.inf


# --- Marchenko and Pastur ---


@pytest.mark.parametrize("c", RATIOS)
def test_marchenko_pastur_against_quadrature(c):
    low, high = theory.marchenko_pastur_edges(c)
    total, _ = integrate.quad(lambda x: float(theory.marchenko_pastur_density(x, c)), low, high, limit=500)
    assert total == pytest.approx(1, rel=1e-6)
    for power in (0, 0.5, 1, 2, 3.5, *([-1, -2] if c < 1 else [])):
        expected = marchenko_pastur_mean(lambda x, power=power: x**power, c)
        assert theory.marchenko_pastur_moment(power, c) == pytest.approx(expected, rel=1e-7)
    assert theory.marchenko_pastur_isometry_gap(c) == pytest.approx(-marchenko_pastur_mean(math.log, c), rel=1e-6)


def test_marchenko_pastur_isometry_gap_where_its_series_takes_over():
    below, above = (theory.marchenko_pastur_isometry_gap(c) for c in (0.999e-3, 1.001e-3))
    assert below == pytest.approx(0.999 / 1.001 * above, rel=1e-6)


@pytest.mark.parametrize("c", [0.1, 0.7])
def test_moments_obey_the_moment_equations(c):
    m = [theory.marchenko_pastur_moment(k, c) for k in range(9)]
    for k in range(1, 8):
        assert m[k + 1] == pytest.approx(m[2] * m[k] + c * sum(m[a] * m[k - a] for a in range(1, k)), rel=1e-10)


def test_semicircle_without_an_atom_forces_the_second_moment():
    """∫ dμ = (m₂ − √(m₂² − 4c))/(2c) for xμ(dx) a semicircle of mean m₂ and variance c: one only at m₂ = 1 + c, c ≤ 1."""
    m, c = sp.symbols("m c", positive=True)
    mass = (m - sp.sqrt(m**2 - 4 * c)) / (2 * c)
    assert sp.solve(sp.Eq(mass, 1), m) == [c + 1]
    assert mass.subs({m: sp.Rational(7, 4), c: sp.Rational(3, 4)}) == 1
    assert mass.subs({m: 3, c: 2}) == sp.Rational(1, 2)  # c = 2: the root is spurious, half of the mass is at zero


# --- the diffusion ---


@pytest.mark.parametrize("n", [2, 3])
def test_diffusion_is_reversible(n):
    """b = ½(div a + a ∇ log ρ) in the independent entries of C, with ρ = (det C)^((ν − n − 1)/2), ν = 4(d − 1)/n."""
    d = sp.Symbol("d", positive=True)
    c = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"c{min(i, j)}{max(i, j)}"))
    c[n - 1, n - 1] = 1 - sum(c[i, i] for i in range(n - 1))
    entries = [(i, j) for i in range(n) for j in range(i, n)][:-1]
    squared, det = (c * c).applyfunc(sp.expand), sp.expand(c.det())
    t2 = sp.expand(squared.trace())

    def covariance(i, j, k, m):
        return (
            c[i, k] * c[j, m] + c[i, m] * c[j, k] - 2 * (c[i, j] * squared[k, m] + squared[i, j] * c[k, m])
        ) / d + 2 * t2 * c[i, j] * c[k, m] / d

    exponent = (4 * (d - 1) / n - n - 1) / 2
    for i, j in entries:
        flux = 0
        for k, m in entries:
            a = covariance(i, j, k, m)
            flux += sp.diff(a, c[k, m]) * det + a * exponent * sp.diff(det, c[k, m])
        drift = 2 * (t2 * c[i, j] - squared[i, j])
        assert sp.expand(drift * det - flux / 2) == 0


def test_diffusion_s_second_moment_is_the_wishart_s():
    """Log det has mean drift zero in the stationary law: nT₂(2 − 1/d) = 2 + (n(n + 1)/2 − 2)/d."""
    n, d = sp.symbols("n d", positive=True)
    nu = 4 * (d - 1) / n
    t2 = (nu + n + 1) / (nu * n + 2)
    assert sp.simplify(n * t2 * (2 - 1 / d) - 2 - (n * (n + 1) / 2 - 2) / d) == 0


# --- one layer ---


def test_contraction_at_orthogonality_from_moments_of_the_sphere():
    """E[w_i² w_j²/|w|⁴] = (1 + 2δ_ij)/(n(n + 2)) gives ∂p_i/∂λ_j = n/(n + 2) δ_ij − 1/(n + 2), and the noise's covariance."""
    n = sp.Symbol("n", positive=True)
    for same in (0, 1):
        moment = (1 + 2 * same) / (n * (n + 2))
        slope = n * (same / n - moment)  # of λ_i w_i²/Σλ_k w_k² at λ = 1/n
        assert sp.simplify(slope - (same * n / (n + 2) - 1 / (n + 2))) == 0
    variance = 3 / (n * (n + 2)) - 1 / n**2  # of u_1²
    rho = n / (n + 2)
    assert sp.simplify(variance / (1 - rho**2) - (2 - 2 / n) * (n + 2) / (4 * n * (n + 1))) == 0


def test_lemma8_from_two_integrals():
    """G(0) = 1 and G′(0) = 2n/(n + 2) for the lower bound of p_n/λ_n."""
    n, t = sp.symbols("n t", positive=True)
    delta = sp.Symbol("delta")
    g = (1 + 2 * t * (1 / n - delta)) ** sp.Rational(-3, 2) * (1 + 2 * t * (1 / n + delta / (n - 1))) ** (-(n - 1) / 2)
    slope = sp.diff(g, delta).subs(delta, 0)
    assert sp.simplify(slope / (2 * t * (1 + 2 * t / n) ** (-(n + 4) / 2))) == 1
    for size in (2, 3, 7):
        assert sp.integrate(g.subs({delta: 0, n: size}), (t, 0, sp.oo)) == 1
        assert sp.integrate((2 * t * (1 + 2 * t / n) ** (-(n + 4) / 2)).subs(n, size), (t, 0, sp.oo)) == sp.Rational(
            2 * size, size + 2
        )


def test_a_layer_evens_the_spectrum_out(generator):
    """Lemmas of the page of proofs: Π p_i/λ_i > 1 and ‖p − 1/n‖ < ‖λ − 1/n‖, away from I/n."""
    for n in (2, 3, 6):
        lam = torch.rand((200, n), dtype=torch.float64, generator=generator) ** 6 + 1e-9
        lam = lam / lam.sum(-1, keepdim=True)
        p = theory.infinite_width_map(lam)
        assert ((p / lam).log().sum(-1) > 0).all()
        assert (theory.spectral_gap(p) < theory.spectral_gap(lam)).all()


@pytest.mark.parametrize("lam", [[0.97, 0.01, 0.01, 0.01], [0.33, 0.33, 0.33, 0.01], [0.4, 0.3, 0.2, 0.1]])
def test_negative_powers_of_the_determinant_fall(lam, generator):
    """E det(C′)^{−s} < det(C)^{−s} at large width, for s = ½."""
    h = torch.diag(torch.tensor(lam, dtype=torch.float64).sqrt()).expand(2000, 4, 4)
    (after,) = bn_chain(h, width=256, depth=1, generator=generator)
    ratio = (-torch.linalg.slogdet(after).logabsdet).exp() * math.sqrt(math.prod(lam))  # det R = (det C)^½
    assert ratio.mean() + 5 * ratio.std() / math.sqrt(2000) < 1


@pytest.mark.parametrize("n", [32, 64, 128])
def test_one_layer_to_third_order(n):
    """p_i/λ_i = 1 − 2λ_i + 2T₂ + 8λ_i² − 8T₃ − 12λ_iT₂ + 12T₂² + O(n⁻³), on quantiles of a Marchenko–Pastur law."""
    lam = marchenko_pastur_spectrum(n, 0.5).numpy()
    t2, t3 = (lam**2).sum(), (lam**3).sum()
    series = 1 - 2 * lam + 2 * t2 + 8 * lam**2 - 8 * t3 - 12 * lam * t2 + 12 * t2**2
    exact = theory.infinite_width_map(torch.from_numpy(lam)).numpy() / lam
    assert n**3 * np.abs(series - exact).max() < 400
    assert n**2 * np.abs(series - exact).max() < 10


def test_gap_and_threshold_from_two_logs():
    """E log det(C′)/det C = 0 for the chain of rank m, minus the drift of an infinitesimal direction over it."""
    m, c, e = sp.symbols("m c e", positive=True)
    d = m**2 / (4 * c)
    t2, t3 = (1 + c + e / m) / m, (1 + 3 * c + c**2) / m**2
    log_det = (
        2 * (m * t2 - 1) - 2 * t2 - 8 * m * t3 + 10 * m * t2**2 - m * (m - 1 + 2 * c) / (2 * d) - m**3 / (6 * d**2)
    )
    (correction,) = sp.solve(sp.limit(sp.expand(m * log_det), m, sp.oo), e)
    assert sp.expand(correction - (2 * c + sp.Rational(7, 3) * c**2)) == 0
    assert theory.second_moment(10, 100 / (4 * 0.5)) == pytest.approx((1.5 + float(correction.subs(c, 0.5)) / 10) / 10)
    thin = 2 * t2 - 8 * t3 + 10 * t2**2 + 2 * t2 * m / d - m**2 / (2 * d**2) - m / d - (3 + 4 * c) / d
    drift = sp.expand(m * thin.subs(e, correction))
    order = [sp.limit(drift, m, sp.oo), sp.limit(sp.expand(m * (drift - 2 * (1 - c))), m, sp.oo)]
    assert sp.expand(order[0] - 2 * (1 - c)) == 0
    assert sp.expand(order[1] - (2 - 4 * c - sp.Rational(28, 3) * c**2)) == 0
    # Zero at c = 1 − 17/(3m): d = m²/4 + 17m/12, and with m = n − 1 the coefficient of n is 17/12 − 1/2.
    assert -order[1].subs(c, 1) / 2 / 4 - sp.Rational(1, 2) == sp.Rational(11, 12)


def marchenko_pastur_spectrum(m, c):
    """Quantiles of the law, of sum 1."""
    x = np.linspace(*theory.marchenko_pastur_edges(c), 20_001)
    cumulative = np.cumsum(theory.marchenko_pastur_density(x, c))
    lam = np.interp((np.arange(m) + 0.5) / m, cumulative / cumulative[-1], x)
    return torch.from_numpy(lam / lam.sum())


def test_intermediate_means_of_the_derivation(generator):
    """E log det A, E h/S = (m + 2 + 4c)/d and E(wᵀD⁻¹w)²/S² = m² + 2mc + O(1), by simulation at m = 32, c = ½."""
    m, c = 32, 0.5
    d = round(m**2 / (4 * c))
    lam = marchenko_pastur_spectrum(m, c)
    t2, t3 = float((lam**2).sum()), float((lam**3).sum())
    w = torch.randn(100, d, m, dtype=torch.float64, generator=generator)
    s = (w.square() * lam).sum(-1)
    rows = w / s.sqrt()[..., None]
    a = rows.mT @ rows / d
    h = (rows @ torch.linalg.inv(a) * rows).sum(-1) / d
    assert d * float((h / s).mean()) - m == pytest.approx(2 + 4 * c, abs=0.35)
    log_det = (
        2 * (m * t2 - 1) - 2 * t2 - 8 * m * t3 + 10 * m * t2**2 - m * (m - 1 + 2 * c) / (2 * d) - m**3 / (6 * d**2)
    )
    assert standard_errors(torch.linalg.slogdet(a).logabsdet, log_det) < 4
    square = ((w.square() / (theory.infinite_width_map(lam) / lam)).sum(-1) / s).square()
    assert float(square.mean()) - m**2 == pytest.approx(2 * m * c, abs=12)


@pytest.mark.parametrize("ratio", [1.0, 0.6, 0.1])
def test_the_matrix_of_a_layer_is_not_small(ratio, generator):
    """tr A⁻¹ ≤ (1 + ε)n at d = n²/2 for flat and steep spectra, and the drift of tr C⁻¹ towards its floor."""
    n, d = 24, 288
    lam = ratio ** torch.arange(n, dtype=torch.float64)
    a, _ = one_row_more(lam / lam.sum(), d, 100, generator)
    inverse = torch.linalg.inv(a).diagonal(dim1=-2, dim2=-1)
    assert float(inverse.sum(-1).max()) < 1.15 * n
    assert float(torch.linalg.eigvalsh(a)[:, 0].min()) > 0.3
    if ratio < 1:
        assert float((inverse / lam).sum(-1).mean()) < 0.8 * float((1 / lam).sum())


def test_stein_identity(generator):
    """tr C⁻¹ = E Σ |x_i|⁻² [(1 − h_i) tr H⁻¹ − 2h_i(1 − h_i) − v_iᵀH⁻²v_i], n ≥ 3, H = Σ v_i v_iᵀ, h_i = v_iᵀH⁻¹v_i."""
    lam = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1], dtype=torch.float64)
    x = torch.randn(40_000, 12, 5, dtype=torch.float64, generator=generator) * lam.sqrt()
    square = x.square().sum(-1)
    v = x / square.sqrt()[..., None]
    inverse = torch.linalg.inv(v.mT @ v)
    solved = v @ inverse
    h, twice = (solved * v).sum(-1), solved.square().sum(-1)
    trace = inverse.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None]
    found = (((1 - h) * trace - 2 * h * (1 - h) - twice) / square).sum(-1)
    assert standard_errors(found, (1 / lam).sum()) < 5
    assert found.std() / math.sqrt(len(found)) < 0.02 * (1 / lam).sum()


def one_row_more(lam, d, count, generator):
    """A of width d and an independent row w, in the eigenbasis of C."""
    n = len(lam)
    rows = torch.randn(count, d, n, dtype=torch.float64, generator=generator)
    scaled = rows / (rows.square() * lam).sum(-1, keepdim=True).sqrt()
    return scaled.mT @ scaled / d, torch.randn(count, n, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("lam", [[0.2] * 5, [0.5, 0.2, 0.1, 0.1, 0.1], [0.94, 0.02, 0.02, 0.01, 0.01]])
def test_identity_of_one_row_more_and_the_bound_from_it(lam, generator):
    """tr C⁻¹ = (1 + 1/d) E wᵀC⁻¹A⁻¹w / wᵀ(C + A⁻¹/d)w, and what is left of it after the tangent."""
    d, n, lam = 14, 5, torch.tensor(lam, dtype=torch.float64)
    a, w = one_row_more(lam, d, 40_000, generator)
    inverse = torch.linalg.inv(a)
    b = torch.diag(lam) + inverse / d
    solved = (inverse @ w[..., None])[..., 0]
    found = (1 + 1 / d) * (w / lam * solved).sum(-1) / (w[:, None] @ b @ w[..., None])[:, 0, 0]
    assert standard_errors(found, (1 / lam).sum()) < 5
    trace, tau = inverse.diagonal(dim1=-2, dim2=-1).sum(-1), b.diagonal(dim1=-2, dim2=-1).sum(-1)
    y = (inverse.diagonal(dim1=-2, dim2=-1) / lam).sum(-1)
    z = ((inverse @ inverse).diagonal(dim1=-2, dim2=-1) / lam).sum(-1)
    bound = (n + 4) / (n + 2) * y / tau - 2 * n / (n + 2) / tau**2 * (trace + z / d)
    assert (1 + 1 / d) * bound.mean() < (1 / lam).sum()
    assert (z <= torch.linalg.matrix_norm(inverse, ord=2) * y * (1 + 1e-12)).all()


def test_tangent_bound_of_the_map(generator):
    """E[w_k²/wᵀBw] ≥ (1/τ)[(n + 4)/(n + 2) − (2n/(n + 2)) β_k/τ] for every spectrum β of trace τ; equality at I."""
    for n in (2, 5, 12):
        beta = torch.rand((300, n), dtype=torch.float64, generator=generator) ** 4 + 1e-8
        beta[0] = 1
        tau = beta.sum(-1, keepdim=True)
        mean = theory.infinite_width_map(beta) / beta
        slack = mean * tau - (n + 4) / (n + 2) + 2 * n / (n + 2) * beta / tau
        assert (slack > -1e-12).all()
        assert slack[0].abs().max() < 1e-12


@pytest.mark.parametrize(("n", "d"), [(4, 6), (6, 20)])
def test_growth_of_a_gradient_over_one_layer_at_any_width(n, d, generator):
    """From C = I/n and an isotropic gradient above: (n − 1)/(n − 2) (1 − 2/d), the weights' transpose included."""
    energies = []
    for _ in range(300):
        h = (
            torch.linalg.qr(torch.randn(20, d, n, dtype=torch.float64, generator=generator))[0] / math.sqrt(n)
        ).detach()
        h.requires_grad_()
        w = torch.randn(20, d, d, dtype=torch.float64, generator=generator)
        above = torch.randn(20, d, n, dtype=torch.float64, generator=generator)
        (back,) = torch.autograd.grad(batch_norm(w @ h) / math.sqrt(d), h, above)
        energies.append(back.square().sum((-2, -1)) / (d * n))
    found = torch.cat(energies)
    assert standard_errors(found, theory.gradient_growth(n) * (1 - 2 / d)) < 5


# --- the chain ---


def stationary_chain(n, d, runs, generator, *, burn, layers, every):
    start = torch.eye(n, dtype=torch.float64).expand(runs, n, n)
    chain = bn_chain(start, width=d, depth=burn + layers, generator=generator)
    return [r for layer, r in enumerate(chain) if layer >= burn and layer % every == 0]


def test_stationary_chain_against_the_law(generator):
    """n = 16 at c = 0.4: gap, isometry gap and edges, from 150 networks."""
    n, d = 16, 160
    kept = stationary_chain(n, d, 150, generator, burn=60, layers=60, every=10)
    gap = torch.stack([metrics.orthogonality_gap(r).square() for r in kept]).mean(0)
    isometry = torch.stack([metrics.isometry_gap(r) for r in kept]).mean(0)
    spectra = torch.stack([n * metrics.spectrum(r) for r in kept])
    assert float(gap.mean()) == pytest.approx(theory.mean_square_gap(n, d), rel=0.02)
    assert float(gap.mean()) > 1.02 * theory.gap_floor(n, d) ** 2
    assert float(isometry.mean()) == pytest.approx(theory.stationary_isometry_gap(n, d), rel=0.04)
    nu = theory.matched_dimension(n, d)
    law = n * metrics.spectrum(theory.normalized_wishart_root((4000, n, n), freedom=nu, generator=generator))
    np.testing.assert_allclose(spectra.mean((0, 1)), law.mean(0), rtol=0.06)
    w2 = torch.stack([metrics.squared_w2_to_isotropic(r) for r in kept]).mean()
    assert float(w2) == pytest.approx(theory.conditional_w2(n, d), rel=0.2)
    assert float(spectra[..., -1].mean()) / n == pytest.approx(theory.least_eigenvalue(n, d), rel=0.25)
    assert float(spectra[..., 0].mean()) / n == pytest.approx(theory.greatest_eigenvalue(n, d), rel=0.1)


def test_a_few_layers_from_the_law_are_as_good_as_many_from_orthogonality(generator):
    """Quarters of the spectrum after the burn-in from a Wishart start and after 4n from I/n; not yet after n/4 of those."""
    n, d, runs = 16, 160, 120

    def quarters(**more):
        lam = stationary.spectra(n, d, runs=runs, count=1, every=1, generator=generator, **more)
        return stationary.quarters(lam)

    orthogonal = torch.eye(n, dtype=torch.float64)
    ours, slow, early = quarters(), quarters(begin=orthogonal, burn=4 * n), quarters(begin=orthogonal, burn=n // 4)

    def apart(a, b):
        return np.abs(a.mean(0) - b.mean(0)) / np.sqrt((a.var(0) + b.var(0)) / runs)

    assert apart(ours, slow).max() < 4.5
    assert apart(early, slow).max() > 10


def test_quarters_of_the_law_have_the_mean_of_its_draws_and_less_noise(generator):
    n, nu = 16, 25.0
    found = np.array([stationary.wishart_quarters(n, nu, generator, count=100) for _ in range(40)])
    root = theory.normalized_wishart_root((1, 8000, n, n), freedom=nu, generator=generator)
    draws = stationary.quarters(n * metrics.spectrum(root))
    error = np.sqrt(found.var(0) / 40 + draws.var(0) / 8000)
    assert (np.abs(found.mean(0) - draws.mean(0)) / error).max() < 4.5
    assert found[:, 0].std() < draws[:, 0].std() / 20  # a plain mean of 100 has a tenth


@pytest.mark.parametrize(("n", "d"), [(16, 256), (32, 1024), (32, 8192)])
def test_mean_least_eigenvalue_is_that_of_the_matched_wishart_law(n, d, generator):
    nu = theory.matched_dimension(n, d)
    law = metrics.spectrum(theory.normalized_wishart_root((3000, n, n), freedom=nu, generator=generator))[:, -1]
    assert float(law.mean()) == pytest.approx(theory.mean_least_eigenvalue(n, d), rel=0.04)
    assert abs(theory.least_eigenvalue(n, d) / float(law.mean()) - 1) > abs(
        theory.mean_least_eigenvalue(n, d) / float(law.mean()) - 1
    )


def test_the_surviving_rank_is_the_largest_batch_that_the_width_keeps():
    for n, d in ((32, 128), (48, 300), (16, 40)):
        m = theory.surviving_rank(n, d)
        assert theory.critical_width(m) <= d < theory.critical_width(m + 1)
    assert theory.surviving_rank(16, 79) == 16


def test_mean_inverse_square_is_that_of_draws(generator):
    lam = torch.tensor([0.4, 0.2, 0.2, 0.1, 0.06, 0.04], dtype=torch.float64)
    draws = (torch.randn(400_000, 6, generator=generator, dtype=torch.float64).square() @ lam).reciprocal()
    assert standard_errors(draws, theory.mean_inverse_square(lam)) < 5
    with pytest.raises(ValueError, match="infinite for fewer"):
        theory.mean_inverse_square(lam[:2])


def test_three_samples_and_many_features_against_the_gaussian_limit(generator):
    n, d = 3, 500
    kept = stationary_chain(n, d, 600, generator, burn=12, layers=32, every=4)
    x = math.sqrt(d) * (torch.cat([metrics.gram(r) for r in kept]) - torch.eye(n, dtype=torch.float64) / n)
    flat = x.reshape(-1, n * n).numpy()
    expected = theory.gaussian_limit_covariance(n)
    np.testing.assert_allclose(np.cov(flat.T), expected.reshape(n * n, n * n), atol=0.012)
    assert expected.trace(axis1=0, axis2=1).trace() == pytest.approx(0)  # tr X = 0
    total = np.einsum("ijij->", expected)
    assert total == pytest.approx(d * theory.gap_floor(n, d) ** 2)


def test_critical_width_fits_what_was_measured():
    for n, width in CRITICAL.items():
        assert theory.critical_width(n) == pytest.approx(width, rel=1e-3)
        assert abs(n**2 / 4 + n / 2 - width) > 0.01 * width  # n²/4 + n/2 would not
    assert theory.critical_width(17, centered=True) == theory.critical_width(16)


# --- limits and boundaries ---


def test_small_and_large_ratios():
    n = 200
    assert theory.conditional_w2(n, 50 * n**2) == pytest.approx(n / 4 * theory.gap_floor(n, 50 * n**2) ** 2, rel=0.02)
    assert theory.least_eigenvalue(n, n**2 / 4) == 0
    assert theory.condition_number(n, n**2 / 4) == math.inf
    assert theory.least_eigenvalue(n, 1e16) * n == pytest.approx(1, rel=1e-5)
    assert theory.stationary_isometry_gap(n, n**2) == pytest.approx(
        theory.marchenko_pastur_isometry_gap(0.25), rel=0.03
    )


@pytest.mark.parametrize(
    "name",
    [
        "spectral_ratio",
        "diffusion_dimension",
        "floor_dimension",
        "matched_dimension",
        "second_moment",
        "least_eigenvalue",
        "greatest_eigenvalue",
        "condition_number",
        "conditional_w2",
        "stationary_isometry_gap",
    ],
)
def test_centering_has_one_dimension_less(name):
    function = getattr(theory, name)
    assert function(13, 100, centered=True) == function(12, 100)
    with pytest.raises(ValueError, match="batch_size=2 with mean-centering: expected at least 3"):
        function(2, 100, centered=True)


def test_centered_gap_keeps_what_centering_leaves():
    rest = theory.mean_square_gap(12, 100)
    assert theory.mean_square_gap(13, 100, centered=True) == pytest.approx(1 / (12 * 13) + rest)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: theory.spectral_ratio(1, 10), "batch_size=1: expected at least 2"),
        (lambda g: theory.spectral_ratio(4, 0), "width=0: expected a positive"),
        (lambda g: theory.least_eigenvalue(16, 63), "width=63 with batch_size=16: below n²/4 = 64"),
        (lambda g: theory.mean_square_gap(17, 63, centered=True), r"batch_size=17 \(centered\): below n²/4 = 64"),
        (lambda g: theory.marchenko_pastur_edges(1.01), "ratio=1.01: expected 0 < ratio <= 1"),
        (lambda g: theory.marchenko_pastur_density(1.0, 0.0), "ratio=0.0"),
        (lambda g: theory.marchenko_pastur_moment(-1, 1), "power=-1 at ratio=1"),
        (lambda g: theory.bartlett_root((3, 3), freedom=2, generator=g), "freedom=2: expected .* freedom > n - 1"),
        (lambda g: theory.normalized_wishart_root((3, 2), freedom=9, generator=g), r"expected \(\.\.\., n, n\)"),
        (lambda g: theory.normalized_wishart_isometry_gap(4, 3), "freedom=3 with batch_size=4"),
        (lambda g: theory.normalized_wishart_log_density(np.eye(2) / 2, 1), "freedom=1 with n=2"),
        (lambda g: theory.normalized_wishart_log_density(np.eye(2), 5), "of trace 1"),
        (lambda g: theory.stationary_isometry_gap(16, 65), "expected freedom > n - 1"),
        (lambda g: theory.critical_width(3), "batch_size=3: expected at least 4"),
        (lambda g: theory.gaussian_limit_covariance(1), "batch_size=1: expected at least 2"),
    ],
)
def test_errors_name_the_argument(call, message, generator):
    with pytest.raises(ValueError, match=message):
        call(generator)
