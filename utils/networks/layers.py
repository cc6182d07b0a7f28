"""What networks are made of: linear maps, normalizations and activations, for several replicas at once.

Columns are samples: a layer takes (replicas, features, samples) and no replica sees another. BN and the activations
are torch's own modules.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "NORMS", "BatchNorm", "LayerNorm", "Linear", "RMSNorm"]


WEIGHTS = 2 * 10**9  # of a network, all replicas: 8 GB in float32


def checked_sizes(weights: Callable[[], int], **sizes: int) -> None:
    """Raise what is wrong with a network's sizes: no ints, below 1, or together more weights than memory is meant for."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name}={value!r} is a {type(value).__name__}, expected an int")
        if value < 1:
            raise ValueError(f"{name}={value!r}, expected an int of at least 1")
    if weights() > WEIGHTS:
        given = ", ".join(f"{name}={value}" for name, value in sizes.items())
        raise ValueError(
            f"{given}: {weights():.1e} weights, expected at most {WEIGHTS:.0e} (8 GB): choose a smaller network"
        )


class Sin(nn.Module):
    """Sine, an odd activation that torch has only as a function."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


#: Modules by the names that networks take.
ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sin": Sin,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


class Linear(nn.Module):
    """Linear maps, one per replica.

    Parameters
    ----------
    replicas, fan_in, fan_out : int
    bias : bool

    Attributes
    ----------
    weight : Parameter, shape (replicas, fan_out, fan_in)
        float32, whatever torch's default; not initialized: :mod:`utils.networks.init` does that.
    bias : Parameter, shape (replicas, fan_out, 1), or None
        Zeros at first.

    Examples
    --------
    >>> layer = Linear(2, 3, 4)  # two replicas, three features to four
    >>> layer(torch.zeros(2, 3, 5)).shape
    torch.Size([2, 4, 5])
    """

    def __init__(self, replicas: int, fan_in: int, fan_out: int, *, bias: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(replicas, fan_out, fan_in, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(replicas, fan_out, 1, dtype=torch.float32)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(replicas, fan_in, samples) to (replicas, fan_out, samples)."""
        return torch.bmm(self.weight, x) if self.bias is None else torch.baddbmm(self.bias, self.weight, x)


class BatchNorm(nn.Module):
    """torch's own ``BatchNorm1d``, one per replica, always on the statistics of the batch at hand.

    Parameters
    ----------
    replicas, width : int

    Notes
    -----
    No running statistics: the paper's BN is a function of the batch, in training and after. Held-out numbers of a BN
    network are therefore those of held-out batches.

    Examples
    --------
    >>> x = torch.tensor([[[1.0, 3.0], [10.0, 30.0]]])  # one replica, two features, two samples
    >>> BatchNorm(1, 2)(x).detach().round(decimals=3)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """

    def __init__(self, replicas: int, width: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(replicas * width, track_running_stats=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        """(replicas, width, samples) to the same."""
        # Seen as one image of replicas · width channels, with the samples as its pixels.
        return self.norm(x.reshape(1, -1, x.shape[-1])).reshape(x.shape)


class LayerNorm(nn.Module):
    """As torch's own ``LayerNorm``, each sample over its features, with a gain and a bias per replica.

    Parameters
    ----------
    replicas, width : int

    Notes
    -----
    torch's own wants the features last. Turning every layer round and back takes longer than computing it where it is.

    Examples
    --------
    >>> x = torch.tensor([[[1.0, 10.0], [3.0, 30.0]]])
    >>> LayerNorm(1, 2)(x).detach().round(decimals=3)
    tensor([[[-1., -1.],
             [ 1.,  1.]]])
    """

    EPS = 1e-5  # torch's default

    def __init__(self, replicas: int, width: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(replicas, width, 1, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(replicas, width, 1, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """(replicas, width, samples) to the same."""
        x = x - x.mean(1, keepdim=True)
        return torch.addcmul(self.bias, x * (x.square().mean(1, keepdim=True) + self.EPS).rsqrt(), self.gain)


class RMSNorm(nn.Module):
    """As torch's own ``RMSNorm``, each sample over its features, with a gain per replica; see :class:`LayerNorm`.

    Parameters
    ----------
    replicas, width : int

    Examples
    --------
    >>> x = torch.tensor([[[1.0, 2.0], [1.0, 2.0]]])
    >>> RMSNorm(1, 2)(x).detach().round(decimals=3)
    tensor([[[1., 1.],
             [1., 1.]]])
    """

    def __init__(self, replicas: int, width: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(replicas, width, 1, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """(replicas, width, samples) to the same."""
        return x * (x.square().mean(1, keepdim=True) + torch.finfo(x.dtype).eps).rsqrt() * self.gain  # torch's default


#: Normalizations by the names that networks take.
NORMS = {"batch": BatchNorm, "layer": LayerNorm, "rms": RMSNorm}
