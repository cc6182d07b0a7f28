"""SGD, and what is watched while it runs: loss, accuracy, gap at every layer, gradient norms.

All replicas of a network train in one loop, each on its own order of the data. Divergence is a result, not an
exception: a replica whose loss is no longer finite keeps its place and says from which step on.
"""

from collections.abc import Iterator, Sequence
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

__all__ = ["History", "gradient_norms", "logit_gap", "train", "watch"]


class History(NamedTuple):
    """What one training run left behind; the second dimension is the replica.

    Attributes
    ----------
    loss : Tensor, shape (steps, replicas)
        Cross entropy of each step's batch, before the step and without dropout, in nats; not finite from divergence on.
    diverged : Tensor of int, shape (replicas,)
        First step whose loss is not finite; −1 if there is none.
    watched : list of dict
        One an observation: ``step`` and the tensors of :func:`watch`, each of shape (replicas, …), with the first
        ``batch_size`` training images as ``batch``. They end early if every replica has diverged.

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


def watch(
    network: nn.Module,
    probe: Tensor,
    *,
    batch: tuple[Tensor, Tensor] | None = None,
    held_out: tuple[Tensor, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Measure a network as it stands, without dropout.

    Parameters
    ----------
    network : Module
    probe : Tensor, shape (replicas, features, n)
        The batch whose representations are measured.
    batch, held_out : (Tensor, Tensor), shapes (images, features) and (images,), optional
        Training and held-out images with their labels, the same for all replicas.

    Returns
    -------
    dict of str to Tensor
        ``gap_before``, ``gap_after`` (replicas, hidden layers): V (Eq. 2) before and after each activation, NaN where a
        representation is not finite or has died out; ``gap_logits`` (replicas,): :func:`logit_gap`; with ``batch`` also
        ``train_accuracy`` (replicas,) and ``gradient`` (replicas, linear maps), Frobenius norms; with ``held_out`` also
        ``accuracy`` (replicas,).

    Examples
    --------
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> network = mlp(features=64, width=32, depth=2, classes=10, replicas=2)
    >>> standard(network, "xavier", generators=[generator_for(seed, "example") for seed in (0, 1)])
    >>> seen = watch(network, torch.ones(2, 64, 5))
    >>> {name: tuple(value.shape) for name, value in seen.items()}
    {'gap_before': (2, 2), 'gap_after': (2, 2), 'gap_logits': (2,)}
    """
    with evaluating(network):
        before, after = representations(network, probe)
        seen = {"gap_before": _gaps(before), "gap_after": _gaps(after)}
        with torch.no_grad():
            seen["gap_logits"] = logit_gap(network(probe))
        for name, labelled in (("train_accuracy", batch), ("accuracy", held_out)):
            if labelled is not None:
                seen[name] = _accuracy(network, *labelled, replicas=len(probe))
        if batch is not None:
            seen["gradient"] = gradient_norms(network, *batch, replicas=len(probe))
    return seen


@torch.no_grad()
def _accuracy(network: nn.Module, x: Tensor, y: Tensor, replicas: int) -> Tensor:
    return (network(x.T.expand(replicas, -1, -1)).argmax(1) == y).double().mean(-1)


def gradient_norms(network: nn.Module, x: Tensor, y: Tensor, *, replicas: int = 1) -> Tensor:
    """Frobenius norm of the loss's gradient with respect to the weight of each linear map, as the network stands.

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
    learning_rate: float,
    batch_size: int,
    steps: int,
    probe: Tensor,
    watch_at: Sequence[int] = (),
    held_out: tuple[Tensor, Tensor] | None = None,
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
        Training data, a row a sample, held in memory.
    seeds : sequence of int
        One a replica. The order of the data comes from (seed, epoch) alone, so that replicas of equal seed in different
        networks see the same batches.
    learning_rate : float
    batch_size : int
        At most the number of samples; a last, smaller batch of an epoch is left out.
    steps : int
    probe : Tensor, shape (replicas, features, n)
        As :func:`watch` takes it.
    watch_at : sequence of int
        Steps before which to watch, 0 to ``steps`` (after the last).
    held_out : (Tensor, Tensor), optional
        As :func:`watch` takes it.
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
        If a number is out of range, or the seeds are not as many as the replicas.

    Examples
    --------
    >>> from utils.networks.data import task
    >>> from utils.networks.init import standard
    >>> from utils.networks.perceptron import mlp
    >>> from utils.seeding import generator_for
    >>> x, y, x_test, _ = task("digits", scale="symmetric")
    >>> network = mlp(features=64, width=32, depth=2, classes=10, replicas=2)
    >>> standard(network, "xavier", generators=[generator_for(seed, "example") for seed in (0, 1)])
    >>> probe = x_test[:8].T.expand(2, -1, -1)
    >>> history = train(
    ...     network, x, y, seeds=[0, 1], learning_rate=0.1, batch_size=100, steps=40, probe=probe, watch_at=[0, 40]
    ... )
    >>> history.loss.shape, history.diverged.tolist()
    (torch.Size([40, 2]), [-1, -1])
    >>> first, last = history.watched
    >>> bool((last["train_accuracy"] > first["train_accuracy"]).all())
    True
    """
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size={batch_size}, expected 1 to {len(x)}, the number of training samples")
    if not learning_rate > 0 or steps < 1:
        raise ValueError(f"learning_rate={learning_rate!r}, steps={steps!r}: expected positive numbers")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip={clip!r}, expected None or a positive number")
    if len(probe) != len(seeds):
        raise ValueError(f"seeds: {len(seeds)} for {len(probe)} replicas in probe, expected one each")
    if any(not 0 <= at <= steps for at in watch_at):
        raise ValueError(f"watch_at={list(watch_at)}: expected steps from 0 to {steps}")

    parameters = list(network.parameters())
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
            seen = watch(network, probe, batch=(x[:batch_size], y[:batch_size]), held_out=held_out)
            watched.append({"step": step} | seen)
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
        # torch's optimisers do the same, and importing them takes a process a second.
        with torch.no_grad():
            for p in parameters:
                p.sub_(p.grad, alpha=learning_rate)
    if checkpoint is not None:
        Path(checkpoint).unlink(missing_ok=True)
    wrong = ~torch.isfinite(losses)
    diverged = torch.where(wrong.any(0), wrong.int().argmax(0), torch.full_like(wrong[0].int(), -1))
    return History(losses, diverged, watched)


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
