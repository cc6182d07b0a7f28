from functools import partial

import pytest
import torch

from utils.networks import data
from utils.seeding import generator_for


def test_digits_are_real_batches_with_samples_as_columns():
    from sklearn.datasets import load_digits  # here: it takes as long to load as torch

    images = data.images("digits")
    assert torch.equal(images, torch.from_numpy(load_digits().data).float() / 16)
    assert torch.equal(data.labels("digits"), torch.from_numpy(load_digits().target))
    assert images.shape == (1797, 64) and images.min() == 0 and images.max() == 1
    batch = data.batches("digits", size=5, count=3, generator=generator_for(1, "test"))
    assert batch.shape == (3, 64, 5) and batch.dtype == torch.float64
    columns = {tuple(c.tolist()) for c in batch.float().mT.reshape(-1, 64)}
    assert columns <= {tuple(row.tolist()) for row in images}
    everything = data.batches("digits", size=1797, count=1, generator=generator_for(1, "test"))[0]
    torch.testing.assert_close(everything.float().sum(1), images.sum(0))  # samples of a batch differ


def test_images_are_resized():
    as_they_are, twice = (data.task("digits", scale="unit", side=side) for side in (8, 16))
    torch.testing.assert_close(as_they_are.x, data.task("digits", scale="unit").x)
    assert twice.x.shape == (1437, 256) and twice.x_test.shape == (360, 256)
    blocks = twice.x.view(-1, 8, 2, 8, 2).mean((2, 4)).flatten(1)
    assert (blocks - as_they_are.x).abs().mean() < 0.1, "each pixel is where it was"


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setattr(data, "find_spec", lambda name: None)
    data.images.cache_clear()
    with pytest.raises(data.DataUnavailable, match="scikit-learn, which is not installed"):
        data.images("digits")


def test_task_splits_digits_without_overlap():
    split = data.task("digits", scale="unit")
    assert (len(split.x), len(split.x_test)) == (1437, 360)
    learned = {tuple(row) for row in split.x.tolist()}
    assert sum(tuple(row) in learned for row in split.x_test.tolist()) < 4, "a few digits are drawn the same"
    everything = torch.cat([split.x, split.x_test])
    torch.testing.assert_close(everything.sum(0), data.images("digits").sum(0))
    assert len(split.y) == 1437 and set(split.y_test.tolist()) == set(range(10))
    smaller = data.task("digits", scale="unit", train=100, test=50)
    assert torch.equal(smaller.x, split.x[:100]) and torch.equal(smaller.y_test, split.y_test[:50])


def test_labels_belong_to_their_images():
    split = data.task("digits", scale="unit")
    means = torch.stack([split.x[split.y == digit].mean(0) for digit in range(10)])
    assert (torch.cdist(split.x_test, means).argmin(1) == split.y_test).float().mean() > 0.85


def test_scales():
    symmetric = data.task("digits", scale="symmetric").x
    assert symmetric.min() == -1 and symmetric.max() == 1
    standard = data.task("digits", scale="standardized").x
    assert abs(standard.mean()) < 1e-5 and abs(standard.std() - 1) < 1e-3


digits, batches = partial(data.task, "digits"), partial(data.batches, "digits", count=1, generator=generator_for(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.images("mnist"), "'mnist', expected 'digits' or 'cifar10'"),
        (lambda: batches(size=0), "size=0, expected 1 to 1797"),
        (lambda: batches(size=1798), "size=1798, expected 1 to 1797"),
        (lambda: digits(scale="linear"), "scale='linear', expected one of unit"),
        (lambda: digits(scale="unit", side=0), "side=0"),
        (lambda: digits(scale="unit", train=1438), "train=1438, expected 1 to 1437"),
        (lambda: digits(scale="unit", test=0), "test=0, expected 1 to 360"),
    ],
)
def test_what_cannot_be_given_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
