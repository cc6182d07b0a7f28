"""How fast the SGD experiments are: training steps against the plain way, and the iterative initialisation against an SVD a layer.

Measured by :mod:`utils.experiments.benchmark`, which also says how.
"""

import os
import time
from collections.abc import Callable
from functools import partial

import joblib
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from utils.networks.init import layer_by_layer, orthogonalising_weight, scaled, standard
from utils.networks.perceptron import linear_maps, mlp
from utils.networks.train import train
from utils.seeding import generator_for

__all__ = ["gemm_peak", "initialisation", "training_step", "wide_step_flops"]

WIDTH, DEPTH = 64, 40
IMAGES, FEATURES, BATCH = (
    10_000,
    3072,
    500,
)  # CIFAR-10's sizes in the `cifar` profile; the values do not matter for the time


def _task(images: int = IMAGES, features: int = FEATURES) -> tuple[torch.Tensor, torch.Tensor]:
    generator = generator_for("bench", "images")
    return torch.rand(images, features, generator=generator) * 2 - 1, torch.randint(10, (images,), generator=generator)


def _ours(task: dict, seeds: int, steps: int) -> float:
    """Seconds a step and seed, all seeds in one model on data in memory, on one thread."""
    torch.set_num_threads(1)
    x, y = _task(task["images"], task["features"])
    network = mlp(features=x.shape[1], width=WIDTH, depth=DEPTH, classes=10, replicas=seeds)
    standard(network, "xavier", generators=[generator_for(seed) for seed in range(seeds)])
    probe = x[:8].T.expand(seeds, -1, -1)
    started = time.perf_counter()
    train(network, x, y, seeds=range(seeds), learning_rate=1e-3, batch_size=task["batch"], steps=steps, probe=probe)
    return (time.perf_counter() - started) / steps / seeds


def _plain(task: dict, threads: int, steps: int) -> float:
    """Seconds a step of one run as a user of torch writes it, with a DataLoader."""
    torch.set_num_threads(threads)
    x, y = _task(task["images"], task["features"])
    layers = [nn.Linear(x.shape[1], WIDTH, bias=False), nn.ReLU()]
    for _ in range(DEPTH - 1):
        layers += [nn.Linear(WIDTH, WIDTH, bias=False), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Linear(WIDTH, 10, bias=False))
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    loader = iter(DataLoader(TensorDataset(x, y), batch_size=task["batch"], shuffle=True))
    started = time.perf_counter()
    for _ in range(steps):
        images, labels = next(loader)
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    elapsed = (time.perf_counter() - started) / steps
    torch.set_num_threads(1)
    return elapsed


def training_step(task: dict, *, seeds: int = 10, steps: int = 14, rounds: int = 4) -> dict[str, float]:
    """Seconds a step and seed, the best of several rounds in turn.

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
    cores = os.cpu_count() or 1
    times: dict[str, list[float]] = {}
    with joblib.Parallel(n_jobs=cores) as parallel:
        for _ in range(rounds + 1):
            side_by_side = parallel(joblib.delayed(_ours)(task, seeds, steps) for _ in range(cores))
            plain = _plain(task, 1, steps)
            for name, seconds in (
                ("ours", _ours(task, seeds, steps)),
                ("plain", plain),
                ("ours, machine", max(side_by_side) / cores),
                ("plain, machine", min(plain, _plain(task, cores, steps))),
            ):
                times.setdefault(name, []).append(seconds)
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def initialisation(width: int = 800, depth: int = 30) -> tuple[float, float, float]:
    """Seconds for the iterative initialisation of a whole network: ours; and as the formula reads, an SVD a layer and a division
    by ‖WH‖_F. And how far the results are apart, relative to the largest weight, over all layers."""
    x, _ = _task()
    pool = x[: 3 * width].T[None]

    def initialise(weight_for: Callable) -> tuple[float, nn.Module]:
        network = mlp(features=FEATURES, width=width, depth=depth, classes=10)
        standard(network, "xavier", generators=[generator_for(0)])
        started = time.perf_counter()
        layer_by_layer(network, pool, weight_for)
        return time.perf_counter() - started, network

    initialise(orthogonalising_weight)
    ours = initialise(orthogonalising_weight)
    other = initialise(scaled(partial(orthogonalising_weight, through="svd")))
    apart = max(
        float(((a.weight - b.weight).abs().max() / b.weight.abs().max()).detach())
        for a, b in zip(linear_maps(ours[1]), linear_maps(other[1]), strict=True)
    )
    return ours[0], other[0], apart


def gemm_peak(size: int = 2048) -> float:
    """Floating-point operations a second of one large float32 matrix product, the best of several."""
    a = torch.randn(size, size, generator=generator_for("bench", "gemm"))
    times = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def wide_step_flops(width: int = 800, depth: int = 30, steps: int = 3) -> float:
    """Floating-point operations a second that training reaches at the paper's width, counting matrix products alone."""
    x, y = _task()
    network = mlp(features=FEATURES, width=width, depth=depth, classes=10)
    standard(network, "xavier", generators=[generator_for(0)])
    times = []
    for _ in range(3):
        started = time.perf_counter()
        train(network, x, y, seeds=[0], learning_rate=1e-3, batch_size=BATCH, steps=steps, probe=x[:8].T[None])
        times.append((time.perf_counter() - started) / steps)
    # Forward, and backward with respect to weights and inputs; the first layer's inputs need none.
    products = 3 * ((depth - 1) * width**2 + 10 * width) + 2 * FEATURES * width
    return 2 * BATCH * products / min(times)
