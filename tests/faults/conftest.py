import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faulty import build, result, sweeping_book


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/faults" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def trees(tmp_path_factory):
    """Two undisturbed builds from clean, at once: each with a tree, a store and an environment of its own."""
    roots = [sweeping_book(tmp_path_factory.mktemp(name) / "book") for name in ("one", "two")]
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(build, roots):
            assert done.returncode == 0, done.stdout + done.stderr
    return roots


@pytest.fixture(scope="session")
def undisturbed(trees):
    """What each of the undisturbed builds shows."""
    return [result(root) for root in trees]


@pytest.fixture
def root(tmp_path):
    """A book that has not been built."""
    return sweeping_book(tmp_path / "book")


@pytest.fixture
def built(tmp_path, trees):
    """A book that has been built: a copy of an undisturbed one, its store and log with it."""
    return Path(shutil.copytree(trees[0], tmp_path / "book"))
