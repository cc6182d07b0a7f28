"""Malformed evidence is refused, with its name, where it once was judged: numbers, ranges, rates, and a registry's slips."""

import math
from dataclasses import replace

import numpy as np
import pytest
import yaml

from utils.claims import items, judge, registry
from utils.stats.intervals import compare, least_slack, worst_deviation
from utils.stats.measurement import Measurement, Summary

X = np.linspace(0, 1, 20)
FINE = Measurement("fine", X)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"samples": 0.9, "error": -1.0}, "error=-1.0"),
        ({"samples": 0.9, "error": math.inf}, "error=inf"),
        ({"samples": 0.9, "error": math.nan}, "error=nan"),
        ({"samples": [0.9, 0.8], "error": 0.1}, "one value and an error, not 2"),
        ({"tolerance": math.inf}, "tolerance=inf"),
        ({"tolerance": -1.0}, "tolerance=-1.0"),
        ({"tolerance": 0.0}, "tolerance=0.0"),
        ({"tolerance": math.nan}, "tolerance=nan"),
        ({"target": math.inf}, "target=inf"),
        ({"target": math.nan}, "target=nan"),
        ({"limit": math.nan}, "'limit': nan"),
        ({"limit": -math.inf}, "'limit': -inf"),
        ({"least": 0.5, "limit": 0.25}, "leave the range"),
        ({"least": 0.5}, "leave the range"),
        ({"samples": []}, r"shape \(0,\)"),
        ({"samples": np.ones((9, 9))}, r"shape \(9, 9\)"),
        ({"samples": X + 0j}, "complex128"),
        ({"samples": ["a"] * 20}, "finite real numbers"),
        ({"samples": [None] * 20}, "finite real numbers"),
        ({"samples": [math.nan] * 20}, "finite real numbers"),
        ({"samples": [math.inf] * 20}, "finite real numbers"),
    ],
)
@pytest.mark.parametrize("estimate", [least_slack, worst_deviation])
def test_a_malformed_measurement_is_named(estimate, given, words):
    with pytest.raises(ValueError, match=f"'this one'.*{words}"):
        estimate([FINE, Measurement(**{"label": "this one", "samples": X} | given)], 0.01)


@pytest.mark.parametrize(
    "change",
    [
        {"error": -1.0}, {"tolerance": math.inf}, {"mean": math.nan}, {"samples": 0}, {"samples": -3}, {"standard_error": -1.0},
        {"least": 2.0, "limit": 1.0}, {"skewness": math.nan},
    ],
)  # fmt: skip
def test_so_is_a_malformed_summary_that_was_kept(change):
    kept = dict(
        label="this one", mean=0.5, standard_error=0.1, samples=20, target=0.0, tolerance=1.0, limit=None, error=None
    )
    Summary(**kept)
    with pytest.raises(ValueError, match="'this one'"):
        Summary(**kept | change)


@pytest.mark.parametrize("alpha", [0, 1, 2, -0.1, math.nan])
@pytest.mark.parametrize("estimate", [least_slack, worst_deviation])
def test_an_error_rate_is_a_probability(estimate, alpha):
    for measured in ([FINE], [Measurement("computed", 0.5, error=0.1)]):
        with pytest.raises(ValueError, match="alpha="):
            estimate(measured, alpha)


NO_RANGES = [[1, 0], [0, 0], [None, None], [math.nan, None], [0, math.nan], [0, math.inf], [0], [0, 1, 2], [True, None]]


@pytest.mark.parametrize("expected", NO_RANGES)
def test_an_impossible_or_unbounded_range_is_none(expected):
    with pytest.raises(ValueError, match="expected="):
        compare((0.25, 0.75), expected)


@pytest.mark.parametrize("interval", [(0.75, 0.25), (math.nan, 1.0)])
def test_an_interval_has_its_ends_in_order(interval):
    with pytest.raises(ValueError, match="interval="):
        compare(interval, (0, None))


def test_a_range_or_a_rule_that_the_samples_do_not_fit_is_named():
    for rule, words in (
        ("bounded", "expected the quantity's range"),
        ("computed", "give it an error"),
        ("guess", "rule='guess'"),
    ):
        with pytest.raises(ValueError, match=words):
            least_slack([FINE], 0.01, rule=rule)
    lost = replace(FINE.summary(), ordered=(0.0, 1.0))
    with pytest.raises(ValueError, match="'fine': 2 of 20 samples were kept"):
        least_slack([lost], 0.01, rule="median")


# The registry.


def written(folder, claim, text=None):
    path = folder / "01_x.yml"
    path.write_text(text or yaml.safe_dump({"claims": {"thm1": claim}}))
    return path


def thm1():
    return {name: value for name, value in registry()["thm1"].items() if name != "notebook"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *(({"expected": expected}, "expected=") for expected in NO_RANGES),
        ({"kind": "deviation", "expected": [0, None]}, "never negative"),
        ({"kind": "deviation", "expected": [-1, 0]}, "never negative"),
        *(({"alpha": alpha}, "alpha=") for alpha in (0.0, 1.0, 2.0, -0.1, math.nan)),
        ({"values": {"layer 1": [0.5, math.inf]}}, "'layer 1'"),
        ({"values": {"layer 1": [math.nan, 1.0]}}, "'layer 1'"),
        ({"values": {"layer 1": [0.5, -1.0]}}, "'layer 1'"),
        ({"rule": "guess"}, "rule='guess'"),
    ],
)
def test_a_registry_with_an_impossible_entry_is_refused(change, words, tmp_path):
    written(tmp_path, thm1() | change)
    with pytest.raises(ValueError, match=f"claim 'thm1'.*{words}"):
        registry(tmp_path)


def test_what_is_twice_in_a_registry_is_refused_and_not_the_last_taken(tmp_path):
    fields = yaml.safe_dump({"thm1": thm1()}, width=10_000)
    inner = "\n".join("  " + line for line in fields.splitlines())
    for text, words in (
        (f"claims:\n{inner}\n{inner}\n", "'thm1' is there twice"),
        (f"claims:\n{inner}\n    alpha: 1.0e-9\n", "'alpha' is there twice"),
        (f"claims:\n{inner}\nclaims: {{}}\n", "'claims' is there twice"),
    ):
        registry.cache_clear()
        path = written(tmp_path, None, text)
        with pytest.raises(ValueError, match=words) as error:
            registry(tmp_path)
        assert f"{path}, line" in str(error.value)
    path = tmp_path / "items.yml"
    path.write_text("paper:\n- {item: a, says: b, reason: c, reason: d}\nours: []\n")
    with pytest.raises(ValueError, match="'reason' is there twice"):
        items.read(path)


def test_judge_refuses_what_it_cannot_judge():
    controls = {name: [FINE] for name in registry()["lemma7"]["controls"]}
    with pytest.raises(ValueError, match=r"'c'.*error=-1\.0"):
        judge("lemma7", {"c": [Measurement("c", 0.9, 0.5, error=-1.0)]}, controls=controls, scope="data: made up")
