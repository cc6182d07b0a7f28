"""The convnet of Table 3, with replicas of itself as the groups of its convolutions."""

import torch
from torch import Tensor, nn

from utils.networks.layers import Linear, checked_sizes

__all__ = ["convnet"]


class Images(nn.Module):
    """Flat inputs (replicas, channels · side², samples) as images (samples, replicas · channels, side, side)."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        images = x.permute(2, 0, 1).unflatten(-1, (-1, self.side, self.side)).flatten(1, 2)
        # With the channels of a pixel side by side in memory, a processor's grouped convolutions are several times faster.
        return images.contiguous(memory_format=torch.channels_last)


class Columns(nn.Module):
    """Images (samples, replicas · channels, side, side) as columns (replicas, channels · side², samples)."""

    def __init__(self, replicas: int):
        super().__init__()
        self.replicas = replicas

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.replicas, -1)).flatten(2).permute(1, 2, 0)


def convnet(
    *,
    depth: int,
    channels: tuple[int, int, int] = (64, 192, 256),
    image_channels: int = 3,
    side: int = 32,
    classes: int = 10,
    classifier: int = 4096,
    stride: int = 2,
    dropout: float = 0.5,
    replicas: int = 1,
) -> nn.Sequential:
    """AlexNet-like convnet of Table 3 (Appendix G of the paper).

    Parameters
    ----------
    depth : int
        Number of convolutions, at least 4 (the paper's networks have 20 and 80): two with pooling, one that widens, and
        ``depth − 3`` with equal channels in and out, which the iterative initialization sets.
    channels : (int, int, int)
        After the first convolution, after the second, and of all others.
    image_channels, side : int
        Of the input images; ``side`` divisible by 8 · ``stride``.
    classes : int
    classifier : int
        Width of the two hidden fully connected layers.
    stride : int
        Of the first convolution: 2 as in the code that ran.
    dropout : float
        Before each hidden fully connected layer.
    replicas : int
        Independent copies computed together, as the groups of each convolution.

    Returns
    -------
    Sequential
        (replicas, image_channels · side², samples) to (replicas, classes, samples); weights not initialized, biases zero.

    Raises
    ------
    ValueError
        If the network is too shallow, the images cannot be pooled three times, a size is below 1, or all weights together are
        more than 2 · 10⁹ (8 GB).
    TypeError
        If a size is not an int.

    Examples
    --------
    >>> network = convnet(
    ...     depth=4, channels=(4, 6, 8), image_channels=1, side=8, classifier=16, stride=1, replicas=2
    ... )
    >>> network(torch.zeros(2, 64, 5)).shape
    torch.Size([2, 10, 5])
    """
    first, second, rest = channels
    checked_sizes(
        lambda: (
            replicas * 9 * (image_channels * first + first * second + second * rest + (depth - 3) * rest**2)
            + replicas * classifier * (rest * (side // (8 * stride)) ** 2 + classifier + classes)
        ),
        depth=depth,
        first=first,
        second=second,
        rest=rest,
        image_channels=image_channels,
        side=side,
        classes=classes,
        classifier=classifier,
        stride=stride,
        replicas=replicas,
    )
    if depth < 4:
        raise ValueError(f"depth={depth}, expected at least 4 convolutions")
    if side % (8 * stride):
        raise ValueError(f"side={side}, expected a multiple of {8 * stride}: the network pools three times")

    def convolution(fan_in, fan_out, stride=1):
        layer = nn.Conv2d(
            replicas * fan_in, replicas * fan_out, 3, stride=stride, padding=1, groups=replicas, dtype=torch.float32
        )
        nn.init.zeros_(layer.bias)
        return layer

    layers = [convolution(image_channels, first, stride), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
    layers += [
        convolution(first, second),
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
        convolution(second, rest),
        nn.ReLU(inplace=True),
    ]
    for _ in range(depth - 3):
        layers += [convolution(rest, rest), nn.ReLU(inplace=True)]
    layers += [nn.MaxPool2d(2), Columns(replicas)]
    for fan_in in (rest * (side // (8 * stride)) ** 2, classifier):
        layers += [nn.Dropout(dropout), Linear(replicas, fan_in, classifier, bias=True), nn.ReLU(inplace=True)]
    return nn.Sequential(Images(side), *layers, Linear(replicas, classifier, classes, bias=True))
