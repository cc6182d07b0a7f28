"""Weights that set one candidate cause of quick training by degrees and hold others: the gap, and how signals pass.

Each function changes a network whose weights are drawn, in place, from the images it is to learn and from a generator
for each replica. Scale is held: what leaves the changed layer has the norm that it had, or that of what entered.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from utils.networks.init import STANDARD, identity_like, layer_by_layer
from utils.networks.perceptron import hidden_maps

__all__ = ["alike", "hidden", "leaning", "looks_linear", "multiplied", "whitened"]

Generators = Sequence[torch.Generator]
STEPS, RATE, CLOSE = 80, 0.01, 0.005  # of Adam, and how close to its target it stops


@torch.no_grad()
def whitened(network: nn.Module, images: Tensor, generators: Generators, *, degree: float) -> None:
    """Lower the gap by the first layer alone: W ← W (C + εI)^(−degree/2), C the images' second moments.

    Parameters
    ----------
    network : Module
    images : Tensor, shape (images, features)
    generators : sequence of torch.Generator
        Not used: nothing is drawn.
    degree : float
        1 whitens what enters, 0 leaves it. ε is a thousandth of the mean eigenvalue.

    Examples
    --------
    >>> from utils.networks.perceptron import mlp
    >>> network = mlp(features=2, width=2, depth=2, classes=2)
    >>> _ = network[0].weight.data.copy_(torch.eye(2))
    >>> whitened(network, torch.tensor([[3.0, 0.0], [0.0, 1.0]]), [], degree=1.0)
    >>> w = network[0].weight[0].detach()
    >>> round(float(w[1, 1] / w[0, 0]), 2)
    2.99
    """
    weight = network[0].weight
    energy, directions = torch.linalg.eigh(images.T @ images / len(images))
    energy = energy.clamp(min=0) + 1e-3 * energy.mean()
    changed = weight @ (directions * energy ** (-degree / 2) @ directions.T)
    some = images[:1000].T
    norm = torch.linalg.matrix_norm
    weight.copy_(changed * (norm(weight @ some) / norm(changed @ some))[:, None, None])


@torch.no_grad()
def leaning(network: nn.Module, images: Tensor, generators: Generators, *, gap: float) -> None:
    """Raise the gap from the second layer on: its weights, the identity, stretch along the mean that enters until it is reached.

    What enters is not negative, and so is the mean: all of the signal passes the activation, as with the identity.

    Parameters
    ----------
    network : Module
        With identity hidden weights.
    images : Tensor, shape (images, features)
        The first thousand are used.
    generators : sequence of torch.Generator
        Not used: nothing is drawn.
    gap : float
        V on the images, above what it is.

    Examples
    --------
    >>> from utils.metrics import orthogonality_gap
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network, draws = mlp(features=8, width=8, depth=2, classes=2), [generator_for(0, "example")]
    >>> standard(network, "xavier", generators=draws)
    >>> images = torch.randn(100, 8, generator=draws[0])
    >>> leaning(network, images, draws, gap=0.95)
    >>> round(float(orthogonality_gap(network[:4](images.T[None]).detach())), 2)
    0.95
    """
    h = network[:2](images[:1000].T.expand(len(network[0].weight), -1, -1))
    mean = nn.functional.normalize(h.mean(-1, keepdim=True), dim=1)
    along = mean @ (mean.mT @ h)
    low, high = torch.zeros(len(h), 1, 1), torch.full((len(h), 1, 1), 100.0)
    for _ in range(30):
        more = (low + high) / 2
        below = (_gap(h + more * along) < gap)[:, None, None]
        low, high = torch.where(below, more, low), torch.where(below, high, more)
    norm = torch.linalg.matrix_norm
    size = norm(h) / norm(h + low * along)
    hidden_maps(network)[0].weight.copy_((torch.eye(h.shape[1]) + low * mean @ mean.mT) * size[:, None, None])


def hidden(
    network: nn.Module, images: Tensor, generators: Generators, *, random: float, gap: float | None = None
) -> None:
    """Set hidden weights between the identity and Xavier's, with the gap after each activation moved by Adam or not.

    Parameters
    ----------
    network : Module
    images : Tensor, shape (images, features)
        Each replica uses 3 · width of them.
    generators : sequence of torch.Generator
    random : float
        t in W ∝ (1 − t) I + t R, R drawn as Xavier's.
    gap : float, optional
        What V after each activation is moved to, as far as Adam gets in 80 steps; 0 is what it is after the first. Not moved by
        default.

    Examples
    --------
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network, draws = mlp(features=8, width=8, depth=3, classes=2), [generator_for(0, "example")]
    >>> standard(network, "xavier", generators=draws)
    >>> hidden(network, torch.rand(30, 8), draws, random=0.0)
    >>> torch.allclose(network[2].weight[0], torch.eye(8))  # what the first activation lets out passes all others
    True
    """

    def weight(h: Tensor, fan_out: int) -> Tensor:
        h = h.float()
        draws = [STANDARD["xavier"](torch.empty(fan_out, fan_out), generator) for generator in generators]
        w = (1 - random) * identity_like(h, fan_out) + random * torch.stack(draws)
        w = w if gap is None else _moved(w, h, gap or _gap(h))
        norm = torch.linalg.matrix_norm
        return w * (norm(h) / norm((w @ h).relu()))[:, None, None]

    samples = 3 * hidden_maps(network)[0].weight.shape[-1]
    chosen = torch.stack([torch.randperm(len(images), generator=generator)[:samples] for generator in generators])
    layer_by_layer(network, images[chosen].mT, weight)


def _gap(h: Tensor) -> Tensor:
    """V through the small matrix HHᵀ, differentiable, (replicas,)."""
    c = h @ h.mT
    squares = c.square().sum((1, 2)) / c.diagonal(dim1=1, dim2=2).sum(-1).square()
    return (squares - 1 / h.shape[-1]).clamp(min=1e-12).sqrt()


@torch.enable_grad()
def _moved(w: Tensor, h: Tensor, target: float | Tensor) -> Tensor:
    """Weights after Adam's steps towards a gap after the activation."""
    w = w.clone().requires_grad_()
    adam = torch.optim.Adam([w], lr=RATE)
    for _ in range(STEPS):
        away = _gap((w @ h).relu()) - target
        if (away.abs() < CLOSE).all():
            break
        adam.zero_grad()
        away.square().sum().backward()
        adam.step()
    return w.detach()


@torch.no_grad()
def looks_linear(network: nn.Module, images: Tensor, generators: Generators) -> None:
    """Mirror all layers (Balduzzi et al. 2017): hidden weights [[A, −A], [−A, A]], A orthogonal, hand on all of the signal.

    Parameters
    ----------
    network : Module
        Of even width. The first layer's lower half becomes minus its upper half.
    images : Tensor
        Not used.
    generators : sequence of torch.Generator

    Examples
    --------
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network, draws = mlp(features=8, width=8, depth=2, classes=2), [generator_for(0, "example")]
    >>> standard(network, "xavier", generators=draws)
    >>> looks_linear(network, torch.zeros(1, 8), draws)
    >>> a = network[2].weight[0, :4, :4]
    >>> torch.allclose(a @ a.T, torch.eye(4), atol=1e-6)
    True
    """
    first = network[0].weight
    half = first.shape[1] // 2
    first[:, half:] = -first[:, :half]
    for module in hidden_maps(network):
        a = torch.stack([nn.init.orthogonal_(torch.empty(half, half), generator=generator) for generator in generators])
        module.weight.copy_(torch.cat([torch.cat([a, -a], 2), torch.cat([-a, a], 2)], 1))


@torch.no_grad()
def multiplied(network: nn.Module, images: Tensor, generators: Generators, *, by: float) -> None:
    """Multiply every hidden weight by a positive number, which changes no gap without BN."""
    for module in hidden_maps(network):
        module.weight.mul_(by)


@torch.no_grad()
def alike(network: nn.Module, images: Tensor, generators: Generators, *, by: float) -> None:
    """Add one common random row, ``by`` times as long, to every row of a hidden weight: its units become alike."""
    for module in hidden_maps(network):
        for weight, generator in zip(module.weight, generators, strict=True):
            common = torch.randn(1, weight.shape[1], generator=generator)
            weight.add_(by * weight.norm(dim=1, keepdim=True) * nn.functional.normalize(common, dim=1))
