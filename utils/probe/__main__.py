"""Measure a model of yours and say what ails it: ``python -m utils.probe package.module:factory --batch N [--shape D…]``

The factory is called without arguments and returns a ``torch.nn.Module``, in the mode to be looked at; or, in a tuple, the
model, a batch, and perhaps a loss of its output. Without a batch it gets N samples of Gaussian entries of the shape given.

Exit 0: the table and the sentences are printed. Exit 2: bad usage. Exit 1: the model does not run on the batch; its own error
is printed.
"""

import pkgutil
import traceback

import pandas as pd
import torch

from utils.probe.diagnosis import diagnose
from utils.probe.table import probe
from utils.processes.commands import command
from utils.processes.options import Options, described, whole

__all__ = ["main", "report"]

SHOWN = {
    "name": "{}",
    "type": "{}",
    "width": "{:.0f}",
    "samples": "{:.0f}",
    "gap": "{:.3f}",
    "rank": "{:.1f}",
    "least_eigenvalue": "{:.1e}",
    "isometry_gap": "{:.2f}",
    "cosine": "{:.3f}",
    "rms": "{:.2g}",
    "passing": "{:.2f}",
    "dead": "{:.2f}",
    "gradient": "{:.1e}",
    "note": "{}",
}


def report(table: pd.DataFrame) -> str:
    """A table of :func:`~utils.probe.table.probe` and what :func:`~utils.probe.diagnosis.diagnose` says of it, for a terminal."""
    columns = [name for name in SHOWN if table[name].notna().any()]
    cells = {name: [SHOWN[name].format(x) if x == x else "" for x in table[name]] for name in columns}
    lines = [pd.DataFrame(cells).to_string(index=False, justify="left"), ""]
    found = diagnose(table)
    lines += [f"* {one.sentence} See notebooks/{one.page}.ipynb." for one in found]
    return "\n".join(lines if found else [*lines, "None of what diagnose looks for is found."])


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = Options(prog="python -m utils.probe", description=described(__doc__, 1))
    parser.add_argument("factory", metavar="package.module:factory")
    parser.add_argument("--batch", type=whole, default=32, metavar="N", help="samples; 32 by default")
    parser.add_argument("--shape", type=whole, nargs="+", metavar="D", help="of one sample, such as 3 32 32")
    parser.add_argument("--per", default="sample", choices=("sample", "position"))
    parser.add_argument("--seed", type=whole, default=0, help="of torch, before the factory is called")
    options = parser.parse_args(arguments)
    if options.batch < 2 or min(options.shape or [1]) < 1:
        parser.error(
            f"--batch {options.batch} --shape {options.shape}: expected two samples at least, of positive sizes"
        )
    torch.manual_seed(options.seed)
    try:
        factory = pkgutil.resolve_name(options.factory)
    except (ImportError, AttributeError, ValueError) as error:
        parser.error(f"{options.factory}: {error}; expected a module that Python finds, a colon and a function in it")
    if not callable(factory):
        parser.error(f"{options.factory} is a {type(factory).__name__}, expected a function that returns the model")
    made = factory()
    model, batch, loss = (*made, None, None)[:3] if isinstance(made, tuple) else (made, None, None)
    if batch is None and options.shape is None:
        parser.error("no batch: let the factory return (model, batch), or give --shape")
    if batch is None:
        batch = torch.randn(options.batch, *options.shape)
    elif isinstance(batch, torch.Tensor):
        batch = batch[: options.batch]
    if not isinstance(model, torch.nn.Module):
        parser.error(
            f"{options.factory} returned a {type(model).__name__}, expected a torch.nn.Module, or a tuple with one first"
        )
    try:
        table = probe(model, batch, loss=loss, per=options.per)
    except Exception:
        traceback.print_exc()  # with the probe's own note
        return 1
    print(report(table))
    return 0


if __name__ == "__main__":
    command(main)
