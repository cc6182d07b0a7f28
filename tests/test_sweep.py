import os
import re
import time
from functools import partial

import pandas as pd
import points
import pytest
from books import kill_in_the_middle

from utils.experiments.sweep import _own_code, sweep

pytestmark = pytest.mark.slow

GRID = [{"seed": seed, "sides": sides} for seed in range(3) for sides in (6, 20)]


def test_one_tidy_table_in_the_grids_order_by_one_and_two_processes(tmp_path):
    one = sweep(points.dice, GRID, jobs=1, store=tmp_path / "one")
    assert list(one.columns) == ["seed", "sides", "throw", "value"]
    assert [tuple(row) for row in one[["seed", "sides"]].values[::3]] == [(c["seed"], c["sides"]) for c in GRID]
    assert len(one) == 18 and one.value.between(1, one.sides).all()
    two = sweep(points.dice, GRID[::-1], jobs=2, store=tmp_path / "two")
    pd.testing.assert_frame_equal(one, two.sort_values(["seed", "sides"], kind="stable").reset_index(drop=True))


def test_what_is_stored_is_not_computed_again(tmp_path):
    log = tmp_path / "log"
    grid = [{"seed": seed, "log": str(log)} for seed in (1, 2, 2, 3)]
    first = sweep(points.counted, grid, jobs=1, store=tmp_path / "store")
    assert log.read_text() == "1\n2\n3\n", "equal points are computed once"
    pd.testing.assert_frame_equal(first, sweep(points.counted, grid, jobs=1, store=tmp_path / "store"))
    sweep(points.counted, [*grid, {"seed": 4, "log": str(log)}], jobs=1, store=tmp_path / "store")
    assert log.read_text() == "1\n2\n3\n4\n"


@pytest.mark.parametrize(
    "damage", [lambda text: "", lambda text: text[:-3], lambda text: text.replace("4", "5"), lambda text: "\0" * 9]
)
def test_a_damaged_entry_is_computed_again_not_trusted(tmp_path, damage):
    grid = [{"seed": 2, "log": str(tmp_path / "log")}]
    good = sweep(points.counted, grid, jobs=1, store=tmp_path / "store")
    (entry,) = (tmp_path / "store" / "counted").glob("*.json")
    entry.write_text(damage(entry.read_text()))
    pd.testing.assert_frame_equal(good, sweep(points.counted, grid, jobs=1, store=tmp_path / "store"))
    assert (tmp_path / "log").read_text() == "2\n2\n"


def test_other_code_computes_anew(tmp_path, monkeypatch):
    grid = [{"seed": 2, "log": str(tmp_path / "log")}]
    sweep(points.counted, grid, jobs=1, store=tmp_path / "store")
    monkeypatch.setattr("utils.experiments.sweep.code_fingerprint", lambda *sources: "other code")
    _own_code.cache_clear()  # as a new process would
    sweep(points.counted, grid, jobs=1, store=tmp_path / "store")
    _own_code.cache_clear()
    assert (tmp_path / "log").read_text() == "2\n2\n"


def test_a_point_that_raises_loses_nothing_that_was_finished(tmp_path):
    grid = [{"seed": seed} for seed in range(4)]
    with pytest.raises(ValueError, match="seed 2 is broken") as caught:
        sweep(points.fails, grid, jobs=1, store=tmp_path)
    stored = list((tmp_path / "fails").iterdir())
    assert caught.value.__notes__ == [
        "raised by fails(seed=2)",
        f"2 of 4 points are stored in {tmp_path / 'fails'}; the same call computes only the rest",
    ]
    assert len(stored) == 2 and all(path.suffix == ".json" for path in stored), "and leaves no temporary files"


def test_a_killed_sweep_goes_on_where_it_was(tmp_path, monkeypatch):
    """Kill -9 the whole sweep in the middle of a point; started again it repeats no finished step."""
    log, here, sleep = tmp_path / "log", os.getpid(), time.sleep
    logged = lambda: log.read_text() if log.exists() else ""  # noqa: E731
    grid = [{"seed": s, "log": str(log), "pause": 0.01} for s in (1, 2)]
    # Held in the step in which it is killed.
    held = lambda seconds: sleep(600 if os.getpid() != here and "2 2 " in logged() else seconds)  # noqa: E731
    monkeypatch.setattr(points.time, "sleep", held)
    store = tmp_path / "store"
    again = partial(sweep, points.slow, grid, jobs=1, store=store)
    kill_in_the_middle(again, when=lambda: "2 2 " in logged())
    found = again()
    steps = [line.rsplit(" ", 1)[0] for line in logged().splitlines()]
    assert steps[:8] == [f"1 {i}" for i in range(5)] + ["2 0", "2 1", "2 2"]
    assert steps[8:] == ["2 2", "2 3", "2 4"], "only the interrupted step is repeated"
    pd.testing.assert_frame_equal(found, sweep(points.slow, grid, jobs=1, store=tmp_path / "b"))
    assert not list(store.rglob("*.scratch")) and not list(store.rglob("*.tmp"))


def test_a_bar_shows_the_time_left_and_the_store_is_where_the_variable_says(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path / "here"))
    sweep(points.dice, GRID, jobs=1, description="dice")
    shown = capfd.readouterr().err
    assert "dice: 100%" in shown and re.search(r"6/6 \[\d\d:\d\d<00:00", shown)
    assert len(list((tmp_path / "here" / "dice").glob("*.json"))) == 6


def test_an_empty_grid_is_named(tmp_path):
    with pytest.raises(ValueError, match="grid has no points"):
        sweep(points.dice, [], store=tmp_path)
