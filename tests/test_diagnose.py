"""The diagnosis: every illness is found in networks built to have it, and none in networks that are well."""

import itertools

import pytest
import torch
from test_probe import Block, resnet
from torch import nn

from utils import theory
from utils.networks.data import batches
from utils.probe import diagnose, probe
from utils.probe.__main__ import main, report
from utils.probe.diagnosis import ALIGNED, COLLAPSED, DEAD, EXPLODED, LOST, SMALL
from utils.probe.table import COLUMNS
from utils.seeding import generator_for


@pytest.fixture(autouse=True)
def stream():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def digits(n):
    return batches("digits", size=n, count=1, generator=generator_for(0, "diagnose"))[0].mT.float()


def mlp(*, depth, width=128, norm=True, activation=nn.ReLU, gain=2**0.5, features=64):
    sizes = [features, *[width] * depth]
    layers = []
    for a, b in itertools.pairwise(sizes):
        linear = nn.Linear(a, b, bias=False)
        nn.init.normal_(linear.weight, std=gain / a**0.5)
        layers += [linear, *([nn.BatchNorm1d(b)] if norm else []), *([activation()] if activation else [])]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def with_branches_at_zero(model):
    for module in model:
        if isinstance(module, Block):
            nn.init.zeros_(module.norm2.weight)
    return model


def cross_entropy(output):
    return nn.functional.cross_entropy(output, torch.arange(len(output)) % output.shape[1])


def examined(model, batch):
    table = probe(model, batch, loss=cross_entropy)
    return table, {one.illness: one for one in diagnose(table)}


class Attending(nn.Module):
    def __init__(self, first):
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=first)
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


WELL = {
    "batch normalization, shallow": (lambda: mlp(depth=3), lambda: digits(64)),
    "batch normalization, deeper": (lambda: mlp(depth=15), lambda: digits(64)),
    "batch normalization, linear and wide enough": (
        lambda: mlp(depth=40, width=200, activation=None),
        lambda: digits(16),
    ),
    "none, shallow": (lambda: mlp(depth=4, norm=False), lambda: torch.randn(64, 64)),
    "residual": (lambda: resnet(16, 4), lambda: torch.randn(32, 3, 8, 8)),
    "residual, its branches zero": (lambda: with_branches_at_zero(resnet(16, 4)), lambda: torch.randn(32, 3, 8, 8)),
    "residual, two images": (lambda: resnet(16, 2), lambda: torch.randn(2, 3, 8, 8)),
    "transformer, norm first": (lambda: Attending(True), lambda: torch.randn(32, 6, 32)),
    "transformer, norm last": (lambda: Attending(False), lambda: torch.randn(32, 6, 32)),
    "one output": (lambda: nn.Sequential(nn.Linear(8, 64), nn.GELU(), nn.Linear(64, 1)), lambda: torch.randn(32, 8)),
    "large numbers": (lambda: mlp(depth=3), lambda: 1e6 * digits(64)),
}


@pytest.mark.parametrize("name", WELL)
def test_networks_that_are_well_get_no_sentence(name):
    make, batch = WELL[name]
    table, found = examined(make(), batch())
    assert found == {} and "None of what" in report(table)


def test_samples_that_align():
    table, found = examined(mlp(depth=30, norm=False), digits(64))
    one = found["aligned"]
    assert "collapsed" not in found  # that is the same thing
    from_there = table[table.index >= table[table.name == one.layer].index[0]].iloc[:-1]
    before = table[table.index == from_there.index[0] - 1].iloc[0]
    assert (from_there.cosine >= ALIGNED).all() and before.cosine < ALIGNED
    assert f"{table.cosine[0]:.3g} in the input" in one.sentence
    assert "go on aligning" in one.sentence
    table.loc[from_there.index[-1], "cosine"] = from_there.cosine.iloc[0]  # no further than where it began
    assert "go on aligning" not in next(one for one in diagnose(table) if one.illness == "aligned").sentence
    assert one.page == "01_orthogonalization_rate"


def test_samples_that_a_norm_parts_again_do_not_align():
    shifted = nn.Linear(64, 128)
    nn.init.constant_(shifted.bias, 5.0)
    table, found = examined(nn.Sequential(shifted, nn.ReLU(), nn.BatchNorm1d(128), nn.Linear(128, 10)), digits(32))
    assert table.cosine[1] > ALIGNED and "aligned" not in found


def test_a_rank_that_collapses_at_a_bottleneck():
    model = nn.Sequential(
        nn.Linear(64, 2), nn.Linear(2, 128, bias=False), nn.Linear(128, 128, bias=False), nn.Linear(128, 10)
    )
    table, found = examined(model, torch.randn(64, 64))
    assert found["collapsed"].layer == "1" and table["rank"][2] < COLLAPSED * table["rank"][0]
    assert f"is {table['rank'][2]:.3g} from there on" in found["collapsed"].sentence


def test_a_width_at_which_the_rank_is_lost_and_those_at_which_it_is_not():
    n, width = 16, 24
    table, found = examined(mlp(depth=60, width=width, activation=None), digits(n))
    enough, smaller = theory.critical_width(n, centered=True), 9
    assert theory.critical_width(smaller, centered=True) <= width < theory.critical_width(smaller + 1, centered=True)
    one = found["rank lost"]
    assert (
        f"from width {int(enough) + 1} on (this one has {width}), or from batches of {smaller} or fewer" in one.sentence
    )
    there = table[table.name == one.layer].iloc[0]
    assert there.least_eigenvalue * (n - 1) < LOST
    _, well = examined(mlp(depth=60, width=width, activation=None), digits(6))
    assert "rank lost" not in well


def test_gradients_that_explode_as_batch_normalization_makes_them():
    n = 16
    table, found = examined(mlp(depth=30), digits(n))
    norms = table[table.type == "BatchNorm1d"].gradient
    growth = (norms.iloc[0] / norms.iloc[-1]) ** (2 / 29)  # by the ends; the sentence's is fitted to all layers
    stated = float(found["exploding"].sentence.split("grows ")[1].split("-fold")[0])
    assert stated == pytest.approx(growth, rel=0.1) and growth**29 > EXPLODED
    assert f"= {theory.gradient_growth(n, centered=True):.3g}, one with ReLU" in found["exploding"].sentence


def test_gradients_that_explode_without_it_are_not_laid_to_batch_normalization():
    _, found = examined(mlp(depth=12, norm=False, activation=None, gain=3.0), torch.randn(32, 64))
    stated = float(found["exploding"].sentence.split("grows ")[1].split("-fold")[0])
    assert stated == pytest.approx(9.0, rel=0.2)  # the variance of the weights times the width
    assert "n − 2" not in found["exploding"].sentence


def test_gradients_that_vanish():
    _, found = examined(mlp(depth=12, norm=False, activation=None, gain=1 / 3), torch.randn(32, 64))
    stated = float(found["vanishing"].sentence.split("vanish: ")[1].split(" of")[0])
    assert stated == pytest.approx(1 / 9, rel=0.2)


def test_gradients_that_are_zero_or_overflow():
    model = mlp(depth=4)
    model[7].bias.data.fill_(-100)  # all units of the third ReLU are off, and those of the fourth on
    model[10].bias.data.fill_(1)
    _, found = examined(model, digits(32))
    assert found["vanishing"].layer == "7" and "exactly zero" in found["vanishing"].sentence
    model = mlp(depth=6, norm=False, activation=None, gain=60.0)
    table = probe(model, torch.randn(8, 64), loss=lambda output: 1e31 * output.sum())
    (one,) = (one for one in diagnose(table) if one.illness == "exploding")
    overflows = table.gradient[1:].eq(torch.inf)
    assert one.layer == table.name[1:][overflows].iloc[-1] != table.name.iloc[-1] and "overflow" in one.sentence


def test_dead_units():
    model = mlp(depth=2)
    model[1].bias.data[: int(0.3 * 128)] = -100
    table, found = examined(model, digits(32))
    assert found["dead"].layer == "2" and f"{table.dead[3]:.0%}" in found["dead"].sentence and table.dead[3] > DEAD
    model[1].bias.data[: int(0.1 * 128)] = 0
    assert "dead" not in examined(model, digits(32))[1]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 32])
def test_a_batch_that_is_too_small_for_batch_normalization(n):
    _, found = examined(mlp(depth=2), digits(n))
    assert ("small batch" in found) == (n <= SMALL)
    if n == 2:
        assert "±1" in found["small batch"].sentence
    elif n <= SMALL:
        assert f"over as few as {n} values" in found["small batch"].sentence
        growth = f"grow by {theory.gradient_growth(n, centered=True):.3g} per layer" if n > 3 else "is infinite"
        assert growth in found["small batch"].sentence
    assert "small batch" not in examined(mlp(depth=2).eval(), digits(n))[1]  # it normalizes by what it remembers


def test_where_numbers_stop():
    class Log(nn.Module):
        def forward(self, x):
            return x.log()

    found = diagnose(probe(nn.Sequential(nn.Linear(4, 4), Log(), nn.Linear(4, 4)), torch.randn(16, 4)))
    assert [(one.illness, one.layer) for one in found] == [("not finite", "1")]


def test_every_page_that_a_sentence_leads_to_exists(tmp_path):
    from utils.files import ROOT

    ill = [mlp(depth=30, norm=False), mlp(depth=30), mlp(depth=60, width=24, activation=None)]
    pages = {one.page for model in ill for one in diagnose(probe(model, digits(16), loss=cross_entropy))}
    assert len(pages) >= 3 and all((ROOT / "notebooks" / f"{page}.ipynb").is_file() for page in pages)


def test_another_table_is_refused():
    with pytest.raises(ValueError, match="statistics"):
        diagnose(probe(nn.Identity(), torch.randn(4, 4))[list(COLUMNS[:12])])


FACTORIES = """
import torch
from torch import nn

def plain():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU())

def complete():
    return plain(), torch.randn(50, 6), lambda output: output.square().mean()

small = 3

def other():
    return 3
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    (tmp_path / "factories_of_a_reader.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    return "factories_of_a_reader"


def test_the_command_prints_table_and_sentences(factories, capsys):
    assert main([f"{factories}:plain", "--shape", "6", "--batch", "16"]) == 0
    shown = capsys.readouterr().out
    assert "Linear" in shown and "16" in shown and "None of what" in shown and "gradient" not in shown
    assert main([f"{factories}:complete"]) == 0
    shown = capsys.readouterr().out
    assert "gradient" in shown and " 32 " in shown


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["{}:plain"], "--shape"),
        (["{}:nothing", "--shape", "6"], "has no attribute"),
        (["no_such_package:plain", "--shape", "6"], "No module named"),
        (["{}:small", "--shape", "6"], "is a int"),
        (["{}:other", "--shape", "6"], "returned a int"),
        (["{}:plain", "--shape", "6", "--batch", "1"], "two samples"),
        (["{}:plain", "--shape", "0"], "positive sizes"),
    ],
)
def test_bad_input_is_named_with_status_2(arguments, words, factories, capsys):
    with pytest.raises(SystemExit) as left:
        main([part.format(factories) for part in arguments])
    assert left.value.code == 2 and words in capsys.readouterr().err


def test_a_model_that_does_not_run_shows_its_own_error_and_ours(factories, capsys):
    assert main([f"{factories}:plain", "--shape", "5"]) == 1
    shown = capsys.readouterr().err
    assert "cannot be multiplied" in shown and "probe: the model does not run on this batch" in shown
