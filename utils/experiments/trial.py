"""One trial of the SGD experiments: data, network, initialization, training, and a row of plain numbers for each run.

The arms differ in their hidden weights only (and in BN): all share Xavier's first layer and readout, the data and,
seed by seed, the order of the data. The methods do so too, and differ in what surrounds the weights besides.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.networks import data
from utils.networks.convnet import convnet
from utils.networks.init import (
    BASES,
    STANDARD,
    identity_like,
    layer_by_layer,
    orthogonalising_weight,
    permutation_like,
    scaled,
    standard,
)
from utils.networks.interventions import alike, hidden, leaning, looks_linear, multiplied, whitened
from utils.networks.perceptron import evaluating, hidden_maps, mlp, representations, weight_matrices, weight_normalized
from utils.networks.train import accuracy, gaps, gradient_norms, train
from utils.seeding import generator_for

__all__ = ["ARMS", "INTERVENTIONS", "METHODS", "Arm", "initialized", "trial"]


class Arm(NamedTuple):
    """How an arm of the experiment sets its hidden weights, and what it adds to the network or to SGD.

    Attributes
    ----------
    label : str
        As a figure names it.
    scheme : str
        Of :func:`utils.networks.init.standard`, for all weights; hidden ones may be replaced.
    norm : {"batch", "layer", "rms"}, optional
    basis : {"slice", "polar", "haar", "identity", "permutation", "xavier"}, optional
        What replaces the hidden weights, layer by layer; ``None`` leaves them.
    exponent : float
        On Σ, for the orthogonalizing ones.
    scaled : bool
        Whether hidden weights are scaled to ‖WH‖_F = 1.
    redrawn : bool
        Whether every layer uses samples of its own.
    weight_norm : bool
        Whether SGD moves each unit's gain and direction instead of its weights.
    dropout : float
        Share of silenced units.
    clip : float, optional
        Greatest norm of the gradient.
    changes : tuple of callable
        What is done to the weights last, of :mod:`utils.networks.interventions`.

    Examples
    --------
    >>> ARMS["identity"].basis, METHODS["layer_norm"].norm
    ('identity', 'layer')
    """

    label: str
    scheme: str = "xavier"
    norm: str | None = None
    basis: str | None = None
    exponent: float = 0.5
    scaled: bool = True
    redrawn: bool = False
    weight_norm: bool = False
    dropout: float = 0.0
    clip: float | None = None
    changes: tuple[Callable, ...] = ()


#: How hidden weights are set, by the names that tables and figures use.
ARMS = {
    "xavier": Arm("Xavier"),
    "orthogonal": Arm("orthogonal", scheme="orthogonal"),
    "bn": Arm("Xavier with BN", norm="batch"),
    "slice": Arm("iterative, slice, Σ^(−1/2)", basis="slice"),
    "slice1": Arm("iterative, slice, Σ^(−1)", basis="slice", exponent=1.0),
    "polar": Arm("iterative, polar, Σ^(−1/2)", basis="polar"),
    "polar1": Arm("iterative, polar, Σ^(−1)", basis="polar", exponent=1.0),
    "haar": Arm("iterative, Haar, Σ^(−1/2)", basis="haar"),
    "haar1": Arm("iterative, Haar, Σ^(−1)", basis="haar", exponent=1.0),
    "redrawn": Arm("iterative, slice, samples redrawn", basis="slice", redrawn=True),
    "identity": Arm("identity", basis="identity", scaled=False),
    "identity_scaled": Arm("identity, iterative's scale", basis="identity"),
    "permutation": Arm("permutations", basis="permutation", scaled=False),
    "xavier_scaled": Arm("Xavier, iterative's scale", basis="xavier"),
}

#: What may replace BN, that is, other normalizations, tricks of training, initializations, and the last two together.
METHODS = {
    "xavier": ARMS["xavier"],
    "bn": ARMS["bn"],
    "layer_norm": Arm("Xavier with LayerNorm", norm="layer"),
    "rms_norm": Arm("Xavier with RMSNorm", norm="rms"),
    "weight_norm": Arm("Xavier with weight norm.", weight_norm=True),
    "clip": Arm("Xavier with clipping", clip=1.0),
    "dropout": Arm("Xavier with dropout", dropout=0.1),
    "orthogonal": ARMS["orthogonal"],
    "slice": ARMS["slice"],
    "identity": ARMS["identity"],
    "identity_bn": Arm("identity with BN", basis="identity", scaled=False, norm="batch"),
    "identity_clip": Arm("identity with clipping", basis="identity", scaled=False, clip=1.0),
}


def _changed(label: str, change: Callable, basis: str | None = None, norm: str | None = None, **degrees: float) -> Arm:
    return Arm(label, basis=basis, scaled=basis != "identity", norm=norm, changes=(partial(change, **degrees),))


#: Arms that set one candidate cause by degrees. These are the gap with all of the signal passing, the gap of random weights, how
#: much of the weights is random with the gap held, scale, and the gap under BN.
INTERVENTIONS = {
    "whitened": _changed("identity, whitened", whitened, "identity", degree=1.0),
    "half_whitened": _changed("identity, half whitened", whitened, "identity", degree=0.5),
    "lean_90": _changed("identity, gap 0.9", leaning, "identity", gap=0.9),
    "lean_98": _changed("identity, Xavier's gap", leaning, "identity", gap=0.98),
    "random_half": _changed("random, gap half-way", hidden, random=1.0, gap=0.5),
    "random_held": _changed("random, the identity's gap", hidden, random=1.0, gap=0.0),
    "random_high": _changed("random, gap raised", hidden, random=1.0, gap=1.0),
    "mixed_3": _changed("3 % random", hidden, random=0.03, gap=0.0),
    "mixed_10": _changed("10 % random", hidden, random=0.1, gap=0.0),
    "looks_linear": _changed("looks-linear", looks_linear),
    "small_slice": _changed("iterative, slice × 0.8", multiplied, "slice", by=0.8),
    "bn_alike": _changed("BN, units alike", alike, norm="batch", by=1.0),
    "bn_more_alike": _changed("BN, units more alike", alike, norm="batch", by=2.0),
}


def initialized(
    arm: str,
    x: Tensor,
    *,
    width: int,
    depth: int,
    classes: int,
    seeds: Sequence[int],
    side: int | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """A network with the weights of an arm, one replica per seed.

    Parameters
    ----------
    arm : str
        A key of :data:`ARMS`, :data:`METHODS` or :data:`INTERVENTIONS`.
    x : Tensor, shape (images, features)
        Training data; the layer-by-layer arms use 3 · width images in an MLP and 256 in a convnet, as the released code
        does, drawn by the seed.
    width, depth, classes : int
        As :func:`utils.networks.perceptron.mlp` takes them. In a convnet the channels of all convolutions but the first two, and the
        number of convolutions: width 256 is the paper's Table 3, other widths scale its other sizes with it.
    seeds : sequence of int
    side : int, optional
        A convnet on images of ``side`` × ``side`` pixels; an MLP by default.
    dropout : float
        In a convnet's classifier; 0.5 in Table 3. An MLP's is its arm's.

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError
        If there is no such arm (or not for a convnet), ``x`` is not of images of that side, or there are too few.

    Examples
    --------
    >>> from utils.networks.data import task
    >>> x, *_ = task("digits", scale="symmetric")
    >>> network = initialized("polar", x, width=32, depth=4, classes=10, seeds=[0, 1])
    >>> network(torch.zeros(2, 64, 5)).shape
    torch.Size([2, 10, 5])
    """
    how = _how(arm)
    sizes = {"depth": depth, "classes": classes, "replicas": len(seeds)}
    if side is None:
        network = mlp(features=x.shape[1], width=width, norm=how.norm, dropout=how.dropout, **sizes)
    elif how.norm or how.weight_norm or how.dropout:
        raise ValueError(f"arm={arm!r} is for MLPs: Table 3's convnet has no normalization, and dropout of its own")
    elif x.shape[1] % side**2:
        raise ValueError(f"side={side}: x has {x.shape[1]} features, expected a multiple of {side}² = {side**2}")
    else:
        channels = (width // 4, 3 * width // 4, width)
        pixels = {"image_channels": x.shape[1] // side**2, "side": side}
        network = convnet(channels=channels, classifier=16 * width, dropout=dropout, **pixels, **sizes)
    # The same draw for every arm of a seed: first layer and readout are then shared, and the arms paired.
    standard(network, how.scheme, generators=[generator_for(seed, "weights") for seed in seeds])
    if how.basis is not None and hidden_maps(network):
        _replace_hidden(network, how, x, 3 * width if side is None else 256, seeds)
    for change in how.changes:
        change(network, x, [generator_for(seed, "change") for seed in seeds])
    return weight_normalized(network) if how.weight_norm else network


def _how(arm: str) -> Arm:
    known = ARMS | METHODS | INTERVENTIONS
    if arm not in known:
        raise ValueError(f"arm={arm!r}, expected one of {', '.join(known)}")
    return known[arm]


def _replace_hidden(network: nn.Module, how: Arm, x: Tensor, samples: int, seeds: Sequence[int]) -> None:
    if len(x) < samples:
        raise ValueError(
            f"x: {len(x)} images, expected at least {samples} (3 · width, 256 for a convnet) to compute weights from"
        )
    pool = min(len(x), 16 * samples) if how.redrawn else samples
    chosen = [torch.randperm(len(x), generator=generator_for(seed, "init images"))[:pool] for seed in seeds]
    generators = [generator_for(seed, how.basis) for seed in seeds]
    layer_by_layer(
        network,
        x[torch.stack(chosen)].mT,
        _weight_for(how, generators),
        redraw=[generator_for(seed, "redraw") for seed in seeds] if how.redrawn else None,
        samples=samples,
    )


def _weight_for(how: Arm, generators: list[torch.Generator]) -> Callable[[Tensor, int], Tensor]:
    def xavier(h: Tensor, fan_out: int) -> Tensor:
        draws = [
            STANDARD["xavier"](torch.empty(fan_out, h.shape[1], dtype=h.dtype), generator) for generator in generators
        ]
        return torch.stack(draws)

    if how.basis in BASES:
        return partial(orthogonalising_weight, exponent=how.exponent, basis=how.basis, generators=generators)
    permutation = partial(permutation_like, generators=generators)
    plain = {"identity": identity_like, "permutation": permutation, "xavier": xavier}[how.basis]
    return scaled(plain) if how.scaled else plain


def trial(
    *,
    task: str,
    scale: str,
    train_images: int,
    test_images: int,
    arm: str,
    width: int,
    depth: int,
    learning_rate: float | list[float],
    batch_size: int,
    steps: int,
    seeds: list[int],
    probe: int,
    observations: int,
    side: int | None = None,
    dropout: float = 0.0,
    device: str = "cpu",
    scratch: Path | None = None,
) -> list[dict]:
    """Initialize and train one arm at one setting; a cell for :func:`utils.experiments.sweep.sweep`.

    Parameters
    ----------
    task, scale, train_images, test_images
        As :func:`utils.networks.data.task` takes them.
    arm, width, depth
        As :func:`initialized` takes them.
    learning_rate : float or list of float
        If there are several, each is tried on all the seeds: together, which costs less than one after the other.
    batch_size, steps, seeds
        As :func:`utils.networks.train.train` takes them.
    probe : int
        n, size of the batch whose orthogonality gap is watched: held-out images.
    observations : int
        How many times to watch during training, beside the start; evenly spaced.
    side : int, optional
        A convnet, on images resized to ``side`` × ``side`` pixels; an MLP by default.
    dropout : float
        In a convnet's classifier.
    device : str
        Where to train; the weights are drawn on the CPU.
    scratch : Path, optional
        Checkpoint of a long run.

    Returns
    -------
    list of dict
        One a learning rate and seed. Outcome: ``loss``, the mean over the last tenth of the steps (NaN if it diverged before their end),
        ``diverged`` (the step, or −1), ``accuracy`` held out, at the end. At the start: ``gap_before`` and ``gap_after`` the last
        activation, ``gap_logits``, ``identity`` (mean cosine of hidden weights to the identity), ``passing`` (share of the
        energy before the activation that passes it, mean over hidden layers after the first), ``logit_scale`` (root mean
        square), ``gradient`` (norm of all) and ``gradient_growth`` (log10 of the first hidden weight's norm over the last's);
        by layer ``layers_gap_before``, ``layers_gap_after``, ``layers_gradient``, ``layers_identity``. During training, at the
        steps ``at``: ``curve_loss`` (mean since the observation before), ``curve_gap_before``, ``curve_gap_after``,
        ``curve_gap_logits``.

    Raises
    ------
    DataUnavailable, ValueError
        As the functions named above.

    Examples
    --------
    >>> rows = trial(
    ...     task="digits", scale="symmetric", train_images=500, test_images=100, arm="bn", width=32, depth=3,
    ...     learning_rate=0.1, batch_size=50, steps=20, seeds=[0, 1], probe=8, observations=2,
    ... )
    >>> [row["seed"] for row in rows], rows[0]["at"]
    ([0, 1], [0, 10, 20])
    >>> all(0.1 < row["accuracy"] <= 1 for row in rows)
    True
    """
    x, y, x_test, y_test = data.task(task, scale=scale, train=train_images, test=test_images, side=side)
    rates = learning_rate if isinstance(learning_rate, list) else [learning_rate]
    runs = list(product(rates, seeds))
    each = [seed for _, seed in runs]
    sizes = {"width": width, "depth": depth, "classes": 10, "side": side, "dropout": dropout}
    network = initialized(arm, x, seeds=each, **sizes).to(device)
    x, y, x_test, y_test = (z.to(device) for z in (x, y, x_test, y_test))
    probe_batch = x_test[:probe].T.expand(len(runs), -1, -1)
    start = _start(network, probe_batch, x[:batch_size], y[:batch_size])
    history = train(
        network,
        x,
        y,
        seeds=each,
        learning_rate=[rate for rate, _ in runs] if len(rates) > 1 else rates[0],
        batch_size=batch_size,
        steps=steps,
        watch=partial(gaps, probe=probe_batch),
        watch_at=sorted({round(i * steps / observations) for i in range(observations + 1)}),
        clip=_how(arm).clip,
        checkpoint=scratch,
    )
    held_out = accuracy(network, x_test, y_test, replicas=len(runs))
    at = [seen["step"] for seen in history.watched]
    watched = {
        name: torch.stack([w[name] for w in history.watched]).cpu() for name in history.watched[0] if name != "step"
    }
    losses = history.loss.double().cpu()
    rows = []
    for i, (rate, seed) in enumerate(runs):
        seen = {name: values[:, i] for name, values in watched.items()}
        loss, gradient = losses[:, i], start["layers_gradient"][i]
        rows.append(
            {
                "learning_rate": rate,
                "seed": seed,
                "loss": float(loss[-max(1, steps // 10) :].mean()),
                "diverged": int(history.diverged[i]),
                "accuracy": float(held_out[i]),
                "gap_before": float(seen["gap_before"][0, -1]),
                "gap_after": float(seen["gap_after"][0, -1]),
                "gap_logits": float(seen["gap_logits"][0]),
                "gradient": float(gradient.norm()),
                "gradient_growth": float((gradient[1] / gradient[-2]).log10()),
                **{name: values[i].tolist() for name, values in start.items()},
                "layers_gap_before": seen["gap_before"][0].tolist(),
                "layers_gap_after": seen["gap_after"][0].tolist(),
                "at": at,
                "curve_loss": [float(loss[0]), *(float(loss[a:b].mean()) for a, b in pairwise(at))],
                "curve_gap_before": seen["gap_before"][:, -1].tolist(),
                "curve_gap_after": seen["gap_after"][:, -1].tolist(),
                "curve_gap_logits": seen["gap_logits"].tolist(),
            }
        )
    return rows


def _start(network: nn.Module, probe: Tensor, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What may explain, besides the gaps, how fast a network will learn, by replica."""
    with evaluating(network):
        gradients = gradient_norms(network, x, y, replicas=len(probe))
    with torch.no_grad(), evaluating(network):
        logits = network(probe)
        hidden = torch.stack([weight_matrices(m) for m in hidden_maps(network)] or [torch.zeros(len(probe), 1, 1)])
        before, after = representations(network, probe)
    identity = identity_like(hidden[0].mT, hidden.shape[-2])
    cosine = (hidden * identity).sum((-2, -1)) / torch.linalg.matrix_norm(hidden) / hidden.shape[-2] ** 0.5
    passing = [
        a.double().square().sum((1, 2)) / b.double().square().sum((1, 2)) for b, a in zip(before, after, strict=True)
    ]
    return {
        "identity": cosine.mean(0),
        "layers_identity": cosine.T,
        "layers_gradient": gradients.cpu(),
        "passing": torch.stack(passing[1:] or passing).mean(0),
        "logit_scale": logits.square().mean((1, 2)).sqrt(),
    }
