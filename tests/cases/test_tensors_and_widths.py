"""``bn_chain(h.requires_grad_())``, float16, a NumPy array, ``generator=None``, ``width=10**12``; the same for all who take them."""

import inspect

import numpy as np
import pytest
import torch

from utils import chains, metrics
from utils.chains import (
    activation_chain,
    batch_norm,
    bn_chain,
    gradient_energies,
    thin_drift,
    vanilla_chain,
    wishart_root,
)
from utils.networks import init
from utils.networks.convnet import convnet
from utils.networks.data import batches
from utils.networks.perceptron import mlp
from utils.seeding import checked_generator, generator_for

H = torch.eye(4, 3, dtype=torch.float64)
OPTIONS = {"width": 8, "depth": 2}


def of(call):
    """A sampler as a function of the batch and of what is not as in ``OPTIONS``."""
    return lambda h=H, **changed: call(h, **({"generator": generator_for("cases")} | OPTIONS | changed))


SAMPLERS = {
    "bn": of(bn_chain),
    "bn, direct": of(lambda h, **options: bn_chain(h, method="direct", **options)),
    "vanilla": of(vanilla_chain),
    "vanilla, direct": of(lambda h, **options: vanilla_chain(h, method="direct", **options)),
    "activation": of(lambda h, **options: activation_chain(h, torch.tanh, **options)),
    "activation, direct": of(lambda h, **options: activation_chain(h, torch.tanh, method="direct", **options)),
    "gradients": of(lambda h, **options: gradient_energies(h[None], layer=torch.nn.Identity(), **options)),
}
MEASURES = {name: getattr(metrics, name) for name in metrics.__all__ if name != "checked"} | {"batch_norm": batch_norm}
TENSORS = [
    (H.half(), TypeError, "float16"),
    (H.bfloat16(), TypeError, "bfloat16"),
    (H.long(), TypeError, "int64"),
    (H.cfloat(), TypeError, "complex64"),
    (H.numpy(), TypeError, "a ndarray"),
    (H * torch.nan, ValueError, "NaN or infinite"),
    (torch.zeros(0, 3), ValueError, "shape"),
]
NAMES = ["float16", "bfloat16", "int64", "complex64", "NumPy", "NaN", "empty"]


#: What goes on in half precision, where overflow is the question.
HALF = ("gradients", "batch_norm")


@pytest.mark.parametrize(("h", "error", "words"), TENSORS, ids=NAMES)
@pytest.mark.parametrize("name", [*SAMPLERS, *MEASURES])
def test_samplers_and_measures_take_tensors_of_two_precisions(name, h, error, words):
    call = (SAMPLERS | MEASURES)[name]
    if name in HALF and words in ("float16", "bfloat16"):
        assert torch.isfinite(call(h[:3] + 1)).all()
        return
    with pytest.raises(error, match=words):
        call(h)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "gradients"])
def test_a_gradient_that_would_stop_there_is_refused(sampler):
    with pytest.raises(ValueError, match=r"give it h.detach\(\)"):
        SAMPLERS[sampler](H.clone().requires_grad_())


@pytest.mark.parametrize("generator", [None, 0, torch.default_generator.seed], ids=["None", "a seed", "a method"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_draws_from_the_global_stream(sampler, generator):
    with pytest.raises(TypeError, match="generator: "):
        SAMPLERS[sampler](generator=generator)


NETWORK = mlp(features=4, width=4, depth=2, classes=2)
POOL = torch.ones(1, 4, 9)
THIN = {"width": 8, "runs": 2, "burn": 1, "window": 1}
DRAWING = {
    "thin_drift": lambda generator: thin_drift(4, generator=generator, **THIN),
    "wishart_root": lambda generator: wishart_root((2, 2), width=3, generator=generator),
    "batches": lambda generator: batches("digits", size=2, count=1, generator=generator),
    "standard": lambda generator: init.standard(NETWORK, "xavier", generators=[generator]),
    "redraw": lambda generator: init.layer_by_layer(NETWORK, POOL, init.identity_like, redraw=[generator]),
    "permutation_like": lambda generator: init.permutation_like(POOL, 4, generators=[generator]),
    "haar": lambda generator: init.orthogonalising_weight(POOL, 4, basis="haar", generators=[generator]),
}


@pytest.mark.parametrize("drawing", DRAWING)
def test_nor_does_anything_else(drawing):
    with pytest.raises(TypeError, match="generator: None"):
        DRAWING[drawing](None)
    before = torch.random.get_rng_state()
    DRAWING[drawing](generator_for("cases"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_generator_of_another_device_is_named():
    with pytest.raises(ValueError, match="on device cpu, expected one on meta"):
        checked_generator(generator_for("cases"), torch.device("meta"))


@pytest.mark.parametrize("width", [10**12, 10**30])
@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "vanilla"])
def test_widths_without_end_are_refused_at_once(sampler, width):
    with pytest.raises(ValueError, match=f"width={width}: "):
        SAMPLERS[sampler](width=width)


@pytest.mark.parametrize("size", ["width", "runs"])
def test_nor_does_a_thin_direction_take_them(size):
    with pytest.raises(ValueError, match="000000"):
        thin_drift(4, generator=generator_for("cases"), **(THIN | {size: 10**12}))


def test_without_bn_no_width_is_too_large_that_floating_point_can_count():
    *_, last = SAMPLERS["vanilla"](width=10**12)
    assert float(metrics.orthogonality_gap(last)) < 1e-4
    with pytest.raises(ValueError, match="width"):
        SAMPLERS["vanilla"](width=2**53 + 1)
    with pytest.raises(ValueError, match="width"):
        wishart_root((2, 2), width=2**53 + 1, generator=generator_for("cases"))


@pytest.mark.parametrize("many", [10**12, 10**30])
@pytest.mark.parametrize("size", ["features", "width", "depth", "classes", "replicas"])
def test_networks_too(size, many):
    with pytest.raises(ValueError, match=f"{size}={many}"):
        mlp(**{"features": 4, "width": 4, "depth": 2, "classes": 2, "replicas": 1, size: many})


@pytest.mark.parametrize(
    "size", [{"depth": 10**12}, {"channels": (4, 4, 10**12)}, {"classifier": 10**12}, {"replicas": 10**12}], ids=str
)
def test_convnets_too(size):
    with pytest.raises(ValueError, match="1000000000000"):
        convnet(**{"depth": 4} | size)


@pytest.mark.parametrize("value", [8.0, True, "8", None, np.int64(8)], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("size", ["width", "depth"])
@pytest.mark.parametrize("made", [*SAMPLERS, "mlp"])
def test_sizes_are_ints(made, size, value):
    with pytest.raises(TypeError, match=f"{size}="):
        if made == "mlp":
            mlp(**{"features": 4, "width": 4, "depth": 2, "classes": 2} | {size: value})
        else:
            SAMPLERS[made](**{size: value})


@pytest.mark.parametrize("count", [0, -1, 10**12])
def test_batches_are_as_many_as_memory_holds(count):
    with pytest.raises(ValueError, match=f"count={count}"):
        batches("digits", size=4, count=count, generator=generator_for("cases"))


def test_every_sampler_is_tried_here():
    public = {name for name, value in vars(chains).items() if inspect.isfunction(value)}
    assert public == {
        "activation_chain",
        "batch_norm",
        "bn_chain",
        "gradient_energies",
        "thin_drift",
        "vanilla_chain",
        "wishart_root",
    }
