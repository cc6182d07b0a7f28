"""What is set moves, and what is held stays."""

import pytest
import torch

from utils.experiments.trial import INTERVENTIONS, initialized, trial
from utils.networks.data import task
from utils.networks.perceptron import representations
from utils.networks.train import gaps

X, _, X_TEST, _ = task("digits", scale="symmetric")
PROBE = X_TEST[:64].T.expand(2, -1, -1)
SIZES = dict(width=32, depth=6, classes=10, seeds=[4, 5])


def started(arm):
    """Gaps after each activation, share of the energy that passes it, and norms after it, all (replicas, layers)."""
    network = initialized(arm, X, **SIZES)
    before, after = (torch.stack([h.square().sum((1, 2)) for h in side], 1) for side in representations(network, PROBE))
    return gaps(network, PROBE)["gap_after"], after / before, after.sqrt()


@pytest.mark.parametrize("arm", INTERVENTIONS)
def test_every_intervention_trains(arm):
    [row] = trial(
        task="digits", scale="symmetric", train_images=600, test_images=100, arm=arm, width=16, depth=3, learning_rate=0.03,
        batch_size=50, steps=10, seeds=[4], probe=16, observations=1,
    )  # fmt: skip
    assert row["loss"] > 0 and row["diverged"] == -1


def test_the_gap_of_identity_weights_is_set_while_all_of_the_signal_passes():
    found = {arm: started(arm) for arm in ("half_whitened", "identity", "lean_90", "lean_98")}
    for gap, passing, _ in found.values():
        torch.testing.assert_close(passing[:, 1:], torch.ones(2, 5))
        assert gap[:, 2:].std(1).max() < 1e-4, "from the third layer on it stays"
    last = torch.stack([gap[:, -1] for gap, _, _ in found.values()])
    assert (last.diff(dim=0) > 0.02).all() and (last[-1] - 0.98).abs().max() < 0.02


def test_scale_is_held():
    for arm in ("identity", "lean_98", "random_half", "mixed_10", "random_high"):
        _, _, norm = started(arm)
        assert (norm[:, -1] / norm[:, 0]).log().abs().max() < 0.7, arm


def test_the_gap_of_random_weights_goes_where_it_is_asked_to():
    low, high, held, plain = (started(arm)[0] for arm in ("random_half", "random_high", "random_held", "identity"))
    assert ((low[:, -1] - 0.5).abs() < 0.15).all() and (high[:, -1] > 0.97).all()
    assert (held - plain).abs().max() < 0.1


def test_looks_linear_weights_hand_on_what_comes_in():
    """The odd part of every layer is an orthogonal image of the first's, while half of the energy passes."""
    network = initialized("looks_linear", X, **SIZES)
    before, _ = representations(network, PROBE)
    signal = [h[:, :16] for h in before]
    torch.testing.assert_close(signal[-1].mT @ signal[-1], signal[0].mT @ signal[0], rtol=1e-3, atol=1e-3)
    assert (started("looks_linear")[1] - 0.5).abs().max() < 1e-4


def test_gaps_do_not_see_scale():
    torch.testing.assert_close(started("small_slice")[0], started("slice")[0], rtol=1e-3, atol=1e-3)


def test_units_that_are_alike_raise_the_gap_under_bn():
    plain, alike, more = (started(arm)[0][:, -1] for arm in ("bn", "bn_alike", "bn_more_alike"))
    assert (plain + 0.1 < alike).all() and (alike < more).all()
