import pytest
from books import notebook

from utils.fingerprint import code_digest, notebook_digest


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Modules a → b and c, a registry beside b, and a notebook that imports a."""
    monkeypatch.setattr(digest, "ROOT", tmp_path)
    monkeypatch.setattr(digest, "__file__", str(tmp_path / "utils" / "digest.py"))
    (tmp_path / "utils").mkdir()
    for name, text in {"a": "def f():\n    from utils import b\n", "b": "import math", "c": "", "run": ""}.items():
        (tmp_path / "utils" / f"{name}.py").write_text(text)
    (tmp_path / "utils" / "b.yml").write_text("one: 1")
    (tmp_path / "requirements.txt").write_text("torch==1")
    return notebook(tmp_path / "notebooks" / "n.ipynb", "from utils.a import f")


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("utils/a.py", True),
        ("utils/b.py", True),
        ("utils/b.yml", True),
        ("utils/c.py", False),
        ("utils/run.py", True),
        ("requirements.txt", True),
        ("notebooks/n.ipynb", True),
        ("notebooks/evidence/n.long.json", True),
        ("notebooks/evidence/other.long.json", False),
    ],
)
def test_a_notebooks_digest_follows_what_its_code_can_reach(house, tmp_path, file, matters):
    before = notebook_digest(house, {})
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    assert (notebook_digest(house, {}) != before) == matters


def test_parameters_matter(house):
    assert notebook_digest(house, {"width": 1}) != notebook_digest(house, {"width": 2})


@pytest.mark.parametrize(
    "line", ["import utils.c", "from utils import c", "from utils.c import x", "%magic\nimport utils.a"]
)
def test_every_form_of_import_is_seen(house, tmp_path, line):
    path = notebook(tmp_path / "notebooks" / "m.ipynb", line)
    before = code_digest(path)
    (tmp_path / "utils" / "c.py").write_text("changed = True")
    assert code_digest(path) != before
