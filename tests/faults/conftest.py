import pytest
from faulty import build, result, sweeping_book


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/faults" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """What an undisturbed build shows, twice from clean: each with a tree, a store and an environment of its own."""
    shown = []
    for name in ("one", "two"):
        root = sweeping_book(tmp_path_factory.mktemp(name) / "book")
        done = build(root)
        assert done.returncode == 0, done.stdout + done.stderr
        shown.append(result(root))
    return shown


@pytest.fixture
def root(tmp_path):
    return sweeping_book(tmp_path / "book")
