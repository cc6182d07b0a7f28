"""The stationary law of the linear BN chain: to leading order, Gaussian vectors in about 4d/n dimensions.

Deep in the network a batch of n samples looks like n Gaussian vectors in ν ≈ 4d/n dimensions, scaled to ‖H‖_F = 1: its
Gram matrix C is a Wishart matrix divided by its trace, and the spectrum of nC is that of Marchenko and Pastur with ratio
c = n²/(4d). Each docstring says how far its formula is known: *proved*, *derived* (formally, to the order named), or
*fitted* to measurements. The page of proofs has the arguments.

Three effective dimensions differ by terms of order one, and must not be mixed up:

- :func:`diffusion_dimension`, 4(d − 1)/n: exact for the diffusion that approximates the chain;
- :func:`floor_dimension`, ν_f: its mean square gap is :func:`~utils.theory.limits.gap_floor` squared, at every n and d;
- :func:`matched_dimension`, ν_f − 7/3: its mean square gap is the chain's to the next order in 1/n.

With ``centered`` the chain runs on the n − 1 dimensions orthogonal to the all-ones vector, and every formula has n − 1
for n; spectra are then those of C on these dimensions.
"""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaincinv, hyp2f1, multigammaln
from torch import Tensor

from utils.theory.limits import centered_mean_square_gap, gap_floor, local_rate

__all__ = [
    "CRITICAL_WIDTH_FITTED",
    "TRACY_WIDOM_MEAN",
    "bartlett_root",
    "condition_number",
    "conditional_w2",
    "critical_width",
    "diffusion_dimension",
    "dimension_of_gap",
    "floor_dimension",
    "gaussian_limit_covariance",
    "greatest_eigenvalue",
    "least_eigenvalue",
    "marchenko_pastur_density",
    "marchenko_pastur_edges",
    "marchenko_pastur_isometry_gap",
    "marchenko_pastur_moment",
    "matched_dimension",
    "mean_least_eigenvalue",
    "mean_square_gap",
    "normalized_wishart_isometry_gap",
    "normalized_wishart_log_density",
    "normalized_wishart_mean_square_gap",
    "normalized_wishart_root",
    "second_moment",
    "spectral_ratio",
    "stationary_isometry_gap",
    "surviving_rank",
]

#: Mean of the Tracy–Widom law of real symmetric matrices, that of the greatest eigenvalue at a spectrum's soft edge.
TRACY_WIDOM_MEAN = -1.2065335745820

#: The last two terms of :func:`critical_width`, a constant and a multiple of 1/n: fitted for n from 8 to 48, not derived.
CRITICAL_WIDTH_FITTED = (-0.25, -2.5)


def _dimensions(batch_size: int, centered: bool, least: int = 2) -> int:
    if batch_size - centered < least:
        raise ValueError(
            f"batch_size={batch_size}{' with mean-centering' * centered}: expected at least {least + centered}"
        )
    return batch_size - centered


# --- effective dimensions ---


def spectral_ratio(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Ratio of the Marchenko–Pastur law that the stationary spectrum approaches: c = n²/(4d).

    Derived, for n, d → ∞ at fixed c. At c = 1 the spectrum reaches zero: the chain loses rank below (:func:`critical_width`).

    Parameters
    ----------
    batch_size : int
        n.
    width : float
        d.
    centered : bool
        n − 1 for n.

    Returns
    -------
    float
        Above 1, by the derivation, there is no stationary law of full rank.

    Raises
    ------
    ValueError
        If fewer than two dimensions are left, or ``width`` is not positive.

    Examples
    --------
    >>> spectral_ratio(32, 1024), spectral_ratio(33, 1024, centered=True)
    (0.25, 0.25)
    """
    if not width > 0:
        raise ValueError(f"width={width}: expected a positive number of features")
    return _dimensions(batch_size, centered) ** 2 / (4 * width)


def diffusion_dimension(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Degrees of freedom of the diffusion's stationary law: 4(d − 1)/n.

    Proved for the diffusion, at every n; for the chain it is right to leading order only, derived. The diffusion is
    reversible for every d > 1; its stationary law exists if and only if 4(d − 1)/n > n − 1.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`spectral_ratio`.

    Examples
    --------
    >>> diffusion_dimension(4, 101)
    100.0
    """
    spectral_ratio(batch_size, width, centered=centered)
    return 4 * (width - 1) / (batch_size - centered)


def floor_dimension(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Degrees of freedom ν_f of the normalized Wishart law whose mean square gap is the floor: 4(n+1)d/(n(n+2)) − 2/n.

    An identity: :func:`normalized_wishart_mean_square_gap` at ν_f is ``gap_floor(n, d) ** 2``. So it is exact for the
    chain's mean square gap as d → ∞ at fixed n.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`spectral_ratio`.

    Examples
    --------
    >>> round(floor_dimension(16, 315), 2)
    74.25
    """
    spectral_ratio(batch_size, width, centered=centered)
    n = batch_size - centered
    return 4 * (n + 1) * width / (n * (n + 2)) - 2 / n


def matched_dimension(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Degrees of freedom that match the chain's mean square gap to the next order in 1/n: ν_f − 7/3.

    Derived, for n, d → ∞ at fixed c < 1. The chain is no normalized Wishart law for any ν at this order: this one also
    comes closest in the least eigenvalues and the isometry gap (measured), the greatest eigenvalue would need 11/3 for 7/3.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`spectral_ratio`.

    Examples
    --------
    >>> round(floor_dimension(16, 315) - matched_dimension(16, 315), 4)
    2.3333
    """
    return floor_dimension(batch_size, width, centered=centered) - 7 / 3


# --- the normalized Wishart law ---


def bartlett_root(
    shape: tuple[int, ...], *, freedom: float, generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Upper triangular T with TᵀT ~ Wishart(ν, I_n) for any real ν > n − 1, in O(n²) (Bartlett, 1933).

    Parameters
    ----------
    shape : tuple of int
        (..., n, n).
    freedom : float
        ν.
    generator : torch.Generator
        Its device is the result's.
    dtype : torch.dtype

    Returns
    -------
    Tensor, shape (..., n, n)
        Independent entries: standard normal above the diagonal, √χ²_{ν−i} on it, i = 0, …, n − 1.

    Raises
    ------
    ValueError
        If the last two dimensions differ, or ν ≤ n − 1: then there is no such law of full rank.

    Examples
    --------
    >>> t = bartlett_root((20_000, 2, 2), freedom=2.5, generator=torch.Generator().manual_seed(0))
    >>> torch.allclose((t.mT @ t).mean(0), 2.5 * torch.eye(2, dtype=torch.float64), atol=0.1)
    True
    """
    n = shape[-1]
    if shape[-2] != n or not freedom > n - 1:
        raise ValueError(f"shape {tuple(shape)} with freedom={freedom}: expected (..., n, n) with freedom > n - 1")
    upper = torch.randn(shape, generator=generator, dtype=dtype, device=generator.device).triu(1)
    # torch has no public chi-squared that takes a generator: invert its distribution function instead.
    uniform = torch.rand(shape[:-1], generator=generator, dtype=torch.float64, device=generator.device)
    half_freedom = (freedom - np.arange(n)) / 2
    chi = torch.from_numpy(2 * gammaincinv(half_freedom, uniform.cpu().numpy())).sqrt()
    return upper + torch.diag_embed(chi.to(upper))


def normalized_wishart_root(shape: tuple[int, ...], *, freedom: float, generator: torch.Generator) -> Tensor:
    """Square roots R of normalized Wishart matrices: RᵀR = W / tr W, W ~ Wishart(ν, I_n), as chains and metrics take them.

    Also known as the fixed-trace Wishart ensemble, or induced random states (Życzkowski and Sommers, 2001).

    Parameters
    ----------
    shape, freedom, generator
        As :func:`bartlett_root`.

    Returns
    -------
    Tensor, shape (..., n, n)
        Upper triangular, Frobenius norm 1, float64.

    Raises
    ------
    ValueError
        As :func:`bartlett_root`.

    Examples
    --------
    >>> from utils.metrics import orthogonality_gap
    >>> r = normalized_wishart_root((20_000, 4, 4), freedom=50.5, generator=torch.Generator().manual_seed(0))
    >>> round(float(orthogonality_gap(r).square().mean() / normalized_wishart_mean_square_gap(4, 50.5)), 1)
    1.0
    """
    t = bartlett_root(shape, freedom=freedom, generator=generator)
    return t / torch.linalg.matrix_norm(t, keepdim=True)


def normalized_wishart_log_density(c: ArrayLike, freedom: float) -> NDArray[np.float64]:
    """Log density of W / tr W, W ~ Wishart(ν, I_n): ((ν − n − 1)/2) log det C + log Γ(νn/2) − log Γ_n(ν/2).

    Proved (the radial integral of the Wishart density). With respect to dC in the n(n + 1)/2 − 1 entries on and above the
    diagonal that remain when one diagonal entry is 1 minus the others.

    Parameters
    ----------
    c : array_like, shape (..., n, n)
        Symmetric, trace 1.
    freedom : float
        ν > n − 1.

    Returns
    -------
    ndarray, shape (...)
        −∞ where ``c`` is not positive definite.

    Raises
    ------
    ValueError
        If ``c`` is not square or not of trace 1, or ν ≤ n − 1.

    Examples
    --------
    Two samples, three degrees of freedom: uniform on the disk that the trace-one 2×2 matrices form, of area π/4.

    >>> round(float(np.exp(normalized_wishart_log_density([[0.6, 0.1], [0.1, 0.4]], 3))) * np.pi / 4, 6)
    1.0
    """
    c = np.asarray(c, dtype=np.float64)
    n = c.shape[-1]
    if c.ndim < 2 or c.shape[-2] != n or not np.allclose(np.trace(c, axis1=-2, axis2=-1), 1):
        raise ValueError(f"c: shape {c.shape}, expected square matrices (..., n, n) of trace 1")
    if not freedom > n - 1:
        raise ValueError(f"freedom={freedom} with n={n}: expected freedom > n - 1")
    lam = np.linalg.eigvalsh(c)
    inside = lam[..., 0] > 0
    log_det = np.log(np.where(inside[..., None], lam, 1)).sum(-1)
    constant = math.lgamma(freedom * n / 2) - multigammaln(freedom / 2, n)
    return np.where(inside, (freedom - n - 1) / 2 * log_det + constant, -np.inf)


def normalized_wishart_mean_square_gap(batch_size: int, freedom: float) -> float:
    """E V² of W / tr W, W ~ Wishart(ν, I_n): (n − 1)(n + 2)/(n(νn + 2)). Proved, at every n and ν.

    Parameters
    ----------
    batch_size : int
        n.
    freedom : float
        ν > 0; at an integer below n it is the law of a batch of rank ν.

    Returns
    -------
    float

    Examples
    --------
    >>> round(normalized_wishart_mean_square_gap(4, 1), 4)  # one dimension: parallel samples, 1 − 1/n
    0.75
    """
    n = batch_size
    return (n - 1) * (n + 2) / (n * (freedom * n + 2))


def dimension_of_gap(batch_size: int, square_gap: float) -> float:
    """Degrees of freedom ν at which W / tr W, W ~ Wishart(ν, I_n), has a given mean square gap.

    The inverse of :func:`normalized_wishart_mean_square_gap`: the effective dimension of a batch, by its gap.

    Parameters
    ----------
    batch_size : int
        n ≥ 2.
    square_gap : float
        V², or its mean.

    Returns
    -------
    float
        Infinite where V² is 0, or below by rounding; below 1 where the gap exceeds that of parallel samples of random length.

    Examples
    --------
    >>> round(dimension_of_gap(4, normalized_wishart_mean_square_gap(4, 50.5)), 6)
    50.5
    """
    n = batch_size
    return ((n - 1) * (n + 2) / (n * square_gap) - 2) / n if square_gap > 0 else math.inf


def normalized_wishart_isometry_gap(batch_size: int, freedom: float) -> float:
    """Mean isometry gap of W / tr W, W ~ Wishart(ν, I_n): ψ(νn/2) − log n − (1/n) Σ_i ψ((ν − i)/2), i < n.

    Proved, at every n and ν > n − 1. The gap is the log of arithmetic over geometric mean of the eigenvalues,
    :func:`utils.metrics.isometry_gap`.

    Parameters
    ----------
    batch_size : int
        n.
    freedom : float
        ν.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ν ≤ n − 1.

    Examples
    --------
    >>> round(normalized_wishart_isometry_gap(2, 1e6) * 1e6, 3)  # (n − 1)(n + 2)/(2nν) for large ν
    1.0
    """
    n = batch_size
    if not freedom > n - 1:
        raise ValueError(f"freedom={freedom} with batch_size={n}: expected freedom > n - 1")
    return float(digamma(freedom * n / 2) - math.log(n) - digamma((freedom - np.arange(n)) / 2).mean())


# --- the law of Marchenko and Pastur ---


def marchenko_pastur_edges(ratio: float) -> tuple[float, float]:
    """Least and greatest point of the Marchenko–Pastur law of mean 1: (1 ∓ √c)².

    Parameters
    ----------
    ratio : float
        c in (0, 1], as :func:`spectral_ratio`: the law of the eigenvalues of a Wishart matrix with n/c degrees of freedom.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        If c is outside (0, 1]: above 1 the law has an atom at 0, the rank that is lost, and is not the chain's.

    Examples
    --------
    >>> marchenko_pastur_edges(0.25)
    (0.25, 2.25)
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio={ratio}: expected 0 < ratio <= 1, with full rank")
    return (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2


def marchenko_pastur_density(x: ArrayLike, ratio: float) -> NDArray[np.float64]:
    """Density of the Marchenko–Pastur law of mean 1: √((x₊ − x)(x − x₋)) / (2πcx) between its edges.

    Of the eigenvalues of nC. Derived: the moment equations m_{k+1} = m₂m_k + c Σ_{a=1}^{k−1} m_a m_{k−a} say that xμ(dx)
    is a semicircle of variance c, and without an atom at 0 its mean is m₂ = 1 + c.

    Parameters
    ----------
    x : array_like
    ratio : float
        c in (0, 1].

    Returns
    -------
    ndarray, of ``x``'s shape
        0 outside the edges.

    Raises
    ------
    ValueError
        As :func:`marchenko_pastur_edges`.

    Examples
    --------
    >>> marchenko_pastur_density([0.1, 1.0, 3.0], 0.25).round(4)
    array([0.    , 0.6164, 0.    ])
    """
    low, high = marchenko_pastur_edges(ratio)
    x = np.asarray(x, dtype=np.float64)
    inside = (x > low) & (x < high)
    safe = np.where(inside, x, 1)
    return np.where(inside, np.sqrt(np.clip((high - safe) * (safe - low), 0, None)) / (2 * math.pi * ratio * safe), 0)


def marchenko_pastur_moment(power: float, ratio: float) -> float:
    """Moment E μ^s of the Marchenko–Pastur law of mean 1, for any real s: the hypergeometric ₂F₁(−s, 1 − s; 2; c).

    Parameters
    ----------
    power : float
        s; any for c < 1, above −½ at c = 1.
    ratio : float
        c in (0, 1].

    Returns
    -------
    float
        Narayana's polynomial in c for s = 1, 2, …; 1/(1 − c) for s = −1.

    Raises
    ------
    ValueError
        As :func:`marchenko_pastur_edges`; or if the moment is infinite.

    Examples
    --------
    >>> [round(marchenko_pastur_moment(s, 0.5), 4) for s in (-1, 0, 1, 2, 3)]  # 1/(1 − c), 1, 1, 1 + c, 1 + 3c + c²
    [2.0, 1.0, 1.0, 1.5, 2.75]
    """
    marchenko_pastur_edges(ratio)
    if ratio == 1 and power <= -0.5:
        raise ValueError(f"power={power} at ratio=1: the moment is infinite, expected power > -1/2")
    return float(hyp2f1(-power, 1 - power, 2, ratio))


def marchenko_pastur_isometry_gap(ratio: float) -> float:
    """Isometry gap −E log μ of the Marchenko–Pastur law of mean 1: 1 + ((1 − c)/c) log(1 − c).

    Parameters
    ----------
    ratio : float
        c in (0, 1].

    Returns
    -------
    float
        About c/2 for small c; 1 at c = 1.

    Raises
    ------
    ValueError
        As :func:`marchenko_pastur_edges`.

    Examples
    --------
    >>> marchenko_pastur_isometry_gap(1.0), round(marchenko_pastur_isometry_gap(0.01), 5)
    (1.0, 0.00502)
    """
    marchenko_pastur_edges(ratio)
    if ratio < 1e-3:  # c/2 + c²/6 + c³/12: subtraction would lose the digits
        return ratio / 2 + ratio**2 / 6 + ratio**3 / 12
    return 1 + (1 - ratio) / ratio * math.log1p(-ratio) if ratio < 1 else 1.0


# --- the stationary chain ---


def second_moment(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Stationary E tr C² to the next order: (1/n)(1 + c + (2c + 7c²/3)/n), c = n²/(4d).

    Derived, from E log det(C′)/det C = 0; the next term is of relative order 1/n². For n, d → ∞ at fixed c < 1.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`spectral_ratio`; or if c > 1.

    Examples
    --------
    >>> round(16 * second_moment(16, 100), 4)
    1.7797
    """
    c = _ratio_of_full_rank(batch_size, width, centered)
    n = batch_size - centered
    return (1 + c + (2 * c + 7 * c**2 / 3) / n) / n


def mean_square_gap(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Stationary mean square gap to the next order: the squared floor times 1 + 7c/(3n), c = n²/(4d).

    Derived: :func:`second_moment` minus 1/n, with the floor kept exact, so that it is right both for d → ∞ at fixed n
    (proved) and for n → ∞ at fixed c < 1. Measured to exceed the floor by 8.1 % at n = 16, c = 0.64 (here 9.3 %) and 3.5 % at
    n = 48, c = 0.82 (here 4.0 %).

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`; centered, the 1/(n(n − 1)) that centering leaves is added
        (:func:`~utils.theory.limits.centered_mean_square_gap`).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`second_moment`.

    Examples
    --------
    >>> from utils.theory.limits import gap_floor
    >>> round(mean_square_gap(16, 100) / gap_floor(16, 100) ** 2, 4)
    1.0933
    """
    c = _ratio_of_full_rank(batch_size, width, centered)
    n = batch_size - centered
    leading = centered_mean_square_gap(batch_size, width) if centered else gap_floor(n, width) ** 2
    return leading + gap_floor(n, width) ** 2 * 7 * c / (3 * n)


def least_eigenvalue(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Least eigenvalue of the stationary Gram matrix, to leading order: (1/n)(1 − n/(2√d))².

    Derived, for n, d → ∞ at fixed c < 1: Assumption A₁ of the paper as a formula. (Proved for d ≥ (½ + ε)n² and
    n ≥ n₀(ε), no useful value of which is known: E 1/λ_min ≤ Kn², a mean form, weaker than A₁.) It is the edge of the
    spectrum; the least eigenvalue itself is above it by a share of order n^{-2/3} (measured: 0.322/n at n = 16, d = 315,
    edge 0.302/n).

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`second_moment`.

    Examples
    --------
    >>> round(16 * least_eigenvalue(16, 256), 4), least_eigenvalue(16, 64)
    (0.25, 0.0)
    """
    low, _ = marchenko_pastur_edges(_ratio_of_full_rank(batch_size, width, centered))
    return low / (batch_size - centered)


def mean_least_eigenvalue(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Mean least eigenvalue of the stationary Gram matrix: the edge and its Tracy–Widom correction, at ν_f − 7/3.

    For a Wishart matrix of ν degrees of freedom, with a = √(ν − ½) and b = √(n − ½), the least eigenvalue has a mean of about
    (a − b)² + 1.2065 (a − b)(1/b − 1/a)^{1/3}, relative to a trace of about νn (the edge is proved, Feldheim and Sodin,
    2010; the halves are the customary second-order choice). That the chain's is a Wishart's is derived to leading order;
    ν_f − 7/3 is a choice that measurements favor: within 4 % from d = n² on, for n from 8 to 64.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ν_f − 7/3 ≤ n: then the width is below the critical one or close to it.

    Examples
    --------
    >>> round(16 * least_eigenvalue(16, 315), 3), round(16 * mean_least_eigenvalue(16, 315), 3)  # measured: 0.322
    (0.302, 0.322)
    """
    n = _dimensions(batch_size, centered)
    freedom = matched_dimension(batch_size, width, centered=centered)
    if not freedom > n:
        raise ValueError(
            f"width={width} with batch_size={batch_size}: expected more, as nu_f - 7/3 = {freedom:g} <= {n}"
        )
    a, b = math.sqrt(freedom - 0.5), math.sqrt(n - 0.5)
    return ((a - b) ** 2 - TRACY_WIDOM_MEAN * (a - b) * (1 / b - 1 / a) ** (1 / 3)) / (freedom * n)


def greatest_eigenvalue(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Greatest eigenvalue of the stationary Gram matrix, to leading order: (1/n)(1 + n/(2√d))². As :func:`least_eigenvalue`.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`second_moment`.

    Examples
    --------
    >>> round(16 * greatest_eigenvalue(16, 256), 4)
    2.25
    """
    _, high = marchenko_pastur_edges(_ratio_of_full_rank(batch_size, width, centered))
    return high / (batch_size - centered)


def condition_number(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Condition number of the stationary Gram matrix, to leading order: ((1 + √c)/(1 − √c))². As :func:`least_eigenvalue`.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float
        Infinite at c = 1.

    Raises
    ------
    ValueError
        As :func:`second_moment`.

    Examples
    --------
    >>> round(condition_number(16, 256), 4), condition_number(16, 64)
    (9.0, inf)
    """
    low, high = marchenko_pastur_edges(_ratio_of_full_rank(batch_size, width, centered))
    return high / low if low else math.inf


def conditional_w2(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Squared Wasserstein distance of WH given H from the isotropic Gaussian, to leading order: 2(1 − E√μ).

    Derived, for n, d → ∞ at fixed c ≤ 1, by Bures' formula (:func:`utils.metrics.squared_w2_to_isotropic`). For small c
    it is c/4 = n²/(16d), the squared radius near orthogonality.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`; centered, the isotropic Gaussian is the one on the n − 1 dimensions.

    Returns
    -------
    float
        At most 0.3023, at c = 1.

    Raises
    ------
    ValueError
        As :func:`second_moment`.

    Examples
    --------
    >>> round(conditional_w2(16, 64), 4), round(conditional_w2(16, 64_000) * 4000, 3)
    (0.3023, 1.0)
    """
    return 2 * (1 - marchenko_pastur_moment(0.5, _ratio_of_full_rank(batch_size, width, centered)))


def stationary_isometry_gap(batch_size: int, width: float, *, centered: bool = False) -> float:
    """Mean isometry gap of the stationary chain: that of the normalized Wishart law with ν_f − 7/3.

    To leading order it is :func:`marchenko_pastur_isometry_gap`, derived; the finite-n form is a choice of ν that
    measurements favor: 0.111, 0.293, 0.128 at (n, d) = (8, 100), (16, 158), (16, 315), where the exact sampler gives
    0.111, 0.297, 0.128, and Marchenko and Pastur 0.085, 0.237, 0.109.

    Parameters
    ----------
    batch_size, width, centered
        As :func:`spectral_ratio`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If ν_f − 7/3 ≤ n − 1: then the width is below the critical one or close to it.

    Examples
    --------
    >>> [round(stationary_isometry_gap(n, d), 3) for n, d in [(8, 100), (16, 158), (16, 315)]]
    [0.111, 0.293, 0.128]
    """
    n = _dimensions(batch_size, centered)
    return normalized_wishart_isometry_gap(n, matched_dimension(batch_size, width, centered=centered))


def critical_width(batch_size: int, *, centered: bool = False) -> float:
    """Width below which the chain loses rank: d_c = n²/4 + 11n/12 − 0.25 − 2.5/n.

    The first two terms are derived (an infinitesimal direction over a stationary chain of rank n − 1 drifts by nothing
    there); the last two, :data:`CRITICAL_WIDTH_FITTED`, are fitted to measurements for n from 8 to 48, within 0.07 % of all of
    them. At n = 6, 5 and 4 it is 0.5 %, 1.1 % and 2.6 % low.

    Parameters
    ----------
    batch_size : int
        n ≥ 4.
    centered : bool
        n − 1 for n.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If fewer than four dimensions are left: the fit is no guide there.

    Examples
    --------
    >>> [round(critical_width(n), 1) for n in (8, 16, 48)]  # measured: 22.77, 78.28 ± 0.03, 619.3 ± 0.4
    [22.8, 78.3, 619.7]
    """
    n = _dimensions(batch_size, centered, least=4)
    constant, inverse = CRITICAL_WIDTH_FITTED
    return n**2 / 4 + 11 * n / 12 + constant + inverse / n


def surviving_rank(batch_size: int, width: float) -> int:
    """Number of dimensions that a batch keeps at infinite depth: the largest m ≤ n whose critical width is at most d.

    Derived as :func:`critical_width` is. Each dimension that is lost leaves a chain of one fewer, with a critical width that is
    smaller. The eigenvalues that are left are those of the stationary chain of m samples.

    Parameters
    ----------
    batch_size : int
        n.
    width : float
        d.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If fewer than four dimensions survive, where the formula is no guide.

    Examples
    --------
    >>> surviving_rank(32, 300), surviving_rank(32, 128)
    (32, 20)
    """
    kept = [m for m in range(4, batch_size + 1) if critical_width(m) <= width]
    if not kept:
        raise ValueError(
            f"width={width}: fewer than four dimensions survive, expected at least {critical_width(4):.1f}"
        )
    return kept[-1]


def gaussian_limit_covariance(batch_size: int) -> NDArray[np.float64]:
    """Covariance of X, the limit of √d (C − I/n) in the stationary law as d → ∞ at fixed n.

    Proved. X is Gaussian, symmetric, traceless: the autoregression X′ = ρX + ξ with ρ = n/(n + 2) and ξ the fluctuation
    of uuᵀ, u uniform on the sphere.

    Parameters
    ----------
    batch_size : int
        n ≥ 2.

    Returns
    -------
    ndarray, shape (n, n, n, n)
        Cov(X_ij, X_kl) = σ²(δ_ik δ_jl + δ_il δ_jk − (2/n) δ_ij δ_kl), σ² = (n + 2)/(4n(n + 1)).

    Raises
    ------
    ValueError
        If n < 2.

    Examples
    --------
    >>> cov = gaussian_limit_covariance(3)
    >>> [round(float(cov[i]), 4) for i in ((0, 1, 0, 1), (0, 0, 0, 0), (0, 0, 1, 1))]
    [0.1042, 0.1389, -0.0694]
    """
    n = _dimensions(batch_size, False)
    eye = np.eye(n)
    same, swapped, trace = (np.einsum(how, eye, eye) for how in ("ik,jl->ijkl", "il,jk->ijkl", "ij,kl->ijkl"))
    noise = (same + swapped - 2 / n * trace) / (n * (n + 2))
    return noise / (1 - local_rate(n) ** 2)


def _ratio_of_full_rank(batch_size: int, width: float, centered: bool) -> float:
    c = spectral_ratio(batch_size, width, centered=centered)
    if c > 1:
        n = batch_size - centered
        raise ValueError(
            f"width={width} with batch_size={batch_size}{' (centered)' * centered}: below n²/4 = {n * n / 4:g} the chain "
            "loses rank and has no stationary law of full rank"
        )
    return c
