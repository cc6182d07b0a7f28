import math

import numpy as np
import ot
import pytest
import torch

from utils import metrics

SPECTRAL = [
    metrics.spectrum,
    metrics.lyapunov_gap,
    metrics.least_singular_value,
    metrics.effective_rank,
    metrics.gram,
    metrics.orthogonality_gap,
]


@pytest.fixture
def h(generator):
    return torch.randn(3, 2, 7, 4, dtype=torch.float64, generator=generator)


def test_every_metric_agrees_with_numpy_on_the_definition(h):
    """Each metric against its definition, written out in NumPy for one batch at a time."""
    for index in np.ndindex(3, 2):
        one = h[index].numpy()
        c = one.T @ one / np.linalg.norm(one) ** 2
        lam = np.sort(np.linalg.eigvalsh(c))[::-1]
        unit = one / np.linalg.norm(one, axis=0)
        expected = {
            metrics.spectrum: lam,
            metrics.gram: c,
            metrics.orthogonality_gap: np.linalg.norm(c - np.eye(4) / 4),
            metrics.lyapunov_gap: 1 / 4 - lam[-1],
            metrics.least_singular_value: np.sqrt(lam[-1]),
            metrics.effective_rank: np.exp(-(lam * np.log(lam)).sum()),
            metrics.abs_cosines: np.abs((unit.T @ unit)[np.triu_indices(4, 1)]),
        }
        for metric, value in expected.items():
            np.testing.assert_allclose(metric(h)[index], value, rtol=1e-10, atol=1e-12, err_msg=metric.__name__)


@pytest.mark.parametrize(
    ("metric", "orthogonal", "parallel"),
    [
        (metrics.orthogonality_gap, 0, math.sqrt(4 / 5)),
        (metrics.effective_rank, 5, 1),
        (metrics.lyapunov_gap, 0, 1 / 5),
        (metrics.abs_cosines, [0] * 10, [1] * 10),
    ],
)
def test_closed_forms(metric, orthogonal, parallel):
    for h, value in ((torch.eye(5).double(), orthogonal), (torch.ones(9, 5).double(), parallel)):
        torch.testing.assert_close(metric(h), torch.tensor(value, dtype=torch.float64))


def test_log_least_eigenvalue_reaches_below_machine_precision(generator):
    """Against the spectrum where it can tell, against the construction where it cannot."""
    h = torch.randn(6, 4, 4, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(metrics.log_least_eigenvalue(h), metrics.spectrum(h)[..., -1].log())
    r = torch.linalg.qr(h[0]).R
    first, second = (r.clone() for _ in range(2))
    first[-1, -1], second[-1, -1] = 1e-20, 1e-60
    difference = metrics.log_least_eigenvalue(first) - metrics.log_least_eigenvalue(second)
    assert float(difference) == pytest.approx(2 * 40 * math.log(10))
    with pytest.raises(ValueError, match="square roots"):
        metrics.log_least_eigenvalue(torch.randn(5, 4))


def test_squared_w2_agrees_with_an_optimal_transport_library(h):
    """Against POT's Bures distance of the two Gaussians."""
    c = metrics.gram(h)[0, 0].numpy()
    zero = np.zeros(4)
    expected = ot.gaussian.bures_wasserstein_distance(zero, zero, c, np.eye(4) / 4) ** 2
    assert float(metrics.squared_w2_to_isotropic(h)[0, 0]) == pytest.approx(float(expected), rel=1e-6)
    assert float(metrics.squared_w2_to_isotropic(torch.ones(3, 9))) == pytest.approx(2 - 2 / 3)
    near = torch.eye(4).double() + 1e-4 * h[0, 0, :4]
    ratio = metrics.squared_w2_to_isotropic(near) / metrics.orthogonality_gap(near) ** 2
    assert float(ratio) == pytest.approx(4 / 4, rel=1e-3)


def test_wider_than_deep_batches_have_the_known_floor(generator):
    """When n > d the gap cannot fall below √(1/d − 1/n), reached by orthogonal rows."""
    rows = torch.linalg.qr(torch.randn(8, 3, dtype=torch.float64, generator=generator)).Q.mT
    assert metrics.orthogonality_gap(rows) == pytest.approx(math.sqrt(1 / 3 - 1 / 8))
    assert metrics.spectrum(rows).shape == (8,)
    assert metrics.least_singular_value(rows) == 0
    assert metrics.orthogonality_gap(rows + 0.1) > math.sqrt(1 / 3 - 1 / 8)


def test_a_square_root_of_the_gram_matrix_stands_in_for_the_representations(h):
    r = torch.linalg.qr(h).R
    for metric in [*SPECTRAL, metrics.abs_cosines]:
        torch.testing.assert_close(metric(r), metric(h))
    torch.testing.assert_close(metrics.gram_orthogonality_gap(17 * h.mT @ h), metrics.orthogonality_gap(h))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_near_singular_batches_give_finite_spectra(dtype, scale, generator):
    """Gram eigenvalues of such batches turn negative in float32, and their logarithm or root NaN."""
    h = torch.ones(50, 6, dtype=dtype) + 1e-5 * torch.randn(50, 6, dtype=dtype, generator=generator)
    for metric in SPECTRAL:
        assert torch.isfinite(metric(scale * h)).all(), metric.__name__
    assert (metrics.spectrum(h) >= 0).all()
    singular = torch.linalg.svdvals(h.double())
    assert metrics.least_singular_value(h) == pytest.approx(float(singular[-1] / singular.norm()), rel=0.05)


EVERY = [*SPECTRAL, metrics.abs_cosines, metrics.gram_orthogonality_gap]


@pytest.mark.parametrize(
    ("which", "bad", "error", "words"),
    [
        (EVERY, torch.full((3, 3), torch.nan), ValueError, "NaN"),
        (EVERY, torch.full((3, 3), torch.inf), ValueError, "infinite"),
        (EVERY, torch.ones(3), ValueError, "shape"),
        (EVERY, torch.ones(0, 3), ValueError, "shape"),
        (EVERY, torch.ones(3, 3, dtype=torch.int64), TypeError, "dtype"),
        (EVERY, torch.stack([torch.eye(3), torch.zeros(3, 3)]), ValueError, "zero|positive"),
        ([metrics.abs_cosines], torch.tensor([[1.0, 0.0], [1.0, 0.0]]), ValueError, "zero column"),
        ([metrics.gram_orthogonality_gap], torch.ones(3, 2), ValueError, "square"),
    ],
)
def test_bad_input_is_named(which, bad, error, words):
    for metric in which:
        with pytest.raises(error, match=words):
            metric(bad)
