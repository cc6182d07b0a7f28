"""``COMPANION_DATA`` whose batch file is /dev/zero or a FIFO: no end, and memory grows."""

import os
from pathlib import Path

import pytest

from utils.networks import data
from utils.networks.data import DataUnavailable, images


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Where the first batch file should lie; nothing is there yet."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    images.cache_clear()
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    return folder / "data_batch_1"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.symlink_to("/dev/stdin"), "cannot read|MD5"),
        (os.mkfifo, "not a regular file"),
        (Path.mkdir, "cannot read"),
        (lambda path: path.symlink_to(path), "cannot read"),
        (lambda path: None, "cannot read"),
        (Path.touch, "MD5 d41d8cd98f00b204e9800998ecf8427e"),
    ],
    ids=["/dev/zero", "/dev/stdin", "FIFO", "folder", "link to itself", "nothing", "empty"],
)
def test_said_at_once(batch, make, words):
    make(batch)
    with pytest.raises(DataUnavailable, match=words):
        images("cifar10")


def test_a_file_without_end_is_read_no_further_than_an_official_one(batch):
    batch.touch()
    os.truncate(batch, 1 << 40)  # sparse: a terabyte that takes no room
    with pytest.raises(DataUnavailable, match="MD5"):
        images("cifar10")
    assert data.LARGEST > 31_035_704, "an official file is read in full"
