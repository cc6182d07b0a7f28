"""What a run gives does not depend on the user's environment or configuration."""

import json
import os
import re

import matplotlib.pyplot as plt
import nbformat
import pytest
from books import notebook, run

from utils.experiments.sweep import store_directory
from utils.files import ROOT
from utils.networks.data import DataUnavailable, images
from utils.plotting import use_style
from utils.processes.environment import isolated
from utils.run import main

pytestmark = pytest.mark.slow

# What a run could take from its surroundings, and a figure.
LOOK = """
import datetime, locale, os, sys
import matplotlib
import matplotlib.pyplot as plt
plain = {
    "interpreter": sys.executable, "optimized": sys.flags.optimize, "hash": hash("a"), "path": sys.path[1:],
    "encoding": locale.getpreferredencoding(), "zone": datetime.datetime.fromtimestamp(0).hour, "size": plt.rcParams["font.size"],
    "backend": matplotlib.get_backend(), "threads": os.environ["OMP_NUM_THREADS"], "started": "started" in globals(),
}
for name, value in plain.items():
    print(name, value)
print(__debug__)
"""
FIGURE = "import matplotlib.pyplot as plt; plt.plot([0, 1]); plt.show()"


def outputs(path):
    return [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def elsewhere(tmp_path):
    """Another user's settings: kernels, IPython, matplotlib, Python, language, threads."""
    home = tmp_path / "home"
    spec = {"argv": ["false"], "language": "python", "display_name": "not ours"}
    write(home / "jupyter" / "kernels" / "python3" / "kernel.json", json.dumps(spec))
    for folder in (home / "ipython", home / ".ipython"):
        write(folder / "profile_default" / "startup" / "a.py", "started = True")
    for name in ("ipython", "ipython_kernel"):
        write(
            home / "ipython" / "profile_default" / f"{name}_config.py",
            "c.InteractiveShell.ast_node_interactivity = 'all'",
        )
    write(home / "started.py", "started = True")
    write(home / "matplotlib" / "matplotlibrc", "font.size: 33")
    write(home / "modules" / "jinja2.py", "raise ImportError('not the pinned one')")
    return {
        "HOME": home, "JUPYTER_PATH": home / "jupyter", "IPYTHONDIR": home / "ipython", "MPLCONFIGDIR": home / "matplotlib",
        "MATPLOTLIBRC": home / "matplotlib" / "matplotlibrc", "MPLBACKEND": "Agg", "PYTHONSTARTUP": home / "started.py",
        "PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C",
        "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "3", "PYTHONPATH": home / "modules",
    }  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A notebook, and what it gives here."""
    folder = tmp_path_factory.mktemp("here")
    source = notebook(folder / "n.ipynb", LOOK, FIGURE, "import jinja2")
    done = run(ROOT, "utils.run", source, folder / "o.ipynb")
    assert done.returncode == 0, done.stderr
    return source, outputs(folder / "o.ipynb")


def test_a_kernel_in_a_test_does_not_know_that_it_is_tested():
    """By pytest's variables ipykernel would leave out what watches the streams of processes that a cell starts."""
    assert "PYTEST_CURRENT_TEST" in os.environ and "PYTEST_CURRENT_TEST" not in isolated()


def test_mplbackend_agg_and_other_settings_change_nothing(here, elsewhere, tmp_path):
    source, expected = here
    assert "image/png" in expected[3][0]["data"], "the figure is there"
    done = run(
        ROOT, "utils.run", source, tmp_path / "o.ipynb", **{name: str(value) for name, value in elsewhere.items()}
    )
    assert done.returncode == 0, done.stderr
    assert outputs(tmp_path / "o.ipynb") == expected


@pytest.mark.parametrize(
    "name", ["out{width}.ipynb", "drafts/{draft}/o.ipynb", "a*b?[c].ipynb", "$HOME.ipynb", "{}.ipynb", "%s.ipynb"]
)
def test_paths_are_literal(tmp_path, name):
    """Of the output, and of a notebook that lies in a folder of such a name."""
    source = notebook(tmp_path / name.replace(".ipynb", "") / name.rpartition("/")[2], "print(width)")
    assert main([str(source), str(tmp_path / "to" / name), "-p", "width", "20"]) == 0
    written = [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    assert written == [tmp_path / "to" / name]


@pytest.mark.parametrize("path", ["~/o.ipynb", "~nobody-here/o.ipynb"])
def test_of_paths_only_the_tilde_is_expanded(tmp_path, monkeypatch, path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main([str(notebook(tmp_path / "n.ipynb", "1")), path]) == 0
    assert (tmp_path / path.replace("~/", "home/")).is_file()
    monkeypatch.setenv("COMPANION_STORE", "~/store")
    assert store_directory() == tmp_path / "home" / "store"


@pytest.mark.parametrize(
    ("given", "meant"),
    [("~/data", "/home/of/data"), ("$HOME/{data}*", f"{ROOT}/$HOME/{{data}}*"), ("a ~", f"{ROOT}/a ~")],
)
def test_of_companion_data_only_the_tilde_is_expanded(monkeypatch, given, meant):
    monkeypatch.setenv("HOME", "/home/of")
    monkeypatch.setenv("COMPANION_DATA", given)
    images.cache_clear()
    with pytest.raises(DataUnavailable, match=re.escape(f"{meant}/cifar-10-batches-py/data_batch_1")):
        images("cifar10")


def test_the_users_figure_style_is_not_the_books():
    with plt.rc_context({"axes.labelpad": 33}):
        use_style()
        assert plt.rcParams["axes.labelpad"] == 4.0


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH",
        "LC_NUMERIC",
        "OPENBLAS_CORETYPE",
        "MKL_CBWR",
        "DNNL_MAX_CPU_ISA",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        "GIT_DIR",
    ],
)
def test_variables_that_could_change_a_result_reach_no_kernel(monkeypatch, name):
    monkeypatch.setenv(name, "set by the user")
    assert name not in isolated()
