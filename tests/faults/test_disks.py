"""Disks that are full or read-only, networks that are not there: real ones, in namespaces of their own.

A full disk is a small tmpfs, a read-only folder a bind mount; both vanish with the process that made them. They bind root
too, whom permissions do not.
"""

import shutil
import subprocess
import sys

import pytest
from faulty import GO, environment, go, leftovers, namespace, result, without_network

from utils.files import ROOT

PYTHON = sys.executable


def script(root, *lines, **options):
    """A shell script in a mount namespace of its own, in a book."""
    command = [*namespace("--mount"), "sh", "-ec", "\n".join(lines)]
    return subprocess.run(
        command, cwd=root, env=environment(root, **options), capture_output=True, text=True, timeout=400
    )


def test_a_notebook_on_a_full_disk_leaves_nothing_half_written(root):
    """32 KiB are enough for a small notebook, not for one that prints as much again."""
    second = root / "notebooks" / "second.ipynb"
    second.write_text(second.read_text().replace("width * 2", "print('x' * 100_000)"))
    done = script(
        root,
        "mkdir out && mount -t tmpfs -o size=32k none out",
        f"{PYTHON} -m utils.run notebooks/second.ipynb out/second.ipynb && exit 9",
        "ls -A out",
        "mount -o remount,size=4m out",
        f"{PYTHON} -m utils.run notebooks/second.ipynb out/second.ipynb",
        "ls -A out",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "how far it got could not be saved" in done.stderr and "No space left on device" in done.stderr
    assert done.stdout.split("\n", 1)[0] == "out/second.ipynb: complete", "nothing was there before"
    assert done.stdout.split() == ["out/second.ipynb:", "complete", "second.ipynb"]


def test_a_store_on_a_full_disk_names_it_and_loses_nothing(root):
    (root / "go.py").write_text(GO)
    done = script(
        root,
        # Room for two entries: a page each, and the directory's own.
        "mkdir store && mount -t tmpfs -o size=8k none store",
        f"{PYTHON} go.py > first 2> said && exit 9",
        "find store -type f > left",
        "mount -o remount,size=1m store",
        f"{PYTHON} go.py",
        PYTHONPATH=str(root),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, left = (root / "said").read_text(), (root / "left").read_text().split()
    assert (
        "finished points cannot be stored (No space left on device); free some space or point COMPANION_STORE" in said
    )
    assert f"{len(left)} of 4 points are stored in" in said and len(left) >= 1
    assert all(not name.split("/")[-1].startswith(".") for name in left)
    log = (root / "log").read_text().splitlines()
    assert log.count("start 0") == 1, "what was stored is not computed again"
    shutil.rmtree(root / "store")
    assert done.stdout == go(root).stdout, "as from clean"


def test_a_checkpoint_on_a_full_disk_names_it_and_keeps_the_one_before(tmp_path):
    go = tmp_path / "go.py"
    go.write_text(
        "from pathlib import Path\nimport torch\nfrom utils.networks.train import _resume, _save\n"
        "def save(width, step):\n"
        "    _save(Path('disk/state'), torch.nn.Linear(width, width), step, torch.zeros(3), [])\n"
        "save(10, 1)\n"
        "try:\n"
        "    save(300, 2)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "print(_resume(Path('disk/state'), torch.nn.Linear(10, 10), torch.zeros(3))[0])\n"
    )
    done = script(
        tmp_path,
        "mkdir disk && mount -t tmpfs -o size=64k none disk",
        f"{PYTHON} go.py && ls -A disk",
        PYTHONPATH=str(ROOT),
    )
    assert done.stdout.split("\n") == ["No space left on device", "1", "state", ""], done.stderr


def test_a_build_on_a_full_disk_publishes_nothing_and_the_next_one_is_whole(root, undisturbed):
    """The notebooks find room, the pages (megabytes of theme and equations) do not."""
    done = script(
        root,
        "mkdir _build && mount -t tmpfs -o size=1m none _build",
        f"{PYTHON} -m utils.build && exit 9",
        "ls _build",
        "mount -o remount,size=200m _build",
        f"{PYTHON} -m utils.build",
        "cp -r _build whole && umount _build && rmdir _build && mv whole _build",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The book was not built: " in done.stderr and "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr.split("The book was not built")[0]
    listed = done.stdout.split("\n")
    assert "html" not in listed and "claims.json" not in listed
    assert "2 notebooks, profile fast: 0 to run, 2 unchanged" in done.stdout, "what ran stays done"
    assert result(root) == undisturbed() and leftovers(root) == []


READ_ONLY = "mkdir -p {0} && mount --bind {0} {0} && mount -o remount,ro,bind {0}"


def test_a_read_only_output_folder_is_named_before_anything_runs(root):
    done = script(
        root,
        READ_ONLY.format("out"),
        f"{PYTHON} -m utils.run notebooks/second.ipynb out/second.ipynb || echo status $?",
        "umount out",
        f"{PYTHON} -m utils.run notebooks/second.ipynb out/second.ipynb",
        "ls -A out",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["status", "1", "out/second.ipynb:", "complete", "second.ipynb"]
    assert "cannot write to out (Read-only file system); nothing was run" in done.stderr
    assert "Traceback" not in done.stderr
    assert (root / "log").read_text().count("start 0") == 1


@pytest.mark.parametrize("folder", ["store", "store/step"])  # where nothing, and where something was stored before
def test_a_read_only_store_is_named_before_anything_is_computed(root, folder):
    (root / "go.py").write_text(GO)
    sweep = f"{PYTHON} go.py points=1"
    lines = f"mkdir -p {folder}", READ_ONLY.format("store"), f"{sweep} || echo no", "umount store", sweep
    done = script(root, *lines, PYTHONPATH=str(root))
    assert done.returncode == 0 and done.stdout.startswith("no\n,seed,value\n0,0,"), done.stdout + done.stderr
    assert "point COMPANION_STORE elsewhere" in done.stderr
    assert (root / "log").read_text().count("start") == 1


def test_a_build_into_a_read_only_folder_says_so(root, undisturbed):
    done = script(
        root,
        READ_ONLY.format("_build"),
        f"{PYTHON} -m utils.build || echo status $?",
        "umount _build",
        f"{PYTHON} -m utils.build",
        READ_ONLY.format("_build"),  # now it is the pages that find no room, not the notebooks
        f"{PYTHON} -m utils.build || echo status $?",
        "umount _build",
    )
    assert done.returncode == 0 and done.stdout.count("status 1") == 2, done.stdout + done.stderr
    assert done.stderr.count("The book was not built: ") == 2 and done.stderr.count("Read-only file system") >= 2
    assert "Traceback" not in done.stderr
    assert result(root) == undisturbed()


def test_the_build_needs_no_network_and_what_needs_one_says_what_to_do(root, undisturbed):
    """With the environment installed, in a namespace in which only loopback is up."""
    reach = "import socket; socket.create_connection(('1.1.1.1', 53), timeout=5)"
    out = subprocess.run(without_network(PYTHON, "-c", reach), capture_output=True, text=True)
    assert "unreachable" in out.stderr, "the namespace has no way out"
    options = {"cwd": root, "capture_output": True, "text": True}
    done = subprocess.run(without_network(PYTHON, "-m", "utils.build"), env=environment(root), **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert result(root) == undisturbed()
    env = environment(root, XDG_CACHE_HOME=str(root / "cache"))
    env.pop("COMPANION_DATA", None)
    get = "from utils.networks.data import images; print(images('digits').shape); images('cifar10')"
    done = subprocess.run(without_network(PYTHON, "-c", get), env=env, **options)
    assert done.returncode == 1 and "1797" in done.stdout, "what is embedded needs none either"
    assert "Try again with a network, or point COMPANION_DATA" in done.stderr
    assert not [path for path in (root / "cache").rglob("*") if path.is_file()]
