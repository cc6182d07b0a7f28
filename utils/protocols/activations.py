"""Networks with activations: torch's own modules layer by layer, how far Gram matrices are from the stationary one, their spectra."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from utils.chains.nonlinear import activation_chain
from utils.metrics import orthogonality_gap, spectrum
from utils.seeding import checked_generator
from utils.stats.regression import group_means
from utils.theory.stationary import critical_width, dimension_of_gap, least_eigenvalue

__all__ = [
    "KINDS",
    "activated_spectra",
    "beside_centered_law",
    "beside_convolved_law",
    "convolved_spectra",
    "deviations",
    "module_gaps",
    "off_diagonal",
    "practical_layer",
]

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


def activated_spectra(
    n: int,
    width: int,
    activations: Mapping[str, Callable[[Tensor], Tensor]],
    *,
    runs: int,
    depth: int,
    count: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Spectra of networks with activations and mean-centering, as ``torch.nn.BatchNorm1d`` has it, on n − 1 dimensions.

    Parameters
    ----------
    n, width : int
    activations : mapping of str to callable
        All are drawn with the same normal variates.
    runs, depth : int
        Independent networks of each, from Gaussian batches; layers of each.
    count : int
        Layers that are kept, evenly spaced over the second half.
    generator : torch.Generator

    Returns
    -------
    dict of str to Tensor, shape (count, runs, n − 1)
        By activation: eigenvalues relative to those of a batch that is orthogonal but for the mean; before the activation.

    Examples
    --------
    >>> setting = {"runs": 3, "depth": 8, "count": 2, "generator": torch.Generator().manual_seed(0)}
    >>> {name: lam.shape for name, lam in activated_spectra(4, 64, {"ReLU": torch.relu}, **setting).items()}
    {'ReLU': torch.Size([2, 3, 3])}
    """
    h = torch.randn(len(activations), runs, 4 * n, n, generator=generator, dtype=torch.float64)
    options = {"centered": True, "row_norm": math.sqrt(n), "draws": torch.float32}
    chain = activation_chain(h, list(activations.values()), width=width, depth=depth, generator=generator, **options)
    every = depth // (2 * count)
    kept = [
        spectrum(r)[..., :-1] for layer, r in enumerate(chain, 1) if (depth - layer) % every == 0 and 2 * layer > depth
    ]
    return dict(zip(activations, (n - 1) * torch.stack(kept[-count:], 1), strict=True))


@torch.no_grad()
def convolved_spectra(
    n: int,
    side: int,
    channels: int,
    kernel: int,
    activations: Mapping[str, Callable[[Tensor], Tensor]],
    *,
    runs: int,
    depth: int,
    count: int,
    generator: torch.Generator,
) -> dict[str, tuple[Tensor, Tensor]]:
    """Spectra of convolutional networks of torch's own modules, from Gaussian images: of the images, and of all their positions.

    Layers are activation, ``Conv2d`` with zero padding, ``BatchNorm2d`` in training mode and with a negligible ε. What is
    measured is taken after ``BatchNorm2d``, and off the mean image of the batch.

    Parameters
    ----------
    n, side, channels, kernel : int
        Images in a batch, positions along their edge, channels of every layer, and positions along the edge of a kernel, odd.
    activations : mapping of str to callable
    runs, depth : int
        Independent networks of each, and their layers.
    count : int
        Layers that are kept, evenly spaced over the second half.
    generator : torch.Generator
        Its seed is that of the images and the weights.

    Returns
    -------
    dict of str to (Tensor, Tensor), shapes (count, runs, n − 1) and (count, runs, (n − 1) side²)
        By activation: eigenvalues of the Gram matrix of the images, each flattened to one column, and of that in which each
        position of an image is a column of its own; relative to those of a batch that is orthogonal but for the mean image.

    Examples
    --------
    >>> setting = {"runs": 3, "depth": 8, "count": 2, "generator": torch.Generator().manual_seed(0)}
    >>> images, positions = convolved_spectra(4, 2, 16, 3, {"ReLU": torch.relu}, **setting)["ReLU"]
    >>> images.shape, positions.shape
    (torch.Size([2, 3, 3]), torch.Size([2, 3, 12]))
    """
    every = depth // (2 * count)
    norm = nn.BatchNorm2d(channels, eps=1e-30, affine=False)
    differences = torch.linalg.svd(torch.eye(n, dtype=torch.float64) - 1 / n).U[:, :-1].T
    kept = {}
    with torch.random.fork_rng():  # torch's modules draw their weights from the global stream
        torch.manual_seed(checked_generator(generator).initial_seed())
        for name, activation in activations.items():
            images, positions = [], []
            for _ in range(runs):
                h = torch.randn(n, channels, side, side)
                for left in reversed(range(depth)):
                    shape = {"kernel_size": kernel, "padding": kernel // 2, "bias": False}
                    convolution = torch.nn.utils.skip_init(nn.Conv2d, channels, channels, **shape)
                    nn.init.normal_(convolution.weight)
                    h = norm(convolution(activation(h)))
                    if left % every == 0 and left < count * every:
                        off = (differences @ h.double().flatten(1)).unflatten(1, (channels, -1))
                        images.append(spectrum(off.flatten(1).T))
                        positions.append(spectrum(off.transpose(0, 1).flatten(1)))
            kept[name] = tuple(
                lam.shape[-1] * lam.unflatten(0, (runs, count)).transpose(0, 1)
                for lam in (torch.stack(images), torch.stack(positions))
            )
    return kept


def beside_centered_law(n: int, width: int, found: Mapping[str, Tensor]) -> dict[str, object]:
    """What :func:`activated_spectra` found beside the law of linear networks: a row of a table.

    Parameters
    ----------
    n, width : int
    found : mapping of str to Tensor, shape (layers, runs, n − 1)

    Returns
    -------
    dict of str to object
        The least eigenvalue, of the law and by activation; then, by activation, the degrees of freedom that the gap amounts to
        over d/n: means over networks ± two standard errors.

    Examples
    --------
    >>> setting = {"runs": 3, "depth": 8, "count": 2, "generator": torch.Generator().manual_seed(0)}
    >>> list(beside_centered_law(6, 64, activated_spectra(6, 64, {"ReLU": torch.relu}, **setting)))[-2:]
    ['least, ReLU', 'ν/(d/n), ReLU']
    """
    critical = critical_width(n, centered=True)
    lost = width < critical
    model = "rank is lost" if lost else f"{least_eigenvalue(n, width, centered=True) * (n - 1):.2f}"
    row = {"n": n, "width": width, "critical width": f"{critical:,.0f}", "model": model}
    for name, lam in found.items():
        row[f"least, {name}"] = _mean_and_two_errors(lam[..., -1].mean(0))
    for name, lam in found.items():
        row[f"ν/(d/n), {name}"] = _mean_and_two_errors(_freedom(lam) * n / width)
    return row


def beside_convolved_law(
    n: int, side: int, channels: int, kernel: int, found: Mapping[str, tuple[Tensor, Tensor]]
) -> list[dict[str, object]]:
    """What :func:`convolved_spectra` found beside the law of linear networks: two rows of a table, of images and of positions.

    Parameters
    ----------
    n, side, channels, kernel : int
    found : mapping of str to (Tensor, Tensor)

    Returns
    -------
    list of dict of str to object
        As :func:`beside_centered_law`, with the channels for d and the images, or all their positions, for n. The law is given
        for a kernel of one position only.

    Examples
    --------
    >>> setting = {"runs": 3, "depth": 8, "count": 2, "generator": torch.Generator().manual_seed(0)}
    >>> found = convolved_spectra(6, 2, 64, 1, {"ReLU": torch.relu}, **setting)
    >>> images, positions = beside_convolved_law(6, 2, 64, 1, found)
    >>> images["n"], positions["n"]
    ('6 images', '24 positions')
    """
    rows = []
    for which, (what, size) in enumerate({"images": n, "positions": n * side**2}.items()):
        spectra = {name: both[which] for name, both in found.items()}
        row = beside_centered_law(size, channels, spectra) | {"n": f"{size} {what}"}
        row |= {} if kernel == 1 else {"model": "–"}
        rows.append({"kernel": f"{kernel}×{kernel}", "image": f"{side}×{side}"} | row)
    return rows


def _freedom(lam: Tensor) -> Tensor:
    """By network, the degrees of freedom that the mean square gap over layers amounts to; (layers, runs, n) to (runs,)."""
    n = lam.shape[-1]
    square = ((lam - 1) / n).square().sum(-1).mean(0)
    return torch.tensor([dimension_of_gap(n, x) for x in square.tolist()])


def _mean_and_two_errors(x: Tensor) -> str:
    mean, error = f"{x.mean():.2g}", f"{2 * x.std() / len(x) ** 0.5:.1g}"
    return f"{float(mean):g} ± {float(error):g}" if x.mean() > 1e-12 else "< 1e-12"
