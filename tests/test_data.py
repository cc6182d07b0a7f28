import functools
import hashlib
import http.server
import io
import os
import pickle
import shutil
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from utils.files import ROOT
from utils.networks import data
from utils.seeding import generator_for


@pytest.fixture(autouse=True)
def forget():
    def clear():
        data.images.cache_clear()
        data.labels.cache_clear()

    clear()
    yield
    clear()


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


def test_images_are_resized():
    as_they_are, twice = (data.task("digits", scale="unit", side=side) for side in (8, 16))
    torch.testing.assert_close(as_they_are.x, data.task("digits", scale="unit").x)
    assert twice.x.shape == (1437, 256) and twice.x_test.shape == (360, 256)
    blocks = twice.x.view(-1, 8, 2, 8, 2).mean((2, 4)).flatten(1)
    assert (blocks - as_they_are.x).abs().mean() < 0.1, "each pixel is where it was"
    with pytest.raises(ValueError, match="side=0"):
        data.task("digits", scale="unit", side=0)


@pytest.mark.parametrize("size", [0, 1798])
def test_batch_size_is_checked(size):
    with pytest.raises(ValueError, match=f"size={size}, expected 1 to 1797"):
        data.batches("digits", size=size, count=1, generator=generator_for(1))


def test_unknown_data_set_is_named():
    with pytest.raises(ValueError, match="'mnist', expected 'digits' or 'cifar10'"):
        data.images("mnist")


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


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A web server with an archive of CIFAR-10's shape, as the one download there is, and an empty cache."""
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    files = {name: pickle.dumps({b"data": np.full((4, 3072), i, np.uint8), b"labels": [i] * 4}) for i, name in
             enumerate([*data.CIFAR10, *data.CIFAR10_TEST])}  # fmt: skip
    served = tmp_path / "served"
    served.mkdir()
    archive = served / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(data, "ARCHIVE", f"http://127.0.0.1:{server.server_port}/{archive.name}")
    monkeypatch.setattr(data, "ARCHIVE_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    for table in ("CIFAR10", "CIFAR10_TEST"):
        digests = {name: hashlib.md5(files[name]).hexdigest() for name in getattr(data, table)}
        monkeypatch.setattr(data, table, digests)
    monkeypatch.setattr(data, "user_cache_path", lambda name: tmp_path / "cache" / name)
    yield archive
    server.shutdown()


def test_cifar10_is_downloaded_once(site, capfd):
    assert data.images("cifar10").shape == (20, 3072) and data.labels("cifar10", test=True).tolist() == [5] * 4
    assert "100%" in capfd.readouterr().err, "with a progress bar"
    site.unlink()
    data.images.cache_clear()
    assert data.images("cifar10").shape == (20, 3072)


@pytest.mark.parametrize("fault", ["half-written", "missing"])
def test_an_interrupted_unpacking_is_mended(site, tmp_path, fault):
    data.images("cifar10")
    (file,) = (tmp_path / "cache").rglob("data_batch_3")
    content = file.read_bytes()
    file.write_bytes(content[:100])
    if fault == "missing":
        file.unlink()
    data.images.cache_clear()
    assert data.images("cifar10").shape == (20, 3072) and file.read_bytes() == content


@pytest.mark.parametrize("fault", ["truncated", "other", "gone"])
def test_a_bad_download_is_refused_and_leaves_nothing(site, tmp_path, fault):
    content = site.read_bytes()
    if fault == "gone":
        site.unlink()
    else:
        site.write_bytes(content[:-100] if fault == "truncated" else content[::-1])
    with pytest.raises(data.DataUnavailable, match=r"(?s)could not be downloaded.*data='digits'") as caught:
        data.images("cifar10")
    assert fault == "gone" or "hash" in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*batch*"))
    site.write_bytes(content)
    assert data.images("cifar10").shape == (20, 3072), "the next run completes"


def test_no_network_says_what_to_do(site, monkeypatch):
    monkeypatch.setattr(data, "ARCHIVE", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    with pytest.raises(data.DataUnavailable, match="Try again with a network, or point COMPANION_DATA"):
        data.images("cifar10")


def test_task_splits_digits_without_overlap():
    split = data.task("digits", scale="unit")
    assert (len(split.x), len(split.x_test)) == (1437, 360)
    learnt = {tuple(row) for row in split.x.tolist()}
    assert sum(tuple(row) in learnt for row in split.x_test.tolist()) < 4, "a few digits are drawn the same"
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
    standard = data.task("digits", scale="standardised").x
    assert abs(standard.mean()) < 1e-5 and abs(standard.std() - 1) < 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "linear"}, "scale='linear', expected one of unit"),
        ({"scale": "unit", "train": 1438}, "train=1438, expected 1 to 1437"),
        ({"scale": "unit", "test": 0}, "test=0, expected 1 to 360"),
    ],
)
def test_bad_tasks_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        data.task("digits", **options)


@pytest.mark.skipif(not os.environ.get("COMPANION_DATA"), reason="COMPANION_DATA is not set: no real CIFAR-10 at hand")
def test_real_cifar10_task_is_standardised_by_channel():
    split = data.task("cifar10", scale="standardised", train=2000, test=100)
    channels = split.x.unflatten(1, (3, 1024))
    assert channels.mean((0, 2)).abs().max() < 1e-4 and (channels.std((0, 2)) - 1).abs().max() < 1e-2
    assert split.x_test.shape == (100, 3072) and set(split.y.tolist()) == set(range(10))
