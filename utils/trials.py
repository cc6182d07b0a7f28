"""One trial of the SGD experiments: data, network, initialisation, training, and a row of plain numbers for each seed.

The arms differ in their hidden weights only (and in BN): all share Xavier's first layer and readout, the data and,
seed by seed, the order of the data.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils import data
from utils.inits import identity_like, layer_by_layer, orthogonalising_weight, standard
from utils.networks import hidden_maps, mlp
from utils.seeds import generator_for
from utils.training import gradient_norms, train

__all__ = ["ARMS", "Arm", "initialised", "trial"]


class Arm(NamedTuple):
    """How an arm of the experiment sets its hidden weights.

    Attributes
    ----------
    label : str
        As a figure names it.
    scheme : str
        Of :func:`utils.inits.standard`, for all weights; hidden ones may be replaced.
    batch_norm : bool
    basis : {"slice", "polar", "haar", "identity"}, optional
        What replaces the hidden weights, computed layer by layer; ``None`` leaves them.
    exponent : float
        On Σ, for the orthogonalising ones.
    scaled : bool
        Whether hidden weights are scaled to ‖WH‖_F = 1.
    redrawn : bool
        Whether every layer uses samples of its own.
    """

    label: str
    scheme: str = "xavier"
    batch_norm: bool = False
    basis: str | None = None
    exponent: float = 0.5
    scaled: bool = True
    redrawn: bool = False


ARMS = {
    "xavier": Arm("Xavier"),
    "orthogonal": Arm("orthogonal", scheme="orthogonal"),
    "bn": Arm("Xavier with BN", batch_norm=True),
    "slice": Arm("iterative, slice, Σ^(−1/2)", basis="slice"),
    "slice1": Arm("iterative, slice, Σ^(−1)", basis="slice", exponent=1.0),
    "polar": Arm("iterative, polar, Σ^(−1/2)", basis="polar"),
    "polar1": Arm("iterative, polar, Σ^(−1)", basis="polar", exponent=1.0),
    "haar": Arm("iterative, Haar, Σ^(−1/2)", basis="haar"),
    "haar1": Arm("iterative, Haar, Σ^(−1)", basis="haar", exponent=1.0),
    "redrawn": Arm("iterative, slice, samples redrawn", basis="slice", redrawn=True),
    "identity": Arm("identity", basis="identity", scaled=False),
    "identity_scaled": Arm("identity, iterative's scale", basis="identity"),
}


def initialised(arm: str, x: Tensor, *, width: int, depth: int, classes: int, seeds: Sequence[int]) -> nn.Sequential:
    """An MLP with the weights of an arm, one replica a seed.

    Parameters
    ----------
    arm : str
        A key of :data:`ARMS`.
    x : Tensor, shape (images, features)
        Training data; the layer-by-layer arms use 3 · width images, as the released code does, drawn by the seed.
    width, depth, classes : int
        As :func:`utils.networks.mlp` takes them.
    seeds : sequence of int

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError
        If there is no such arm, or fewer than 3 · width images.
    """
    if arm not in ARMS:
        raise ValueError(f"arm={arm!r}, expected one of {', '.join(ARMS)}")
    how = ARMS[arm]
    network = mlp(
        features=x.shape[1], width=width, depth=depth, classes=classes, replicas=len(seeds), batch_norm=how.batch_norm
    )
    # The same draw for every arm of a seed: first layer and readout are then shared, and the arms paired.
    standard(network, how.scheme, generators=[generator_for(seed, "weights") for seed in seeds])
    if how.basis is None or not hidden_maps(network):
        return network
    samples = 3 * width
    if len(x) < samples:
        raise ValueError(f"x: {len(x)} images, expected at least 3 · width = {samples} to compute weights from")
    pool = min(len(x), 4 * samples) if how.redrawn else samples
    chosen = [torch.randperm(len(x), generator=generator_for(seed, "init images"))[:pool] for seed in seeds]
    if how.basis == "identity":
        weight_for = identity_like
    else:
        generators = [generator_for(seed, "basis") for seed in seeds] if how.basis == "haar" else None
        weight_for = partial(orthogonalising_weight, exponent=how.exponent, basis=how.basis, generators=generators)
    layer_by_layer(
        network,
        x[torch.stack(chosen)].mT,
        weight_for,
        norm=1.0 if how.scaled else None,
        redraw=[generator_for(seed, "redraw") for seed in seeds] if how.redrawn else None,
        samples=samples,
    )
    return network


def trial(
    *,
    task: str,
    scale: str,
    train_images: int,
    test_images: int,
    arm: str,
    width: int,
    depth: int,
    learning_rate: float,
    batch_size: int,
    steps: int,
    seeds: list[int],
    probe: int,
    observations: int,
    device: str = "cpu",
    scratch: Path | None = None,
) -> list[dict]:
    """Initialise and train one arm at one setting; a cell for :func:`utils.sweeps.sweep`.

    Parameters
    ----------
    task, scale, train_images, test_images
        As :func:`utils.data.task` takes them.
    arm, width, depth
        As :func:`initialised` takes them.
    learning_rate, batch_size, steps, seeds
        As :func:`utils.training.train` takes them.
    probe : int
        n, size of the batch whose orthogonality gap is watched: held-out images.
    observations : int
        How many times to watch during training, beside the start; evenly spaced.
    device : str
        Where to train; the weights are drawn on the CPU.
    scratch : Path, optional
        Checkpoint of a long run.

    Returns
    -------
    list of dict
        One a seed: ``seed``; ``loss``, the mean over the last tenth of the steps (NaN if it diverged before the end) and
        ``mean_loss`` over all; ``diverged``, the step or −1; ``accuracy`` held out, at the end; at the start: ``gap_before``
        and ``gap_after`` the last activation, ``gap_logits``, ``identity`` (mean cosine of hidden weights to the identity),
        ``logit_scale`` (root mean square), ``gradient_growth`` (log10 of the ratio of gradient norms, first hidden weight
        over last) and ``gradient_norm`` (of all); the end's gaps as ``…_end``; and the curves ``at`` (steps),
        ``curve_loss`` (mean since the last observation), ``curve_gap_before``, ``curve_gap_after``, ``curve_gap_logits``,
        ``curve_accuracy``; ``layers_gap_before``, ``layers_gap_after`` at the start, by layer; ``layers_gradient``.
    """
    x, y, x_test, y_test = data.task(task, scale=scale, train=train_images, test=test_images)
    network = initialised(arm, x, width=width, depth=depth, classes=10, seeds=seeds)
    x, y, x_test, y_test = (z.to(device) for z in (x, y, x_test, y_test))
    network.to(device)
    start = _start(network, x, y, seeds, batch_size)
    at = sorted({round(i * steps / observations) for i in range(observations + 1)})
    history = train(
        network,
        x,
        y,
        seeds=seeds,
        learning_rate=learning_rate,
        batch_size=batch_size,
        steps=steps,
        probe=x_test[:probe].T.expand(len(seeds), -1, -1),
        watch_at=at,
        held_out=(x_test.T, y_test),
        checkpoint=scratch,
    )
    last = max(1, steps // 10)
    rows = []
    for i, seed in enumerate(seeds):
        seen = {
            name: torch.stack([w[name][i] for w in history.watched]).tolist()
            for name in ("gap_before", "gap_after", "gap_logits", "accuracy")
        }
        loss = history.loss[:, i].double().cpu()
        curve = [loss[0], *(loss[a:b].mean() for a, b in zip(at, at[1:], strict=False))]
        rows.append(
            {
                "seed": seed,
                "loss": float(loss[-last:].mean()),
                "mean_loss": float(loss.mean()),
                "diverged": int(history.diverged[i]),
                "accuracy": seen["accuracy"][-1],
                "gap_before": seen["gap_before"][0][-1],
                "gap_after": seen["gap_after"][0][-1],
                "gap_logits": seen["gap_logits"][0],
                "gap_before_end": seen["gap_before"][-1][-1],
                "gap_after_end": seen["gap_after"][-1][-1],
                **{name: values[i].tolist() for name, values in start.items()},
                "at": at,
                "curve_loss": [float(value) for value in curve],
                "curve_gap_before": [gap[-1] for gap in seen["gap_before"]],
                "curve_gap_after": [gap[-1] for gap in seen["gap_after"]],
                "curve_gap_logits": seen["gap_logits"],
                "curve_accuracy": seen["accuracy"],
                "layers_gap_before": seen["gap_before"][0],
                "layers_gap_after": seen["gap_after"][0],
            }
        )
    return rows


def _start(network: nn.Module, x: Tensor, y: Tensor, seeds: Sequence[int], batch_size: int) -> dict[str, Tensor]:
    """What may explain how fast a network will learn, measured before the first step, by replica."""
    batch = x[:batch_size].T.expand(len(seeds), -1, -1)
    gradient = gradient_norms(network, batch, y[:batch_size].expand(len(seeds), -1))
    with torch.no_grad():
        logits = network(batch).square().mean((1, 2)).sqrt()
    hidden = [module.weight.detach() for module in hidden_maps(network)]
    if hidden:
        stack = torch.stack(hidden)
        cosine = stack.diagonal(dim1=-2, dim2=-1).sum(-1) / torch.linalg.matrix_norm(stack) / stack.shape[-1] ** 0.5
        growth = (gradient[:, 1] / gradient[:, -2]).log10()
    else:
        cosine, growth = torch.zeros(1, len(seeds)), torch.zeros(len(seeds))
    return {
        "identity": cosine.mean(0),
        "logit_scale": logits,
        "gradient_growth": growth,
        "gradient_norm": gradient.norm(dim=-1),
        "layers_gradient": gradient,
        "layers_identity": cosine.T,
    }
