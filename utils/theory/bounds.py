"""What the paper proves: its bounds and constants as printed, as proved, and as sharp as they can be."""

import math

from torch import Tensor

from utils.theory.limits import infinite_width_map, local_rate

__all__ = [
    "average_bound",
    "largest_gap",
    "lemma4_constant",
    "lemma7_bound",
    "lemma8_constant",
    "theorem1_bound",
    "theorem1_bound_printed",
    "theorem1_bound_sharp",
    "theorem1_least_width",
    "theorem1_stationary_width",
    "theorem5_bound",
]


def largest_gap(batch_size: int) -> float:
    """Largest possible orthogonality gap, √(1 − 1/n): all samples parallel. A bound above it is vacuous.

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
        May exceed :func:`largest_gap`, and then is vacuous.

    Examples
    --------
    >>> theorem1_bound(1, 4, math.inf, lambda_min=0.25)
    2.0
    >>> theorem1_bound(10, 4, math.inf, lambda_min=0.25) < largest_gap(4)
    True
    >>> theorem1_bound(10, 4, 1000, lambda_min=0.25) < largest_gap(4)  # at this width it is vacuous
    False
    """
    return 2 * (1 - 2 / 3 * lambda_min) ** (layer - 1) + 3 * batch_size / (lambda_min * math.sqrt(width))


def theorem1_least_width(batch_size: int) -> float:
    """Width up to which Theorem 1 is vacuous at every layer, even with the best λ = 1/n: 9n⁴/(1 − 1/n).

    Parameters
    ----------
    batch_size : int
        n.

    Returns
    -------
    float

    Examples
    --------
    >>> round(theorem1_least_width(4))
    3072
    """
    return 9 * batch_size**4 / (1 - 1 / batch_size)


def theorem1_stationary_width(batch_size: int) -> float:
    """Width from which Theorem 1's floor is below the largest gap with the stationary law's least eigenvalue: 3n²√d/(√d − n/2)² is.

    Examples
    --------
    >>> theorem1_stationary_width(4) > theorem1_least_width(4)  # which has the best eigenvalue there is
    True
    """
    half = (batch_size + 3 * batch_size**2 / largest_gap(batch_size)) / 2
    return (half + math.sqrt(half**2 - batch_size**2 / 4)) ** 2


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
        At or above 1/n it is vacuous.

    Examples
    --------
    >>> round(theorem5_bound(0.25, 4, 10_000), 4)  # parallel samples: nothing contracts, 1/√d is added
    0.26
    """
    lambda_min = 1 / batch_size - lyapunov_gap
    return (1 - contraction * lambda_min) * lyapunov_gap + 1 / math.sqrt(width)


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


def lemma8_constant(batch_size: int) -> float:
    """Sharp constant in 1/n − p_n ≤ (1 − c λ_n) V̂: c = 2n/(n + 2), from :func:`utils.theory.limits.local_rate`; the paper's Lemma 8 prints ⅔.

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
        At or above 1/(4n²), the largest possible value, it is vacuous.

    Examples
    --------
    >>> round(average_bound(0.25, 100, math.inf), 5)
    0.00375
    """
    return (lyapunov_gap / layers + noise / math.sqrt(width)) / contraction
