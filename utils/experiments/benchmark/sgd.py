"""How fast the SGD experiments are: training steps against the plain way, and the iterative initialization against an SVD per layer.

Measured by :mod:`utils.experiments.benchmark.__main__`, which also says how.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from timeit import timeit

import joblib
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from utils.experiments.trial import Arm
from utils.networks.init import layer_by_layer, orthogonalising_weight, scaled, standard
from utils.networks.perceptron import linear_maps, mlp
from utils.networks.train import train
from utils.seeding import generator_for

__all__ = ["CIFAR", "DIGITS", "gemm_peak", "initialization", "plain_step", "training_step", "wide_step_flops"]

DIGITS = {"images": 1437, "features": 64, "batch": 100}
CIFAR = {
    "images": 10_000,
    "features": 3072,
    "batch": 500,
}  # as in the `cifar` profile; values do not matter for the time
WIDTH, DEPTH = 64, 40
NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "rms": nn.RMSNorm}


def _images(task: dict) -> tuple[torch.Tensor, torch.Tensor]:
    generator, count = generator_for("bench", "images"), task["images"]
    return torch.rand(count, task["features"], generator=generator) * 2 - 1, torch.randint(
        10, (count,), generator=generator
    )


def _network(task: dict, width: int, depth: int, seeds: int = 1) -> nn.Sequential:
    network = mlp(features=task["features"], width=width, depth=depth, classes=10, replicas=seeds)
    standard(network, "xavier", generators=[generator_for(seed) for seed in range(seeds)])
    return network


def _ours(task: dict, seeds: int, steps: int, width: int = WIDTH, depth: int = DEPTH) -> float:
    """Seconds per step and seed, all seeds in one model on data in memory, on one thread."""
    torch.set_num_threads(1)
    (x, y), network = _images(task), _network(task, width, depth, seeds)
    run = partial(train, network, x, y, seeds=range(seeds), learning_rate=1e-3, batch_size=task["batch"], steps=steps)
    return timeit(run, number=1) / steps / seeds


def _plain(task: dict, threads: int, steps: int) -> float:
    """Seconds per step of one run as a user of torch writes it, with a DataLoader."""
    sizes = [task["features"], *[WIDTH] * DEPTH]
    hidden = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b, bias=False), nn.ReLU())]
    network = nn.Sequential(*hidden, nn.Linear(WIDTH, 10, bias=False))
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    loader = iter(DataLoader(TensorDataset(*_images(task)), batch_size=task["batch"], shuffle=True))

    def step() -> None:
        images, labels = next(loader)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    torch.set_num_threads(threads)
    seconds = timeit(step, number=steps) / steps
    torch.set_num_threads(1)
    return seconds


def plain_step(
    method: Arm, *, features: int, width: int, depth: int, batch: int, generator: torch.Generator
) -> Callable[[], None]:
    """One SGD step of a method on random data, network and step as a user of torch would write them.

    Parameters
    ----------
    method : Arm
        Its norm, weight norm, dropout and clipping count; what it does to the weights at the start takes no time in a step.
    features, width, depth, batch : int
    generator : torch.Generator

    Returns
    -------
    callable
        Without arguments, to be timed.

    Examples
    --------
    >>> from utils.experiments.trial import METHODS
    >>> sizes = {"features": 8, "width": 4, "depth": 2, "batch": 3}
    >>> plain_step(METHODS["bn"], generator=torch.Generator().manual_seed(0), **sizes)()
    """
    parametrized = nn.utils.parametrizations.weight_norm if method.weight_norm else (lambda linear: linear)
    layers: list[nn.Module] = []
    for fan_in in [features] + [width] * (depth - 1):
        linear = nn.Linear(fan_in, width, bias=False)
        nn.init.xavier_uniform_(linear.weight, gain=2**0.5, generator=generator)
        layers += [parametrized(linear), *([NORMS[method.norm](width)] if method.norm else []), nn.ReLU()]
        layers += [nn.Dropout(method.dropout)] if method.dropout else []
    network = nn.Sequential(*layers, parametrized(nn.Linear(width, 10, bias=False)))
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-6)
    x = torch.rand(batch, features, generator=generator)
    y = torch.randint(10, (batch,), generator=generator)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(x), y).backward()
        if method.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), method.clip)
        optimizer.step()

    return step


def training_step(task: dict, *, seeds: int = 10, steps: int = 14, rounds: int = 4) -> dict[str, float]:
    """Seconds per step and seed, the best of several rounds in turn.

    Parameters
    ----------
    task : dict
        ``images``, ``features`` and ``batch`` size.
    seeds, steps, rounds : int

    Returns
    -------
    dict
        ``ours`` and ``plain`` on one thread; ``ours, machine`` with a process on every processor, as a sweep runs, and
        ``plain, machine`` with as many threads, or one if that is faster.
    """
    cores = joblib.cpu_count()
    times = []
    with joblib.Parallel(n_jobs=cores) as parallel:
        for _ in range(rounds + 1):
            side_by_side = parallel(joblib.delayed(_ours)(task, seeds, steps) for _ in range(cores))
            plain = _plain(task, 1, steps)
            times.append(
                {
                    "ours": _ours(task, seeds, steps),
                    "plain": plain,
                    "ours, machine": max(side_by_side) / cores,
                    "plain, machine": min(plain, _plain(task, cores, steps)),
                }
            )
    return {name: min(one[name] for one in times[1:]) for name in times[0]}


def initialization(width: int = 800, depth: int = 30) -> tuple[float, float, float]:
    """Seconds for the iterative initialization of a whole network: ours; and as the formula reads, an SVD per layer and a division
    by ‖WH‖_F. And how far the results are apart, relative to the largest weight, over all layers."""
    pool = _images(CIFAR)[0][: 3 * width].T[None]

    def initialize(weight_for: Callable) -> tuple[float, list[nn.Module]]:
        network = _network(CIFAR, width, depth)
        return timeit(lambda: layer_by_layer(network, pool, weight_for), number=1), linear_maps(network)

    initialize(orthogonalising_weight)  # a warm-up
    ours, mine = initialize(orthogonalising_weight)
    other, theirs = initialize(scaled(partial(orthogonalising_weight, through="svd")))
    pairs = [(a.weight.detach(), b.weight.detach()) for a, b in zip(mine, theirs, strict=True)]
    return ours, other, max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def gemm_peak(size: int = 2048) -> float:
    """Floating-point operations per second of one large float32 matrix product, the best of several."""
    a = torch.randn(size, size, generator=generator_for("bench", "gemm"))
    return 2 * size**3 / min(timeit(lambda: a @ a, number=1) for _ in range(5))


def wide_step_flops(width: int = 800, depth: int = 30) -> float:
    """Floating-point operations per second that training reaches at the paper's width, counting matrix products alone."""
    seconds = min(_ours(CIFAR, 1, steps=3, width=width, depth=depth) for _ in range(3))
    # Forward, and backward with respect to weights and inputs; the first layer's inputs need none.
    products = 3 * ((depth - 1) * width**2 + 10 * width) + 2 * CIFAR["features"] * width
    return 2 * CIFAR["batch"] * products / seconds
