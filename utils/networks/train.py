"""SGD, and what is watched while it runs: loss, accuracy, gap at every layer, gradient norms.

All replicas of a network train in one loop, each on its own order of the data. Divergence is a result, not an
exception: a replica whose loss is no longer finite keeps its place and says from which step on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, parametrize

from utils.files import replacing
from utils.metrics import orthogonality_gap
from utils.networks.perceptron import evaluating, linear_maps, representations
from utils.seeding import generator_for

__all__ = ["History", "accuracy", "gaps", "gradient_norms", "logit_gap", "train"]


class History(NamedTuple):
    """What one training run left behind; the second dimension is the replica.

    Attributes
    ----------
    loss : Tensor, shape (steps, replicas)
        Cross entropy of each step's batch, before the step and without dropout, in nats; not finite from divergence on.
    diverged : Tensor of int, shape (replicas,)
        First step whose loss is not finite; −1 if there is none.
    watched : list of dict
        One an observation: ``step`` and what ``watch`` returned. They end early if every replica has diverged.

    Examples
    --------
    >>> history = History(torch.zeros(100, 2), torch.tensor([-1, 40]), [])
    >>> (history.diverged >= 0).tolist()
    [False, True]
    """

    loss: Tensor
    diverged: Tensor
    watched: list[dict]


def logit_gap(logits: Tensor) -> Tensor:
    """The released code's gap: ‖σ/‖σ‖ − 1/√k‖ of the singular values of the k logits of a batch (Figure 3).

    Parameters
    ----------
    logits : Tensor, shape (replicas, k, samples)

    Returns
    -------
    Tensor, shape (replicas,)
        In [0, √(2 − 2/√k)]; NaN where the logits are not finite.

    Examples
    --------
    >>> logits = torch.stack([torch.eye(4), torch.ones(4, 4)])  # orthogonal, and all alike: √(2 − 2/√4)
    >>> torch.allclose(logit_gap(logits), torch.tensor([0.0, 1.0], dtype=torch.float64), atol=1e-6)
    True
    """
    finite = torch.isfinite(logits).all(-1).all(-1)
    safe = torch.where(finite[:, None, None], logits, torch.ones_like(logits)).double()
    singular = torch.linalg.svdvals(safe)
    unit = singular / singular.norm(dim=-1, keepdim=True)
    gap = (unit - unit.shape[-1] ** -0.5).norm(dim=-1)
    return torch.where(finite, gap, torch.full_like(gap, torch.nan))


def gaps(network: nn.Module, probe: Tensor) -> dict[str, Tensor]:
    """Orthogonality gaps of a network as it is, without dropout.

    Parameters
    ----------
    network : Module
    probe : Tensor, shape (replicas, features, n)
        The batch whose representations are measured.

    Returns
    -------
    dict of str to Tensor
        ``gap_before``, ``gap_after`` (replicas, hidden layers): V (Eq. 2) before and after each activation, NaN where a
        representation is not finite or has died out; ``gap_logits`` (replicas,): :func:`logit_gap`.

    Examples
    --------
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network = mlp(features=64, width=32, depth=2, classes=10, replicas=2)
    >>> standard(network, "xavier", generators=[generator_for(seed, "example") for seed in (0, 1)])
    >>> {name: tuple(value.shape) for name, value in gaps(network, torch.ones(2, 64, 5)).items()}
    {'gap_before': (2, 2), 'gap_after': (2, 2), 'gap_logits': (2,)}
    """
    with evaluating(network):
        before, after = representations(network, probe)
        with torch.no_grad():
            logits = logit_gap(network(probe))
    return {"gap_before": _gaps(before), "gap_after": _gaps(after), "gap_logits": logits}


def accuracy(network: nn.Module, x: Tensor, y: Tensor, *, replicas: int = 1) -> Tensor:
    """Share of images whose label has the greatest logit, without dropout.

    Parameters
    ----------
    network : Module
    x, y : Tensor, shapes (images, features) and (images,)
    replicas : int
        Of the network.

    Returns
    -------
    Tensor, shape (replicas,)
        float64, in [0, 1].

    Examples
    --------
    >>> from utils.networks.layers import Linear
    >>> network = Linear(1, 10, 10)
    >>> _ = network.weight.data.copy_(torch.eye(10))
    >>> accuracy(network, torch.eye(10), torch.arange(10))
    tensor([1.], dtype=torch.float64)
    """
    with evaluating(network), torch.no_grad():
        return (network(x.T.expand(replicas, -1, -1)).argmax(1) == y).double().mean(-1)


def gradient_norms(network: nn.Module, x: Tensor, y: Tensor, *, replicas: int = 1) -> Tensor:
    """Frobenius norm of the loss's gradient with respect to the weight of each linear map of the network as it is.

    Parameters
    ----------
    network : Module
    x, y : Tensor, shapes (images, features) and (images,)
    replicas : int
        Of the network.

    Returns
    -------
    Tensor, shape (replicas, linear maps)

    Examples
    --------
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network = mlp(features=64, width=32, depth=2, classes=10, replicas=2)
    >>> standard(network, "xavier", generators=[generator_for(seed, "example") for seed in (0, 1)])
    >>> gradient_norms(network, torch.ones(5, 64), torch.arange(5), replicas=2).shape
    torch.Size([2, 3])
    """
    with parametrize.cached():  # a weight that is computed is the same tensor here and in the network
        weights = [module.weight for module in linear_maps(network)]
        loss = _losses(network, x.T.expand(replicas, -1, -1), y.expand(replicas, -1))
        gradients = torch.autograd.grad(loss.sum(), weights)
    return torch.stack([gradient.reshape(replicas, -1).norm(dim=-1) for gradient in gradients], dim=-1)


def _losses(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross entropy of each replica."""
    return nn.functional.cross_entropy(network(x), y, reduction="none").mean(-1)


def _clip(parameters: list[Tensor], replicas: int, norm: float) -> None:
    """torch's own clipping by the norm of all gradients, for each replica on its own."""
    shares = [(p.detach().reshape(replicas, -1), p.grad.reshape(replicas, -1)) for p in parameters]
    for replica in range(replicas):
        own = []
        for values, gradients in shares:
            share = values[replica]
            share.grad = gradients[replica]  # a view: clipped in place
            own.append(share)
        clip_grad_norm_(own, norm)


def _gaps(layers: list[Tensor]) -> Tensor:
    """Gap of each layer, (replicas, layers); layer by layer, because one layer fits into a processor's cache."""
    return torch.stack([_gap(h) for h in layers], dim=-1)


def _gap(h: Tensor) -> Tensor:
    """Gap of one layer, (replicas,), in the network's own precision: V is good to 1e-6 there."""
    largest = h.abs().amax(dim=(1, 2))
    alive = torch.isfinite(largest) & (largest > 0)
    gap = orthogonality_gap(torch.where(alive[:, None, None], h, torch.ones_like(h)))
    return torch.where(alive, gap, torch.full_like(gap, torch.nan))


def train(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    seeds: Sequence[int],
    learning_rate: float | Sequence[float],
    batch_size: int,
    steps: int,
    watch: Callable[[nn.Module], dict[str, Tensor]] = lambda network: {},
    watch_at: Sequence[int] = (),
    clip: float | None = None,
    checkpoint: Path | None = None,
) -> History:
    """Plain SGD on the cross entropy, all replicas at once, each as if it trained alone.

    Dropout is an exception in one respect: its noise follows from all the seeds together, so a replica's noise is
    independent of the others' but differs with the company it is in.

    Parameters
    ----------
    network : Module
        (replicas, features, samples) to (replicas, classes, samples), weights set.
    x, y : Tensor, shapes (samples, features) and (samples,)
        Training data, a row per sample, held in memory.
    seeds : sequence of int
        One per replica. The order of the data comes from (seed, epoch) alone, so that replicas of equal seed in different
        networks see the same batches.
    learning_rate : float or sequence of float
        Of all replicas, or one per replica.
    batch_size : int
        At most the number of samples; a last, smaller batch of an epoch is left out.
    steps : int
    watch : callable, optional
        Measures the network, such as :func:`gaps`; its tensors are kept.
    watch_at : sequence of int
        Steps before which to watch, 0 to ``steps`` (after the last).
    clip : float, optional
        Greatest norm of a replica's gradient, all its parameters together; a longer one is scaled down to it.
    checkpoint : Path, optional
        Where to save at every watched step; a run that finds its own half-finished state there goes on from it, with the
        results it would have had. Removed at the end.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If a number is out of range, or learning rates are not as many as seeds.

    Examples
    --------
    >>> from utils.networks.data import task
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> x, y, x_test, y_test = task("digits", scale="symmetric")
    >>> network = mlp(features=64, width=32, depth=2, classes=10, replicas=2)
    >>> standard(network, "xavier", generators=[generator_for(seed, "example") for seed in (0, 1)])
    >>> history = train(network, x, y, seeds=[0, 1], learning_rate=0.1, batch_size=100, steps=40)
    >>> history.loss.shape, history.diverged.tolist()
    (torch.Size([40, 2]), [-1, -1])
    >>> bool((accuracy(network, x_test, y_test, replicas=2) > 0.5).all())
    True
    """
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size={batch_size}, expected 1 to {len(x)}, the number of training samples")
    rates = torch.as_tensor(learning_rate, dtype=torch.float32)
    if not (rates > 0).all() or steps < 1:
        raise ValueError(f"learning_rate={learning_rate!r}, steps={steps!r}: expected positive numbers")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip={clip!r}, expected None or a positive number")
    if rates.ndim and len(rates) != len(seeds):
        raise ValueError(f"learning_rate: {len(rates)} for {len(seeds)} seeds, expected one for all or one each")
    if any(not 0 <= at <= steps for at in watch_at):
        raise ValueError(f"watch_at={list(watch_at)}: expected steps from 0 to {steps}")

    parameters = list(network.parameters())
    by_parameter = [_each(rates.to(x.device), p) if rates.ndim else learning_rate for p in parameters]
    noisy = any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.modules())
    per_epoch = len(x) // batch_size
    losses = torch.full((steps, len(seeds)), torch.nan, device=x.device)
    watched: list[dict] = []
    start = 0
    if checkpoint is not None and Path(checkpoint).exists():
        start, losses, watched = _resume(Path(checkpoint), network, losses)
    order = None
    images = x.new_empty(
        len(seeds) * batch_size, x.shape[1]
    )  # one buffer: asking for fresh memory costs more than filling it
    for step in range(start, steps + 1):
        if step in watch_at and not (watched and watched[-1]["step"] == step):
            watched.append({"step": step} | watch(network))
            if checkpoint is not None:
                _save(Path(checkpoint), network, step, losses, watched)
        if step == steps:
            break
        epoch, position = divmod(step, per_epoch)
        if order is None or position == 0:
            permutations = [torch.randperm(len(x), generator=generator_for(seed, "order", epoch)) for seed in seeds]
            order = torch.stack(permutations).to(x.device)
        batch = order[:, position * batch_size : (position + 1) * batch_size]
        torch.index_select(x, 0, batch.flatten(), out=images)
        inputs, labels = images.unflatten(0, batch.shape).mT, y[batch]
        with _noise(*seeds, "dropout", step, device=x.device) if noisy else nullcontext():
            loss = _losses(network, inputs, labels)
        losses[step] = loss.detach()
        if noisy:
            with evaluating(network), torch.no_grad():
                losses[step] = _losses(network, inputs, labels)
        if not torch.isfinite(losses[step]).any():
            break
        for p in parameters:
            p.grad = None
        # The sum: every replica gets its own mean's gradient, as if it trained alone.
        loss.sum().backward()
        if clip is not None:
            _clip(parameters, len(seeds), clip)
        # torch's optimizers do the same, and importing them takes a process a second.
        with torch.no_grad():
            for p, rate in zip(parameters, by_parameter, strict=True):
                p.addcmul_(p.grad, rate, value=-1) if rates.ndim else p.sub_(p.grad, alpha=rate)
    if checkpoint is not None:
        Path(checkpoint).unlink(missing_ok=True)
    wrong = ~torch.isfinite(losses)
    diverged = torch.where(wrong.any(0), wrong.int().argmax(0), torch.full_like(wrong[0].int(), -1))
    return History(losses, diverged, watched)


def _each(rates: Tensor, parameter: Tensor) -> Tensor:
    """Each replica's learning rate beside its share of a parameter, whose first dimension goes through the replicas."""
    return rates.repeat_interleave(len(parameter) // len(rates)).reshape(-1, *[1] * (parameter.ndim - 1))


@contextmanager
def _noise(*key: object, device: torch.device) -> Iterator[None]:
    """torch's own stream of random numbers, which ``nn.Dropout`` draws from, started from a key; put back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(generator_for(*key).initial_seed())
        yield


def _save(path: Path, network: nn.Module, step: int, losses: Tensor, watched: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = BytesIO()  # torch's own words for a full disk do not say that it is full
    torch.save({"network": network.state_dict(), "step": step, "loss": losses, "watched": watched}, state)
    with replacing(path) as temporary:
        temporary.write_bytes(state.getbuffer())


def _resume(path: Path, network: nn.Module, losses: Tensor) -> tuple[int, Tensor, list[dict]]:
    try:
        state = torch.load(path, weights_only=True, map_location=losses.device)
        network.load_state_dict(state["network"])
    except Exception:  # truncated, corrupt or another network's: begin again rather than trust it
        return 0, losses, []
    return state["step"], state["loss"], state["watched"]
