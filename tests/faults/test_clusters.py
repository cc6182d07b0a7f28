"""Sweeps on a real Dask cluster: scheduler and workers are processes of their own, on loopback."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import points
import pytest
from books import until
from faulty import kill, namespace

from utils.experiments.sweep import OtherCode, sweep
from utils.files import ROOT

DASK = str(Path(sys.executable).with_name("dask"))
GRID = [{"seed": seed, "sides": sides} for seed in range(3) for sides in (6, 20)]


@pytest.fixture
def cluster(tmp_path):
    """A function that starts a scheduler and workers and returns its address and them; all are killed at the end."""
    running = []

    def start(*command, code=ROOT, store, name):
        path = os.pathsep.join(map(str, [code, code / "tests"])) if code else ""
        env = {"PYTHONPATH": path, "COMPANION_STORE": str(store), "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}
        env = {name: value for name, value in os.environ.items() if name != "COMPANION_SCHEDULER"} | env
        with (tmp_path / f"{name}.log").open("w") as log:
            running.append(subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log))
        return running[-1]

    def cluster(*, workers=2, scheduler_code=ROOT, worker_code=ROOT, before=()):
        file = tmp_path / f"scheduler{len(running)}.json"
        start(DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file),
              code=scheduler_code, store=tmp_path / "scheduler", name="scheduler")  # fmt: skip
        until(lambda: file.exists() and file.read_text())
        hands = [
            start(*before, DASK, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard",
                  "--local-directory", str(tmp_path), code=worker_code, store=tmp_path / f"worker{i}", name=f"worker{i}")
            for i in range(workers)
        ]  # fmt: skip
        return json.loads(file.read_text())["address"], hands

    yield cluster
    for process in running:
        process.kill()
        process.wait()


@contextmanager
def scheduler(monkeypatch, address):
    monkeypatch.setenv("COMPANION_SCHEDULER", address)
    yield
    monkeypatch.delenv("COMPANION_SCHEDULER")


def test_one_process_two_processes_and_a_cluster_give_identical_tables(tmp_path, monkeypatch, cluster, capfd):
    from distributed import Client

    address, _ = cluster()
    one = sweep(points.dice, GRID, jobs=1, store=tmp_path / "one")
    two = sweep(points.dice, GRID, jobs=2, store=tmp_path / "two")
    with scheduler(monkeypatch, address):
        by_variable = sweep(points.dice, GRID, store=tmp_path / "variable")
        where = sweep(points.where, [{"seed": seed} for seed in range(4)], store=tmp_path / "where")
    with Client(address):
        by_client = sweep(points.dice, GRID, store=tmp_path / "client")
    for other in (two, by_variable, by_client):
        pd.testing.assert_frame_equal(one, other)
    assert os.getpid() not in set(where.process), "the points ran elsewhere"
    assert len(list((tmp_path / "variable" / "dice").glob("*.json"))) == 6
    assert "6/6 [" in capfd.readouterr().err


def test_a_single_worker_is_used(tmp_path, monkeypatch, cluster):
    address, (worker,) = cluster(workers=1)
    with scheduler(monkeypatch, address):
        where = sweep(points.where, [{"seed": seed} for seed in range(2)], store=tmp_path / "store")
    assert set(where.process) == {worker.pid}


def test_what_workers_on_other_disks_compute_is_stored_by_the_caller(tmp_path, monkeypatch, cluster):
    """The workers see an empty disk where the caller has its store, so they cannot write there."""
    store = tmp_path / "mine" / "store"
    store.mkdir(parents=True)
    elsewhere = [*namespace("--mount"), "sh", "-c", f'mount -t tmpfs none {store.parent} && exec "$@"', "sh"]
    address, _ = cluster(workers=1, before=elsewhere)
    with scheduler(monkeypatch, address):
        table = sweep(points.dice, GRID, store=store)
        assert len(list((store / "dice").glob("*.json"))) == 6
        assert len(list((tmp_path / "worker0" / "dice").glob("*.json"))) == 6, "and by the worker, for itself"
    pd.testing.assert_frame_equal(table, sweep(points.dice, GRID, jobs=1, store=store))


def test_a_killed_worker_costs_only_its_point(tmp_path, monkeypatch, cluster):
    log, store = tmp_path / "log", tmp_path / "store"
    address, hands = cluster()
    go = tmp_path / "go.py"
    go.write_text(
        "import points\nfrom utils.experiments.sweep import sweep\n"
        f"grid = [dict(seed=s, log={str(log)!r}, pause=0.3) for s in range(4)]\n"
        f"print(sweep(points.slow, grid, store={str(store)!r}).to_csv())\n"
    )
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    caller = subprocess.Popen([sys.executable, go], env=env | {"COMPANION_SCHEDULER": address}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def half_way():
        """One point is stored, and the first worker is in the middle of its own."""
        its = [line.split()[1] for line in log.read_text().splitlines() if line.endswith(f" {hands[0].pid}")]
        return its[-1:] >= ["1"] and list((store / "slow").glob("*.json"))

    log.touch()
    finished = until(half_way, process=caller)
    kill(hands[0])
    out, err = caller.communicate(timeout=120)
    assert caller.returncode == 0, err
    undisturbed = sweep(
        points.slow, [{"seed": s, "log": str(log), "pause": 0.0} for s in range(4)], jobs=1, store=tmp_path / "b"
    )
    assert out.strip() == undisturbed.assign(pause=0.3).to_csv().strip()
    steps = [line.rsplit(" ", 1)[0] for line in log.read_text().splitlines()][:-20]
    assert len(finished) >= 1 and len(steps) <= 4 * 5 + 1, "at most the step that was killed is repeated"
    assert not list(store.rglob("*.scratch")) and len(list(store.rglob("*.json"))) == 4


def refused(tmp_path, monkeypatch, address, error, words):
    """A sweep there raises, and waits for nothing."""
    with scheduler(monkeypatch, address), pytest.raises(error, match=words):
        sweep(points.dice, GRID, store=tmp_path / "store")


def test_workers_with_other_code_are_told_apart(tmp_path, monkeypatch, cluster):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "utils", other / "utils")
    shutil.copytree(ROOT / "tests", other / "tests", ignore=shutil.ignore_patterns("faults", "fixtures"))
    shutil.copy(ROOT / "requirements.txt", other)
    with (other / "utils" / "seeding.py").open("a") as file:
        file.write("\n# another day's code\n")
    address, _ = cluster(workers=1, worker_code=other)
    refused(tmp_path, monkeypatch, address, OtherCode, r"digest \w{12}\) than the caller \(digest \w{12}\)")
    assert not list((tmp_path / "store").rglob("*.json"))


def test_a_scheduler_without_the_code_or_that_is_not_there_is_named(tmp_path, monkeypatch, cluster):
    address, _ = cluster(workers=1, scheduler_code=None)
    refused(tmp_path, monkeypatch, address, OtherCode, "a Dask scheduler cannot import utils.experiments.sweep")
    monkeypatch.setattr("utils.experiments.sweep.PATIENCE", 1)
    nobody = "no Dask scheduler answers there"
    refused(tmp_path, monkeypatch, "tcp://127.0.0.1:9", ConnectionError, nobody)
