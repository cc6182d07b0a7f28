"""How fast the engine is, as ratios measured in one run: ``python -m utils.experiments.benchmark``, written to ``_build/bench.json``.

Machines are noisy, so every ratio comes from measurements taken in turn, best of several for each side, on one thread.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from utils.chains.linear import bn_chain
from utils.experiments import benchmark_sgd
from utils.files import ROOT, write_atomically
from utils.metrics import orthogonality_gap
from utils.plotting import BN, THEORY, use_style
from utils.provenance import commit, processor, versions
from utils.seeding import generator_for
from utils.stats.text import number

__all__ = ["figure", "main", "measure", "table"]

WIDTHS_2B = (16, 32, 64, 128, 256, 512)
LAYER_WIDTHS = (64, 256, 1024, 4096)


def numpy_layer(h: np.ndarray, width: int) -> np.ndarray:
    """One BN layer as a NumPy user writes it down: draw the weights, multiply, divide each row by its norm."""
    h = np.random.randn(width, h.shape[0]) @ h  # noqa: NPY002 - the comparison is with the idiom of the paper's time
    return h / np.linalg.norm(h, axis=1, keepdims=True) / np.sqrt(width)


def torch_layer(h: torch.Tensor, width: int, generator: torch.Generator) -> torch.Tensor:
    """The same in torch."""
    h = torch.randn(width, h.shape[0], generator=generator, dtype=h.dtype) @ h
    return torch.nn.functional.normalize(h, dim=1) / width**0.5


def figure2b_numpy() -> None:
    """Figure 2b's whole protocol by direct simulation: 6 widths, 20 runs, 500 layers, the gap at each."""
    for width in WIDTHS_2B:
        for _ in range(20):
            h = np.zeros((width, 4))
            h[range(4), range(4)] = 1, 1e-6, 1e-6, 1e-6
            for _ in range(500):
                h = numpy_layer(h, width)
                c = h.T @ h
                np.linalg.norm(c / np.trace(c) - np.eye(4) / 4)


def figure2b_exact() -> None:
    """The same with the exact sampler, all runs at once."""
    start = torch.diag(torch.tensor([1, 1e-6, 1e-6, 1e-6], dtype=torch.float64)).expand(20, 4, 4)
    for width in WIDTHS_2B:
        chain = bn_chain(start, width=width, depth=500, generator=generator_for(0, width), draws=torch.float32)
        orthogonality_gap(torch.stack(list(chain)))


def best(*sides: Callable[[], object], rounds: int) -> list[float]:
    """Least seconds of each side over rounds in which they take turns, after one warm-up each."""
    for side in sides:
        side()
    times = [[] for _ in sides]
    for _ in range(rounds):
        for side, mine in zip(sides, times, strict=True):
            started = time.perf_counter()
            side()
            mine.append(time.perf_counter() - started)
    return [min(mine) for mine in times]


def repeated(side: Callable[[], object], count: int) -> Callable[[], object]:
    """A side too quick to time once, run ``count`` times."""

    def many():
        for _ in range(count):
            side()

    return many


def one_layer(width: int, batch_size: int = 8) -> dict[str, float]:
    """Seconds for one layer by each method from the same start, in double precision and with single-precision draws."""
    start = np.random.default_rng(0).normal(size=(width, batch_size))
    tensor, root = torch.from_numpy(start), torch.linalg.qr(torch.from_numpy(start)).R
    generator = generator_for(0, "one layer", width)
    count = max(1, 200_000 // width)
    layers = bn_chain(root, width=width, depth=10**9, generator=generator)
    single_layers = bn_chain(root, width=width, depth=10**9, generator=generator, draws=torch.float32)
    ours, single, by_numpy, by_torch = best(
        repeated(lambda: next(layers), count),
        repeated(lambda: next(single_layers), count),
        lambda: numpy_layer(start, width),
        lambda: torch_layer(tensor, width, generator),
        rounds=5,
    )
    return {"ours": ours / count, "ours, single": single / count, "NumPy": by_numpy, "torch": by_torch}


def against_draws(batch_size: int, width: int = 1_000_000) -> tuple[float, float]:
    """Seconds for one layer, and for drawing its normal variates alone, float32."""
    root = torch.linalg.qr(torch.randn(batch_size, batch_size, generator=generator_for(0), dtype=torch.float64)).R
    generator = generator_for(0, "draws", batch_size)
    layers = bn_chain(root, width=width, depth=10**9, generator=generator, draws=torch.float32)
    # In the sampler's own blocks: in one piece memory, not arithmetic, would set the time.
    block = torch.empty(batch_size, width // 50)
    return tuple(best(lambda: next(layers), repeated(lambda: block.normal_(generator=generator), 50), rounds=7))


PEAK = """
import torch
from utils.experiments.benchmark import own_peak
from utils.chains.linear import bn_chain
from utils.seeding import generator_for
torch.set_num_threads(1)
before = own_peak()
start = torch.eye(8, dtype=torch.float64)
*_, last = bn_chain(start, width=10_000_000, depth={depth}, generator=generator_for(0), draws=torch.float32)
print(before, own_peak())
"""


def own_peak() -> float:
    """Most memory this process has held since it started, in MiB (Linux)."""
    # Not getrusage: its maximum survives exec and would be the parent's.
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 2**10


def peak_memory(depth: int) -> tuple[float, float]:
    """MiB at most held by a fresh process: after its imports, and after ``depth`` layers of width 10⁷, n = 8."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(depth=depth)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, after = map(float, done.stdout.split())
    return before, after


def measure() -> dict:
    """All measurements.

    Returns
    -------
    dict
        ``machine`` (what ran it), ``ratios`` (each with ``id``, ``work``, ``ours_s``, ``other_s``, ``ratio``, ``other``),
        ``training`` (how far two ways to initialise are apart; operations a second) and ``memory`` (peak MiB at width 10⁷).
    """
    torch.set_num_threads(1)
    ratios = []

    def add(name, work, ours, other, label):
        ratios.append(
            {"id": name, "work": work, "ours_s": ours, "other_s": other, "ratio": other / ours, "other": label}
        )
        print(f"{work}: {ours:.3g} s, {label} {other:.3g} s, ratio {other / ours:.3g}", flush=True)

    add(
        "fig2b",
        "Figure 2b's protocol: 6 widths, 500 layers, 20 runs",
        *best(figure2b_exact, figure2b_numpy, rounds=1),
        "NumPy, direct",
    )
    for width in LAYER_WIDTHS:
        seconds = one_layer(width)
        for label in ("NumPy", "torch"):
            work = f"one layer of width {width}, n = 8, double precision"
            add(f"layer-{label.lower()}-{width}", work, seconds["ours"], seconds[label], f"{label}, direct")
        work = f"one layer of width {width}, n = 8, single-precision draws"
        add(f"layer-single-{width}", work, seconds["ours, single"], seconds["NumPy"], "NumPy, direct (double)")
    for batch_size in (8, 16):
        ours, draws = against_draws(batch_size)
        add(
            f"draws-{batch_size}",
            f"one layer of width 1,000,000, n = {batch_size}",
            ours,
            draws,
            "its normal variates alone",
        )
    for name, task in (
        ("digits", {"images": 1437, "features": 64, "batch": 100}),
        ("cifar10", {"images": 10_000, "features": 3072, "batch": 500}),
    ):
        seconds = benchmark_sgd.training_step(task)
        work = f"one SGD step and seed, width 64, depth 40, {name}, batch {task['batch']}, ten seeds in one model"
        other = "one run at a time, DataLoader"
        add(f"training-step-{name}", f"{work}, one thread", seconds["ours"], seconds["plain"], other)
        cores = os.cpu_count()
        add(
            f"training-step-{name}-machine",
            f"{work}, {cores} processes",
            seconds["ours, machine"],
            seconds["plain, machine"],
            f"{other}, up to {cores} threads",
        )
    by_gram, by_svd, apart = benchmark_sgd.initialisation()
    add("iterative-init", "iterative initialisation, width 800, depth 30", by_gram, by_svd, "an SVD a layer")
    peak, reached = benchmark_sgd.gemm_peak(), benchmark_sgd.wide_step_flops()
    print(
        f"the two initialisations differ by {apart:.1e}; width 800: {reached / peak:.0%} of the GEMM peak", flush=True
    )
    before, after = peak_memory(50)
    print(f"width 10,000,000, n = 8, 50 layers: peak {after:.0f} MiB, of which {before:.0f} MiB before the first layer")
    return {
        "machine": {
            "processor": processor(),
            "threads": 1,
            "python": platform.python_version(),
            "date": time.strftime("%Y-%m-%d"),
            "versions": {name: version for name, version in versions().items() if name in ("torch", "numpy")},
            "command": "make bench",
            "commit": commit(),
        },
        "ratios": ratios,
        "training": {"init_apart": apart, "gemm_peak_flops": peak, "wide_step_flops": reached},
        "memory": {"work": "width 10,000,000, n = 8, 50 layers", "peak_mib": after, "import_mib": before},
    }


def table(record: dict) -> str:
    """HTML table of a benchmark's ratios, its memory and where they were measured."""
    rows = "".join(
        f"<tr><td>{escape(r['work'])}</td><td>{escape(r['other'])}</td><td>{number(r['ours_s'])} s</td>"
        f"<td>{number(r['other_s'])} s</td><td>{number(r['ratio'])}</td></tr>"
        for r in record["ratios"]
    )
    memory, training, machine = record["memory"], record["training"], record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("Work", "Compared with", "Ours", "Other", "Other / ours")
    )
    return (
        '<div class="claims-table" role="region" aria-label="Benchmark" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n"
        f"<p>Peak memory, {escape(memory['work'])}: {memory['peak_mib']:.0f} MiB for the whole process, of which "
        f"{memory['import_mib']:.0f} MiB are there before the first layer (Python, torch, plotting).</p>\n"
        f"<p>The two initialisations give the same weights to {number(training['init_apart'])} of the largest. A training step at "
        f"width 800 and depth 30 runs at {training['wide_step_flops'] / training['gemm_peak_flops']:.0%} of the speed of one large "
        "matrix product.</p>\n"
        f"<p>Measured on {escape(machine['date'])} with <code>{escape(machine['command'])}</code>: {escape(machine['processor'])}, "
        f"{machine['threads']} thread, Python {escape(machine['python'])}, {escape(versions)}, commit "
        f"<code>{escape(str(machine['commit'])[:12])}</code>.</p>\n"
    )


def figure(record: dict, path: Path) -> None:
    """Write the ratios of one layer against width as an SVG file."""
    use_style()
    drawn, axis = plt.subplots()
    lines = (
        ("numpy", "#E69F00", "against NumPy"),
        ("torch", BN, "against torch"),
        ("single", "#882255", "single-precision draws, against NumPy"),
    )
    for name, color, label in lines:
        mine = [r for r in record["ratios"] if r["id"].startswith(f"layer-{name}-")]
        axis.plot(
            [int(r["id"].rsplit("-", 1)[1]) for r in mine], [r["ratio"] for r in mine], "o-", color=color, label=label
        )
    widths = np.array(LAYER_WIDTHS)
    axis.plot(widths, widths / 8, color=THEORY, linestyle="--", label="$d/n$, the ratio of normal variates")
    axis.set(xscale="log", yscale="log", xlabel="width $d$", ylabel="direct / exact, seconds a layer")
    axis.set_xticks(widths, labels=widths)
    axis.minorticks_off()
    axis.legend()
    drawn.savefig(path, metadata={"Date": None})
    plt.close(drawn)


def main() -> int:
    """Measure and write ``_build/bench.json``; returns the exit status."""
    record = measure()
    path = ROOT / "_build" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, json.dumps(record, indent=1) + "\n")
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
