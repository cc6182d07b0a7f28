"""Networks with activations: torch's own modules layer by layer, and how far Gram matrices are from the stationary one."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from utils.metrics import orthogonality_gap
from utils.seeding import checked_generator
from utils.stats.regression import group_means

__all__ = ["KINDS", "deviations", "module_gaps", "off_diagonal", "practical_layer"]

#: Layers as practice has them; the first is ReLU, linear with Xavier weights, BN, the others change one thing each.
KINDS = {
    "BatchNorm1d": lambda width: nn.BatchNorm1d(width),
    "ε negligible": lambda width: nn.BatchNorm1d(width, eps=1e-30),
    "PyTorch's default weights": lambda width: nn.BatchNorm1d(width),
    "BN after ReLU": lambda width: nn.BatchNorm1d(width),
    "inference mode": lambda width: nn.BatchNorm1d(width, momentum=None),
    "LayerNorm": lambda width: nn.LayerNorm(width),
    "RMSNorm": lambda width: nn.RMSNorm(width),
    "no normalization": lambda width: nn.Identity(),
}


def practical_layer(kind: str, fan_in: int, width: int) -> nn.Sequential:
    """One layer of torch's own modules, its normalization last; weights come from the global stream.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    fan_in, width : int

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> [type(module).__name__ for module in practical_layer("LayerNorm", 3, 5)]
    ['ReLU', 'Linear', 'LayerNorm']
    """
    default = kind == "PyTorch's default weights"
    linear, norm = nn.Linear(fan_in, width, bias=default), KINDS[kind](width)
    if not default:
        nn.init.xavier_normal_(linear.weight)
    return nn.Sequential(*([linear, nn.ReLU()] if kind == "BN after ReLU" else [nn.ReLU(), linear]), norm)


@torch.no_grad()
def module_gaps(
    kind: str, inputs: Tensor, *, width: int, depth: int, generator: torch.Generator, passing: Callable[[], Tensor]
) -> np.ndarray:
    """Orthogonality gap of the input and after every layer, each network on a batch of its own.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    inputs : Tensor, shape (networks, features, n)
    width, depth : int
    generator : torch.Generator
        Its seed is that of the weights.
    passing : callable
        For the inference mode: batches (count, features, n) that a network sees before its statistics freeze. This does to
        BN's running statistics what training does, without the training.

    Returns
    -------
    ndarray, shape (depth + 1, networks)

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> inputs = torch.randn(2, 5, 3, generator=generator)
    >>> module_gaps("BatchNorm1d", inputs, width=16, depth=4, generator=generator, passing=lambda: inputs).shape
    (5, 2)
    """
    found = torch.empty(depth + 1, len(inputs))
    with torch.random.fork_rng():  # torch's modules draw their weights from the global stream
        torch.manual_seed(checked_generator(generator).initial_seed())
        for run, columns in enumerate(inputs):
            network = nn.Sequential(
                *(practical_layer(kind, fan_in, width) for fan_in in [len(columns)] + [width] * (depth - 1))
            )
            if kind == "inference mode":
                for batch in passing():
                    network(batch.T.float())
                network.eval()
            layers = [columns.T.float()]
            for module in network:
                layers.append(module(layers[-1]))
            found[0, run] = orthogonality_gap(columns)
            found[1:, run] = orthogonality_gap(torch.stack(layers[1:]).mT.double())
    return found.numpy()


def off_diagonal(c: Tensor) -> Tensor:
    """Mean entry off the diagonal.

    Parameters
    ----------
    c : Tensor, shape (..., n, n)

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> off_diagonal(torch.tensor([[9.0, 1.0], [3.0, 9.0]]))
    tensor(2.)
    """
    n = c.shape[-1]
    return (c.sum((-2, -1)) - c.diagonal(dim1=-2, dim2=-1).sum(-1)) / (n * (n - 1))


def deviations(c: Tensor, center: float, groups: int) -> np.ndarray:
    """Mean distance of Gram matrices from the one that treats all samples alike.

    Parameters
    ----------
    c : Tensor, shape (layers, chains, n, n)
    center : float
        That matrix's entry off the diagonal; on it, there is 1/n.
    groups : int
        Of chains, as many to each; what is left over is dropped.

    Returns
    -------
    ndarray, shape (groups,)

    Examples
    --------
    >>> deviations(torch.eye(2).expand(5, 7, 2, 2) / 2, 0.5, groups=3).round(4)
    array([0.7071, 0.7071, 0.7071], dtype=float32)
    """
    target = torch.full(c.shape[-2:], center, dtype=c.dtype).fill_diagonal_(1 / c.shape[-1])
    return group_means(torch.linalg.matrix_norm(c - target), groups)
