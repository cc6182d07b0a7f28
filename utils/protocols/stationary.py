"""A BN chain in its stationary law: where to start it, and its spectra."""

from collections.abc import Iterator

import torch
from torch import Tensor

from utils.chains.linear import bn_chain
from utils.metrics import spectrum
from utils.theory.stationary import floor_dimension, normalized_wishart_root

__all__ = ["stationary_layers", "stationary_spectra", "stationary_start"]


def stationary_start(count: int, n: int, width: int, generator: torch.Generator) -> Tensor:
    """Batches that are nearly stationary: normalized Wishart with ν_f degrees of freedom, the chain's mean square gap.

    From here about n/2 layers are enough of a burn-in, where starts at I/n need several times as many. Below the critical
    width, where there is no such law, as many degrees of freedom as full rank needs.

    Parameters
    ----------
    count, n : int
        Batches, and samples in each.
    width : int
        d, of the chain.
    generator : torch.Generator

    Returns
    -------
    Tensor, shape (count, n, n)
        Square roots of their Gram matrices, float64.

    Examples
    --------
    >>> stationary_start(3, 4, 100, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 4, 4])
    """
    freedom = max(floor_dimension(n, width), n - 0.5)
    return normalized_wishart_root((count, n, n), freedom=freedom, generator=generator)


def stationary_layers(
    n: int,
    width: int,
    *,
    runs: int,
    layers: int,
    every: int,
    generator: torch.Generator,
    start: Tensor | None = None,
    burn: int | None = None,
    chain=bn_chain,
    **options: object,
) -> Iterator[Tensor]:
    """Some layers of a chain, evenly spaced, once it has forgotten where it started.

    Parameters
    ----------
    n, width : int
    runs : int
        Independent networks.
    layers, every : int
        How many layers to keep, and how far apart.
    generator : torch.Generator
    start : Tensor, shape (n, n) or (runs, n, n), optional
        One batch for all networks, or one for each; :func:`stationary_start` by default.
    burn : int, optional
        Layers before the first that is kept; n/2 by default.
    chain : callable
        Of ``utils.chains``.
    **options
        To ``chain``: ``draws``, ….

    Yields
    ------
    Tensor, shape (runs, n, n)
        Square roots of Gram matrices.

    Examples
    --------
    >>> setting = {"runs": 5, "layers": 3, "every": 4, "generator": torch.Generator().manual_seed(0)}
    >>> len(list(stationary_layers(8, 100, **setting)))
    3
    """
    h = stationary_start(runs, n, width, generator) if start is None else start.expand(runs, *start.shape[-2:])
    burn = n // 2 if burn is None else burn
    depth = burn + layers * every
    for layer, r in enumerate(chain(h, width=width, depth=depth, generator=generator, **options), start=1):
        if layer > burn and (layer - burn) % every == 0:
            yield r


def stationary_spectra(n: int, width: int, **setting) -> Tensor:
    """Eigenvalues of nC at the layers that :func:`stationary_layers` keeps.

    Parameters
    ----------
    n, width, **setting
        As :func:`stationary_layers`.

    Returns
    -------
    Tensor, shape (layers, runs, n)
        Decreasing, of mean 1.

    Examples
    --------
    >>> setting = {"runs": 50, "layers": 4, "every": 2, "generator": torch.Generator().manual_seed(0)}
    >>> lam = stationary_spectra(8, 256, **setting)
    >>> lam.shape, bool(lam.mean(-1).sub(1).abs().max() < 1e-9)
    (torch.Size([4, 50, 8]), True)
    """
    return n * torch.stack([spectrum(r) for r in stationary_layers(n, width, **setting)])
