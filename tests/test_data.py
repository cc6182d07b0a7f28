import hashlib
import os
import shutil
from pathlib import Path

import pytest
import torch

from utils import data
from utils.digest import ROOT
from utils.seeds import generator_for


@pytest.fixture(autouse=True)
def forget():
    data.images.cache_clear()
    yield
    data.images.cache_clear()


def test_digits_are_real_batches_with_samples_as_columns():
    images = data.images("digits")
    assert images.shape == (1797, 64) and images.min() == 0 and images.max() == 1
    batch = data.batches("digits", size=5, count=3, generator=generator_for(1, "test"))
    assert batch.shape == (3, 64, 5) and batch.dtype == torch.float64
    columns = {tuple(c.tolist()) for c in batch.float().mT.reshape(-1, 64)}
    assert columns <= {tuple(row.tolist()) for row in images}


def test_samples_of_a_batch_differ():
    batch = data.batches("digits", size=1797, count=1, generator=generator_for(1, "test"))[0]
    torch.testing.assert_close(batch.float().sum(1), data.images("digits").sum(0))


@pytest.mark.parametrize("size", [0, 1798])
def test_batch_size_is_checked(size):
    with pytest.raises(ValueError, match=f"size={size}, expected 1 to 1797"):
        data.batches("digits", size=size, count=1, generator=generator_for(1))


def test_unknown_data_set_is_named():
    with pytest.raises(ValueError, match="'mnist', expected 'digits' or 'cifar10'"):
        data.images("mnist")


def test_without_companion_data_cifar10_says_what_to_do(monkeypatch):
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    with pytest.raises(data.DataUnavailable, match=r"COMPANION_DATA is not set.*data='digits'"):
        data.images("cifar10")


def test_missing_cifar10_names_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(data.DataUnavailable, match="data_batch_1"):
        data.images("cifar10")


def test_altered_cifar10_is_not_unpickled(monkeypatch, tmp_path):
    """A pickle that would create a file when opened: its digest is wrong, so it never is."""
    trap = tmp_path / "opened"
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    payload = f"cos\nsystem\n(S'touch {trap}'\ntR.".encode()
    for file in data.CIFAR10:
        (folder / file).write_bytes(payload)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(data.DataUnavailable, match=f"MD5 {hashlib.md5(payload).hexdigest()}, published is"):
        data.images("cifar10")
    assert not trap.exists()


real = pytest.mark.skipif(not os.environ.get("COMPANION_DATA"), reason="real CIFAR-10 not at hand: set COMPANION_DATA")


@real
def test_real_cifar10():
    images = data.images("cifar10")
    assert images.shape == (50_000, 3072) and images.min() == 0 and images.max() == 1
    # Published channel means of the training set (red, green, blue).
    torch.testing.assert_close(
        images.reshape(-1, 3, 1024).mean((0, 2)), torch.tensor([0.4914, 0.4822, 0.4465]), atol=1e-4, rtol=0
    )


@real
def test_a_truncated_copy_of_the_real_cifar10_is_refused(monkeypatch, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    shutil.copytree(ROOT / Path(os.environ["COMPANION_DATA"]) / "cifar-10-batches-py", folder)
    file = folder / "data_batch_3"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(data.DataUnavailable, match="data_batch_3 has MD5"):
        data.images("cifar10")
