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
    free = [x.clone().requires_grad_() for x in start]
    optimizer = torch.optim.Adam(free, lr=rate)
    path = []
    for _ in range(steps):
        found = objective(*free)
        values = found if isinstance(found, tuple) else (found,)
        path.append([value.detach() for value in values])
        optimizer.zero_grad()
        values[0].sum().backward()
        optimizer.step()
    met = tuple(map(torch.stack, zip(*path, strict=True)))
    return met if len(met) > 1 else met[0]
