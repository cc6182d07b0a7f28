"""How fast the engine is, as ratios measured in one run: ``python -m utils.experiments.benchmark``, written to ``_build/bench.json``.

Machines are noisy, so every ratio comes from measurements taken in turn, best of several for each side, on one thread.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from timeit import timeit

import joblib
import numpy as np
import torch

from utils import provenance
from utils.chains.linear import bn_chain
from utils.experiments.benchmark import sgd
from utils.files import ROOT, write_atomically
from utils.metrics import orthogonality_gap
from utils.networks.architectures import residual
from utils.probe import probe
from utils.processes.commands import command
from utils.seeding import generator_for

__all__ = ["main", "measure"]

Side = tuple[Callable[[], object], int]  # what is timed, and how often in a row: once may be too quick
Ratio = tuple[str, str, float, float, str]  # its id, the work, seconds of ours, of the other, and what that is


def best(*sides: Side, rounds: int) -> list[float]:
    """Least seconds of each side over rounds in which they take turns, after one warm-up each."""
    times = [[timeit(side, number=count) / count for side, count in sides] for _ in range(rounds + 1)]
    return np.min(times[1:], axis=0).tolist()


def numpy_layer(h: np.ndarray, width: int) -> np.ndarray:
    """One BN layer as a NumPy user writes it down: draw the weights, multiply, divide each row by its norm."""
    h = np.random.randn(width, h.shape[0]) @ h  # noqa: NPY002 - the comparison is with the idiom of the paper's time
    return h / np.linalg.norm(h, axis=1, keepdims=True) / np.sqrt(width)


def torch_layer(h: torch.Tensor, width: int, generator: torch.Generator) -> torch.Tensor:
    """The same in torch."""
    h = torch.randn(width, h.shape[0], generator=generator, dtype=h.dtype) @ h
    return torch.nn.functional.normalize(h, dim=1) / width**0.5


def layers(root: torch.Tensor, width: int, name: str, **options: object) -> Callable[[], object]:
    """The exact sampler's next layer, as often as it is called."""
    chain = bn_chain(root, width=width, depth=10**9, generator=generator_for(0, name, width), **options)
    return lambda: next(chain)


def figure2b() -> Iterator[Ratio]:
    """Figure 2b's whole protocol: 6 widths, 20 runs, 500 layers, the gap at each."""
    start, widths = torch.diag(torch.tensor([1, 1e-6, 1e-6, 1e-6], dtype=torch.float64)), 2 ** np.arange(4, 10)

    def direct() -> None:
        for width in widths:
            for _ in range(20):
                h = np.eye(width, 4) @ start.numpy()
                for _ in range(500):
                    h = numpy_layer(h, width)
                    c = h.T @ h
                    np.linalg.norm(c / np.trace(c) - np.eye(4) / 4)

    def exact() -> None:  # all runs at once
        for width in widths.tolist():
            generator = generator_for(0, width)
            chain = bn_chain(start.expand(20, 4, 4), width=width, depth=500, generator=generator, draws=torch.float32)
            orthogonality_gap(torch.stack(list(chain)))

    seconds = best((exact, 1), (direct, 1), rounds=1)
    yield "fig2b", "Figure 2b's protocol: 6 widths, 500 layers, 20 runs", *seconds, "NumPy, direct"


def one_layer(width: int) -> Iterator[Ratio]:
    """One layer by each method from the same start, in double precision and with single-precision draws."""
    start = np.random.default_rng(0).normal(size=(width, 8))
    tensor, root = torch.from_numpy(start), torch.linalg.qr(torch.from_numpy(start)).R
    generator, count = generator_for(0, "one layer", width), max(1, 200_000 // width)
    ours, single, by_numpy, by_torch = best(
        (layers(root, width, "double"), count),
        (layers(root, width, "single", draws=torch.float32), count),
        (lambda: numpy_layer(start, width), 1),
        (lambda: torch_layer(tensor, width, generator), 1),
        rounds=5,
    )
    work = f"one layer of width {width}, n = 8"
    yield f"layer-numpy-{width}", f"{work}, double precision", ours, by_numpy, "NumPy, direct"
    yield f"layer-torch-{width}", f"{work}, double precision", ours, by_torch, "torch, direct"
    yield f"layer-single-{width}", f"{work}, single-precision draws", single, by_numpy, "NumPy, direct (double)"


def against_draws(batch_size: int, width: int = 1_000_000) -> Iterator[Ratio]:
    """One layer, and drawing its normal variates alone, float32."""
    root = torch.linalg.qr(torch.randn(batch_size, batch_size, generator=generator_for(0), dtype=torch.float64)).R
    generator = generator_for(0, "draws", batch_size)
    # In the sampler's own blocks: in one piece memory, not arithmetic, would set the time.
    block = torch.empty(batch_size, width // 50)

    def draws() -> None:
        for _ in range(50):
            block.normal_(generator=generator)

    seconds = best((layers(root, width, "draws", draws=torch.float32), 1), (draws, 1), rounds=7)
    yield (
        f"draws-{batch_size}",
        f"one layer of width 1,000,000, n = {batch_size}",
        *seconds,
        "its normal variates alone",
    )


def training(name: str, task: dict) -> Iterator[Ratio]:
    """A training step against the plain way, on one thread and on the whole machine."""
    seconds = sgd.training_step(task)
    work = f"one SGD step and seed, width 64, depth 40, {name}, batch {task['batch']}, ten seeds in one model"
    other, cores = "one run at a time, DataLoader", joblib.cpu_count()
    yield f"training-step-{name}", f"{work}, one thread", seconds["ours"], seconds["plain"], other
    machine = seconds["ours, machine"], seconds["plain, machine"]
    yield f"training-step-{name}-machine", f"{work}, {cores} processes", *machine, f"{other}, up to {cores} threads"


def probing() -> Iterator[Ratio]:
    """What it costs to probe a residual network, in forward passes: at the width of a usual one, fewer blocks."""
    network, images = (
        residual(3, channels=64, blocks=4),
        torch.randn(128, 3, 32, 32, generator=generator_for(0, "probe")),
    )
    with torch.no_grad():
        seconds = best((lambda: probe(network, images), 1), (lambda: network(images), 1), rounds=1)
    yield "probe", "probe of a residual convnet, 64 channels, batch 128", *seconds, "one forward pass"


PEAK = """
import torch
from utils.experiments.benchmark.__main__ import own_peak
from utils.chains.linear import bn_chain
from utils.seeding import generator_for
torch.set_num_threads(1)
before = own_peak()
start = torch.eye(8, dtype=torch.float64)
*_, last = bn_chain(start, width=10_000_000, depth=50, generator=generator_for(0), draws=torch.float32)
print(before, own_peak())
"""


def own_peak() -> float:
    """Most memory this process has held since it started, in MiB (Linux)."""
    # Not getrusage: its maximum survives exec and would be the parent's.
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 2**10


def measure() -> dict:
    """All measurements.

    Returns
    -------
    dict
        ``machine`` (what ran it), ``ratios`` (each with ``id``, ``work``, ``ours_s``, ``other_s``, ``ratio``, ``other``),
        ``training`` (how far two ways to initialize are apart; operations per second) and ``memory`` (peak MiB at width 10⁷).
    """
    torch.set_num_threads(1)
    ratios = []

    def add(measured: Iterator[Ratio]) -> None:
        for name, work, ours, other, label in measured:
            ratio = other / ours
            ratios.append({"id": name, "work": work, "ours_s": ours, "other_s": other, "ratio": ratio, "other": label})
            print(f"{work}: {ours:.3g} s, {label} {other:.3g} s, ratio {ratio:.3g}", flush=True)

    add(figure2b())
    for width in (64, 256, 1024, 4096):
        add(one_layer(width))
    for batch_size in (8, 16):
        add(against_draws(batch_size))
    for name, task in (("digits", sgd.DIGITS), ("cifar10", sgd.CIFAR)):
        add(training(name, task))
    add(probing())
    *seconds, apart = sgd.initialization()
    add([("iterative-init", "iterative initialization, width 800, depth 30", *seconds, "an SVD per layer")])
    speed = {"init_apart": apart, "gemm_peak_flops": sgd.gemm_peak(), "wide_step_flops": sgd.wide_step_flops()}
    # In a process of its own: after its imports, and after 50 layers.
    done = subprocess.run([sys.executable, "-c", PEAK], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    facts = provenance.facts()
    return {
        "machine": {
            "processor": facts["device"],
            "threads": 1,
            **{name: facts[name] for name in ("python", "date", "commit")},
            "versions": {name: facts["versions"][name] for name in ("torch", "numpy")},
            "command": "make bench",
        },
        "ratios": ratios,
        "training": speed,
        "memory": {"work": "width 10,000,000, n = 8, 50 layers", "peak_mib": after, "import_mib": before},
    }


def main() -> int:
    """Measure and write ``_build/bench.json``; returns the exit status."""
    path = ROOT / "_build" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    record = measure()
    write_atomically(path, json.dumps(record, indent=1) + "\n")
    print(f"{record['training']}\n{record['memory']}\nwritten to {path}")
    return 0


if __name__ == "__main__":
    command(main)
