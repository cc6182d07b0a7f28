"""Real batches to start from: scikit-learn's digits, embedded, and CIFAR-10 when a copy is at hand.

CIFAR-10 is read from the directory ``COMPANION_DATA`` names (relative paths start at the project root), in its
official Python form, ``cifar-10-batches-py/``.
"""

import hashlib
import os
import pickle
from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from utils.digest import ROOT

__all__ = ["DataUnavailable", "batches", "images"]

# Published MD5 digests of the official batches (Krizhevsky, 2009); checked before anything is unpickled.
CIFAR10 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}


class DataUnavailable(RuntimeError):
    """A data set is missing or not what was published; the message says what to do."""


@cache
def images(name: str) -> Tensor:
    """Training images as rows, pixels in [0, 1].

    Parameters
    ----------
    name : {"digits", "cifar10"}

    Returns
    -------
    Tensor, shape (images, features), float32
        1797 × 64 for digits (8×8, grey; Alpaydin and Kaynak, 1998), 50,000 × 3072 for CIFAR-10. Shared: do not modify.

    Raises
    ------
    DataUnavailable
        If CIFAR-10 is not where ``COMPANION_DATA`` points, or differs from the published digests.
    ValueError
        If there is no such data set.
    """
    if name == "digits":
        return torch.from_numpy(load_digits().data).float() / 16
    if name == "cifar10":
        return torch.cat([_cifar_batch(file, digest) for file, digest in CIFAR10.items()])
    raise ValueError(f"name={name!r}, expected 'digits' or 'cifar10'")


def _cifar_batch(file: str, digest: str) -> Tensor:
    root = os.environ.get("COMPANION_DATA")
    if not root:
        raise DataUnavailable(
            "CIFAR-10 was asked for but COMPANION_DATA is not set: point it at a directory that holds the official "
            "cifar-10-batches-py/, or use data='digits', which needs nothing"
        )
    path = ROOT / root / "cifar-10-batches-py" / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataUnavailable(f"CIFAR-10: cannot read {path} ({error.strerror}); COMPANION_DATA={root!r}") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != digest:
        raise DataUnavailable(
            f"CIFAR-10: {path} has MD5 {found}, published is {digest}: truncated or altered, fetch it again"
        )
    return torch.from_numpy(pickle.loads(content, encoding="bytes")[b"data"]).float() / 255


def batches(name: str, *, size: int, count: int, generator: torch.Generator) -> Tensor:
    """Batches of different images, one column a sample.

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
        If there is no such data set, or ``size`` is not between 1 and the number of images.
    """
    everything = images(name)
    if not 1 <= size <= len(everything):
        raise ValueError(f"size={size}, expected 1 to {len(everything)}, the number of images in {name}")
    chosen = torch.stack([torch.randperm(len(everything), generator=generator)[:size] for _ in range(count)])
    return everything[chosen].mT.double()
