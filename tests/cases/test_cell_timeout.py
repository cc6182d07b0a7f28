"""``--cell-timeout inf`` and ``0.5``."""

import pytest
from books import notebook

from utils.run import main


@pytest.mark.parametrize("seconds", ["0.5", "0", "-1", "1.5", "nan", "-inf", "1e-300"])
def test_refused_before_anything_runs(seconds, tmp_path, capsys):
    source = notebook(tmp_path / "n.ipynb", "width")
    assert main([str(source), str(tmp_path / "o.ipynb"), f"--cell-timeout={seconds}"]) == 2
    assert "expected whole seconds, at least 1, or inf" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["n.ipynb"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", ["inf", "1e15"])
def test_accepted(seconds, tmp_path):
    """As 1.0 is, see test_run."""
    source = notebook(tmp_path / "n.ipynb", "width")
    assert main([str(source), str(tmp_path / "o.ipynb"), "--cell-timeout", seconds]) == 0
