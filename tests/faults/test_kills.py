"""Kill -9 in the middle of a build: what is said, what is left, and that the next build equals an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from books import until
from faulty import build, environment, go, kill, leftovers, lines, result

from utils.experiments.sweep import _stored


def test_two_builds_from_clean_agree(undisturbed):
    one, two = undisturbed(), undisturbed("two")
    assert one.keys() == two.keys() and one == two


def those(processes, condition):
    """Of some processes those of which a condition holds; one that is gone by now is none of them."""
    found = []
    for process in processes:
        with suppress(psutil.Error):
            found += [process] if condition(process) else []
    return found


def descendants(process, *words):
    """Processes below one whose command lines hold all the words."""
    children = psutil.Process(process.pid).children(recursive=True)
    return those(children, lambda child: all(word in " ".join(child.cmdline()) for word in words))


def of_book(root):
    """Processes that belong to a book, wherever they hang."""
    living = those(psutil.process_iter(), lambda process: process.status() != psutil.STATUS_ZOMBIE)
    return those(living, lambda process: process.environ().get("FAULT_LOG") == str(root / "log"))


VICTIMS = {
    "kernel": (("ipykernel_launcher",), 1, "Kernel died"),
    "worker": (("loky", "--process-name"), 1, "A worker process managed by the executor was unexpectedly terminated"),
    "runner": ((), 1, "second: FAILED"),
    "build": ((), -signal.SIGKILL, ""),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_in_the_middle_costs_only_what_was_not_finished(root, undisturbed, victim):
    words, status, message = VICTIMS[victim]
    command, said = [sys.executable, "-m", "utils.build"], root / "said"
    with said.open("w") as file:
        started = subprocess.Popen(
            command, cwd=root, env=environment(root, pause=3), stdout=file, stderr=file, start_new_session=True
        )
    # Two of four points are stored, the others are being computed.
    until(lambda: len(list((root / "store").rglob("*.json"))) >= 2 and len(lines(root)) >= 6, process=started)
    if victim == "build":
        os.killpg(started.pid, signal.SIGKILL)
    else:
        runner = descendants(started, "utils.run", "second")[0]
        kill(runner if victim == "runner" else descendants(runner, *words)[0])
    assert started.wait(timeout=120) == status, said.read_text()
    assert message in said.read_text()

    assert not (root / "_build" / "html").exists() and not (root / "_build" / "claims.json").exists()
    assert all(_stored(path) for path in (root / "store").rglob("[!.]*.json"))
    until(lambda: not of_book(root), seconds=60)  # no kernel, no worker runs on
    before = lines(root)
    finished = [line.split()[1] for line in before if line.startswith("end")]

    again = build(root)
    assert again.returncode == 0, again.stdout + again.stderr
    repeated = [line.split()[1] for line in lines(root)[len(before) :] if line.startswith("start")]
    assert len(finished) >= 2 and not set(finished) & set(repeated), "no finished cell is computed again"
    assert result(root) == undisturbed()
    assert leftovers(root) == [] and not list((root / "_build").rglob("*.failed.ipynb"))


def test_a_killed_runner_leaves_nothing_that_piles_up(root):
    """Killed outright, it cannot clean up after itself: the next run does, and spares the file of one that lives."""
    target = root / "out" / "second.ipynb"
    command = [sys.executable, "-m", "utils.run", "notebooks/second.ipynb", str(target)]
    first = subprocess.Popen(command, cwd=root, env=environment(root, pause=60), stderr=subprocess.DEVNULL)
    until(lambda: len(lines(root)) >= 6, process=first)
    assert len(leftovers(root)) == 1
    second = subprocess.Popen(command, cwd=root, env=environment(root, pause=60), stderr=subprocess.DEVNULL)
    until(lambda: len(lines(root)) >= 8, process=second)
    assert len(leftovers(root)) == 2, "both live"
    kill(first), kill(second)
    first.wait(), second.wait()
    assert subprocess.run(command, cwd=root, env=environment(root)).returncode == 0
    assert [path.name for path in target.parent.iterdir()] == ["second.ipynb"]


def test_a_writer_killed_before_its_file_is_in_place_is_not_believed(root):
    """Kill -9 between writing a finished cell and moving it into place; the next sweep computes it and clears up."""
    killed = go(root, "pathlib.Path.replace = lambda *a: os.kill(os.getpid(), 9)")
    assert killed.returncode == -signal.SIGKILL and len(leftovers(root)) == 1
    done = go(root)
    assert done.returncode == 0, done.stderr
    assert leftovers(root) == [] and lines(root).count("start 0") == 2
    assert len(list((root / "store" / "step").iterdir())) == 4


def test_two_runs_of_one_sweep_at_once_do_not_harm_each_other(root):
    """One is held up just before its first cell is in place; the other overtakes it, and then both end well."""
    wait = """if 1:
        replace = pathlib.Path.replace
        def wait(*arguments):
            while not pathlib.Path("go").exists():
                time.sleep(0.02)
            return replace(*arguments)
        pathlib.Path.replace = wait"""
    held = go(root, wait, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: leftovers(root), process=held)
    other = go(root)
    (root / "go").touch()
    out, err = held.communicate(timeout=60)
    assert (held.returncode, other.returncode) == (0, 0), err + other.stderr
    assert out == other.stdout and out.count("\n") == 6
    assert [lines(root).count(f"start {seed}") for seed in range(4)] == [2, 1, 1, 1], "what one has, the other uses"
    assert leftovers(root) == [] and len(list((root / "store" / "step").iterdir())) == 4


def test_a_store_written_by_other_code_is_not_used(built, undisturbed):
    root = built
    steps = root / "utils" / "steps.py"
    steps.write_text(steps.read_text().replace('generator_for(seed, "step")', 'generator_for(seed, "other step")'))
    assert build(root).returncode == 0
    assert lines(root).count("start 0") == 2, "the same cell by other code is another cell"
    assert result(root)["second.ipynb"] != undisturbed()["second.ipynb"]
    steps.write_text(steps.read_text().replace('"other step"', '"step"'))
    assert build(root).returncode == 0
    assert lines(root).count("start 0") == 2 and result(root) == undisturbed(), "and the first one is still there"


def test_code_edited_under_a_running_kernel_is_not_mistaken_for_what_runs(root):
    """The kernel has the module as it was; its results must not be stored as those of the file as it is now."""
    edit = """if 1:
        sweep(step, [{"seed": 9}], jobs=1)
        file = pathlib.Path("utils/steps.py")
        file.write_text(file.read_text().replace("generator_for(seed,", "generator_for(seed + 1,"))"""
    done = go(root, edit)
    assert done.returncode == 1 and "restart the workers, or the notebook's kernel" in done.stderr
    assert len(list((root / "store" / "step").iterdir())) == 1


@pytest.mark.parametrize("fault", ["half-run", "error", "truncated"])
def test_a_bad_copy_in_the_cache_is_run_again_not_shown(built, undisturbed, fault):
    entry = built / "_build" / "cache" / "fast" / "second.ipynb"
    content = json.loads(entry.read_text())
    last = [cell for cell in content["cells"] if cell["cell_type"] == "code"][-1]
    if fault == "half-run":
        last["execution_count"], last["outputs"] = None, []
    elif fault == "error":
        last["outputs"] = [{"output_type": "error", "ename": "ValueError", "evalue": "late", "traceback": []}]
    text = json.dumps(content)
    entry.write_text(text[: len(text) // 2] if fault == "truncated" else text)
    again = build(built)
    assert "1 to run, 1 unchanged" in again.stdout and again.returncode == 0
    assert result(built) == undisturbed()
