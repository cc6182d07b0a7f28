"""Threads are pinned before anything loads a numerical library; real CIFAR-10 is used where it is at hand."""

import gc
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
# Most of what a process of the tests holds is loaded code; to look through it for garbage takes a tenth of the time.
gc.set_threshold(100_000, 50, 50)
os.environ.pop("COMPANION_REPOSITORY", None)  # set where the book is published; tests that need an address give one

import pytest
from books import book, start
from filelock import FileLock


def pytest_report_header():
    where = os.environ.get("COMPANION_DATA")
    return f"real CIFAR-10: {'from ' + where if where else 'not at hand (COMPANION_DATA is not set): its tests are left out'}"


@pytest.fixture
def generator():
    import torch  # here: of three processes only those that run tests need it

    return torch.Generator().manual_seed(7)


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id):
    """A book in miniature as two builds at once leave it, one for all tests: copy it to change it."""
    folder = tmp_path_factory.getbasetemp()
    root = (folder if worker_id == "master" else folder.parent) / "built"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            book(root)
            both = [start(root), start(root)]
            assert [process.wait(300) for process in both] == [0, 0], (root / "said").read_text()
    return root


LONGEST = [
    f"test_{name}.py"
    for name in (
        "mutation",
        "builds",
        "build",
        "live",
        "adding",
        "run",
        "calibration",
        "law",
        "run_depends_on_nothing_else",
    )
]


def pytest_unconfigure():
    gc.freeze()  # nobody waits for what is left at the end to be looked through


def pytest_collection_modifyitems(items):
    """The longest files first, so that of two processes none waits for the other."""
    rank = {name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
