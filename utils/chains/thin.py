"""Does a dimension that has become infinitesimally thin grow back? The drift of its size, over a chain of the other dimensions."""

import numpy as np
import torch

from utils.chains.factors import psd_root
from utils.chains.linear import affordable, checked_size
from utils.metrics import spectrum
from utils.seeding import checked_generator
from utils.theory.limits import expected_square_gap, mean_inverse_square, spectral_gap
from utils.theory.stationary import matched_dimension, normalized_wishart_root

__all__ = ["thin_drift"]

PROBES = 8  # normal vectors for the part of a mean logarithm that has no closed form


def thin_drift(
    batch_size: int,
    *,
    width: int,
    runs: int,
    burn: int,
    window: int,
    generator: torch.Generator,
    draws: torch.dtype = torch.float32,
) -> np.ndarray:
    """Mean growth per layer of the log of an infinitesimal n-th eigenvalue, over a stationary BN chain of rank n − 1.

    The Schur complement of the thin dimension given the others is multiplied by z·Qz/d in a layer, z standard normal and
    independent of Q = Σ^{1/2}(I − Π)Σ^{1/2}: Σ holds the 1/‖x_i‖² of the other dimensions' rows x_i, and Π projects on the
    space that they span. The logarithm's mean over z is taken up to its third order in closed form, the rest by sampling. Two
    control variates of known mean, one layer's mean 1/‖x‖² and square gap, take out most of the noise. So the mean is
    exact once the chain has forgotten its start; the coefficients of the control variates only set the variance.

    Parameters
    ----------
    batch_size : int
        n, at least 4: the chain has n − 1 dimensions.
    width : int
        d ≥ n.
    runs : int
        Independent chains, each from a normalized Wishart matrix as close to stationary as is known.
    burn, window : int
        Layers that a chain goes through first, and layers that are averaged.
    generator : torch.Generator
    draws : torch.dtype
        Precision of the rows.

    Returns
    -------
    ndarray, shape (runs,)
        Negative where rank n is lost.

    Raises
    ------
    TypeError
        If a size is not an int, or ``generator`` is not one.
    ValueError
        If n < 4, d < n, another size is below 1, or a layer of all runs does not fit in memory.

    Examples
    --------
    Eight samples lose rank at width 16 and keep it at 32:

    >>> setting = {"runs": 20, "burn": 8, "window": 20, "generator": torch.Generator().manual_seed(0)}
    >>> float(thin_drift(8, width=16, **setting).mean()) < 0 < float(thin_drift(8, width=32, **setting).mean())
    True
    """
    for name, value in {"width": width, "runs": runs, "burn": burn, "window": window}.items():
        checked_size(name, value)
    if not 4 <= batch_size <= width:
        raise ValueError(f"batch_size={batch_size} with width={width}: expected 4 <= batch_size <= width")
    m = batch_size - 1
    affordable(torch.empty(runs, m, m, device="meta"), width, burn + window, "exact", rows=width)
    freedom = max(matched_dimension(m, width), m - 0.5)  # below the critical width no such law: as close as there is
    r = normalized_wishart_root((runs, m, m), freedom=freedom, generator=checked_generator(generator))
    lam = spectrum(r)
    drifts = []
    for layer in range(burn + window):
        w = torch.randn(runs, m, width, generator=generator, dtype=draws, device=r.device)
        inverse = torch.bmm(r.mT.to(draws), w).square_().sum(1).reciprocal_()
        t = psd_root(torch.bmm(w * inverse[:, None], w.mT).to(r.dtype) / width)
        r = torch.bmm(t, r)
        if layer < burn - 1:
            continue
        before, lam = lam, spectrum(r)
        if layer >= burn:
            growth = _mean_log_growth(w, inverse, t, generator)
            excess = inverse.to(r.dtype).mean(-1) - mean_inverse_square(before)
            noise = spectral_gap(lam).square() - expected_square_gap(before, width)
            # The coefficients are near the best ones for n from 8 to 48.
            drifts.append(growth - 0.6 * excess - 0.2 * batch_size * noise)
    return torch.stack(drifts).mean(0).cpu().numpy()


def _mean_log_growth(w, inverse, t, generator):
    """E log(z·Qz/d) over z: log tr Q/d − tr Q²/(tr Q)², and beyond the third order by ``PROBES`` draws of z."""
    width = w.shape[-1]
    # Columns y with Σ yyᵀ = I, the square roots of Π's diagonal their norms.
    y = torch.linalg.solve_triangular(t.mT.to(w), w, upper=False) * (inverse / width).sqrt()[:, None]
    leverage = y.square().sum(1)
    trace = ((1 - leverage) * inverse).sum(-1, dtype=t.dtype)
    within = torch.bmm(y * inverse[:, None], y.mT)
    square = ((1 - 2 * leverage) * inverse.square()).sum(-1, dtype=t.dtype) + within.square().sum((-2, -1))
    z = torch.randn(len(w), width, PROBES, generator=generator, dtype=w.dtype, device=w.device)
    z *= inverse.sqrt()[..., None]
    off = (z.square().sum(1) - torch.bmm(y, z).square().sum(1)).to(t.dtype) / trace[:, None] - 1
    rest = (off.log1p() - off + off.square() / 2).mean(-1)  # E off = 0, E off² = 2 tr Q²/(tr Q)²
    return (trace / width).log() - square / trace.square() + rest
