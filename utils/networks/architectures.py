"""Networks as readers write them, in torch's own modules: what page 12 measures in place of a network of yours."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from utils.chains.linear import batch_norm

__all__ = ["Block", "PaperBN", "drawn", "perceptron", "residual", "transformer"]

Norm = Callable[[int], nn.Module]


class PaperBN(nn.Module):
    """The paper's BN, which does not center, for samples as rows: each unit divided by its norm over the batch.

    Parameters
    ----------
    width : int
        As torch's have it; not needed.

    Examples
    --------
    >>> PaperBN(2)(torch.tensor([[3.0, 1.0], [4.0, 0.0]]))
    tensor([[0.6000, 1.0000],
            [0.8000, 0.0000]])
    """

    def __init__(self, width: int):
        super().__init__()

    def forward(self, h: Tensor) -> Tensor:
        """(samples, width) to the same."""
        return batch_norm(h.mT).mT


def drawn(make: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """A model whose weights come from a generator, although torch's modules draw them from the global stream.

    Parameters
    ----------
    make : callable
        Returns the model.
    generator : torch.Generator
        Its seed is used, not its state.

    Returns
    -------
    Module

    Examples
    --------
    >>> a, b = (drawn(lambda: torch.nn.Linear(3, 3), torch.Generator().manual_seed(0)) for _ in range(2))
    >>> torch.equal(a.weight, b.weight)
    True
    """
    with torch.random.fork_rng():
        torch.manual_seed(generator.initial_seed())
        return make()


def perceptron(
    features: int = 64,
    *,
    width: int = 128,
    depth: int = 20,
    norm: Norm = nn.Identity,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Linear layers without bias, each with a normalization and an activation, and a linear layer to ten outputs.

    Parameters
    ----------
    features, width, depth : int
    norm : callable
        From the width to a module: ``nn.BatchNorm1d``, ``nn.LayerNorm``; none by default.
    activation : callable

    Returns
    -------
    Sequential
        Weights are He's.

    Examples
    --------
    >>> model = perceptron(8, width=16, depth=2, norm=torch.nn.BatchNorm1d)
    >>> [type(layer).__name__ for layer in model]
    ['Linear', 'BatchNorm1d', 'ReLU', 'Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    """
    layers: list[nn.Module] = []
    for fan_in in [features, *[width] * (depth - 1)]:
        linear = nn.Linear(fan_in, width, bias=False)
        nn.init.kaiming_normal_(linear.weight)
        layers += [linear, norm(width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def _convolution(fan_in: int, channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(fan_in, channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return convolution


class Block(nn.Module):
    """Two 3×3 convolutions, each with a normalization, around which the input may skip; ReLU between them and at the end.

    Parameters
    ----------
    channels : int
    norm : callable
        From the channels to a module.
    skip : bool
        Without it the block is a part of a plain network.
    gain : float
        What the last normalization, if there is one, multiplies the branch by at first; 0 makes the block the identity.

    Examples
    --------
    >>> x = torch.rand(2, 4, 8, 8)
    >>> torch.equal(Block(4, torch.nn.BatchNorm2d, gain=0.0)(x), x)
    True
    """

    def __init__(self, channels: int, norm: Norm, *, skip: bool = True, gain: float = 1.0):
        super().__init__()
        first, second = (_convolution(channels, channels) for _ in range(2))
        self.branch = nn.Sequential(first, norm(channels), nn.ReLU(), second, norm(channels))
        self.relu, self.skip = nn.ReLU(), skip
        for parameter in self.branch[-1].parameters():
            nn.init.constant_(parameter, gain if parameter is self.branch[-1].weight else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(samples, channels, height, width) to the same."""
        return self.relu(x + self.branch(x) if self.skip else self.branch(x))


def residual(
    colors: int = 1, *, channels: int = 32, blocks: int = 12, norm: Norm = nn.BatchNorm2d, **options
) -> nn.Sequential:
    """A residual convnet without its head: a convolution and blocks of equal width, as He et al. (2016) have them.

    Parameters
    ----------
    colors, channels, blocks : int
    norm : callable
        ``nn.BatchNorm2d``, ``nn.Identity``.
    **options
        To every :class:`Block`.

    Returns
    -------
    Sequential

    Examples
    --------
    >>> residual(3, blocks=2)(torch.rand(4, 3, 8, 8)).shape
    torch.Size([4, 32, 8, 8])
    """
    body = [Block(channels, norm, **options) for _ in range(blocks)]
    return nn.Sequential(_convolution(colors, channels), norm(channels), nn.ReLU(), *body)


def transformer(
    features: int = 8, *, width: int = 64, heads: int = 4, blocks: int = 6, norm_first: bool = True
) -> nn.Sequential:
    """Layers of torch's own Transformer encoder on tokens, with LayerNorm before or after its sums and no dropout.

    Parameters
    ----------
    features : int
        Of a token.
    width, heads, blocks : int
    norm_first : bool

    Returns
    -------
    Sequential

    Examples
    --------
    >>> transformer(8, blocks=1)(torch.rand(4, 5, 8)).shape  # four samples of five tokens
    torch.Size([4, 5, 64])
    """
    # Not nn.TransformerEncoder: it copies one layer, weights and all.
    layers = [
        nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, batch_first=True, norm_first=norm_first)
        for _ in range(blocks)
    ]
    return nn.Sequential(nn.Linear(features, width), *layers)
