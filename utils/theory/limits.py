"""What a random network does: the limit of infinite width, rates and floors of the gap, the drift without BN."""

import math

import torch
from scipy.special import digamma
from torch import Tensor

__all__ = [
    "centered_mean_square_gap",
    "expected_square_gap",
    "gap_floor",
    "infinite_width_map",
    "infinite_width_path",
    "local_rate",
    "mean_inverse_square",
    "mixture_ratio",
    "spectral_gap",
    "stationary_w2",
    "vanilla_drift",
]


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


def centered_mean_square_gap(batch_size: int, width: float) -> float:
    """Stationary mean square gap with mean-centering: 1/(n(n − 1)) + the squared floor of n − 1 samples.

    Centering projects the batch off the all-ones vector, so the chain runs on n − 1 dimensions, and even orthogonality
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
    >>> centered_mean_square_gap(2, 1000)  # centered, two samples are opposite whatever the width
    0.5
    """
    n = batch_size
    rest = gap_floor(n - 1, width) ** 2 if n > 2 else 0.0
    return 1 / (n * (n - 1)) + rest


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
    # Past the least eigenvalue's scale rank k decays as e^{−ku/2}: from 80/k on it is below double precision.
    rank = int((lam.detach() > 0).sum(-1).min())
    u = torch.arange(-40, 80 / rank + 1 - math.log(least), step, dtype=lam.dtype, device=lam.device)
    log_growth = torch.logaddexp(torch.zeros_like(u), u + (2 * lam[..., None]).log())  # log(1 + 2tλ), (..., n, nodes)
    log_integrand = u - log_growth - log_growth.sum(-2, keepdim=True) / 2
    p = lam * step * log_integrand.exp().sum(-1)
    return p / p.sum(-1, keepdim=True)


def mean_inverse_square(lam: Tensor) -> Tensor:
    """Mean of 1/‖x‖², x ~ N(0, C): E 1/Σ_k λ_k w_k², the factor by which a layer with BN rescales a thin dimension.

    Parameters
    ----------
    lam : Tensor, shape (..., n)
        Eigenvalues of C: positive, float64; rescaled to sum 1.

    Returns
    -------
    Tensor, shape (...)
        At least n/(n − 2), its value at I/n.

    Raises
    ------
    ValueError
        If n < 3, where the mean is infinite, or ``lam`` is not positive and finite.

    Notes
    -----
    ∫₀^∞ Π_j (1 + 2tλ_j)^{-1/2} dt by the rule of :func:`infinite_width_map`.

    Examples
    --------
    >>> round(float(mean_inverse_square(torch.ones(6, dtype=torch.float64))), 12)
    1.5
    """
    n = lam.shape[-1]
    if n < 3 or not torch.isfinite(lam).all() or (lam <= 0).any():
        raise ValueError(
            f"lam: {n} eigenvalues, expected at least 3, positive and finite; the mean is infinite for fewer"
        )
    lam = lam / lam.sum(-1, keepdim=True)
    step = 0.5
    u = torch.arange(
        -40, 80 / (n - 2) + 1 - math.log(float(lam.detach().min())), step, dtype=lam.dtype, device=lam.device
    )
    log_growth = torch.logaddexp(torch.zeros_like(u), u + (2 * lam[..., None]).log()).sum(-2)
    return step * (u - log_growth / 2).exp().sum(-1)


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


def stationary_w2(batch_size: int, width: float) -> float:
    """Stationary mean of the squared Wasserstein-2 distance to a Gaussian, conditional on the weights before: n/4 times that of V².

    Examples
    --------
    >>> round(stationary_w2(4, 1024), 6) == round(gap_floor(4, 1024) ** 2, 6)
    True
    """
    return batch_size / 4 * gap_floor(batch_size, width) ** 2


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
