"""What a network is: the bias-free MLP of the SGD experiments, and how to look into any network.

Columns are samples, as everywhere in the companion: inputs (replicas, features, samples) go in, logits (replicas,
classes, samples) come out. A network holds several independent replicas of itself (one per seed), computed together, and no
replica sees another: small networks train faster so. Representations are read by hooks on the activations. The convnet is
in :mod:`utils.networks.convnet`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from utils.networks.layers import ACTIVATIONS, NORMS, Linear, checked_sizes

__all__ = ["evaluating", "hidden_maps", "linear_maps", "mlp", "representations", "weight_matrices", "weight_normalized"]


def mlp(
    *,
    features: int,
    width: int,
    depth: int,
    classes: int,
    replicas: int = 1,
    norm: str | None = None,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.Sequential:
    """Bias-free MLP: ``depth`` times (linear, normalization if asked for, activation, dropout if asked for), and a linear readout.

    Parameters
    ----------
    features : int
        Length of an input.
    width : int
        Of every hidden layer.
    depth : int
        Number of hidden layers; the readout is one more.
    classes : int
        Number of logits.
    replicas : int
        Independent copies computed together.
    norm : {"batch", "layer", "rms"}, optional
        torch's own ``BatchNorm1d``, ``LayerNorm`` or ``RMSNorm`` before each activation.
    activation : {"relu", "tanh", "sin", "gelu", "sigmoid", "linear"}
    dropout : float
        Share of the units silenced after each activation while training, in [0, 1).

    Returns
    -------
    Sequential
        (replicas, features, samples) to (replicas, classes, samples); weights not initialized.

    Raises
    ------
    ValueError
        If a size is below 1, all weights together are more than 2 · 10⁹ (8 GB), the activation or the normalization is unknown,
        or the dropout out of range.
    TypeError
        If a size is not an int.

    Examples
    --------
    >>> network = mlp(features=64, width=32, depth=3, classes=10, replicas=2, norm="batch")
    >>> network(torch.zeros(2, 64, 5)).shape
    torch.Size([2, 10, 5])
    """
    checked_sizes(
        lambda: replicas * width * (features + (depth - 1) * width + classes),
        features=features,
        width=width,
        depth=depth,
        classes=classes,
        replicas=replicas,
    )
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation={activation!r}, expected one of {', '.join(ACTIVATIONS)}")
    if norm is not None and norm not in NORMS:
        raise ValueError(f"norm={norm!r}, expected None or one of {', '.join(NORMS)}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout!r}, expected a number in [0, 1)")
    layers: list[nn.Module] = []
    for fan_in in [features] + [width] * (depth - 1):
        layers += [Linear(replicas, fan_in, width)]
        layers += [NORMS[norm](replicas, width)] if norm else []
        # Nobody else sees what a ReLU overwrites here, and a step takes an eighth less.
        layers += [nn.ReLU(inplace=True) if activation == "relu" else ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, Linear(replicas, width, classes))


class Replicas(nn.Module):
    """Rows (replicas · fan_out, fan_in) as the weights of several replicas (replicas, fan_out, fan_in)."""

    def __init__(self, replicas: int):
        super().__init__()
        self.replicas = replicas

    def forward(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, (self.replicas, -1))


def weight_normalized(network: nn.Module) -> nn.Module:
    """torch's own ``weight_norm`` on every linear map of an MLP: each unit's weights are gain · direction.

    Parameters
    ----------
    network : Module
        Of :func:`mlp`, weights set; changed in place. What it computes stays the same, what SGD moves does not.

    Returns
    -------
    Module
        The same network.

    Examples
    --------
    >>> from utils.networks.init import standard
    >>> from utils.seeding import generator_for
    >>> network = mlp(features=64, width=32, depth=3, classes=10)
    >>> standard(network, "xavier", generators=[generator_for(0, "example")])
    >>> x = torch.ones(1, 64, 5)
    >>> before = network(x)
    >>> torch.allclose(weight_normalized(network)(x), before, atol=1e-5)
    True
    """
    for module in linear_maps(network):
        # weight_norm keeps one dimension apart; as rows of one matrix, every unit of every replica has its own gain.
        replicas = len(module.weight)
        module.weight = nn.Parameter(module.weight.detach().flatten(0, 1))
        parametrizations.weight_norm(module)
        parametrize.register_parametrization(module, "weight", Replicas(replicas), unsafe=True)  # the shape changes
    return network


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode (no dropout) for the length of a ``with``.

    BN is the same in both modes: see :class:`utils.networks.layers.BatchNorm`.

    Parameters
    ----------
    network : Module

    Yields
    ------
    None

    Examples
    --------
    >>> network = torch.nn.Dropout(0.5)
    >>> with evaluating(network):
    ...     network(torch.ones(3))
    tensor([1., 1., 1.])
    """
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def linear_maps(network: nn.Module) -> list[nn.Module]:
    """Linear maps and convolutions of a network, first to last.

    Parameters
    ----------
    network : Module

    Returns
    -------
    list of Module

    Examples
    --------
    >>> len(linear_maps(mlp(features=64, width=32, depth=3, classes=10)))
    4
    """
    return [module for module in network.modules() if isinstance(module, Linear | nn.Conv2d)]


def hidden_maps(network: nn.Module) -> list[nn.Module]:
    """Those among them that map a hidden space to itself: linear with equal fan in and out or, in a convnet, the
    convolutions with equal channels in and out.

    Parameters
    ----------
    network : Module

    Returns
    -------
    list of Module

    Examples
    --------
    >>> [tuple(layer.weight.shape) for layer in hidden_maps(mlp(features=64, width=32, depth=3, classes=10))]
    [(1, 32, 32), (1, 32, 32)]
    """
    maps = linear_maps(network)
    if any(isinstance(module, nn.Conv2d) for module in maps):
        return [m for m in maps[1:-1] if isinstance(m, nn.Conv2d) and m.in_channels == m.out_channels]
    return [m for m in maps[1:-1] if m.weight.shape[-1] == m.weight.shape[-2]]


def weight_matrices(module: nn.Module) -> Tensor:
    """Weights of a linear map or a convolution as matrices.

    Parameters
    ----------
    module : Linear or Conv2d
        A convolution's groups are its replicas.

    Returns
    -------
    Tensor, shape (replicas, fan_out, fan_in)
        A view; a convolution's fan_in is its channels times the kernel's area, as ``torch.nn.functional.unfold`` orders them.

    Examples
    --------
    >>> weight_matrices(torch.nn.Conv2d(6, 4, 3, groups=2)).shape  # two replicas, three channels to two
    torch.Size([2, 2, 27])
    """
    if isinstance(module, nn.Conv2d):
        return module.weight.unflatten(0, (module.groups, -1)).flatten(2)
    return module.weight


@torch.no_grad()
def representations(network: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Hidden representations before and after every activation.

    Parameters
    ----------
    network : Module
        Any whose activations are modules of :data:`utils.networks.layers.ACTIVATIONS`.
    x : Tensor, shape (replicas, features, samples)

    Returns
    -------
    before, after : list of Tensor, each of shape (replicas, width, samples)
        One entry an activation; a convolution's output is flattened per sample.

    Raises
    ------
    ValueError
        If the network has no activation to hook.

    Examples
    --------
    >>> network = mlp(features=64, width=32, depth=3, classes=10, replicas=2)
    >>> before, after = representations(network, torch.zeros(2, 64, 5))
    >>> len(before), after[-1].shape
    (3, torch.Size([2, 32, 5]))
    """
    before, after = [], []

    def columns(h: Tensor) -> Tensor:
        # (replicas, width, samples) after a linear map; (samples, replicas · channels, side, side) after a convolution.
        return h if h.ndim == 3 else h.unflatten(1, (len(x), -1)).flatten(2).permute(1, 2, 0)

    def enters(module, inputs):
        before.append(columns(inputs[0]).clone())  # an activation may overwrite it

    def leaves(module, inputs, output):
        after.append(columns(output))

    activations = [module for module in network.modules() if isinstance(module, tuple(ACTIVATIONS.values()))]
    hooks = [module.register_forward_pre_hook(enters) for module in activations]
    hooks += [module.register_forward_hook(leaves) for module in activations]
    if not hooks:
        raise ValueError(
            "network has no activation module to read representations from; build it with utils.networks.perceptron"
        )
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return before, after
