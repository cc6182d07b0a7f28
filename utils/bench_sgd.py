"""How fast the SGD experiments are: training steps against the plain way, and the iterative initialisation against an SVD a layer.

Measured by :mod:`utils.bench`, which also says how.
"""

import time
from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from utils.inits import layer_by_layer, orthogonalising_weight, standard
from utils.networks import linear_maps, mlp
from utils.seeds import generator_for
from utils.training import train

__all__ = ["gemm_peak", "initialisation", "training_step", "wide_step_flops"]

IMAGES, FEATURES, BATCH = 10_000, 3072, 500  # CIFAR-10's sizes; the values do not matter for the time


def _task() -> tuple[torch.Tensor, torch.Tensor]:
    generator = generator_for("bench", "images")
    return torch.rand(IMAGES, FEATURES, generator=generator) * 2 - 1, torch.randint(10, (IMAGES,), generator=generator)


def training_step(width: int = 64, depth: int = 40, seeds: int = 5, steps: int = 20) -> tuple[float, float]:
    """Seconds a step and seed: ours, all seeds in one model on data in memory; and one run at a time with a DataLoader."""
    x, y = _task()

    def ours() -> float:
        network = mlp(features=FEATURES, width=width, depth=depth, classes=10, replicas=seeds)
        standard(network, "xavier", generators=[generator_for(seed) for seed in range(seeds)])
        probe = x[:8].T.expand(seeds, -1, -1)
        started = time.perf_counter()
        train(network, x, y, seeds=range(seeds), learning_rate=1e-3, batch_size=BATCH, steps=steps, probe=probe)
        return (time.perf_counter() - started) / steps / seeds

    def plain() -> float:
        layers = [nn.Linear(FEATURES, width, bias=False), nn.ReLU()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width, bias=False), nn.ReLU()]
        network = nn.Sequential(*layers, nn.Linear(width, 10, bias=False))
        optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
        loader = iter(DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True))
        started = time.perf_counter()
        for _ in range(steps):
            images, labels = next(loader)
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimiser.step()
        return (time.perf_counter() - started) / steps

    times = [(ours(), plain()) for _ in range(4)]
    return min(t for t, _ in times[1:]), min(t for _, t in times[1:])


def initialisation(width: int = 800, depth: int = 30) -> tuple[float, float, float]:
    """Seconds for the iterative initialisation of a whole network: through the Gram matrix, through an SVD a layer; and how
    far the results are apart, relative to the largest weight, over all layers."""
    x, _ = _task()
    pool = x[: 3 * width].T[None]

    def initialise(through: str) -> tuple[float, nn.Module]:
        network = mlp(features=FEATURES, width=width, depth=depth, classes=10)
        standard(network, "xavier", generators=[generator_for(0)])
        started = time.perf_counter()
        layer_by_layer(network, pool, partial(orthogonalising_weight, through=through))
        return time.perf_counter() - started, network

    initialise("gram")
    ours, other = initialise("gram"), initialise("svd")
    apart = max(
        float((a.weight - b.weight).abs().max() / b.weight.abs().max())
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
