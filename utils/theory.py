"""What theory predicts: the paper's bounds, as printed and as proved, and sharper statements it does not give.

Functions of a spectrum take ``lam`` of shape (..., n), the eigenvalues of C = HᵀH/‖H‖_F² (non-negative, sum 1).
The paper's α is called ``lambda_min`` where the proof uses it and ``sigma_min`` where the statement prints it.
"""

import math

import torch
from scipy.special import digamma
from torch import Tensor

__all__ = [
    "average_bound",
    "centred_mean_square_gap",
    "epsilon_growth",
    "expected_square_gap",
    "gap_floor",
    "gradient_growth",
    "infinite_width_map",
    "infinite_width_path",
    "largest_gap",
    "lemma4_constant",
    "lemma7_bound",
    "lemma8_constant",
    "local_rate",
    "mixture_ratio",
    "orthogonal_energy",
    "overflow_depth",
    "relu_gradient_growth",
    "spectral_gap",
    "theorem1_bound",
    "theorem1_bound_printed",
    "theorem1_bound_sharp",
    "theorem5_bound",
    "vanilla_drift",
]


def largest_gap(batch_size: int) -> float:
    """Largest possible orthogonality gap, √(1 − 1/n): all samples parallel. A bound above it says nothing.

    Parameters
    ----------
    batch_size : int
        n.

    Returns
    -------
    float

    Examples
    --------
    >>> round(largest_gap(4), 4)
    0.866
    """
    return math.sqrt(1 - 1 / batch_size)


def theorem1_bound(layer: int | Tensor, batch_size: int, width: float, *, lambda_min: float | Tensor):
    """Theorem 1 as proved: E V(H_{ℓ+1}) ≤ 2 (1 − ⅔ λ)^ℓ + 3n/(λ√d), if λ_min(C_k) ≥ λ for every k ≤ ℓ.

    Parameters
    ----------
    layer : int or Tensor
        ℓ + 1 ≥ 1, the layer whose gap is bounded.
    batch_size : int
        n.
    width : float
        d; ``math.inf`` gives the bound's limit.
    lambda_min : float or Tensor
        λ in (0, 1/n].

    Returns
    -------
    float or Tensor
        May exceed :func:`largest_gap`, and then says nothing.

    Examples
    --------
    >>> theorem1_bound(1, 4, math.inf, lambda_min=0.25)
    2.0
    >>> theorem1_bound(10, 4, math.inf, lambda_min=0.25) < largest_gap(4)
    True
    >>> theorem1_bound(10, 4, 1000, lambda_min=0.25) < largest_gap(4)  # at this width it says nothing
    False
    """
    return 2 * (1 - 2 / 3 * lambda_min) ** (layer - 1) + 3 * batch_size / (lambda_min * math.sqrt(width))


def theorem1_bound_printed(layer: int | Tensor, batch_size: int, width: float, *, sigma_min: float | Tensor):
    """Theorem 1 read literally: the same formula with α a lower bound on σ_min(H_k) = √λ_min, up to 1/√n.

    Parameters
    ----------
    layer, batch_size, width
        As :func:`theorem1_bound`.
    sigma_min : float or Tensor
        α in (0, 1/√n].

    Returns
    -------
    float or Tensor

    Examples
    --------
    >>> theorem1_bound_printed(1, 4, math.inf, sigma_min=0.5)
    2.0
    """
    return theorem1_bound(layer, batch_size, width, lambda_min=sigma_min)


def theorem5_bound(lyapunov_gap: float | Tensor, batch_size: int, width: float, *, contraction: float = 2 / 3):
    """Theorem 5: E[V̂(H_{ℓ+1}) | H_ℓ] ≤ (1 − c λ_min) V̂(H_ℓ) + 1/√d with c = ⅔ and λ_min = 1/n − V̂.

    Parameters
    ----------
    lyapunov_gap : float or Tensor
        V̂(H_ℓ) in [0, 1/n].
    batch_size, width : int, float
        n and d.
    contraction : float
        c: ⅔ as printed; the proof (Lemma 8) gives the sharper 2n/(n + 2).

    Returns
    -------
    float or Tensor
        At or above 1/n it says nothing.

    Examples
    --------
    >>> round(theorem5_bound(0.25, 4, 10_000), 4)  # parallel samples: nothing contracts, 1/√d is added
    0.26
    """
    lambda_min = 1 / batch_size - lyapunov_gap
    return (1 - contraction * lambda_min) * lyapunov_gap + 1 / math.sqrt(width)


def local_rate(batch_size: int) -> float:
    """Exact factor by which a small gap contracts per layer at infinite width: n/(n + 2).

    The linearisation of :func:`infinite_width_map` at I/n. It attains the sharper constant 2n/(n + 2) in the proof of
    the paper's Lemma 8, since 1 − 2n/(n + 2) · 1/n = n/(n + 2).

    Parameters
    ----------
    batch_size : int
        n.

    Returns
    -------
    float

    Examples
    --------
    >>> local_rate(2), round(local_rate(8), 4)
    (0.5, 0.8)
    """
    return batch_size / (batch_size + 2)


def gap_floor(batch_size: int, width: float) -> float:
    """Root mean square of the stationary gap to leading order in 1/d: √((n − 1)(n + 2)² / (4n(n + 1)d)).

    Noise of mean square (1 − 1/n)/d enters at every layer (Lemma 6 of the paper at C = I/n) and contracts by
    :func:`local_rate` ρ afterwards, so V² settles at (1 − 1/n)/(d (1 − ρ²)); for large n, V ≈ ½√(n/d). Good to
    some 10 % from d = n² upwards; well below, rank is lost.

    Parameters
    ----------
    batch_size : int
        n.
    width : float
        d.

    Returns
    -------
    float

    Examples
    --------
    >>> round(1000 * gap_floor(2, 1000) ** 2, 4)  # two samples: V² settles at 2/(3d)
    0.6667
    """
    n = batch_size
    return math.sqrt((n - 1) * (n + 2) ** 2 / (4 * n * (n + 1) * width))


def centred_mean_square_gap(batch_size: int, width: float) -> float:
    """Stationary mean square gap with mean-centring: 1/(n(n − 1)) + the squared floor of n − 1 samples.

    Centring projects the batch off the all-ones vector, so the chain runs on n − 1 dimensions, and even orthogonality
    there leaves a gap of 1/√(n(n − 1)).

    Parameters
    ----------
    batch_size : int
        n.
    width : float
        d.

    Returns
    -------
    float

    Examples
    --------
    >>> centred_mean_square_gap(2, 1000)  # centred, two samples are opposite whatever the width
    0.5
    """
    n = batch_size
    rest = gap_floor(n - 1, width) ** 2 if n > 2 else 0.0
    return 1 / (n * (n - 1)) + rest


def lemma4_constant(batch_size: int) -> float:
    """Sharp constant in V ≤ c V̂: c = √(n(n − 1)); the paper's Lemma 4 has 2n.

    Attained when all eigenvalues but the largest are equal.

    Parameters
    ----------
    batch_size : int
        n.

    Returns
    -------
    float

    Examples
    --------
    >>> round(lemma4_constant(2) ** 2, 4)
    2.0
    """
    return math.sqrt(batch_size * (batch_size - 1))


def mixture_ratio(batch_size: int) -> float:
    """Unconditional over conditional W₂² to the isotropic Gaussian, in the stationary law at large width.

    Given H_ℓ, W_ℓH_ℓ is Gaussian with covariance C_ℓ; over the randomness of H_ℓ it is a mixture, whose Gram matrix
    fluctuates with variance 1 + a times that of a Gaussian of the same size, a = n(n + 2)/(4(n + 1)) the ratio of the
    floor's to the Wishart's mean square. Between such nearly Gaussian laws W₂² is (√(1 + a) − 1)²/a of the conditional.

    Parameters
    ----------
    batch_size : int
        n.

    Returns
    -------
    float

    Examples
    --------
    >>> 0 < mixture_ratio(2) < mixture_ratio(64) < 1
    True
    """
    a = batch_size * (batch_size + 2) / (4 * (batch_size + 1))
    return (math.sqrt(1 + a) - 1) ** 2 / a


def expected_square_gap(lam: Tensor, width: float) -> Tensor:
    """E[V(H_{ℓ+1})² | H_ℓ] for the BN chain, exactly (the paper's Lemma 6, with equality).

    Parameters
    ----------
    lam : Tensor, shape (..., n)
        Spectrum of C_ℓ.
    width : float
        d.

    Returns
    -------
    Tensor, shape (...)
        ‖p(λ) − 1/n‖² + (1 − Σ p_i²)/d.

    Examples
    --------
    >>> lam = torch.tensor([0.5, 0.5], dtype=torch.float64)
    >>> round(float(expected_square_gap(lam, width=100)), 6)  # from orthogonal samples: (1 − 1/n)/d
    0.005
    """
    p = infinite_width_map(lam)
    return spectral_gap(p).square() + (1 - p.square().sum(-1)) / width


def infinite_width_map(lam: Tensor) -> Tensor:
    """One BN layer at infinite width: p_i(λ) = E[λ_i w_i² / Σ_k λ_k w_k²], w ~ N(0, I) (the paper's Lemma 6).

    Parameters
    ----------
    lam : Tensor, shape (..., n)
        Eigenvalues of C_ℓ: non-negative, at least one positive, float64; rescaled to sum 1.

    Returns
    -------
    Tensor, shape (..., n)
        Eigenvalues of E C_{ℓ+1}, in the same eigenbasis and order, summing to 1; zeros stay zero.

    Raises
    ------
    ValueError
        If ``lam`` is not finite, negative somewhere, or all zeros.

    Notes
    -----
    1/s = ∫₀^∞ e^{−ts} dt gives p_i = λ_i ∫₀^∞ (1 + 2tλ_i)^{-1} Π_j (1 + 2tλ_j)^{-1/2} dt. With t = e^u the integrand is
    analytic in a strip of half-width π and decays exponentially both ways, so the trapezoidal rule with step h errs
    by about e^{−2π²/h}: 10^{-17} at h = ½, whatever the condition number.

    Examples
    --------
    For two samples p₁/p₂ = √(λ₁/λ₂):

    >>> infinite_width_map(torch.tensor([0.8, 0.2], dtype=torch.float64))
    tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    if not torch.isfinite(lam).all() or (lam < 0).any() or (lam.sum(-1) <= 0).any():
        raise ValueError("lam: expected finite non-negative eigenvalues with a positive sum; see metrics.spectrum")
    lam = lam / lam.sum(-1, keepdim=True)
    step = 0.5
    least = float(lam.detach()[lam > 0].min())
    # Rank one decays slowest, as e^{−u/2}: 80 past the least eigenvalue's scale is below double precision.
    u = torch.arange(-40, 80 - math.log(least), step, dtype=lam.dtype, device=lam.device)
    log_growth = torch.logaddexp(torch.zeros_like(u), u + (2 * lam[..., None]).log())  # log(1 + 2tλ), (..., n, nodes)
    log_integrand = u - log_growth - log_growth.sum(-2, keepdim=True) / 2
    p = lam * step * log_integrand.exp().sum(-1)
    return p / p.sum(-1, keepdim=True)


def infinite_width_path(lam: Tensor, depth: int) -> Tensor:
    """Spectra of the BN chain at infinite width, layer by layer: the deterministic recursion λ ↦ p(λ).

    Parameters
    ----------
    lam : Tensor, shape (..., n)
        Spectrum of the batch, as :func:`infinite_width_map`.
    depth : int
        Number of layers.

    Returns
    -------
    Tensor, shape (depth + 1, ..., n)
        Entry ℓ is the spectrum after ℓ layers, entry 0 the start.

    Examples
    --------
    >>> path = infinite_width_path(torch.tensor([16.0, 1.0], dtype=torch.float64), depth=3)
    >>> path.shape
    torch.Size([4, 2])
    >>> [round(ratio, 4) for ratio in (path[:, 0] / path[:, 1]).tolist()]
    [16.0, 4.0, 2.0, 1.4142]
    """
    path = [lam / lam.sum(-1, keepdim=True)]
    for _ in range(depth):
        path.append(infinite_width_map(path[-1]))
    return torch.stack(path)


def spectral_gap(lam: Tensor) -> Tensor:
    """Orthogonality gap of a spectrum, ‖λ − 1/n‖₂: V of Eq. 2 in the eigenbasis.

    Parameters
    ----------
    lam : Tensor, shape (..., n)
        Eigenvalues of C, summing to 1.

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> spectral_gap(torch.tensor([1.0, 0.0]))
    tensor(0.7071)
    """
    return torch.linalg.vector_norm(lam - 1 / lam.shape[-1], dim=-1)


def vanilla_drift(width: int) -> float:
    """Drift per layer, without BN, of log(‖h₂‖² sin²θ / ‖h₁‖²) for two samples at angle θ: ψ((d−1)/2) − ψ(d/2).

    ‖h₁‖² is multiplied by an independent χ²_d and the squared distance of h₂ from h₁'s line by χ²_{d−1} at every
    layer, so the drift is exact from any start. It is about −1/d: the samples align at a rate set by the width.

    Parameters
    ----------
    width : int
        d.

    Returns
    -------
    float
        Negative.

    Examples
    --------
    >>> round(100 * vanilla_drift(100), 1)
    -1.0
    """
    return float(digamma((width - 1) / 2) - digamma(width / 2))


def gradient_growth(batch_size: int, *, centred: bool = False) -> float:
    """Factor by which the mean energy of gradients grows per layer, going back: (n − 1)/(n − 2), linear BN network.

    At infinite width, C = I/n and for a gradient spread evenly over the batch: backward, a row x ~ N(0, I/n) gives
    ‖x‖^{-1}(I − x xᵀ/‖x‖²), so the energy changes by E‖x‖^{-2} = n/(n − 2) times the n − 1 of n directions that are left.

    Parameters
    ----------
    batch_size : int
        n.
    centred : bool
        With mean-centring, the chain runs on n − 1 dimensions: (n − 2)/(n − 3), as in Yang et al. (2019).

    Returns
    -------
    float
        Infinite for n = 2 (centred: 3): E‖x‖^{-2} is.

    Raises
    ------
    ValueError
        If fewer than two dimensions are left: then y = ±1 and no gradient passes at all.

    Examples
    --------
    >>> gradient_growth(4), gradient_growth(4, centred=True), gradient_growth(2)
    (1.5, 2.0, inf)
    """
    dimensions = batch_size - centred
    if dimensions < 2:
        raise ValueError(f"batch_size={batch_size}, expected at least {2 + centred}: below, BN passes no gradient")
    return (dimensions - 1) / (dimensions - 2) if dimensions > 2 else math.inf


def relu_gradient_growth() -> float:
    """The same factor with centred BN and ReLU, large batches: π/(π − 1) ≈ 1.467 (Yang et al., 2019).

    Returns
    -------
    float

    Examples
    --------
    >>> round(relu_gradient_growth(), 3)
    1.467
    """
    return math.pi / (math.pi - 1)


def epsilon_growth(eps: float) -> float:
    """The same factor for two samples and centred BN with ε, to leading order: 3π/(8√(2πε)).

    BN maps x to ±(1 + ε/x²)^{-1/2}, of derivative ε/(x² + ε)^{3/2}; its mean square over x ~ N(0, 1) comes from the share
    √ε of the rows whose x² is about ε.

    Parameters
    ----------
    eps : float
        ε, added to the variance.

    Returns
    -------
    float

    Examples
    --------
    >>> round(epsilon_growth(1e-5 / 4) / epsilon_growth(1e-5), 4)  # as 1/√ε
    2.0
    """
    return 3 * math.pi / (8 * math.sqrt(2 * math.pi * eps))


def overflow_depth(growth: float, *, largest: float) -> float:
    """Layers after which a gradient's entries, of size one at the output, exceed the largest number of a format.

    Parameters
    ----------
    growth : float
        Of the energy, a layer; > 1.
    largest : float
        ``torch.finfo(dtype).max``, over the initial size of an entry.

    Returns
    -------
    float
        2 log(largest)/log(growth).

    Examples
    --------
    >>> round(overflow_depth(10.0, largest=1e4), 4)
    8.0
    """
    return 2 * math.log(largest) / math.log(growth)


def orthogonal_energy(layers: int, batch_size: int, width: int) -> float:
    """Mean energy left of a gradient, k layers back through a linear BN network of Haar weights with n ≥ d.

    Parameters
    ----------
    layers : int
        k ≥ 1.
    batch_size, width : int
        n ≥ d.

    Returns
    -------
    float
        Over the energy of the isotropic gradient k layers above; tends to 1 − (d + 1)/(2n).

    Raises
    ------
    ValueError
        If n < d: then gradients explode with Haar weights too.

    Notes
    -----
    Such a network makes the rows of H orthogonal (Meterez et al., 2024), where BN has nothing left to do. Of a gradient G,
    what lies outside the span of the rows passes untouched; inside, M = GHᵀ loses its diagonal and is conjugated by a
    random rotation. The antisymmetric part of M has no diagonal and stays; the symmetric one loses its trace at once, then 2/(d + 2) of the
    rest a layer.

    Examples
    --------
    >>> round(orthogonal_energy(1000, batch_size=8, width=3), 4)  # 1 − (3 + 1)/16
    0.75
    """
    n, d = batch_size, width
    if n < d:
        raise ValueError(f"batch_size={n} with width={d}: expected batch_size >= width")
    outside, antisymmetric, symmetric = d * (n - d), d * (d - 1) / 2, (d - 1) * (d + 2) / 2
    return (outside + antisymmetric + symmetric * (d / (d + 2)) ** layers) / (d * n)


def lemma8_constant(batch_size: int) -> float:
    """Sharp constant in 1/n − p_n ≤ (1 − c λ_n) V̂: c = 2n/(n + 2), from :func:`local_rate`; the paper's Lemma 8 prints ⅔.

    Approached as λ → I/n. At n = 1, where there is nothing to contract, it would be ⅔; from n = 2 on it is at least 1.

    Parameters
    ----------
    batch_size : int
        n.

    Returns
    -------
    float

    Examples
    --------
    >>> lemma8_constant(2), lemma8_constant(6)
    (1.0, 1.5)
    """
    return batch_size * (1 - local_rate(batch_size))


def lemma7_bound(lam: Tensor, width: float) -> Tensor:
    """Sharper form of Lemma 7: E (V̂(H_{ℓ+1}) − (1/n − p_n))² ≤ (1 − 1/n)(1 − Σ p_i²)/d, where the paper has 1/d.

    Parameters
    ----------
    lam : Tensor, shape (..., n)
        Spectrum of C_ℓ.
    width : float
        d.

    Returns
    -------
    Tensor, shape (...)
        At most (1 − 1/n)²/d; attained by two orthogonal samples at every width.

    Notes
    -----
    C_{ℓ+1} − E C_{ℓ+1} has trace 0, so its largest eigenvalue is at most √(1 − 1/n) of its Frobenius norm, whose mean
    square Lemma 6 gives; an eigenvalue moves by no more than the former (Weyl).

    Examples
    --------
    >>> lam = torch.tensor([0.5, 0.5], dtype=torch.float64)
    >>> round(float(lemma7_bound(lam, width=100)), 6)  # (1 − 1/n)²/d
    0.0025
    """
    p = infinite_width_map(lam)
    return (1 - 1 / lam.shape[-1]) * (1 - p.square().sum(-1)) / width


def theorem1_bound_sharp(layer: int | Tensor, batch_size: int, width: float, *, lambda_min: float | Tensor):
    """Theorem 1 with the sharp constants of Lemmas 4, 7 and 8 in the paper's own proof.

    √(n(n − 1)) [(1 − cλ)^ℓ/n + (1 − 1/n)/(cλ√d)] with c = 2n/(n + 2).

    Parameters
    ----------
    layer, batch_size, width, lambda_min
        As :func:`theorem1_bound`.

    Returns
    -------
    float or Tensor

    Examples
    --------
    >>> round(theorem1_bound_sharp(1, 2, math.inf, lambda_min=0.5), 4)  # no more than the largest gap
    0.7071
    """
    rate = lemma8_constant(batch_size) * lambda_min
    transient = (1 - rate) ** (layer - 1) / batch_size
    return lemma4_constant(batch_size) * (transient + (1 - 1 / batch_size) / (rate * math.sqrt(width)))


def average_bound(
    lyapunov_gap: float | Tensor, layers: int | Tensor, width: float, *, contraction: float = 2 / 3, noise: float = 1.0
):
    """Appendix B.1: the average over layers 0…ℓ−1 of E[V̂(1/n − V̂)] is at most (V̂₀/ℓ + noise/√d)/contraction.

    Parameters
    ----------
    lyapunov_gap : float or Tensor
        V̂₀, that of the batch, in [0, 1/n].
    layers : int or Tensor
        ℓ ≥ 1.
    width : float
        d.
    contraction, noise : float
        ⅔ and 1 as printed; sharper, :func:`lemma8_constant` and 1 − 1/n (:func:`lemma7_bound`).

    Returns
    -------
    float or Tensor
        At or above 1/(4n²), the largest possible value, it says nothing.

    Examples
    --------
    >>> round(average_bound(0.25, 100, math.inf), 5)
    0.00375
    """
    return (lyapunov_gap / layers + noise / math.sqrt(width)) / contraction
