"""Adversarial searches: an inequality is not tested where it is easy."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["descent"]


def descent(objective: Callable[[Tensor], Tensor], start: Tensor, *, rate: float, steps: int) -> Tensor:
    """What gradient descent (Adam) meets from many starts on its way down.

    Parameters
    ----------
    objective : callable
        From points, as ``start``, to one number each, shape (starts,).
    start : Tensor, shape (starts, ...)
    rate : float
        Learning rate.
    steps : int

    Returns
    -------
    Tensor, shape (steps, starts)

    Examples
    --------
    >>> descent(lambda x: x**2, torch.tensor([-1.0, 3.0]), rate=0.1, steps=100).min() < 1e-3
    tensor(True)
    """
    free = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=rate)
    path = []
    for _ in range(steps):
        value = objective(free)
        path.append(value.detach())
        optimizer.zero_grad()
        value.sum().backward()
        optimizer.step()
    return torch.stack(path)
