import math

import pandas as pd
import pytest

from utils.stats.comparison import best_rates, half_fall, mean_and_interval, paired, score


def runs():
    losses = {
        ("a", 5, 0.1): (1.0, 1.2),
        ("a", 5, 1.0): (0.2, math.nan),
        ("a", 9, 0.1): (9.0, 9.0),
        ("a", 9, 1.0): (math.nan, math.nan),
        ("b", 5, 0.1): (2.0, 2.0),
        ("b", 5, 1.0): (1.0, 1.0),
    }
    rows = [(*at, seed, loss) for at, two in losses.items() for seed, loss in zip((3, 1), two, strict=True)]
    return pd.DataFrame(rows, columns=["arm", "depth", "learning_rate", "seed", "loss"])


def test_divergence_and_worse_than_chance_count_as_chance_and_rates_are_judged_by_all_seeds():
    """Mean 1.1 beats 0.2 with one run lost; where nothing learns the smaller rate is taken."""
    assert score(pd.DataFrame({"loss": [0.5, math.nan, math.inf, 7.0]})).tolist() == [0.5] + [math.log(10)] * 3
    assert best_rates(runs()) == {("a", 5): 0.1, ("a", 9): 0.1, ("b", 5): 1.0}


def test_pairs_are_in_the_order_of_the_seeds():
    assert paired(runs(), "loss", arm="a", depth=5, learning_rate=0.1).tolist() == [1.2, 1.0]


@pytest.mark.parametrize("where", [{"arm": "c"}, {"arm": "a", "depth": 5}])
def test_settings_that_are_not_one_row_a_seed_are_named(where):
    with pytest.raises(ValueError, match="expected one per seed"):
        paired(runs(), "loss", **where)


def test_half_fall():
    assert half_fall([0, 10, 20, 40], [4.0, 3.0, 1.0, 0.0]) == 0.5
    assert half_fall([0, 10, 20, 40], [4.0, 1.0, 3.0, 0.0]) == 0.25, "the first time"
    assert half_fall([0, 10, 20, 40], [0.0, 3.0, 1.0, 4.0]) == 1, "a curve that rises makes no fall"
    assert half_fall([0, 10, 20], [2.3, 1.0, math.nan]) == 1, "a run that diverged is not quick"


def test_interval_is_students():
    half = 4.302653 / math.sqrt(3)
    assert mean_and_interval([1.0, 2.0, 3.0]) == pytest.approx((2, 2 - half, 2 + half), rel=1e-5)
