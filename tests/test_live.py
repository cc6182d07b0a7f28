"""Notebooks where readers open them: alone in a folder, from the branch that the book's buttons open, in JupyterLab."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import papermill
import pytest
import yaml
from books import imported, run, until
from jupyter_client import BlockingKernelClient

from utils.files import ROOT
from utils.fingerprint import reached
from utils.pipeline import publish
from utils.pipeline.bootstrap import NEEDED

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ADDRESS = "https://github.com/owner/name"
# One without training that reads kept results, and its knobs turned down.
QUICK, SMALL = ROOT / "notebooks" / "11_checking_the_checks.ipynb", {"seeds": 100, "rare_seeds": 1000}


def setup(path):
    return nbformat.read(path, as_version=4).cells[1]


def git(folder, *arguments):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository of this code; its address."""
    folder = tmp_path_factory.mktemp("published")
    for name in ("utils", "notebooks", ".binder", ".ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "published")
    return folder


@pytest.fixture
def elsewhere(repository, monkeypatch):
    """Names and addresses as on a reader's machine: nothing of this checkout; GitHub's one leads to :func:`repository`."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{repository}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", ADDRESS)
    return repository


def execute(path, *more, upto=None):
    """Run a notebook in the folder it lies in, or its cells before ``upto`` and some more; it, and where its code lay."""
    cells = nbformat.read(path, as_version=4)
    more = [nbformat.v4.new_code_cell(source) for source in (*more, "import utils; print(*utils.__path__)")]
    cells.cells = [*cells.cells[:upto], *more]
    given = path.with_name("in.ipynb")
    nbformat.write(cells, given)
    options = {"parameters": SMALL, "cwd": str(path.parent), "kernel_name": "python3", "progress_bar": False}
    done = papermill.execute_notebook(str(given), str(path.with_name("out.ipynb")), **options)
    return done, Path(done.cells[-1].outputs[0].text.strip())


@pytest.mark.slow
def test_alone_a_notebook_asks_for_an_address_fetches_its_code_and_runs(elsewhere, tmp_path, monkeypatch):
    path = Path(shutil.copy(QUICK, tmp_path))
    with pytest.raises(papermill.PapermillExecutionError) as error:
        execute(path)
    assert error.value.ename == "SystemExit" and "COMPANION_REPOSITORY to the address" in error.value.evalue
    assert not (tmp_path / "companion").exists()
    monkeypatch.setenv("COMPANION_REPOSITORY", str(elsewhere))
    done, source = execute(path)
    assert source == tmp_path / "companion" / "utils"
    assert done.cells[1].outputs == [], "nothing was missing, nothing is said"


@pytest.mark.slow
def test_a_published_notebook_knows_its_repository_and_its_commit(elsewhere, tmp_path):
    text = publish.stamped(QUICK.read_text(encoding="utf-8"), ADDRESS, git(elsewhere, "rev-parse", "HEAD"))
    path = tmp_path / QUICK.name
    path.write_text(text, encoding="utf-8")
    reads = "from utils.experiments import archive; archive.load('04_sgd_speedup.cifar')"
    later = elsewhere.with_name("later")
    git(elsewhere, "rm", "--quiet", "-r", "notebooks/evidence")
    git(elsewhere, "commit", "--quiet", "--message", "later, and without what this notebook reads")
    try:
        _, source = execute(path, reads, upto=4)
        assert source == tmp_path / "companion" / "utils"
        elsewhere.rename(later)
        _, source = execute(path, reads, upto=4)  # with what was fetched the first time
        assert source == tmp_path / "companion" / "utils"
    finally:
        if later.exists():
            later.rename(elsewhere)
        git(elsewhere, "reset", "--quiet", "--hard", "HEAD~1")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_set_up_cell_is_the_same_everywhere_and_the_address_all_that_publishing_changes(path):
    assert setup(path) | {"id": 0} == setup(QUICK) | {"id": 0}
    text = path.read_text(encoding="utf-8")
    stamped = publish.stamped(text, ADDRESS, "0" * 40)
    changed = [(old, new) for old, new in zip(text.split("\n"), stamped.split("\n"), strict=True) if old != new]
    ((_, line),) = changed
    assert json.loads(line.strip().rstrip(",")).startswith(f'repository, revision = "{ADDRESS}", "{"0" * 40}"')
    with pytest.raises(ValueError, match="found 0 times, expected once; copy that cell"):
        publish.stamped(stamped, ADDRESS, "HEAD")


OTHER = "https://github.com/a.b/c-d.e_f"
NOT_FOUND = "..|owner/name|git@github.com:owner/name.git|https://github.com/owner".split("|")


def test_addresses_and_those_that_binder_and_colab_would_not_find(monkeypatch):
    for given, address in {
        "": None,
        ADDRESS: ADDRESS,
        f"{ADDRESS}/": ADDRESS,
        f"{ADDRESS}.git": ADDRESS,
        OTHER: OTHER,
    }.items():
        monkeypatch.setenv("COMPANION_REPOSITORY", given)
        assert publish.address() == address
    for given in (*NOT_FOUND, f"{ADDRESS}/tree/main", f'{ADDRESS}"'):
        monkeypatch.setenv("COMPANION_REPOSITORY", given)
        with pytest.raises(ValueError, match=r"need https://github\.com/OWNER/NAME"):
            publish.address()


def test_only_the_workflows_that_publish_set_the_address():
    address = "${{ github.server_url }}/${{ github.repository }}"
    texts = {path.name: path.read_text() for path in (ROOT / ".github" / "workflows").iterdir()}
    found = {name: re.findall(r"COMPANION_REPOSITORY[:=]? ?(.*)", text) for name, text in texts.items()}
    assert {name: values for name, values in found.items() if values} == {
        "book.yml": [address],
        "release.yml": [address],
        "everywhere.yml": ['"$GITHUB_WORKSPACE"'],  # the checkout itself, for a notebook that runs alone
    }
    assert yaml.safe_load(texts["book.yml"])["env"] == {"COMPANION_REPOSITORY": address}


def test_what_a_lone_notebook_needs_is_what_notebooks_reach():
    with_every_kernel = {"ipython", "matplotlib-inline"}
    files, _ = reached(*NOTEBOOKS)
    names = set().union(*map(imported, files))
    packages = {found[0].lower() for name, found in packages_distributions().items() if name in names}
    assert set(NEEDED) == packages - with_every_kernel


@pytest.mark.slow
def test_what_is_missing_is_installed_and_the_rest_left_alone(tmp_path):
    files = {
        "METADATA": "Metadata-Version: 2.1\nName: probe-of-ours\nVersion: 1.2\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(tmp_path / "probe_of_ours-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("probe_of_ours.py", "")
        for name, content in files.items():
            wheel.writestr(f"probe_of_ours-1.2.dist-info/{name}", content)
    shutil.copytree(ROOT / "utils", tmp_path / "utils")
    needs = '[project]\ndependencies = ["numpy>=999", "probe-of-ours>=1"]\n'  # an old one that is there stays
    (tmp_path / "pyproject.toml").write_text(needs)
    target = tmp_path / "site"
    where = {"PIP_FIND_LINKS": str(tmp_path), "PIP_TARGET": str(target), "PYTHONPATH": str(target)}
    code = "from utils.pipeline.bootstrap import *; install_missing(['numpy', 'probe-of-ours'])"
    for said in ("Installing what is missing here: probe-of-ours>=1\n", ""):
        done = run(tmp_path, "-c", code, PIP_NO_INDEX="1", **where)
        assert (done.returncode, done.stdout) == (0, said), done.stderr
        assert [path.name for path in target.glob("*.py")] == ["probe_of_ours.py"]


@pytest.fixture
def published(repository, tmp_path):
    """A checkout as the publishing workflow has it, and the repository it came from."""
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "origin")
    git(tmp_path, "clone", "--quiet", "--depth", "1", (tmp_path / "origin").as_uri(), "checkout")
    return tmp_path / "checkout", tmp_path / "origin"


def push_live(checkout, **environment):
    command = ["bash", str(checkout / ".ci" / "live")]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)


def test_the_branch_that_the_buttons_open_and_that_there_is_none_without_an_address(published):
    checkout, origin = published
    index = "https://index.example/cpu"
    done = push_live(checkout, COMPANION_REPOSITORY="")
    assert done.returncode == 1 and "COMPANION_REPOSITORY is not set" in done.stderr
    assert git(origin, "branch", "--list", publish.BRANCH) == ""
    for _ in range(2):  # and again, over what is there
        done = push_live(checkout, COMPANION_REPOSITORY=ADDRESS, PIP_EXTRA_INDEX_URL=index)
        assert done.returncode == 0, done.stderr
    main, branch = (git(origin, "rev-parse", name) for name in ("main", publish.BRANCH))
    assert git(origin, "rev-parse", f"{branch}~1") == main
    changed = git(origin, "diff", "--numstat", main, branch).split("\n")
    assert [line.split("\t") for line in changed] == [
        ["1", "0", ".binder/requirements.txt"],
        *(["1", "1", f"notebooks/{path.name}"] for path in NOTEBOOKS),
    ]
    for path in NOTEBOOKS:
        text = git(origin, "show", f"{branch}:notebooks/{path.name}")
        assert f'repository, revision = "{ADDRESS}", "{main}"' in nbformat.reads(text, as_version=4).cells[1].source
    assert git(origin, "show", f"{branch}:.binder/requirements.txt").startswith(f"--extra-index-url {index}\n")
    assert git(checkout, "status", "--porcelain") == "" and git(checkout, "worktree", "list").count("\n") == 0


@pytest.mark.slow
def test_the_buttons_of_a_book_that_has_an_address(built, tmp_path, monkeypatch):
    root = Path(shutil.copytree(built, tmp_path / "book"))
    html = root / "_build" / "html"
    before = (html / "book" / "intro.html").read_bytes()

    monkeypatch.setenv("COMPANION_REPOSITORY", "../here")
    done = run(root, "utils.build")
    assert done.returncode == 1 and "need https://github.com/OWNER/NAME" in done.stderr
    assert (html / "book" / "intro.html").read_bytes() == before

    monkeypatch.setenv("COMPANION_REPOSITORY", ADDRESS)
    done = run(root, "utils.build")
    assert done.returncode == 0 and "0 to run" in done.stdout, done.stdout + done.stderr
    for name in ("first", "second"):
        page = (html / "notebooks" / f"{name}.html").read_text()
        assert set(re.findall(r'href="(https://[^"]*(?:binder|colab)[^"]*)"', page)) == {
            f"https://mybinder.org/v2/gh/owner/name/live?urlpath=lab/tree/notebooks/{name}.ipynb",
            f"https://colab.research.google.com/github/owner/name/blob/live/notebooks/{name}.ipynb",
        }
        download = nbformat.read(html / "_sources" / "notebooks" / f"{name}.ipynb", as_version=4)
        assert any(f'repository, revision = "{ADDRESS}", "HEAD"' in cell.source for cell in download.cells)
    intro = (html / "book" / "intro.html").read_text()
    assert f'href="{ADDRESS}"' in intro and not re.search("mybinder|colab", intro)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """JupyterLab as ``make lab`` starts it, but for the browser; ``ask(path, body)`` asks its API."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    recipe = ["make", "--dry-run", "--silent", "lab", f"BIN={Path(sys.executable).parent}"]
    *_, command = subprocess.check_output(recipe, cwd=ROOT, text=True).strip().split("\n")
    assert "jupyter lab" in command
    command = f"exec {command} --no-browser --ServerApp.port=0"
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen(command, shell=True, cwd=ROOT, stdout=log, stderr=log)

    def started():
        try:
            return [json.loads(path.read_text()) for path in tmp_path.glob("jpserver-*.json")]
        except json.JSONDecodeError:  # the file is there a moment before what it says
            return []

    (about,) = until(started, process=server)

    def ask(path, body=None):
        headers = {"Authorization": f"token {about['token']}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(about["url"] + path, data, headers), timeout=120) as answer:
            return json.load(answer) if "api" in path else answer.read().decode()

    def listens():
        try:
            return ask("api")
        except OSError:  # and that a moment before the server answers
            return None

    until(listens, process=server)
    yield ask
    server.terminate()
    server.wait(30)
    log.close()


@pytest.mark.slow
def test_lab_opens_every_notebook_and_runs_one_from_top_to_bottom(lab, tmp_path):
    listed = [entry["name"] for entry in lab("api/contents/")["content"] if entry["type"] == "notebook"]
    assert sorted(listed) == [path.name for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        assert len(lab(f"api/contents/{path.name}")["content"]["cells"]) > 10
    assert "JupyterLab" in lab(f"lab/tree/{QUICK.name}")

    kernel = {"name": "python3"}
    session = lab("api/sessions", {"path": QUICK.name, "name": QUICK.name, "type": "notebook", "kernel": kernel})
    client = BlockingKernelClient(connection_file=str(tmp_path / f"kernel-{session['kernel']['id']}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        cells = lab(f"api/contents/{QUICK.name}")["content"]["cells"]
        for source, tags in [(c["source"], c["metadata"].get("tags", [])) for c in cells if c["cell_type"] == "code"]:
            knobs = SMALL.items() if "parameters" in tags else ()
            source += "".join(f"\n{name} = {value}" for name, value in knobs)
            reply = client.execute(source, reply=True, timeout=120)
            assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])
    finally:
        client.stop_channels()
