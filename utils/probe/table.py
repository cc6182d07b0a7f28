"""One table of what a model does to a batch: a row for each call of each module, in the order of the calls.

The model is used as it is, in training or evaluation mode; its own conventions hold (samples first, any shapes). One forward
pass, and one backward pass if there is a loss; every representation is measured when it is there and not kept.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from utils.probe.measure import MEASURES, measures
from utils.probe.watch import Watch, kind_of, norm_of, unchanged
from utils.theory import critical_width, matched_dimension

__all__ = ["COLUMNS", "MOST", "probe"]

#: Samples that are measured at most; of more, so many are taken evenly spaced, and the row's note says so.
MOST = 512
#: Columns of the table.
COLUMNS = (
    "name",
    "type",
    "kind",
    "call",
    "shape",
    "width",
    "samples",
    *MEASURES,
    "stationary_dimension",
    "passing",
    "dead",
    "gradient",
    "statistics",
    "note",
)
CHANNELS_FIRST = ("convolution", "normalization")
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def probe(
    model: nn.Module,
    batch: object,
    *,
    loss: Callable[..., Tensor] | None = None,
    modules: Collection[str] | None = None,
    per: str = "sample",
    batch_dim: int = 0,
) -> pd.DataFrame:
    """Measure what a model does to a batch, layer by layer.

    Parameters
    ----------
    model : Module
        Any, on any device. It is not changed: buffers, gradients, modes and hooks are afterwards what they were.
    batch : Tensor, tuple, list or mapping
        The model's input, its positional or its keyword arguments. The first tensor's dimension ``batch_dim`` counts samples.
    loss : callable, optional
        From the model's output to one number; then gradients are measured too.
    modules : collection of str, optional
        Names, as ``model.named_modules()`` has them; by default every linear map, convolution, normalization, activation,
        recurrent or attention module, every module without children that is not torch's, and every sum of two tensors
        of one shape.
    per : {"sample", "position"}
        What a column of H is: a sample, flattened; or each pixel or token of each sample, with its channels or features.
    batch_dim : int
        1 for models with time first, such as ``nn.LSTM`` by default.

    Returns
    -------
    DataFrame
        First the input, then a row per call. ``name``, ``type`` and ``kind`` of the module and which of its ``call``\\ s it is;
        ``shape`` of what it returns; ``width`` d and ``samples`` n of what is measured; the numbers of
        :func:`~utils.probe.measure.measures`; ``stationary_dimension``, the ν of a linear BN network of this width deep down
        (:func:`~utils.theory.stationary.matched_dimension`), for one value per sample and unit and above the critical width;
        ``passing``, an activation's energy after over before; ``dead``, the share of its units that are constant on
        the batch; ``gradient``, the norm of the loss's gradient by this output, infinite if not all of its entries are
        finite; ``statistics``, how many values a mean and a variance of batch normalization are over. NaN where there is nothing to measure, and ``note`` says why. At the end,
        ``call`` 0: modules that were never called, and operations that no module's hook sees.

    Raises
    ------
    TypeError
        If the model or the batch is something else.
    ValueError
        If an argument's value is not among those above, there are fewer than two samples, or ``loss`` has no gradient.
    Exception
        The model's own, with a note, if it does not run on the batch.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 3))
    >>> found = probe(model, torch.randn(16, 8), loss=lambda output: output.square().mean())
    >>> found[["name", "type", "width", "samples"]]
          name         type  width  samples
    0  (input)        input    8.0     16.0
    1        0       Linear   64.0     16.0
    2        1  BatchNorm1d   64.0     16.0
    3        2         ReLU   64.0     16.0
    4        3       Linear    3.0     16.0
    """
    positional, named = _arguments(model, batch, loss is not None)
    inputs = [x for x in (*positional, *named.values()) if isinstance(x, Tensor)]
    if not inputs or inputs[0].ndim <= batch_dim or inputs[0].shape[batch_dim] < 2:
        shape = tuple(inputs[0].shape) if inputs else "no tensor"
        raise ValueError(f"batch: {shape}, expected at least two samples in dimension batch_dim={batch_dim}")
    if per not in ("sample", "position"):
        raise ValueError(f"per={per!r}, expected 'sample' or 'position'")
    chosen = _chosen(model, modules)
    rows = Rows(inputs[0].shape[batch_dim], per == "position", batch_dim, chosen)
    watch = Watch(model, chosen, rows.module, rows.sum if modules is None else None)
    with unchanged(model), torch.set_grad_enabled(loss is not None):
        rows.add("(input)", "input", "input", next((x for x in inputs if x.is_floating_point()), inputs[0]))
        with watch:
            output = _noted(lambda: model(*positional, **named), inputs[0], watch)
        if kind_of(model) == "scripted":
            rows.module(model, None, output)
        if loss is not None:
            leaves = [x for x in (*model.parameters(), *inputs) if x.requires_grad]
            if not leaves:
                raise ValueError(
                    "loss: no gradient to take, for no parameter requires one and no input is floating-point"
                )
            torch.autograd.grad(loss(output), leaves, allow_unused=True)
    called = {row["name"] for row in rows.all}
    rows.all += [
        {"name": name, "type": type(module).__name__, "kind": kind_of(module), "call": 0, "note": _uncalled(module)}
        for module, name in chosen.items()
        if name not in called
    ]
    if modules is None:
        rows.all += [
            {"name": where or "(model)", "type": name, "kind": "function", "call": 0, "note": _times(count)}
            for (where, name), count in watch.unseen.items()
        ]
    found = {name: [row.get(name, math.nan) for row in rows.all] for name in COLUMNS}
    return pd.DataFrame(found | {name: np.array(found[name], float) for name in COLUMNS[5:-1]})


class Rows:
    """The table while it grows."""

    def __init__(self, batch_size: int, positions: bool, batch_dim: int, names: Mapping[nn.Module, str]):
        self.batch_size, self.positions, self.batch_dim, self.names = batch_size, positions, batch_dim, names
        self.all: list[dict] = []
        self.channels_first = True  # whether the last measured module has them there: activations do as it does
        self.finite = True

    def module(self, module: nn.Module, norm: float | None, output: object) -> None:
        """Add the row of a call."""
        kind, tensors = kind_of(module) or "container", _tensors(output)
        if kind in CHANNELS_FIRST:
            self.channels_first = not isinstance(module, nn.LayerNorm | nn.RMSNorm)
        elif kind in ("linear", "attention", "recurrent"):
            self.channels_first = False
        row = self.add(self.names[module], type(module).__name__, kind, tensors[0] if tensors else None)
        if len(tensors) > 1:
            row["note"] = "; ".join([f"the first of {len(tensors)} tensors", *filter(None, [row["note"]])])
        if norm:
            row["passing"] = (norm_of(tensors[0]) / norm) ** 2
        if isinstance(module, BATCH_NORMS) and tensors:
            if module.training or module.running_mean is None:
                row["statistics"] = tensors[0].numel() / tensors[0].shape[1]
            else:
                row["note"] = "evaluation mode: a fixed affine map of each feature, whatever the batch"

    def sum(self, where: str, total: Tensor) -> None:
        """Add the row of a residual sum."""
        self.add(where or "(model)", "+", "sum", total)

    def add(self, name: str, type_: str, kind: str, h: Tensor | None) -> dict:
        """Add a row of a representation, measured if it can be."""
        call = 1 + sum(row["name"] == name and row["type"] == type_ for row in self.all)
        row = {"name": name, "type": type_, "kind": kind, "call": call, "note": ""}
        self.all.append(row)
        if h is None:
            row["note"] = "no tensor among what it returns"
            return row
        row["shape"] = "×".join(map(str, h.shape))
        if h.requires_grad and not h.is_leaf:
            h.register_hook(lambda gradient: row.update(gradient=_or_infinite(norm_of(gradient))))
        row["note"] = self._measure(h.detach(), row)
        return row

    def _measure(self, h: Tensor, row: dict) -> str:
        """Fill in the numbers; returns why there are none, or fewer, if so."""
        if not h.is_floating_point() or h.layout != torch.strided:
            return f"not measured: {h.dtype} {h.layout}".replace("torch.", "")
        if h.ndim <= max(1, self.batch_dim) or h.shape[self.batch_dim] != self.batch_size or not h.numel():
            return f"not measured: dimension {self.batch_dim} does not count the {self.batch_size} samples"
        h = h.movedim(self.batch_dim, 0)
        low, high = map(float, torch.aminmax(h))
        if not math.isfinite(low) or not math.isfinite(high):
            starts, self.finite = " for the first time" if self.finite else "", False
            return f"NaN or infinite{starts}"
        plain, features = h.ndim == 2, 1 if self.channels_first else h.ndim - 1
        if row["kind"] == "activation":
            others = [i for i in range(h.ndim) if i != features]
            row["dead"] = float((h.amax(others) == h.amin(others)).double().mean())
        h = h.movedim(features, -1).flatten(0, -2) if self.positions else h.flatten(1)
        many, note = len(h), ""
        if many > MOST:
            h = h[torch.linspace(0, many - 1, MOST, device=h.device).long()]
            note = f"{MOST} of {many} {'positions' if self.positions else 'samples'}, evenly spaced"
        row |= {"width": h.shape[1], "samples": len(h)}
        if low == high == 0 or (note and not h.any()):
            return "all zeros"
        row |= measures(h)
        n, centered = len(h), row["centered"]
        if plain and n - centered >= 4 and h.shape[1] > critical_width(n, centered=centered):
            row["stationary_dimension"] = matched_dimension(n, h.shape[1], centered=centered)
        return note


def _arguments(model: nn.Module, batch: object, differentiable: bool) -> tuple[list, dict]:
    """Positional and keyword arguments; tensors are copies, which a model may change in place."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: a {type(model).__name__}, expected a torch.nn.Module")
    lazy = [name for name, p in model.named_parameters() if isinstance(p, nn.parameter.UninitializedParameter)]
    if lazy:
        raise ValueError(f"model: parameter {lazy[0]} has no shape yet; call the model once on a batch first")

    def copy(x: object) -> object:
        if not isinstance(x, Tensor):
            return x
        x = x.detach()
        return (x.requires_grad_() if differentiable and x.is_floating_point() else x).clone()

    if isinstance(batch, Mapping):
        return [], {name: copy(x) for name, x in batch.items()}
    if isinstance(batch, tuple | list):
        return [copy(x) for x in batch], {}
    if isinstance(batch, Tensor):
        return [copy(batch)], {}
    raise TypeError(f"batch: a {type(batch).__name__}, expected a tensor, or a tuple or mapping of arguments")


def _chosen(model: nn.Module, modules: Collection[str] | None) -> dict[nn.Module, str]:
    """Modules that get rows, with their names; one that has several names goes by all of them."""
    names: dict[nn.Module, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if kind_of(module) if modules is None else name in modules:
            names.setdefault(module, []).append(name or "(model)")
    missing = set(modules or ()) - {name for name, _ in model.named_modules(remove_duplicate=False)}
    if missing:
        raise ValueError(f"modules: {sorted(missing)} not among the names of model.named_modules()")
    return {module: " = ".join(found) for module, found in names.items()}


def _noted(call: Callable[[], object], x: Tensor, watch: Watch) -> object:
    try:
        return call()
    except Exception as error:
        error.add_note(
            f"probe: the model does not run on this batch, whose first tensor has shape {tuple(x.shape)} and dtype "
            f"{x.dtype}; the error above is the model's own, raised in {watch.failed or 'its own forward'}. Check that model(batch) runs."
        )
        raise


def _or_infinite(norm: float) -> float:
    """A gradient's norm that can be told from one that was not measured: what overflows may be NaN."""
    return norm if math.isfinite(norm) else math.inf


def _tensors(output: object) -> list[Tensor]:
    """Tensors in what a module returns, in order."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        output = list(output.values())
    elif is_dataclass(output):
        output = [getattr(output, field.name) for field in fields(output)]
    return [x for part in output for x in _tensors(part)] if isinstance(output, tuple | list) else []


def _uncalled(module: nn.Module) -> str:
    if kind_of(module) == "scripted":
        return "not seen: scripted modules take no hooks; probe the module that was scripted"
    return "never called; what contains it may use its weights by itself"


def _times(count: int) -> str:
    return f"not seen by any module's hook, {count}×"
