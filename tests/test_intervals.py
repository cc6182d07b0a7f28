import math

import numpy as np
import pytest
from scipy import stats

from utils.stats.intervals import least_slack, worst_deviation
from utils.stats.measurement import Measurement


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(2.0, 1.0, 50)


def test_one_setting_without_skewness_is_about_students_interval_and_never_shorter():
    """Against SciPy's own t interval of a mean."""
    x = np.random.default_rng(3).normal(2.0, 1.0, 5000)
    low, high = stats.t.interval(0.99, len(x) - 1, x.mean(), stats.sem(x))
    found = least_slack([Measurement("a", x, target=5.0)], 0.01)
    assert found.interval == pytest.approx((5 - high, 5 - low), abs=0.02 * (high - low))
    assert found.interval[0] <= 5 - high and 5 - low <= found.interval[1]
    assert found.value == pytest.approx(5 - x.mean())
    assert (found.samples, found.settings, found.vacuous, found.where) == (5000, 1, 0, "a")


def test_the_interval_reaches_further_to_the_side_that_skewed_samples_hide(x):
    skewed_right = x**2
    found = least_slack([Measurement("a", skewed_right, 0.0)], 0.01)
    middle, (low, high) = -skewed_right.mean(), found.interval
    assert middle - low > 1.1 * (high - middle), "the mean is more likely underestimated"
    mirrored = least_slack([Measurement("a", -skewed_right, 0.0)], 0.01)
    assert mirrored.interval == pytest.approx((-high, -low))


def test_a_bounded_mean_has_maurers_and_pontils_interval_cut_at_the_range():
    x = np.array([0.0, 1.0] * 500)
    log = math.log(4 / 0.01)
    half = math.sqrt(2 * x.var(ddof=1) * log / 1000) + 7 * 2 * log / (3 * 999)
    found = least_slack([Measurement("a", x, limit=2.0, least=0.0)], 0.01, rule="bounded")
    assert found.interval == pytest.approx((-0.5 - half, -0.5 + half))
    few = least_slack([Measurement("a", x[:20], limit=2.0, least=0.0)], 0.01, rule="bounded")
    assert few.interval == (-2.0, 0.0), "not beyond what is possible"


def test_a_median_lies_between_order_statistics_that_miss_it_as_often_as_declared():
    x = np.random.default_rng(4).permutation(16) ** 3.0
    for alpha, k in ((2 * 1 / 2**16, 1), (2 * 17 / 2**16, 2), (2 * 137 / 2**16, 3)):
        for rate, depth in ((alpha, k), (alpha * 0.999, k - 1)):
            if depth:
                found = least_slack([Measurement("a", x)], rate, rule="median")
                assert found.interval == (-((16.0 - depth) ** 3), -((depth - 1.0) ** 3))
    assert found.value == -(7**3 + 8**3) / 2
    with pytest.raises(ValueError, match="'a': 16 samples, expected at least 17"):
        least_slack([Measurement("a", x)], 2 / 2**16 * 0.999, rule="median")


def test_settings_share_the_error_rate(x):
    """Two equal settings: each gets half of alpha."""
    alone = least_slack([Measurement("a", x, 5.0)], 0.005).interval
    together = least_slack([Measurement("a", x, 5.0), Measurement("b", x, 5.0)], 0.01).interval
    assert together == pytest.approx(alone)
    pairs = [Measurement(label, x[:17]) for label in "ab"]
    assert least_slack(pairs, 2**-15, rule="median").interval == (-x[:17].max(), -x[:17].min())


def test_least_slack_is_decided_by_the_tightest_setting_and_skips_vacuous_ones(x):
    """A bound below what is possible counts, one at it does not."""
    wide, tight = Measurement("wide", x, 9.0), Measurement("tight", x, 5.9, limit=6.0)
    found = least_slack([wide, tight, Measurement("vacuous", x, 5.8, limit=5.8)], 0.01)
    assert (found.where, found.settings, found.vacuous) == ("tight", 2, 1)
    assert found.value == pytest.approx(5.9 - x.mean())
    with pytest.raises(ValueError, match="every bound is vacuous"):
        least_slack([Measurement("a", x, 6.0, limit=6.0)], 0.01)


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
        ([Measurement("few", [1.0, 2.0])], "'few': 2 samples, expected at least 12"),
        ([Measurement("two", [1.0, 2.0], error=0.1)], "'two': a computed number has one value"),
    ],
)
def test_malformed_measurements_are_named(estimate, measured, words):
    with pytest.raises(ValueError, match=words):
        estimate(measured, 0.01)
