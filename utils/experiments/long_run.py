"""A grid of trials on CIFAR-10 that is no notebook's: ``python -m utils.experiments.long_run NAME --width … --arms … …``

It takes hours, can be stopped and started again, and keeps the tables of what has finished, as
:mod:`utils.experiments.archive` does, each time that as many trials as there are processes have ended.
"""

import argparse
import math
import sys
from pathlib import Path

import joblib
import pandas as pd

from utils import provenance
from utils.experiments.archive import Table, keep
from utils.experiments.sweep import sweep
from utils.experiments.trial import ARMS, trial
from utils.fingerprint import made_by
from utils.processes.commands import command
from utils.processes.options import Options, count, described

__all__ = ["main"]


def _run(options: argparse.Namespace) -> Path:
    grid = [
        {
            "task": "cifar10",
            "scale": "symmetric",
            "train_images": options.images,
            "test_images": 1000,
            "arm": arm,
            "width": options.width,
            "depth": depth,
            "learning_rate": options.rate,
            "batch_size": 500,
            "steps": options.epochs * (options.images // 500),
            "seeds": [seed],
            "probe": 64,
            "observations": options.epochs,
            "device": options.device,
        }
        # Seeds outermost: stopped early, a run leaves a complete comparison on fewer seeds.
        for seed in range(options.seeds)
        for depth in options.depths
        for arm in options.arms
    ]
    code, ran = made_by(Path(__file__)), provenance.facts(options.device)  # as it is when it starts
    jobs = 1 if options.device == "cuda" else joblib.cpu_count()
    for done in range(jobs, len(grid) + jobs, jobs):
        folder = _kept(sweep(trial, grid[:done], jobs=jobs, description=options.name), options, code=code, ran=ran)
    return folder


def _kept(table: pd.DataFrame, options: argparse.Namespace, **known: dict) -> Path:
    curves = [
        {"arm": row.arm, "depth": row.depth, "seed": row.seed, "epoch": epoch, "loss": loss, "gap_before": before, "gap_after": after}
        for row in table.itertuples()
        for epoch, (loss, before, after) in enumerate(
            zip(row.curve_loss, row.curve_gap_before, row.curve_gap_after, strict=True)
        )
    ]  # fmt: skip
    return keep(
        options.name,
        {name: Table(name, frame).frame for name, frame in (("runs", table), ("curves", pd.DataFrame(curves)))},
        device=options.device,
        **known,
        command="python -m utils.experiments.long_run " + " ".join(sys.argv[1:]),
    )


def _rate(text: str) -> float:
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a positive number")
    return float(text)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = Options(prog="python -m utils.experiments.long_run", description=described(__doc__, 0))
    parser.add_argument("name", help="of the folder, NOTEBOOK.WHAT")
    parser.add_argument("--width", type=count, required=True)
    parser.add_argument("--depths", type=count, nargs="+", required=True)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), required=True)
    parser.add_argument("--rate", type=_rate, default=0.01)
    parser.add_argument("--epochs", type=count, default=30)
    parser.add_argument("--images", type=count, default=50_000)
    parser.add_argument("--seeds", type=count, default=4)
    parser.add_argument("--device", default="cpu")
    print(f"{_run(parser.parse_args(arguments))}: written")
    return 0


if __name__ == "__main__":
    command(main)
