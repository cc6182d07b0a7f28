"""What gradients do on their way back: growth per layer, with BN and without, and when it overflows."""

import math

__all__ = ["epsilon_growth", "gradient_growth", "orthogonal_energy", "overflow_depth", "relu_gradient_growth"]


def gradient_growth(batch_size: int, *, centered: bool = False) -> float:
    """Factor by which the mean energy of gradients grows per layer, going back: (n − 1)/(n − 2), linear BN network.

    At infinite width, C = I/n and for a gradient spread evenly over the batch: backward, a row x ~ N(0, I/n) gives
    ‖x‖^{-1}(I − x xᵀ/‖x‖²), so the energy changes by E‖x‖^{-2} = n/(n − 2) times the n − 1 of n directions that are left.

    Parameters
    ----------
    batch_size : int
        n.
    centered : bool
        With mean-centering, the chain runs on n − 1 dimensions: (n − 2)/(n − 3), as in Yang et al. (2019).

    Returns
    -------
    float
        Infinite for n = 2 (centered: 3): E‖x‖^{-2} is.

    Raises
    ------
    ValueError
        If fewer than two dimensions are left: then y = ±1 and no gradient passes at all.

    Examples
    --------
    >>> gradient_growth(4), gradient_growth(4, centered=True), gradient_growth(2)
    (1.5, 2.0, inf)
    """
    dimensions = batch_size - centered
    if dimensions < 2:
        raise ValueError(f"batch_size={batch_size}, expected at least {2 + centered}: below, BN passes no gradient")
    return (dimensions - 1) / (dimensions - 2) if dimensions > 2 else math.inf


def relu_gradient_growth() -> float:
    """The same factor with centered BN and ReLU, large batches: π/(π − 1) ≈ 1.467 (Yang et al., 2019).

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
    """The same factor for two samples and centered BN with ε, to leading order: 3π/(8√(2πε)).

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
        Of the energy, per layer; > 1.
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
    rest per layer.

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
