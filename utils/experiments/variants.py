"""Arms with one thing more changed: the scale or the signs of their weights, what their BN normalizes over, the images of a step."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.experiments.trial import initialized
from utils.networks import data
from utils.networks.init import layer_by_layer, orthogonalising_weight
from utils.networks.interventions import multiplied
from utils.networks.layers import BatchNorm
from utils.networks.perceptron import representations
from utils.networks.train import accuracy, gaps, gradient_norms, train
from utils.seeding import generator_for

__all__ = ["BATCHES", "VARIANTS", "WEIGHTS", "Batches", "Parts", "Variant", "signed", "variant"]


class Variant(NamedTuple):
    """An arm and what is changed of it.

    Attributes
    ----------
    label : str
        As a figure names it.
    arm : str
        Of :func:`utils.experiments.trial.initialized`.
    change : callable, optional
        Done to the weights last, as those of :mod:`utils.networks.interventions`.
    part : int, optional
        How many samples BN normalizes together (*ghost batches*, Hoffer et al. 2017); all by default.
    images : int, optional
        How many images a step has; those of a batch by default.
    noise : float, optional
        Standard deviation of what tells copies of an image from it, pixels being in [−1, 1]; each image has as many copies as fill
        the batch. No copies by default.

    Examples
    --------
    >>> BATCHES["bn_parts_10"].part
    10
    """

    label: str
    arm: str
    change: Callable | None = None
    part: int | None = None
    images: int | None = None
    noise: float | None = None


@torch.no_grad()
def signed(network: nn.Module, images: Tensor, generators: Sequence[torch.Generator]) -> None:
    """Iterative orthogonalization by the slice, each row of every hidden weight with a random sign.

    Signs change neither lengths nor angles before the activation, so that each layer orthogonalizes what reaches it as before.

    Parameters
    ----------
    network : Module
    images : Tensor, shape (images, features)
        Each replica uses 3 · width of them.
    generators : sequence of torch.Generator

    Examples
    --------
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network, draws = mlp(features=8, width=8, depth=2, classes=2), [generator_for(0, "example")]
    >>> _ = network[0].weight.data.copy_(torch.eye(8))
    >>> signed(network, torch.rand(30, 8, generator=draws[0]), draws)
    >>> network[2].weight.sign().sum(-1).abs().max() < 8  # rows of the slice's weight have both signs
    tensor(True)
    """

    def weight(h: Tensor, fan_out: int) -> Tensor:
        w = orthogonalising_weight(h, fan_out, exponent=0.5, basis="slice", generators=generators)
        signs = [torch.randint(2, (fan_out, 1), generator=generator) * 2 - 1 for generator in generators]
        return w * torch.stack(signs)

    samples = 3 * network[0].weight.shape[1]
    chosen = torch.stack([torch.randperm(len(images), generator=generator)[:samples] for generator in generators])
    layer_by_layer(network, images[chosen].mT, weight)


class Parts(nn.Module):
    """A layer of BN that normalizes each part of a batch by the part's own statistics.

    Parameters
    ----------
    norm : Module
        From (replicas, width, samples) to the same.
    size : int
        Samples of a part; the last one has what is left.

    Examples
    --------
    >>> from utils.networks.layers import BatchNorm
    >>> Parts(BatchNorm(1, 1), 2)(torch.tensor([[[1.0, 3.0, 10.0, 30.0]]])).detach().round(decimals=3)
    tensor([[[-1.,  1., -1.,  1.]]])
    """

    def __init__(self, norm: nn.Module, size: int):
        super().__init__()
        self.norm, self.size = norm, size

    def forward(self, x: Tensor) -> Tensor:
        """(replicas, width, samples) to the same."""
        return torch.cat([self.norm(part) for part in x.split(self.size, -1)], -1)


class Batches(nn.Module):
    """A network that sees its images a few at a time, each with noisy copies, and answers for the images alone.

    Parameters
    ----------
    network : Module
        From (replicas, features, samples) to (replicas, classes, samples).
    images : int
        How many it sees at a time.
    noise : Tensor, shape (replicas, features, copies · images)
        What is added to the copies; of no samples if there are none.

    Examples
    --------
    >>> from utils.networks.layers import BatchNorm
    >>> noise = torch.tensor([[[2.0, -2.0, -2.0, 2.0]]])  # of two copies each of two images
    >>> Batches(BatchNorm(1, 1), 2, noise)(torch.tensor([[[1.0, 3.0]]])).detach().round(decimals=2)
    tensor([[[-0.5200,  0.5200]]])
    """

    def __init__(self, network: nn.Module, images: int, noise: Tensor):
        super().__init__()
        self.network, self.images = network, images
        self.register_buffer("noise", noise)

    def forward(self, x: Tensor) -> Tensor:
        """(replicas, features, images) to (replicas, classes, images)."""
        copies = self.noise.shape[-1] // self.images
        batches = [torch.cat([few, few.repeat(1, 1, copies) + self.noise], -1) for few in x.split(self.images, -1)]
        return torch.cat([self.network(batch)[..., : self.images] for batch in batches], -1)


#: Weights that the gap at the start cannot tell from those that train, or hardly.
WEIGHTS = {
    "identity_small": Variant("identity × 0.8", "identity", change=partial(multiplied, by=0.8)),
    "identity_large": Variant("identity × 1.25", "identity", change=partial(multiplied, by=1.25)),
    "slice_signs": Variant("iterative, slice, random signs", "slice", change=signed),
}

#: What BN normalizes over, by degrees; and fewer images in a step, for comparison.
BATCHES = {
    "bn_parts_50": Variant("BN over parts of 50", "bn", part=50),
    "bn_parts_20": Variant("BN over parts of 20", "bn", part=20),
    "bn_parts_10": Variant("BN over parts of 10", "bn", part=10),
    "bn_20_copies": Variant("BN, 20 images and near-duplicates", "bn", images=20, noise=0.01),
    "bn_20": Variant("BN, 20 images", "bn", images=20),
    "xavier_20": Variant("Xavier, 20 images", "xavier", images=20),
}

VARIANTS = WEIGHTS | BATCHES


def variant(
    *,
    task: str,
    scale: str,
    train_images: int,
    test_images: int,
    arm: str,
    width: int,
    depth: int,
    learning_rate: float | list[float],
    batch_size: int,
    steps: int,
    seeds: list[int],
    probe: int,
    device: str = "cpu",
) -> list[dict]:
    """Initialize, change and train; a cell for :func:`utils.experiments.sweep.sweep`.

    Parameters
    ----------
    task, scale, train_images, test_images
        As :func:`utils.networks.data.task` takes them.
    arm : str
        A key of :data:`WEIGHTS` or :data:`BATCHES`.
    width, depth, learning_rate, batch_size, steps, seeds
        As :func:`utils.experiments.trial.trial` takes them.
    probe : int
        How many held-out images the gaps are measured on; of them, the whole parts of BN. Where a step has fewer images, as many, with
        their copies.
    device : str
        Where to train.

    Returns
    -------
    list of dict
        One per learning rate and seed: ``loss``, ``diverged``, ``accuracy``, ``gap_before``, ``gap_after``, ``passing`` and ``gradient`` as
        a trial's, and ``curve_gap_after``, at the start and, if not all have diverged, at the end.

    Examples
    --------
    >>> [row] = variant(
    ...     task="digits", scale="symmetric", train_images=500, test_images=100, arm="bn_20_copies", width=32, depth=3,
    ...     learning_rate=0.1, batch_size=100, steps=20, seeds=[0], probe=64,
    ... )
    >>> row["gap_before"] > 0.2  # of twenty images, four copies each
    True
    """
    x, y, x_test, y_test = data.task(task, scale=scale, train=train_images, test=test_images)
    how = VARIANTS[arm]
    rates = learning_rate if isinstance(learning_rate, list) else [learning_rate]
    runs = list(product(rates, seeds))
    each = [seed for _, seed in runs]
    network = initialized(how.arm, x, width=width, depth=depth, classes=10, seeds=each)
    if how.change:
        how.change(network, x, [generator_for(seed, "change") for seed in each])
    images = how.images or batch_size
    network = _batched(network, how, batch_size, each).to(device)
    x, y, x_test, y_test = (z.to(device) for z in (x, y, x_test, y_test))

    seen = x_test[: how.images or probe - probe % (how.part or 1)].T.expand(len(runs), -1, -1)
    entering, leaving = ([h.double().square().sum((1, 2)) for h in side[1:]] for side in representations(network, seen))
    passing = torch.stack([b / a for a, b in zip(entering, leaving, strict=True)]).mean(0)
    gradient = gradient_norms(network, x[:images], y[:images], replicas=len(runs)).norm(dim=-1)
    history = train(
        network,
        x,
        y,
        seeds=each,
        learning_rate=[rate for rate, _ in runs],
        batch_size=images,
        steps=steps,
        watch=partial(gaps, probe=seen),
        watch_at=[0, steps],
    )
    before, after = (torch.stack([at[side][:, -1] for at in history.watched]) for side in ("gap_before", "gap_after"))
    right = accuracy(network, x_test, y_test, replicas=len(runs))
    return [
        {
            "learning_rate": rate,
            "seed": seed,
            "loss": float(history.loss[-max(1, steps // 10) :, i].double().mean()),
            "diverged": int(history.diverged[i]),
            "accuracy": float(right[i]),
            "gap_before": float(before[0, i]),
            "gap_after": float(after[0, i]),
            "passing": float(passing[i]),
            "gradient": float(gradient[i]),
            "curve_gap_after": after[:, i].tolist(),
        }
        for i, (rate, seed) in enumerate(runs)
    ]


def _batched(network: nn.Sequential, how: Variant, batch_size: int, seeds: list[int]) -> nn.Module:
    """The network, with what its BN normalizes over changed."""
    if how.part:
        return nn.Sequential(*[Parts(layer, how.part) if isinstance(layer, BatchNorm) else layer for layer in network])
    if how.images is None:
        return network
    copies = batch_size // how.images - 1 if how.noise else 0
    size = network[0].weight.shape[2], copies * how.images
    draws = [torch.randn(size, generator=generator_for(seed, "copies")) for seed in seeds]
    return Batches(network, how.images, (how.noise or 0) * torch.stack(draws))
