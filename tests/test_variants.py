"""What a variant changes, it changes; what it is compared with, it keeps."""

import pytest
import torch

from utils.experiments.trial import initialized, trial
from utils.experiments.variants import BATCHES, VARIANTS, WEIGHTS, Batches, Parts, variant
from utils.metrics import orthogonality_gap
from utils.networks.data import task
from utils.networks.layers import BatchNorm
from utils.networks.perceptron import representations
from utils.seeding import generator_for

X, _, X_TEST, _ = task("digits", scale="symmetric")
SETTING = dict(
    task="digits", scale="symmetric", train_images=600, test_images=100, width=16, depth=3, learning_rate=0.1, batch_size=40,
    steps=20, seeds=[4, 5], probe=64,
)  # fmt: skip
SIZES = dict(width=32, depth=6, classes=10, seeds=[4, 5])


@pytest.mark.parametrize("arm", VARIANTS)
def test_every_variant_gives_a_row_a_seed(arm):
    rows = variant(arm=arm, **SETTING)
    assert [row["seed"] for row in rows] == [4, 5] and len({row["loss"] for row in rows}) == 2
    assert all(0 <= row["accuracy"] <= 1 and 0 <= row["gap_after"] <= 1 and 0 < row["passing"] <= 1 for row in rows)


def test_one_part_and_no_copies_train_as_the_arm_does(monkeypatch):
    """Same images in the same order, same weights: what is compared differs in what is changed alone."""
    monkeypatch.setitem(VARIANTS, "whole", BATCHES["bn_parts_20"]._replace(part=40))
    monkeypatch.setitem(VARIANTS, "exact", BATCHES["bn_20_copies"]._replace(noise=None))
    whole = trial(arm="bn", observations=1, **SETTING)
    few = trial(arm="bn", observations=1, **SETTING | {"batch_size": 20})
    for arm, same in (("whole", whole), ("exact", few), ("bn_20", few)):
        for row, other in zip(variant(arm=arm, **SETTING), same, strict=True):
            assert row["loss"] == pytest.approx(other["loss"], rel=1e-3), arm


def test_parts_do_not_see_each_other():
    x = torch.randn(2, 3, 10, generator=generator_for("parts"))
    norm = BatchNorm(2, 3)
    torch.testing.assert_close(Parts(norm, 4)(x)[..., 4:8], norm(x[..., 4:8]))
    assert not torch.allclose(Parts(norm, 4)(x), norm(x), atol=0.1)


def test_copies_are_in_the_batch_and_not_in_the_answer():
    seen = []
    noise = torch.tensor([[[0.0, 0.0, 10.0, 10.0]]])
    answer = Batches(lambda x: seen.append(x) or x, 2, noise)(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    assert answer.tolist() == [[[1, 2, 3, 4]]], "in order, without the copies"
    assert [batch.tolist() for batch in seen] == [[[[1, 2, 1, 2, 11, 12]]], [[[3, 4, 3, 4, 13, 14]]]]


def gaps_of(arm):
    """Gaps before each activation, and shares of the energy that pass it, both (layers, replicas)."""
    how = WEIGHTS.get(arm)
    network = initialized(how.arm if how else arm, X, **SIZES)
    if how:
        how.change(network, X, [generator_for(seed, "change") for seed in SIZES["seeds"]])
    before, after = representations(network, X_TEST[:64].T.expand(2, -1, -1))
    passing = [a.square().sum((1, 2)) / b.square().sum((1, 2)) for b, a in zip(before, after, strict=True)]
    return torch.stack([orthogonality_gap(h) for h in before]), torch.stack(passing)


def test_scale_leaves_every_gap():
    expected, _ = gaps_of("identity")
    for arm in ("identity_small", "identity_large"):
        torch.testing.assert_close(gaps_of(arm)[0], expected, rtol=1e-3, atol=1e-3)


def test_signs_leave_the_gap_before_an_activation_and_cut_what_passes_it():
    (gap, passing), (expected, all_of_it) = gaps_of("slice_signs"), gaps_of("slice")
    torch.testing.assert_close(gap[1], expected[1], rtol=0, atol=0.05)  # of other images than the weights were made of
    assert (passing[-1] < 0.6).all() and (all_of_it[-1] > 0.7).all()
