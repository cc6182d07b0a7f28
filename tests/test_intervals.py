import math

import numpy as np
import pytest
from scipy import stats

from utils.stats.intervals import least_slack, worst_deviation
from utils.stats.measurement import Measurement


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(2.0, 1.0, 50)


def test_one_setting_is_students_interval(x):
    """Against SciPy's own t interval of a mean."""
    low, high = stats.t.interval(0.99, len(x) - 1, x.mean(), stats.sem(x))
    found = least_slack([Measurement("a", x, target=5.0)], 0.01)
    assert found.interval == pytest.approx((5 - high, 5 - low))
    assert found.value == pytest.approx(5 - x.mean())
    assert (found.samples, found.settings, found.vacuous, found.where) == (50, 1, 0, "a")


def test_settings_share_the_error_rate(x):
    """Two equal settings: each gets half of alpha."""
    alone = least_slack([Measurement("a", x, 5.0)], 0.005).interval
    together = least_slack([Measurement("a", x, 5.0), Measurement("b", x, 5.0)], 0.01).interval
    assert together == pytest.approx(alone)


def test_least_slack_is_decided_by_the_tightest_setting_and_skips_vacuous_ones(x):
    """A bound below what is possible counts, one at it does not."""
    wide, tight = Measurement("wide", x, 5.0), Measurement("tight", x, 2.1, limit=2.11)
    found = least_slack([wide, tight, Measurement("vacuous", x, 2.05, limit=2.05)], 0.01)
    assert (found.where, found.settings, found.vacuous) == ("tight", 2, 1)
    assert found.value == pytest.approx(2.1 - x.mean())
    with pytest.raises(ValueError, match="every bound is vacuous"):
        least_slack([Measurement("a", x, 2.0, limit=2.0)], 0.01)


def test_worst_deviation_counts_both_directions_in_units_of_tolerance(x):
    measured = [Measurement("above", x, 1.9, 0.5), Measurement("below", x, 3.0, 0.1)]
    found = worst_deviation(measured, 0.01)
    assert found.where == "below"
    assert found.value == pytest.approx((3 - x.mean()) / 0.1)
    low, high = found.interval
    assert 0 < low < found.value < high
    assert worst_deviation([Measurement("a", x, x.mean())], 0.01).interval[0] == 0, "nothing is seen"


def test_computed_numbers_carry_their_error():
    found = least_slack([Measurement("a", 0.3, target=0.5, error=1e-9)], 1e-4)
    assert found.interval == pytest.approx((0.2 - 1e-9, 0.2 + 1e-9), abs=1e-15)
    assert found.samples == 0


@pytest.mark.parametrize("estimate", [least_slack, worst_deviation])
@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ([], "nothing to estimate from"),
        ([Measurement("few", [1.0, 2.0])], "'few': 2 samples, expected at least 8"),
        ([Measurement("nan", [math.nan] * 9)], "'nan': samples must be one row of finite"),
        ([Measurement("square", np.ones((9, 9)))], "'square'"),
        ([Measurement("target", np.ones(9), math.nan)], "'target'"),
        ([Measurement("unit", np.ones(9), tolerance=0.0)], "'unit': tolerance=0.0"),
        ([Measurement("two", [1.0, 2.0], error=0.1)], "'two': a computed number has one value"),
    ],
)
def test_malformed_measurements_are_named(estimate, measured, words):
    with pytest.raises(ValueError, match=words):
        estimate(measured, 0.01)
