"""Adversarial searches: an inequality is not tested where it is easy."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["descent"]


def descent(objective: Callable, *start: Tensor, rate: float, steps: int) -> Tensor | tuple[Tensor, ...]:
    """What gradient descent (Adam) meets from many starts on its way down.

    Parameters
    ----------
    objective : callable
        From points, as ``start``, to one number each, shape (starts,); or to a tuple of such numbers, of which the first
        is to fall and the others are kept beside it. For a largest value, descend from the negative.
    *start : Tensor, shape (starts, ...)
    rate : float
        Learning rate.
    steps : int

    Returns
    -------
    Tensor, shape (steps, starts), or one for each member of the tuple

    Examples
    --------
    >>> descent(lambda x: x**2, torch.tensor([-1.0, 3.0]), rate=0.1, steps=100).min() < 1e-3
    tensor(True)
    """
    # Adam by hand: torch's own takes seconds to import what it needs, more than most searches.
    free = [x.clone().requires_grad_() for x in start]
    means, squares = ([torch.zeros_like(x) for x in start] for _ in range(2))
    path = []
    for step in range(1, steps + 1):
        found = objective(*free)
        values = found if isinstance(found, tuple) else (found,)
        path.append([value.detach() for value in values])
        slopes = torch.autograd.grad(values[0].sum(), free)
        with torch.no_grad():
            for x, mean, square, slope in zip(free, means, squares, slopes, strict=True):
                mean.lerp_(slope, 0.1)
                square.lerp_(slope.square(), 0.001)
                x -= rate / (1 - 0.9**step) * mean / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    met = tuple(map(torch.stack, zip(*path, strict=True)))
    return met if len(met) > 1 else met[0]
