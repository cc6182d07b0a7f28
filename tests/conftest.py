"""Threads are pinned before anything loads a numerical library; real CIFAR-10 is used where it is at hand."""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.pop("COMPANION_REPOSITORY", None)  # set where the book is published; tests that need an address give one

import pytest
import torch

torch.set_num_threads(1)


def pytest_report_header():
    where = os.environ.get("COMPANION_DATA")
    return f"real CIFAR-10: {'from ' + where if where else 'not at hand (COMPANION_DATA is not set): its tests are left out'}"


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(7)


LONGEST = ("test_mutation.py", "test_builds.py", "test_build.py", "test_adding.py", "test_live.py", "test_law.py")


def pytest_collection_modifyitems(items):
    """The longest files first, so that of two processes none waits for the other."""
    rank = {name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
