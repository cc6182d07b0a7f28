"""Real images: scikit-learn's digits, embedded, and CIFAR-10, from a copy at hand or downloaded once.

CIFAR-10 is read in its official Python form, ``cifar-10-batches-py/``, from the directory ``COMPANION_DATA`` names
(relative paths start at the project root, ``~`` is expanded); without that variable it is downloaded from its authors' page into the
user's cache. Either way every file is checked against the published digest before it is unpickled.

Sources: *digits* is the test half of the optical recognition data of Alpaydin and Kaynak (1998), UCI repository, CC BY
4.0, as scikit-learn ships it. *CIFAR-10* is Krizhevsky (2009), *Learning multiple layers of features from tiny images*;
its authors state no license and ask for that citation, so the companion fetches it and never passes it on.
"""

import errno
import hashlib
import math
import os
import pickle
import stat
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from platformdirs import user_cache_path
from torch import Tensor

from utils.files import ROOT
from utils.seeding import checked_generator, generator_for

__all__ = ["SCALES", "DataUnavailable", "Task", "batches", "images", "labels", "task"]

ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"

# Published MD5 digests of the official batches (Krizhevsky, 2009); checked before anything is unpickled.
CIFAR10 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}
LARGEST = 1 << 25  # bytes read of a batch file: all of an official one (31 MB), and no more of another
CIFAR10_TEST = {"test_batch": "40351d587109b95175f43aff81a1287e"}
#: How pixels may be scaled, see :func:`task`.
SCALES = ("unit", "symmetric", "standardized")


class DataUnavailable(RuntimeError):
    """A data set is missing or not what was published; the message says what to do."""


class Task(NamedTuple):
    """Images to learn from and images held out; one row an image, float32, labels int64.

    Attributes
    ----------
    x, y : Tensor, shapes (images, features) and (images,)
    x_test, y_test : Tensor, likewise

    Examples
    --------
    >>> x, y, x_test, y_test = task("digits", scale="unit")
    >>> x.shape, y_test.shape
    (torch.Size([1437, 64]), torch.Size([360]))
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


@cache
def images(name: str, *, test: bool = False) -> Tensor:
    """Images as rows, pixels in [0, 1].

    Parameters
    ----------
    name : {"digits", "cifar10"}
    test : bool
        CIFAR-10's 10,000 test images instead of its training images; digits has one set only.

    Returns
    -------
    Tensor, shape (images, features), float32
        1797 × 64 for digits (8×8, gray), 50,000 × 3072 for CIFAR-10. Shared: do not modify.

    Raises
    ------
    DataUnavailable
        If CIFAR-10 is not where ``COMPANION_DATA`` points, cannot be downloaded, or differs from the published digests; if there is
        no scikit-learn for digits.
    ValueError
        If there is no such data set.

    Examples
    --------
    >>> images("digits").shape
    torch.Size([1797, 64])
    """
    if name == "digits":
        return _digits()[:, :-1].float() / 16
    return torch.cat([torch.from_numpy(batch[b"data"]) for batch in _cifar10(name, test)]).float() / 255


@cache
def labels(name: str, *, test: bool = False) -> Tensor:
    """Labels of :func:`images`, 0 to 9.

    Parameters
    ----------
    name : {"digits", "cifar10"}
    test : bool

    Returns
    -------
    Tensor, shape (images,), int64

    Raises
    ------
    DataUnavailable, ValueError
        As :func:`images`.

    Examples
    --------
    >>> labels("digits").unique()
    tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    if name == "digits":
        return _digits()[:, -1].long()
    return torch.cat([torch.tensor(batch[b"labels"]) for batch in _cifar10(name, test)])


def _digits() -> Tensor:
    """What :func:`sklearn.datasets.load_digits` reads, 64 pixels and the label a row, from its file: to load it takes as long as torch."""
    found = find_spec("sklearn")
    if found is None:
        raise DataUnavailable("data='digits': these images come with scikit-learn, which is not installed; install it")
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return torch.from_numpy(np.loadtxt(file, delimiter=","))


def task(name: str, *, scale: str, train: int | None = None, test: int | None = None, side: int | None = None) -> Task:
    """A classification task: images to learn from, images held out, both scaled.

    Parameters
    ----------
    name : {"digits", "cifar10"}
        Digits are split once and for all: 1,437 images to learn from, 360 held out.
    scale : {"unit", "symmetric", "standardized"}
        Pixels in [0, 1]; in [−1, 1] (Figures 3 and 4 of the paper); or each color channel with the mean 0 and the variance 1
        over the images to learn from.
    train, test : int, optional
        How many of each; all by default. The same choice every time, and a smaller one is part of a larger one.
    side : int, optional
        Resize the images to ``side`` × ``side`` pixels, bilinearly; as they are by default.

    Returns
    -------
    Task

    Raises
    ------
    DataUnavailable
        As :func:`images`.
    ValueError
        If there is no such data set or scale, not that many images, or ``side`` is below 1.

    Examples
    --------
    >>> small = task("digits", scale="symmetric", train=100, test=50)
    >>> small.x.shape, small.x_test.shape
    (torch.Size([100, 64]), torch.Size([50, 64]))
    >>> small.x.aminmax()
    torch.return_types.aminmax(
    min=tensor(-1.),
    max=tensor(1.))
    """
    if side is not None and side < 1:
        raise ValueError(f"side={side}, expected at least 1 pixel")
    if scale not in SCALES:
        raise ValueError(f"scale={scale!r}, expected one of {', '.join(SCALES)}")
    x, y = images(name), labels(name)
    order = torch.randperm(len(x), generator=generator_for("task", name))
    if name == "digits":
        x_test, y_test = x[order[1437:]], labels(name)[order[1437:]]
        order = order[:1437]
    else:
        x_test, y_test = images(name, test=True), labels(name, test=True)
    for what, wanted, there in (("train", train, len(order)), ("test", test, len(x_test))):
        if wanted is not None and not 1 <= wanted <= there:
            raise ValueError(f"{what}={wanted}, expected 1 to {there}, the number of such images in {name}")
    x, y = x[order[:train]], y[order[:train]]
    x_test, y_test = x_test[:test], y_test[:test]
    channels = 3 if name == "cifar10" else 1
    if side is not None:
        x, x_test = (_resized(z, channels, side) for z in (x, x_test))
    if scale == "symmetric":
        x, x_test = 2 * x - 1, 2 * x_test - 1
    elif scale == "standardized":
        pixels = x.unflatten(1, (channels, -1))
        mean, sd = pixels.mean((0, 2))[:, None], pixels.std((0, 2))[:, None]
        x, x_test = (((z.unflatten(1, (channels, -1)) - mean) / sd).flatten(1) for z in (x, x_test))
    return Task(x, y, x_test, y_test)


def _resized(x: Tensor, channels: int, side: int) -> Tensor:
    now = math.isqrt(x.shape[1] // channels)
    if side == now:
        return x
    return torch.nn.functional.interpolate(x.view(-1, channels, now, now), size=side, mode="bilinear").flatten(1)


def _cifar10(name: str, test: bool) -> list[dict]:
    if name != "cifar10":
        raise ValueError(f"name={name!r}, expected 'digits' or 'cifar10'")
    given = os.environ.get("COMPANION_DATA")
    folder = (ROOT / os.path.expanduser(given) if given else _downloaded()) / "cifar-10-batches-py"
    return [_opened(folder / file, digest) for file, digest in (CIFAR10_TEST if test else CIFAR10).items()]


def _downloaded() -> Path:
    """The user's cache with the official archive unpacked in it; pooch checks its digest, shows a bar, replaces atomically."""
    import pooch  # here, where it is needed: importing it warns about progress bars in every notebook

    cache = user_cache_path("bn-orthogonality-companion")
    folder = cache / "cifar-10-batches-py"
    members = [f"{folder.name}/{file}" for file in (CIFAR10 | CIFAR10_TEST)]
    for file, digest in (CIFAR10 | CIFAR10_TEST).items():
        # What an interrupted unpacking left half-written is unpacked again, not complained about.
        if (folder / file).is_file() and _md5((folder / file).read_bytes()) != digest:
            (folder / file).unlink()
    for part in cache.glob("tmp*"):
        # Pooch's name for a download under way; one that was killed would stay for good.
        if time.time() - part.stat().st_mtime > 3600:
            part.unlink(missing_ok=True)
    try:
        pooch.retrieve(
            ARCHIVE,
            known_hash=f"md5:{ARCHIVE_MD5}",
            fname=ARCHIVE.rsplit("/", 1)[1],
            path=cache,
            processor=pooch.Untar(members=members, extract_dir="."),
            progressbar=True,
        )
    except (
        Exception
    ) as error:  # the network's, the disk's and the digest's errors alike: the reader can do the same things
        raise DataUnavailable(
            f"CIFAR-10: could not be downloaded from {ARCHIVE} to {cache}: {error}\nTry again with a network, or point "
            "COMPANION_DATA at a directory that holds the official cifar-10-batches-py/, or use data='digits'"
        ) from error
    return cache


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file without waiting for who writes to it, should it be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _opened(path: Path, digest: str) -> dict:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            content = file.read(LARGEST)
    except OSError as error:
        raise DataUnavailable(
            f"CIFAR-10: cannot read {path} ({error.strerror}); COMPANION_DATA={os.environ.get('COMPANION_DATA')!r} should "
            "name a directory that holds the official cifar-10-batches-py/; unset it to download, or use data='digits'"
        ) from error
    found = _md5(content)
    if found != digest:
        raise DataUnavailable(
            f"CIFAR-10: {path} has MD5 {found}, published is {digest}: truncated or altered, fetch it again"
        )
    return pickle.loads(content, encoding="bytes")


def batches(name: str, *, size: int, count: int, generator: torch.Generator) -> Tensor:
    """Batches of different images, one column per sample.

    Parameters
    ----------
    name : {"digits", "cifar10"}
    size : int
        n, images in a batch, drawn without replacement within the batch.
    count : int
        Number of batches, drawn independently.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (count, features, size), float64

    Raises
    ------
    DataUnavailable
        As :func:`images`.
    ValueError
        If there is no such data set, ``size`` is not between 1 and the number of images, ``count`` is below 1, or all together
        would take more than 16 GB.
    TypeError
        If ``generator`` is not one.

    Examples
    --------
    >>> from utils.seeding import checked_generator, generator_for
    >>> batches("digits", size=4, count=10, generator=generator_for(0, "example")).shape
    torch.Size([10, 64, 4])
    """
    everything = images(name)
    if not 1 <= size <= len(everything):
        raise ValueError(f"size={size}, expected 1 to {len(everything)}, the number of images in {name}")
    most = (2 * 10**9) // (size * everything.shape[1])
    if not 1 <= count <= most:
        raise ValueError(f"count={count}, expected 1 to {most} batches of this size (16 GB)")
    checked_generator(generator)
    chosen = torch.stack([torch.randperm(len(everything), generator=generator)[:size] for _ in range(count)])
    return everything[chosen].mT.double()
