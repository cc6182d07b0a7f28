"""A forward pass, watched: which modules are called, with what they return, and which operations no module's hook sees.

Hooks on modules see what modules do. What a ``forward`` does by itself (``x + y``, ``functional.relu``) is seen by torch's
own mode for function calls, ``torch.overrides.TorchFunctionMode``. Nothing is kept: what is seen is handed on at once.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Watch", "kind_of", "unchanged"]

# By where torch has them; subclasses, such as parametrized modules, count as what they derive from.
KINDS = {
    "torch.nn.modules.linear": "linear",
    "torch.nn.modules.conv": "convolution",
    "torch.nn.modules.batchnorm": "normalization",
    "torch.nn.modules.instancenorm": "normalization",
    "torch.nn.modules.normalization": "normalization",
    "torch.nn.modules.activation": "activation",
    "torch.nn.modules.rnn": "recurrent",
    "torch.jit._script": "scripted",
}


def kind_of(module: nn.Module) -> str | None:
    """What a module is to :func:`~utils.probe.table.probe`.

    Parameters
    ----------
    module : Module

    Returns
    -------
    str or None
        "attention", "recurrent", "linear", "convolution", "normalization", "activation", "scripted", "own" (a module without
        children that is not torch's), or ``None`` for containers and what only moves, drops or pools entries.

    Examples
    --------
    >>> kind_of(torch.nn.Conv2d(3, 8, 3)), kind_of(torch.nn.GELU()), kind_of(torch.nn.Flatten())
    ('convolution', 'activation', None)
    """
    if isinstance(module, nn.MultiheadAttention):
        return "attention"
    homes = [one.__module__ for one in type(module).__mro__ if one not in (nn.Module, object)]
    if any(home.partition(".")[0] == "torch" for home in homes):
        kinds = [KINDS[home] for home in homes if home in KINDS]
        return kinds[0] if kinds and not isinstance(module, nn.Identity) else None
    return None if any(module.children()) else "own"


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Whatever is done with a model meanwhile, its buffers and torch's global random stream are as before, after an error too.

    What was compiled runs as it was written, so that hooks see it.

    Parameters
    ----------
    model : Module

    Yields
    ------
    None

    Examples
    --------
    >>> norm = torch.nn.BatchNorm1d(2)
    >>> with unchanged(norm):
    ...     _ = norm(torch.ones(3, 2))
    >>> norm.running_mean, int(norm.num_batches_tracked)
    (tensor([0., 0.]), 0)
    """
    kept = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    # Importing the compiler takes seconds; where it is not there nothing was compiled.
    eager = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    try:
        with eager, torch.random.fork_rng(devices=sorted(devices, key=str)):
            yield
    finally:
        with torch.no_grad():
            for module, name, buffer, value in kept:
                buffer.copy_(value)
                if getattr(module, name) is not buffer:  # it was replaced, not changed
                    setattr(module, name, buffer)


class Watch(TorchFunctionMode):
    """Hands on what a model's modules return, call by call, while it is entered; its hooks are removed at the end.

    Parameters
    ----------
    model : Module
    chosen : dict of Module to str
        Modules to watch, with their names.
    returned : callable
        Of a module, its input's first tensor's norm (of activations, before they work in place), and its output.
    added : callable, optional
        Of the name of the module in whose ``forward`` two tensors of one shape are added, and the sum.

    Attributes
    ----------
    unseen : Counter
        How often an operation is called outside of what is watched, by the module in whose ``forward`` it is and its name.
    running : list
        What is running now, the innermost last: each module with its name and what it needs at its end.
    failed : str or None
        The innermost module that raised an error since one last returned.

    Examples
    --------
    >>> class Net(torch.nn.Sequential):
    ...     def forward(self, x):
    ...         return torch.relu(x + super().forward(x))
    >>> model, x = Net(torch.nn.Linear(3, 3)), torch.ones(2, 3)
    >>> with Watch(model, {}, lambda *seen: None) as watch:
    ...     _ = model(x)
    >>> dict(watch.unseen)
    {('', 'add'): 1, ('', 'relu'): 1}
    """

    def __init__(
        self,
        model: nn.Module,
        chosen: dict[nn.Module, str],
        returned: Callable[[nn.Module, float | None, object], None],
        added: Callable[[str, Tensor], None] | None = None,
    ):
        super().__init__()
        self.model, self.chosen, self.returned, self.added = model, chosen, returned, added
        self.unseen: Counter[tuple[str, str]] = Counter()
        self.running: list[tuple[str, nn.Module, float | None]] = []
        self.failed: str | None = None
        self.busy = False  # with what it hands on; torch's functions are then not the model's

    def __enter__(self) -> "Watch":
        with ExitStack() as hooks:
            for name, module in self.model.named_modules():
                if kind_of(module) == "scripted":  # takes no hooks
                    continue
                hooks.enter_context(module.register_forward_pre_hook(self._before(name), prepend=True))
                hooks.enter_context(module.register_forward_hook(self._after, prepend=True))
                hooks.enter_context(module.register_forward_hook(self._at_an_error, always_call=True))
            super().__enter__()
            self.hooks = hooks.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.hooks.close()
        super().__exit__(*error)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if self.busy or any(module in self.chosen for _, module, _ in self.running):
            return result
        if self.running and not any(self.running[-1][1].children()):  # that is what a leaf is there for
            return result
        first = next((x for x in (result if isinstance(result, tuple) else [result]) if isinstance(x, Tensor)), None)
        if first is None or first.ndim < 2 or not first.is_floating_point() or _moves_only(first, args):
            return result
        where = self.running[-1][0] if self.running else ""
        name = getattr(function, "__name__", str(function)).strip("_")
        operands = [x.shape for x in args if isinstance(x, Tensor)]
        if self.added and name in ("add", "iadd") and operands == [first.shape] * 2:
            self._quietly(self.added, where, first)
        else:
            self.unseen[where, name] += 1
        return result

    def _quietly(self, function: Callable, *arguments: object) -> Any:
        self.busy = True
        try:
            return function(*arguments)
        finally:
            self.busy = False

    def _before(self, name: str) -> Callable:
        def hook(module: nn.Module, arguments: tuple) -> None:
            norm = None
            if kind_of(module) == "activation" and arguments and isinstance(arguments[0], Tensor):
                norm = self._quietly(norm_of, arguments[0])
            self.running.append((name, module, norm))

        return hook

    def _after(self, module: nn.Module, arguments: tuple, output: object) -> None:
        _, _, norm = self.running.pop()
        self.failed = None
        if module in self.chosen:
            self._quietly(self.returned, module, norm, output)

    def _at_an_error(self, module: nn.Module, arguments: tuple, output: object) -> None:
        if self.running and self.running[-1][1] is module:  # it did not get as far as the hook above
            name, _, _ = self.running.pop()
            self.failed = self.failed or name


def norm_of(x: Tensor) -> float:
    """Euclidean norm of all entries, infinite only if they are."""
    return float(torch.linalg.vector_norm(x.detach(), dtype=torch.float64))


def _moves_only(result: Tensor, arguments: tuple) -> bool:
    """Whether a result shows an argument's own entries, as views do; what works in place returns the argument itself."""
    tensors = [x for x in arguments if isinstance(x, Tensor) and x.layout == torch.strided]
    if result.layout != torch.strided or any(result is x for x in tensors):
        return False
    return any(result.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() for x in tensors)
