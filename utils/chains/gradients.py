"""How gradients move back through a deep random network, measured by torch's own autograd."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from utils.chains.linear import affordable, checked_size
from utils.metrics import checked
from utils.seeding import checked_generator

__all__ = ["gradient_energies"]

WEIGHTS = ("gaussian", "haar")


def gradient_energies(
    h: Tensor,
    *,
    layer: Callable[[Tensor], Tensor],
    width: int,
    depth: int,
    generator: torch.Generator,
    weights: str = "gaussian",
    scale: float | Tensor = 1.0,
    batches: Sequence[int] | None = None,
) -> Tensor:
    """Squared norm of a gradient at every layer of a random network H_{ℓ+1} = layer(W_ℓ H_ℓ).

    The gradient is that of ⟨U, H_depth⟩, U of independent N(0, scale²) entries: a loss of which nothing is known. Over
    the last layers of the network it forgets that shape, and the first ones have yet to forget the batch's.

    Parameters
    ----------
    h : Tensor, shape (runs, d₀, n)
        The batch H₀, one column per sample; its dtype is that of the whole computation.
    layer : callable
        What follows each linear map, (runs, width, n) to the same: :func:`utils.chains.linear.batch_norm`, or modules such as
        ``nn.Sequential(BatchNorm(runs, width), nn.ReLU())``.
    width : int
        d, of every layer.
    depth : int
        Number of layers.
    generator : torch.Generator
        For weights and U, on ``h``'s device.
    weights : {"gaussian", "haar"}
        Entries N(0, 1/fan in); or uniformly random orthogonal matrices, which need d₀ = d.
    scale : float, or Tensor of shape (n,)
        Of U, or of each of its columns: what a loss scale or a learning rate multiplies.
    batches : sequence of int, optional
        Sizes of batches side by side in ``h`` and pass through the same weights, if ``layer`` keeps them apart.

    Returns
    -------
    Tensor of float64, shape (depth + 1, runs), with ``batches`` (depth + 1, runs, len(batches))
        ‖∂⟨U, H_depth⟩/∂H_ℓ‖_F² for ℓ = 0, …, depth; not finite where it leaves floating point.

    Raises
    ------
    ValueError
        If ``h`` is not of shape (runs, d₀, n) or not finite, a size is below 1, ``weights`` is unknown, Haar weights would not
        be square, ``batches`` do not add up to n, or the weights would take more than 16 GB.
    TypeError
        If ``h`` is not a floating-point tensor, ``generator`` is not one, or ``width`` or ``depth`` is not an int.

    Examples
    --------
    Orthogonal weights alone leave a gradient's norm as it is; with BN it grows on its way back:

    >>> from utils.chains.linear import batch_norm
    >>> from utils.seeding import generator_for
    >>> h = torch.randn(3, 64, 8, generator=generator_for(0, "example"), dtype=torch.float64)
    >>> def energies(layer, weights):
    ...     return gradient_energies(h, layer=layer, width=64, depth=5, generator=generator_for(1), weights=weights)
    >>> plain = energies(lambda m: m, "haar")
    >>> plain.shape
    torch.Size([6, 3])
    >>> torch.allclose(plain, plain[-1].expand(6, 3))
    True
    >>> normalized = energies(batch_norm, "gaussian")
    >>> bool((normalized[1] > normalized[4]).all())
    True
    """
    if checked(h, "h", half=True).ndim != 3:
        raise ValueError(f"h: shape {tuple(h.shape)}, expected (runs, width, samples)")
    checked_size("width", width)
    checked_size("depth", depth)
    checked_generator(generator, h.device)
    affordable(h, width, depth, "direct", rows=width, kept=depth)  # autograd keeps them all
    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights!r}, expected one of {', '.join(WEIGHTS)}")
    if weights == "haar" and h.shape[1] != width:
        raise ValueError(f"weights='haar' with h of {h.shape[1]} features and width={width}: expected the same")
    if batches is not None and (min(batches, default=0) < 1 or sum(batches) != h.shape[2]):
        raise ValueError(f"batches={batches!r}: expected positive sizes that add up to the {h.shape[2]} samples of h")
    layers = [h.detach().requires_grad_()]
    for _ in range(depth):
        fan_in = layers[-1].shape[1]
        w = torch.randn(len(h), width, fan_in, generator=generator, dtype=h.dtype, device=h.device)
        if weights == "haar":
            # Q of a Gaussian matrix, its columns' signs chosen so that R's diagonal is positive (Mezzadri, 2007).
            w, r = torch.linalg.qr(w)
            w *= r.diagonal(dim1=-2, dim2=-1).sign()[:, None, :]
        else:
            w /= math.sqrt(fan_in)
        # Samples as rows: with few of them, the product and its gradient take half the time.
        layers.append(layer(torch.bmm(layers[-1].mT, w.mT).mT))
    u = scale * torch.randn(layers[-1].shape, generator=generator, dtype=h.dtype, device=h.device)
    gradients = torch.autograd.grad(layers[-1], layers, grad_outputs=u)
    energies = torch.stack([g.double().square_().sum(1) for g in gradients])  # of each sample
    if batches is None:
        return energies.sum(-1)
    return torch.stack([part.sum(-1) for part in energies.split(list(batches), dim=-1)], dim=-1)
