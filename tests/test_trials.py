import pytest
import torch

from utils.experiments import trial as trial_module
from utils.experiments.trial import ARMS, METHODS, initialized, trial
from utils.networks import hidden_maps, linear_maps, weight_matrices
from utils.networks.data import task
from utils.networks.train import train

X = task("digits", scale="symmetric").x
SETTING = dict(
    task="digits", scale="symmetric", train_images=600, test_images=100, width=16, depth=3, learning_rate=0.03,
    batch_size=50, steps=20, seeds=[4, 5], probe=16, observations=4,
)  # fmt: skip


@pytest.mark.parametrize("arm", ARMS | METHODS)
def test_every_arm_gives_a_row_a_seed(arm):
    rows = trial(arm=arm, **SETTING)
    assert [row["seed"] for row in rows] == [4, 5]
    for row in rows:
        assert row["loss"] > 0 and row["diverged"] == -1 and 0 <= row["accuracy"] <= 1
        assert row["at"] == [0, 5, 10, 15, 20]
        assert len(row["curve_loss"]) == len(row["curve_gap_before"]) == 5
        assert 0 <= row["gap_before"] <= 1 and row["layers_gap_before"][-1] == row["gap_before"]
        assert len(row["layers_gradient"]) == 4 and len(row["layers_identity"]) == 2


def test_several_learning_rates_give_each_its_rows():
    several = trial(arm="bn", **SETTING | {"learning_rate": [0.3, 0.03]})
    assert [(row["learning_rate"], row["seed"]) for row in several] == [(0.3, 4), (0.3, 5), (0.03, 4), (0.03, 5)]
    for ours, alone in zip(several[2:], trial(arm="bn", **SETTING), strict=True):
        assert ours["loss"] == pytest.approx(alone["loss"], rel=1e-3)


def test_accuracy_is_of_images_held_out(monkeypatch):
    """Wrong labels on the held-out images alone: what was learned shows there as wrong, and is not read off elsewhere."""
    setting = SETTING | {"steps": 150, "learning_rate": 0.3, "test_images": 300}
    right = trial(arm="bn", **setting)
    x, y, x_test, y_test = task("digits", scale="symmetric", train=600, test=300)
    monkeypatch.setattr(trial_module.data, "task", lambda *_, **__: (x, y, x_test, (y_test + 1) % 10))
    wrong = trial(arm="bn", **setting)
    assert all(row["accuracy"] > 0.7 for row in right) and all(row["accuracy"] < 0.2 for row in wrong)
    assert [row["loss"] for row in wrong] == [row["loss"] for row in right], "training saw none of it"


def test_loss_is_the_mean_over_the_last_tenth_of_the_steps(monkeypatch):
    seen = []

    def watched(*arguments, **options):
        seen.append(train(*arguments, **options))
        return seen[-1]

    monkeypatch.setattr(trial_module, "train", watched)
    rows = trial(arm="bn", **SETTING | {"steps": 40})
    losses = seen[0].loss.double()
    for row, mine in zip(rows, losses.T, strict=True):
        assert row["loss"] == pytest.approx(float(mine[36:].mean()), rel=1e-9)
        assert row["curve_loss"] == pytest.approx([float(mine[0]), *mine.reshape(4, 10).mean(1).tolist()], rel=1e-6)
        assert len({round(float(mine[start:].mean()), 9) for start in range(40)}) == 40, "no other window has it"


def test_arms_are_paired():
    """First layer and readout are the same in all arms but the orthogonal one; hidden weights are not."""
    networks = {arm: initialized(arm, X, width=16, depth=4, classes=10, seeds=[7]) for arm in ARMS}
    reference = linear_maps(networks["xavier"])
    for arm, network in networks.items():
        maps = linear_maps(network)
        same = [torch.equal(a.weight, b.weight) for a, b in zip(maps, reference, strict=True)]
        assert (same[0] and same[-1]) or arm == "orthogonal"
        assert any(same[1:-1]) == (arm in ("xavier", "bn"))


def test_methods_change_what_they_say_and_start_paired():
    """The tricks leave what is computed at the start as it is; every method is a different run from there."""
    rows = {name: trial(arm=name, **SETTING | {"learning_rate": 0.2, "seeds": [7]})[0] for name in METHODS}
    for name in ("weight_norm", "clip", "dropout"):
        assert rows[name]["gap_logits"] == pytest.approx(rows["xavier"]["gap_logits"], rel=1e-4), name
    assert rows["identity_clip"]["gap_logits"] == pytest.approx(rows["identity"]["gap_logits"], rel=1e-4)
    assert len({round(row["loss"], 9) for row in rows.values()}) == len(METHODS)
    assert set(METHODS) & set(ARMS) == {"xavier", "bn", "orthogonal", "slice", "identity"}, "04 compares the arms alone"


def test_what_the_start_measures():
    def first(arm):
        return trial(arm=arm, **SETTING | {"depth": 6})[0]

    identity, permutation, scaled, xavier, iterative = map(
        first, ("identity", "permutation", "identity_scaled", "xavier", "slice")
    )
    assert identity["identity"] == pytest.approx(1) and identity["passing"] == pytest.approx(1)
    assert abs(permutation["identity"]) < 0.5 and permutation["passing"] == pytest.approx(1)
    assert scaled["gap_before"] == pytest.approx(identity["gap_before"], rel=1e-4), "the gap does not see the scale"
    assert scaled["logit_scale"] < identity["logit_scale"] / 10
    assert iterative["gap_before"] < xavier["gap_before"] and iterative["identity"] > 0.5
    assert 0.2 < xavier["passing"] < 0.8


def test_hidden_weights_are_scaled_as_the_iterative_ones():
    for arm in ("slice", "polar1", "haar", "identity_scaled", "xavier_scaled"):
        network = initialized(arm, X[:48], width=16, depth=3, classes=10, seeds=[0])
        h = X[:48].T[None]  # all 48 = 3 · width images are used, in some order
        for module in network[:-1]:
            h = module(h)
            if module in hidden_maps(network):
                assert h.norm().item() == pytest.approx(1, rel=1e-4), arm


@pytest.mark.parametrize(
    ("arm", "images", "options", "message"),
    [
        ("glorot", X, {}, "arm='glorot', expected one of xavier"),
        ("slice", X[:40], {}, "x: 40 images, expected at least 48"),
        ("bn", X, {"depth": 5, "side": 8}, "arm='bn' is for MLPs"),
        ("slice", X, {"depth": 5, "side": 16}, "side=16: x has 64 features"),
    ],
)
def test_what_cannot_be_initialized_is_named(arm, images, options, message):
    with pytest.raises(ValueError, match=message):
        initialized(arm, images, **{"width": 16, "depth": 3, "classes": 10, "seeds": [0]} | options)


CONVNET = ["slice", "polar", "haar", "identity", "identity_scaled", "permutation"]


@pytest.mark.parametrize(("side", "arm"), [*((None, arm) for arm in ARMS), *((16, arm) for arm in CONVNET)])
def test_a_seed_starts_the_same_alone_and_in_company(side, arm):
    x = task("digits", scale="unit", side=side).x if side else X
    options = {"width": 8 if side else 16, "depth": 6 if side else 4, "classes": 10, "side": side}
    together, alone = (initialized(arm, x, seeds=seeds, **options) for seeds in ([3, 7], [7]))
    for ours, its in zip(linear_maps(together), linear_maps(alone), strict=True):
        torch.testing.assert_close(weight_matrices(ours)[1], weight_matrices(its)[0], rtol=1e-3, atol=1e-5)


def test_convnets_train_on_resized_images():
    rows = trial(arm="slice", **SETTING | {"width": 8, "depth": 5, "side": 16, "train_images": 300, "dropout": 0.2})
    assert [row["seed"] for row in rows] == [4, 5]
    for row in rows:
        assert row["loss"] > 0 and len(row["layers_gap_before"]) == 5 + 2 and len(row["layers_identity"]) == 5 - 3
        assert 0.1 < row["identity"] < 0.9, "an orthogonalizing kernel is between random and Dirac"
