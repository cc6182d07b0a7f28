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
    measured = [Measurement("wide", x, 5.0), Measurement("tight", x, 2.1), Measurement("vacuous", x, 3.0, limit=3.0)]
    found = least_slack(measured, 0.01)
    assert (found.where, found.settings, found.vacuous) == ("tight", 2, 1)
    assert found.value == pytest.approx(2.1 - x.mean())


def test_a_bound_below_the_limit_counts_one_at_it_does_not():
    assert not Measurement("a", [0], target=0.999, limit=1.0).vacuous
    assert Measurement("a", [0], target=1.0, limit=1.0).vacuous


def test_worst_deviation_counts_both_directions_in_units_of_tolerance(x):
    measured = [Measurement("above", x, 1.9, 0.5), Measurement("below", x, 3.0, 0.1)]
    found = worst_deviation(measured, 0.01)
    assert found.where == "below"
    assert found.value == pytest.approx((3 - x.mean()) / 0.1)
    low, high = found.interval
    assert 0 < low < found.value < high


def test_worst_deviation_interval_reaches_zero_when_nothing_is_seen(x):
    assert worst_deviation([Measurement("a", x, x.mean())], 0.01).interval[0] == 0


def test_computed_numbers_carry_their_error():
    found = least_slack([Measurement("a", 0.3, target=0.5, error=1e-9)], 1e-4)
    assert found.interval == pytest.approx((0.2 - 1e-9, 0.2 + 1e-9), abs=1e-15)
    assert found.samples == 0


def test_intervals_cover_at_their_declared_rate():
    """400 seeds at alpha = 0.05 over three settings: the true least slack is missed no more often than declared."""
    rng = np.random.default_rng(1)
    truth = min(1.0 - m for m in (0.0, 0.1, 0.2))
    missed = 0
    for _ in range(400):
        measured = [Measurement(str(m), rng.normal(m, 1, 20), 1.0) for m in (0.0, 0.1, 0.2)]
        low, high = least_slack(measured, 0.05).interval
        missed += not low <= truth <= high
    assert missed <= stats.binom.ppf(0.999, 400, 0.05)


def test_a_violation_of_the_detectable_size_is_refuted_as_often_as_declared():
    rng = np.random.default_rng(2)
    refuted = 0
    for _ in range(400):
        x = rng.normal(0, 1, 40)
        detectable = least_slack([Measurement("a", x)], 0.01).detectable
        refuted += least_slack([Measurement("a", x + detectable)], 0.01).interval[1] < 0
    assert refuted >= stats.binom.ppf(0.001, 400, 0.95)


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


def test_nothing_to_judge_when_all_is_vacuous():
    with pytest.raises(ValueError, match="every bound is vacuous"):
        least_slack([Measurement("a", np.ones(9), target=2.0, limit=1.0)], 0.01)
