import shutil
from functools import cache
from pathlib import Path

import pytest
from faulty import build, result, sweeping_book


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """Undisturbed builds from clean, by name, made when first asked for: each with a store and an environment of its own."""

    @cache
    def tree(name):
        done = build(root := sweeping_book(tmp_path_factory.mktemp(name) / "book"))
        assert done.returncode == 0, done.stdout + done.stderr
        return root

    return tree


@pytest.fixture(scope="session")
def undisturbed(tree):
    """What an undisturbed build shows, by name."""
    return cache(lambda name="one": result(tree(name)))


@pytest.fixture
def root(tmp_path):
    """A book that has not been built."""
    return sweeping_book(tmp_path / "book")


@pytest.fixture
def built(tmp_path, tree):
    """A book that has been built: a copy of an undisturbed one, its store and log with it."""
    return Path(shutil.copytree(tree("one"), tmp_path / "book"))
