"""The drift of an infinitesimally thin dimension: the conditional estimator against the plain one."""

import numpy as np
import pytest
import torch

from utils.chains import bn_chain, thin_drift
from utils.metrics import log_least_eigenvalue
from utils.protocols import stationary


def plain(n, d, runs, burn, window, generator):
    """Growth of log λ_min of a chain in which one dimension is thin, one number a run."""
    h = torch.eye(n, dtype=torch.float64).expand(runs, n, n).clone()
    h[:, -1, -1] = 1e-9  # infinitesimal: its square is nothing beside the rest
    layers = bn_chain(h, width=d, depth=burn + window, generator=generator)
    first, last = (log_least_eigenvalue(r) for layer, r in enumerate(layers, 1) if layer in (burn, burn + window))
    return ((last - first) / window).numpy()


@pytest.mark.parametrize(("n", "d", "runs", "share"), [(6, 20, 300, 0.9), (8, 26, 300, 0.5), (12, 80, 100, 0.5)])
def test_the_conditional_drift_is_that_of_the_least_eigenvalue(n, d, runs, share):
    setting = {"burn": 5 * n, "window": 60}
    ours = thin_drift(n, width=d, runs=runs, generator=torch.Generator().manual_seed(1), **setting)
    theirs = plain(n, d, runs, generator=torch.Generator().manual_seed(2), **setting)
    error = np.sqrt(ours.var() / len(ours) + theirs.var() / len(theirs))
    assert abs(ours.mean() - theirs.mean()) < 5 * error
    assert ours.std() < share * theirs.std()  # which is what the estimator is for


def test_rank_is_lost_below_the_critical_width_and_kept_above():
    setting = {"runs": 100, "burn": 40, "window": 60}
    below, above = (thin_drift(8, width=d, generator=torch.Generator().manual_seed(d), **setting) for d in (20, 26))
    assert below.mean() < -8 * below.std() / 10 < 0 < 8 * above.std() / 10 < above.mean()


def test_drifts_are_measured_beside_the_critical_width_and_further_up(monkeypatch):
    monkeypatch.setattr(stationary, "thin_drift", lambda n, *, width, runs, **setting: (n, width, runs))
    found = stationary.drifts(4, generator=torch.Generator())
    assert found == {6: (4, 6, 400), 7: (4, 7, 400), 8: (4, 8, 200), 11: (4, 11, 200)}


def test_a_crossing_is_exact_for_what_is_linear_in_the_inverse_width():
    noise = np.array([-0.1, 0.1])
    drifts = {d: 1 - 17 / d + noise / d for d in (12, 20)}
    found = stationary.zero_crossing(drifts)
    assert found.mean() == pytest.approx(17)
    assert found == pytest.approx(17 - noise)
    with pytest.raises(ValueError, match="nowhere zero"):
        stationary.zero_crossing({12: noise / 12, 20: noise / 20})


@pytest.mark.parametrize(
    ("change", "message"),
    [({"batch_size": 3}, "4 <= batch_size"), ({"width": 5}, "batch_size=6"), ({"runs": 0}, "runs=0")],
)
def test_errors_name_the_argument(change, message):
    setting = {"batch_size": 6, "width": 20, "runs": 2, "burn": 1, "window": 1, **change}
    with pytest.raises(ValueError, match=message):
        thin_drift(setting.pop("batch_size"), generator=torch.Generator().manual_seed(0), **setting)
