"""The probe: its numbers by hand, on models of every make, which it leaves as they were."""

import math
from collections import OrderedDict
from dataclasses import dataclass

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from utils import metrics, theory
from utils.probe import probe
from utils.probe.measure import BLOCK, gram_of_rows, measures
from utils.probe.table import COLUMNS, MOST
from utils.probe.watch import Watch


@pytest.fixture(autouse=True)
def stream():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def row(table, name, call=1):
    (found,) = [one for _, one in table.iterrows() if one["name"] == name and one.call == call]
    return found


class Block(nn.Module):
    """Of a residual network: an in-place activation that is called twice, an in-place sum."""

    def __init__(self, width, norm=nn.BatchNorm2d):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, padding=1, bias=False), norm(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        h += x
        return self.relu(h)


def resnet(width=8, blocks=2):
    stem = [nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]
    return nn.Sequential(*stem, *(Block(width) for _ in range(blocks)), *head)


IMAGES = (6, 3, 8, 8)


@pytest.mark.parametrize("shape", [(4, 7), (12, 5), (3, BLOCK)])
def test_the_gram_matrix_in_blocks_is_the_product(shape):
    h = torch.randn(shape)
    torch.testing.assert_close(gram_of_rows(h), h.double() @ h.double().T)


@pytest.mark.parametrize("n, d", [(4, 64), (16, 20), (12, 5)])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_measures_are_those_of_the_metrics(n, d, scale):
    h = torch.randn(n, d, dtype=torch.float64)
    found = measures(h * scale)
    assert found["gap"] == pytest.approx(float(metrics.orthogonality_gap(h.T)))
    assert found["rank"] == pytest.approx(float(metrics.effective_rank(h.T)))
    assert found["least_eigenvalue"] == pytest.approx(float(metrics.spectrum(h.T)[-1]), abs=1e-12)
    if n <= d:
        assert found["isometry_gap"] == pytest.approx(float(metrics.isometry_gap(h.T)))
    else:
        assert found["isometry_gap"] == math.inf
    assert found["cosine"] == pytest.approx(float(metrics.abs_cosines(h.T).mean()))
    assert found["rms"] / scale == pytest.approx(float(h.square().mean().sqrt()))
    assert not found["centered"]


def test_the_effective_dimension_is_the_one_with_this_gap():
    h = torch.randn(10, 30, dtype=torch.float64)
    found = measures(h)
    square = theory.normalized_wishart_mean_square_gap(10, found["dimension"])
    assert square == pytest.approx(float(metrics.orthogonality_gap(h.T)) ** 2)
    assert measures(torch.eye(3))["dimension"] == math.inf


def test_gaussian_vectors_have_as_many_effective_dimensions_as_they_have():
    assert measures(torch.randn(200, 50, dtype=torch.float64))["dimension"] == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_centered_batch_is_measured_on_the_dimensions_that_remain(dtype):
    h = torch.randn(9, 300, dtype=torch.float64)
    h -= h.mean(0)
    basis = torch.linalg.svd(torch.ones(1, 9, dtype=torch.float64)).Vh[1:]  # orthonormal, orthogonal to the ones
    inside, found = (basis @ h).T, measures(h.to(dtype))
    rel = 1e-6 if dtype.itemsize > 2 else 0.02
    assert found["centered"]
    assert found["isometry_gap"] == pytest.approx(float(metrics.isometry_gap(inside)), rel=rel)
    assert found["least_eigenvalue"] == pytest.approx(float(metrics.spectrum(inside)[-1]), rel=rel)
    square = theory.normalized_wishart_mean_square_gap(8, found["dimension"])
    assert square == pytest.approx(float(metrics.orthogonality_gap(inside)) ** 2, rel=rel)
    assert found["gap"] == pytest.approx(float(metrics.orthogonality_gap(h.T)), rel=rel)


def test_samples_that_are_zero_have_no_angle():
    found = measures(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    assert found["cosine"] == pytest.approx(0.5**0.5)
    with pytest.raises(ValueError, match="all zeros"):
        measures(torch.zeros(2, 3))


def test_a_perceptron_by_hand():
    first, norm, act, last = nn.Linear(6, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 3)
    x = torch.randn(8, 6)
    table = probe(nn.Sequential(OrderedDict(first=first, norm=norm, act=act, last=last)), x)
    assert list(table.name) == ["(input)", "first", "norm", "act", "last"]
    assert list(table.kind) == ["input", "linear", "normalization", "activation", "linear"]
    with torch.no_grad():
        a = first(x)
        b = (a - a.mean(0)) / (a.var(0, unbiased=False) + norm.eps).sqrt()
        c = b.clamp(min=0)
    for name, h in (("(input)", x), ("first", a), ("norm", b), ("act", c), ("last", last(c).detach())):
        found = row(table, name)
        assert found.gap == pytest.approx(float(metrics.orthogonality_gap(h.double().T)), rel=1e-5)
        assert (found.width, found.samples) == (h.shape[1], 8)
    assert row(table, "act").passing == pytest.approx(float(c.square().sum() / b.square().sum()), rel=1e-5)
    assert row(table, "norm").statistics == 8 and row(table, "norm").centered == 1
    assert pd.isna(row(table, "first").statistics) and pd.isna(row(table, "first").gradient)


def test_the_stationary_law_is_named_where_it_holds():
    table = probe(nn.Sequential(nn.Linear(9, 200), nn.BatchNorm1d(200), nn.Linear(200, 30)), torch.randn(16, 9))
    assert row(table, "1").stationary_dimension == theory.matched_dimension(16, 200, centered=True)
    assert row(table, "0").stationary_dimension == theory.matched_dimension(16, 200)
    assert 30 < theory.critical_width(16) and pd.isna(row(table, "2").stationary_dimension)


def test_gradients_are_those_of_autograd_and_none_is_left_behind():
    model, x = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)), torch.randn(4, 5)
    kept = model[0].weight.grad = torch.ones_like(model[0].weight)
    table = probe(model, x, loss=lambda output: output.square().sum())
    leaf = x.clone().requires_grad_()
    steps = [leaf]
    for module in model:
        steps.append(module(steps[-1]))
    for name, gradient in zip(table.name, torch.autograd.grad(steps[-1].square().sum(), steps), strict=True):
        assert row(table, name).gradient == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert model[0].weight.grad is kept and kept.eq(1).all() and model[2].weight.grad is None and x.grad is None


def test_gradients_before_an_in_place_activation_are_of_what_it_was_given():
    plain = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    changed = nn.Sequential(plain[0], nn.ReLU(inplace=True), plain[2])
    x = torch.randn(4, 5)
    tables = [probe(model, x, loss=lambda output: output.square().sum()) for model in (plain, changed)]
    pd.testing.assert_frame_equal(*tables)


def test_a_residual_network():
    model, x = resnet(), torch.randn(IMAGES)
    table = probe(model, x)
    assert table[table.call > 0].kind.value_counts().to_dict() == {
        "input": 1, "convolution": 5, "normalization": 5, "activation": 5, "sum": 2, "linear": 1,
    }  # fmt: skip
    assert {row(table, "3.relu", call).type for call in (1, 2)} == {"ReLU"}
    with torch.no_grad():
        stem = model[:3](x)
        block = model[3]
        inside = block.norm2(block.conv2(block.norm1(block.conv1(stem)).relu()))
        total = inside + stem
    assert row(table, "3").kind == "sum"
    assert row(table, "3").gap == pytest.approx(float(metrics.orthogonality_gap(total.flatten(1).double().T)), rel=1e-5)
    assert row(table, "3.relu", 2).passing == pytest.approx(
        float(total.relu().square().sum() / total.square().sum()), rel=1e-5
    )
    assert row(table, "3.norm1").statistics == 6 * 64


def test_positions_as_samples():
    conv, x = nn.Conv2d(3, 5, 3), torch.randn(4, 3, 6, 6)
    table = probe(nn.Sequential(conv, nn.ReLU()), x, per="position")
    pixels = conv(x).detach().movedim(1, -1).flatten(0, 2)
    assert (row(table, "0").samples, row(table, "0").width) == (64, 5)
    for name, h in (("0", pixels), ("1", pixels.relu())):
        assert row(table, name).gap == pytest.approx(float(metrics.orthogonality_gap(h.double().T)), rel=1e-5)


def test_tokens_as_samples():
    model, x = nn.Sequential(nn.Linear(6, 5), nn.GELU()), torch.randn(4, 7, 6)
    table = probe(model, x, per="position")
    h = model[0](x).detach().flatten(0, 1)
    assert (row(table, "0").samples, row(table, "0").width) == (28, 5)
    assert row(table, "1").gap == pytest.approx(
        float(metrics.orthogonality_gap(functional.gelu(h).double().T)), rel=1e-5
    )


def test_more_samples_than_are_measured_are_a_part_of_them_and_this_is_said():
    x = torch.randn(MOST + 200, 3)
    table = probe(nn.Sequential(nn.BatchNorm1d(3)), x)
    assert set(table.samples) == {MOST} and set(table.note) == {f"{MOST} of {MOST + 200} samples, evenly spaced"}
    assert row(table, "0").statistics == MOST + 200  # the model sees all of them
    chosen = x[torch.linspace(0, len(x) - 1, MOST).long()]
    assert row(table, "(input)").gap == pytest.approx(float(metrics.orthogonality_gap(chosen.double().T)), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype):
    model = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU()).to(dtype)
    x = torch.randn(16, 8, dtype=dtype)
    table = probe(model, x, loss=lambda output: output.square().mean())
    h = model[0](x).detach().double()
    assert row(table, "0").gap == pytest.approx(float(metrics.orthogonality_gap(h.T)), rel=1e-6)
    assert row(table, "1").centered == 1 and table.gradient.gt(0).all()


def test_dead_units_are_those_that_are_constant():
    linear = nn.Linear(4, 10)
    with torch.no_grad():
        linear.bias[:3] = -100
    model = nn.Sequential(linear, nn.ReLU(), nn.Linear(10, 3))
    assert row(probe(model, torch.randn(32, 4)), "1").dead == pytest.approx(0.3)
    conv = nn.Conv2d(2, 8, 1)
    with torch.no_grad():
        conv.bias[:2] = -100
    assert row(probe(nn.Sequential(conv, nn.ReLU()), torch.randn(16, 2, 3, 3)), "1").dead == pytest.approx(0.25)


def test_evaluation_mode_is_kept_and_said():
    model = resnet().eval()
    table = probe(model, torch.randn(IMAGES))
    assert not any(module.training for module in model.modules())
    assert pd.isna(row(table, "1").statistics) and "evaluation mode" in row(table, "1").note


class Failing(nn.Module):
    def forward(self, x):
        raise ArithmeticError("the model's own error")


def state(model):
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()]
    return {name: value.clone() for name, value in model.state_dict().items()}, hooks


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_is_left_as_it_was_after_an_error_too(fails):
    model = resnet()
    model.append(nn.Dropout())
    model.append(nn.utils.parametrizations.spectral_norm(nn.Linear(10, 10)))  # its buffers move in training mode
    if fails:
        model.append(Failing())
    x = torch.randn(IMAGES)
    before, hooks = state(model)
    kept, random = x.clone(), torch.random.get_rng_state()
    if fails:
        with pytest.raises(ArithmeticError, match="own error") as raised:
            probe(model, x)
        assert "8, 8" in raised.value.__notes__[0] and "raised in 10" in raised.value.__notes__[0]
    else:
        probe(model, x, loss=lambda output: output.square().mean())
    after, hooks_after = state(model)
    assert hooks == hooks_after == [0] * len(hooks)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(x, kept) and torch.equal(random, torch.random.get_rng_state())


def test_a_model_is_left_as_it_was_when_its_loss_fails():
    model = resnet()
    before, _ = state(model)
    with pytest.raises(ArithmeticError):
        probe(model, torch.randn(IMAGES), loss=Failing())
    after, hooks = state(model)
    assert sum(hooks) == 0 and all(torch.equal(before[name], after[name]) for name in before)


def test_a_buffer_that_is_replaced_comes_back():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count = self.count + 1
            return x

    model = Counting()
    buffer = model.count
    probe(model, torch.randn(4, 3))
    assert model.count is buffer and buffer == 0


def test_the_batch_survives_a_model_that_changes_it_in_place():
    x = torch.randn(4, 3)
    kept = x.clone()
    table = probe(nn.Sequential(nn.ReLU(inplace=True)), x, loss=lambda output: output.sum())
    assert torch.equal(x, kept) and row(table, "0").passing < 1


def test_every_call_of_a_shared_module_has_a_row():
    linear = nn.Linear(4, 4)
    table = probe(nn.Sequential(linear, nn.Tanh(), linear), torch.randn(5, 4))
    assert list(zip(table.name, table.call, strict=True))[1:] == [("0 = 2", 1), ("1", 1), ("0 = 2", 2)]


def test_a_checkpointed_block_has_each_row_once():
    class Checkpointed(nn.Sequential):
        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(super().forward, x, use_reentrant=False)

    model = Checkpointed(nn.Linear(4, 4), nn.Tanh())
    table = probe(model, torch.randn(5, 4), loss=lambda output: output.sum())
    assert list(table[table.call > 0].name) == ["(input)", "0", "1"]


@dataclass
class Output:
    logits: torch.Tensor
    extra: int = 0


class Odd(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def forward(self, x):
        return {
            "dict": {"count": 3, "logits": x},
            "tuple": (None, x, x),
            "nested": [{"a": [x]}],
            "dataclass": Output(x),
            "nothing": None,
            "transposed": x.T,
            "integers": x.long(),
            "number": x.sum(),
            "sparse": x.to_sparse(),
        }[self.what]


@pytest.mark.parametrize("what", ["dict", "tuple", "nested", "dataclass"])
def test_outputs_of_every_make_are_measured(what):
    x = torch.randn(5, 4)
    found = row(probe(nn.Sequential(Odd(what)), x), "0")
    assert found.gap == pytest.approx(float(metrics.orthogonality_gap(x.double().T)), rel=1e-5)
    assert found.kind == "own" and ("first of 2" in found.note) == (what == "tuple")


@pytest.mark.parametrize("what", ["nothing", "transposed", "integers", "number", "sparse"])
def test_what_cannot_be_measured_says_why(what):
    found = row(probe(nn.Sequential(Odd(what)), torch.randn(5, 4)), "0")
    assert pd.isna(found.gap) and ("not measured" in found.note or "no tensor" in found.note)


def test_inputs_of_every_make():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 4)

        def forward(self, x, y, scale=1.0):
            return scale * self.linear(x - y)

    x, y = torch.randn(5, 3), torch.randn(5, 3)
    model = Two()
    by_position, by_name = probe(model, (x, y, 2.0)), probe(model, {"x": x, "y": y})
    assert row(by_position, "linear").gap == pytest.approx(row(by_name, "linear").gap)
    tokens = probe(nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4)), torch.randint(10, (5, 6)))
    assert "int64" in row(tokens, "(input)").note and row(tokens, "1").width == 24


class Unseen(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = functional.relu(self.used(x))
        h = functional.relu(h + x) * x
        return functional.linear(h, self.unused.weight).view(2, -1)


def test_what_no_hook_sees_is_listed():
    table = probe(Unseen(), torch.randn(6, 4))
    unseen = table[table.kind == "function"]
    assert dict(zip(unseen.type, unseen.note.str[-2:], strict=True)) == {"relu": "2×", "mul": "1×", "linear": "1×"}
    assert set(unseen.name) == {"(model)"} and row(table, "unused", 0).note.startswith("never called")
    assert list(table[table.call > 0].kind) == ["input", "linear", "sum"]


def test_nan_is_reported_where_it_starts():
    class Log(nn.Module):
        def forward(self, x):
            return x.log()

    table = probe(nn.Sequential(nn.Linear(4, 4), Log(), nn.Linear(4, 4)), torch.randn(6, 4))
    assert table.gap.isna().tolist() == [False, False, True, True]
    assert table.note.tolist()[2:] == ["NaN or infinite for the first time", "NaN or infinite"]


def test_all_zeros_are_said():
    linear = nn.Linear(4, 4)
    nn.init.zeros_(linear.weight), nn.init.zeros_(linear.bias)
    table = probe(nn.Sequential(linear, nn.ReLU()), torch.randn(6, 4))
    assert table.note.tolist() == ["", "all zeros", "all zeros"] and pd.isna(row(table, "1").passing)


def test_chosen_modules_alone():
    table = probe(resnet(), torch.randn(IMAGES), modules=["3", "4.conv1"])
    assert list(table.name) == ["(input)", "3", "4.conv1"]
    assert list(table.kind)[1:] == ["container", "convolution"]


TRANSFORMER = {"d_model": 16, "nhead": 2, "dim_feedforward": 32, "batch_first": True}


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


MADE_BY_OTHERS = {
    "encoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(**TRANSFORMER), 2), [(5, 7, 16)], 15),
    "transformer": (
        lambda: nn.Transformer(num_encoder_layers=1, num_decoder_layers=1, **TRANSFORMER), [(5, 7, 16), (5, 3, 16)], 20
    ),
    "attention": (Attending, [(5, 7, 16)], 2),
    "lstm": (lambda: nn.LSTM(16, 8, batch_first=True), [(5, 7, 16)], 2),
    "gru cell": (lambda: nn.GRUCell(16, 8), [(5, 16)], 2),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(16, 8)), [(5, 16)], 2),
    "spectral norm": (lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv1d(4, 8, 3))), [(5, 4, 9)], 2),
    "bilinear": (lambda: nn.Bilinear(4, 4, 8), [(5, 4), (5, 4)], 2),
    "group norm": (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.SiLU()), [(5, 3, 6, 6)], 4),
    "sync": (lambda: nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(4))).eval(), [(5, 4)], 2),
}  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MADE_BY_OTHERS)
def test_modules_made_without_the_probe_in_mind(name, training):
    make, shapes, seen = MADE_BY_OTHERS[name]
    model, batch = make().train(training and name != "sync"), tuple(torch.randn(shape) for shape in shapes)
    table = probe(
        model, batch, loss=lambda output: (output[0] if isinstance(output, tuple) else output).square().mean()
    )
    called = table[table.call > 0]
    assert len(called) == seen and called.gap.notna().all() and called.gradient.gt(0).all()
    assert list(table.columns) == list(COLUMNS)


def test_the_projection_that_attention_uses_by_itself_is_listed():
    assert row(probe(Attending(), torch.randn(5, 7, 16)), "attention.out_proj", 0).note.startswith("never called")


def test_time_first():
    model, x = nn.LSTM(6, 8), torch.randn(7, 5, 6)
    found = row(probe(model, x, batch_dim=1), "(model)")
    h = model(x)[0].detach().movedim(1, 0).flatten(1)
    assert found.gap == pytest.approx(float(metrics.orthogonality_gap(h.double().T)), rel=1e-5)
    assert "does not count" in row(probe(nn.Sequential(Odd("transposed")), torch.randn(5, 4)), "0").note


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_model_says_what_is_not_seen():
    scripted = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    table = probe(scripted, torch.randn(5, 4))
    assert list(table.call) == [1, 1, 0, 0] and table.gap.notna().tolist() == [True, True, False, False]
    assert "scripted" in table.note.iloc[-1]


def test_a_compiled_model_is_measured_as_it_was_written():
    plain, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.randn(5, 4)
    found, wanted = probe(torch.compile(plain), x), probe(plain, x)
    assert list(found.name) == ["(input)", "_orig_mod.0", "_orig_mod.1"]
    pd.testing.assert_series_equal(found.gap, wanted.gap)


def test_hooks_of_the_models_own_stay_and_see_no_more_than_the_call():
    model, seen = nn.Sequential(nn.Linear(4, 4)), []
    model[0].register_forward_hook(lambda *call: seen.append(call))
    probe(model, torch.randn(5, 4))
    assert len(seen) == 1 and len(model[0]._forward_hooks) == 1


def test_a_forward_that_catches_an_error_does_not_confuse_the_watch():
    class Catching(nn.Module):
        def __init__(self):
            super().__init__()
            self.failing, self.linear = nn.Sequential(Failing()), nn.Linear(4, 4)

        def forward(self, x):
            try:
                self.failing(x)
            except ArithmeticError:
                pass
            return torch.relu(self.linear(x))

    model = Catching()
    with Watch(model, {model.linear: "linear"}, lambda *seen: None) as watch:
        model(torch.randn(2, 4))
    assert watch.running == []
    assert list(probe(model, torch.randn(5, 4)).name) == ["(input)", "linear", "failing.0", "(model)"]


@pytest.mark.parametrize(
    "arguments, options, error, words",
    [
        ((lambda x: x, torch.ones(2, 3)), {}, TypeError, "model: a function"),
        ((nn.Identity(), [[1.0]]), {}, ValueError, "at least two samples"),
        ((nn.Identity(), 3), {}, TypeError, "batch: a int"),
        ((nn.Identity(), torch.ones(1, 3)), {}, ValueError, "at least two samples"),
        ((nn.Identity(), torch.ones(3)), {"batch_dim": 1}, ValueError, "batch_dim=1"),
        ((nn.Identity(), torch.ones(2, 3)), {"per": "pixel"}, ValueError, "per='pixel'"),
        ((nn.Identity(), torch.ones(2, 3)), {"modules": ["no"]}, ValueError, "'no'"),
        ((nn.LazyLinear(3), torch.ones(2, 3)), {}, ValueError, "call the model once"),
        ((nn.Identity(), torch.ones(2, 3).long()), {"loss": torch.sum}, ValueError, "loss: no gradient"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, error, words):
    with pytest.raises(error, match=words):
        probe(*arguments, **options)
