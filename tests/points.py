"""Cells for tests of sweeps, in a module of their own as real ones are."""

import os
import time
from pathlib import Path

from utils.seeding import generator_for


def dice(*, seed: int, sides: int, count: int = 3) -> list[dict]:
    """Throws of a die, a row each, from the cell's values alone."""
    generator = generator_for(seed, sides)
    import torch

    throws = torch.randint(1, sides + 1, (count,), generator=generator).tolist()
    return [{"throw": i, "value": value} for i, value in enumerate(throws)]


def counted(*, seed: int, log: str) -> list[dict]:
    """Notes in a file that it ran."""
    with open(log, "a") as file:
        file.write(f"{seed}\n")
    return [{"value": seed**2}]


def slow(*, seed: int, log: str, pause: float, scratch: Path) -> list[dict]:
    """Counts to five and saves how far it got, as a long training run does."""
    done = int(scratch.read_text()) if scratch.exists() else 0
    for step in range(done, 5):
        with open(log, "a") as file:
            file.write(f"{seed} {step} {os.getpid()}\n")
        time.sleep(pause)
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(str(step + 1))
    return [{"value": seed, "not a number": float("nan")}]


def fails(*, seed: int) -> list[dict]:
    """Raises for one seed only."""
    if seed == 2:
        raise ValueError("seed 2 is broken")
    return [{"value": seed}]


def where(*, seed: int) -> list[dict]:
    """Which process it ran in."""
    return [{"process": os.getpid(), "value": seed}]
