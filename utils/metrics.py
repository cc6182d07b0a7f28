"""What is measured on a batch of representations.

Every function takes representations ``h`` of shape (..., d, n): n columns are the samples of the batch, d the
width, leading dimensions independent runs. A square root ``r`` (n, n) of the Gram matrix, as the exact sampler of
:mod:`utils.chains.linear` yields, has the same singular values and cosines as ``h``, so it may replace it anywhere.
The ``gram_`` variants take C = HᵀH / ‖H‖_F² directly.

Spectra come from singular values of ``h``, not from eigenvalues of HᵀH: squaring first loses everything below
√eps of the largest (negative "eigenvalues" and NaN in float32).
"""

import math

import torch
from torch import Tensor

__all__ = [
    "abs_cosines",
    "checked",
    "effective_rank",
    "gram",
    "gram_orthogonality_gap",
    "isometry_gap",
    "least_singular_value",
    "log_least_eigenvalue",
    "lyapunov_gap",
    "orthogonality_gap",
    "spectrum",
    "squared_w2_to_isotropic",
]


def checked(h: Tensor, name: str, *, half: bool = False) -> Tensor:
    """A batch that can be measured: a finite float32 or float64 tensor, not empty.

    Parameters
    ----------
    h : Tensor, shape (..., width, batch size)
    name : str
        Of the argument, for the error.
    half : bool
        Whether float16 and bfloat16 will do.

    Returns
    -------
    Tensor
        ``h`` itself.

    Raises
    ------
    TypeError
        If it is no tensor (a NumPy array, say) or of another precision.
    ValueError
        If it is empty, of less than two dimensions, or not finite.

    Examples
    --------
    >>> checked(torch.eye(2, dtype=torch.float16), "h")
    Traceback (most recent call last):
    TypeError: h: dtype torch.float16, expected a floating-point tensor, float32 or float64; convert it with .double()
    """
    if not isinstance(h, Tensor):
        raise TypeError(f"{name}: a {type(h).__name__}, expected a torch.Tensor; convert it with torch.as_tensor")
    if h.dtype not in (torch.float32, torch.float64, *((torch.float16, torch.bfloat16) if half else ())):
        raise TypeError(
            f"{name}: dtype {h.dtype}, expected a floating-point tensor, float32 or float64; convert it with .double()"
        )
    if h.ndim < 2 or 0 in h.shape:
        raise ValueError(f"{name}: shape {tuple(h.shape)}, expected (..., width, batch size) with no dimension 0")
    if not all(map(math.isfinite, map(float, torch.aminmax(h.detach())))):  # one pass; both are NaN if any entry is
        raise ValueError(f"{name} has NaN or infinite entries; check the layer or the data that made them")
    return h


def _nonzero_scale(h: Tensor, name: str) -> Tensor:
    largest = h.abs().amax(dim=(-2, -1), keepdim=True)
    if (largest == 0).any():
        raise ValueError(f"{name} is all zeros for at least one batch; the gap of a zero matrix is undefined")
    return largest


def spectrum(h: Tensor) -> Tensor:
    """Eigenvalues of the normalized Gram matrix C = HᵀH / ‖H‖_F².

    Parameters
    ----------
    h : Tensor, shape (..., d, n)
        Representations, float32 or float64.

    Returns
    -------
    Tensor, shape (..., n)
        Descending, non-negative, summing to 1; exact zeros pad it when n > d.

    Raises
    ------
    ValueError
        If ``h`` is empty, not finite, or all zeros.
    TypeError
        If ``h`` is not a float32 or float64 tensor.

    Examples
    --------
    >>> spectrum(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([0.6400, 0.3600])
    >>> spectrum(torch.ones(5, 8, 2)).shape  # five batches of two samples at width eight
    torch.Size([5, 2])
    """
    checked(h, "h")
    singular = torch.linalg.svdvals(h / _nonzero_scale(h, "h"))
    singular = torch.nn.functional.pad(singular, (0, h.shape[-1] - singular.shape[-1]))
    energy = singular.square()
    return energy / energy.sum(-1, keepdim=True)


def gram(h: Tensor) -> Tensor:
    """Normalized Gram matrix C = HᵀH / ‖H‖_F² (Section 2 of the paper).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (..., n, n)
        Symmetric, positive semi-definite, trace 1.

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> gram(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    checked(h, "h")
    h = h / _nonzero_scale(h, "h")
    c = h.mT @ h
    return c / c.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]


def orthogonality_gap(h: Tensor) -> Tensor:
    """Orthogonality gap V(H) = ‖HᵀH / ‖H‖_F² − I/n‖_F (Eq. 2 of the paper).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (...)
        In [0, √(1 − 1/n)]: 0 for orthogonal columns of equal norm, the top for parallel ones. When n > d it cannot
        fall below √(1/d − 1/n).

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> float(orthogonality_gap(torch.eye(3)))
    0.0
    """
    # Through C, not the spectrum: near V = 0 both are exact, and near V's top C loses nothing that V can show.
    return gram_orthogonality_gap(gram(h))


def gram_orthogonality_gap(c: Tensor) -> Tensor:
    """Orthogonality gap from a Gram matrix, normalized to trace 1 first (Eq. 2).

    Parameters
    ----------
    c : Tensor, shape (..., n, n)
        Symmetric positive semi-definite, any positive trace.

    Returns
    -------
    Tensor, shape (...)

    Raises
    ------
    ValueError
        If ``c`` is not square, not finite, or has a trace that is not positive.
    TypeError
        If ``c`` is not a float32 or float64 tensor.

    Examples
    --------
    >>> gram_orthogonality_gap(torch.tensor([[1.0, 1.0], [1.0, 1.0]]))  # two parallel samples: √(1 − 1/2)
    tensor(0.7071)
    """
    checked(c, "c")
    n = c.shape[-1]
    if c.shape[-2] != n:
        raise ValueError(f"c: shape {tuple(c.shape)}, expected square Gram matrices (..., n, n)")
    c = c / _nonzero_scale(c, "c")  # or a trace of large numbers overflows
    trace = c.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    if (trace <= 0).any():
        raise ValueError("c has a trace that is not positive; a Gram matrix of a non-zero batch has a positive one")
    identity = torch.eye(n, dtype=c.dtype, device=c.device)
    return torch.linalg.matrix_norm(c / trace - identity / n)


def isometry_gap(h: Tensor) -> Tensor:
    """Isometry gap: log of arithmetic over geometric mean of the eigenvalues of C (Joudaki, Daneshmand and Bach, 2023).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)
        Representations, or square roots of their Gram matrices.

    Returns
    -------
    Tensor, shape (...)
        −log n − (1/n) Σ log λ_i, in [0, ∞]: 0 for orthogonal columns of equal norm, ∞ if C is singular, as when n > d or
        with mean-centering. Eigenvalues below eps² of the largest have no correct digits (:func:`log_least_eigenvalue`).

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> h = torch.diag(torch.tensor([4.0, 1.0], dtype=torch.float64))  # eigenvalues 16 and 1: means 8.5 and 4
    >>> round(float(isometry_gap(h).exp()), 6)
    2.125
    """
    lam = spectrum(h)
    return (-math.log(lam.shape[-1]) - lam.log().mean(-1)).clamp(min=0)


def lyapunov_gap(h: Tensor) -> Tensor:
    """The proof's Lyapunov function V̂(H) = 1/n − λ_min(C) (Section 3 of the paper).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (...)
        In [0, 1/n].

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> round(float(lyapunov_gap(torch.ones(8, 4))), 4)  # parallel samples: 1/n
    0.25
    """
    least = spectrum(h)[..., -1]
    return (1 / h.shape[-1] - least).clamp(min=0)


def least_singular_value(h: Tensor) -> Tensor:
    """Least singular value of H/‖H‖_F, that is √λ_min(C) (Assumption A₁ of the paper).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (...)
        In [0, 1/√n]; 0 when n > d. Absolute accuracy is machine epsilon of the dtype.

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> round(float(least_singular_value(torch.eye(4))), 4)  # orthogonal samples: 1/√n
    0.5
    """
    return spectrum(h)[..., -1].sqrt()


def log_least_eigenvalue(r: Tensor) -> Tensor:
    """log λ_min(C) from a square root of the Gram matrix, far below what a spectrum in floating point can show.

    Parameters
    ----------
    r : Tensor, shape (..., n, n)
        As the exact sampler yields it: a product of triangular factors, whose determinant is accurate however small.

    Returns
    -------
    Tensor, shape (...)
        log det C minus the logs of the other eigenvalues; −∞ if C is singular. Right if only one eigenvalue is tiny.

    Raises
    ------
    ValueError
        If ``r`` is not square, or as :func:`spectrum`.
    TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> r = torch.diag(torch.tensor([1.0, 1e-100], dtype=torch.float64))
    >>> round(float(log_least_eigenvalue(r)) / math.log(10))  # λ_min is 1e-200
    -200
    """
    lam = spectrum(r)
    n = r.shape[-1]
    if r.shape[-2] != n:
        raise ValueError(f"r: shape {tuple(r.shape)}, expected square roots (..., n, n) of a Gram matrix")
    unit = r / _nonzero_scale(r, "r")  # or squares under- or overflow
    unit = unit / torch.linalg.matrix_norm(unit, keepdim=True)
    return 2 * torch.linalg.slogdet(unit).logabsdet - lam[..., :-1].log().sum(-1)


def effective_rank(h: Tensor) -> Tensor:
    """Effective rank: exponential of the spectral entropy of C (Roy and Vetterli, 2007).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (...)
        In [1, n].

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> round(float(effective_rank(torch.eye(4))), 6)
    4.0
    """
    return torch.special.entr(spectrum(h)).sum(-1).exp()


def abs_cosines(h: Tensor) -> Tensor:
    """Absolute cosine similarity of every pair of samples (Figure 1 of the paper).

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (..., n (n − 1) / 2)
        Pairs in the order (0, 1), (0, 2), …, (1, 2), …; each in [0, 1].

    Raises
    ------
    ValueError
        If a sample is the zero vector, whose angle to the others is undefined, or as :func:`spectrum`.
    TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> abs_cosines(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))
    tensor([0.7071, 0.0000, 0.7071])
    """
    checked(h, "h")
    largest = h.abs().amax(dim=-2, keepdim=True)
    if (largest == 0).any():
        raise ValueError("h has a zero column: the angle between a zero sample and the others is undefined")
    unit = torch.nn.functional.normalize(h / largest, dim=-2, eps=0)
    i, j = torch.triu_indices(h.shape[-1], h.shape[-1], offset=1, device=h.device)
    return (unit.mT @ unit)[..., i, j].abs().clamp(max=1)


def squared_w2_to_isotropic(h: Tensor) -> Tensor:
    """Squared Wasserstein-2 distance, given H, of the law of WH from that of G/√n (Lemma 2 of the paper, conditional).

    W and G are Gaussian with entries of variance 1/d; both laws are then Gaussian with covariances C = HᵀH/‖H‖_F² and
    I/n repeated over the rows, and the distance is Bures': Σ (σ_i − 1/√n)², σ_i the singular values of H/‖H‖_F.

    Parameters
    ----------
    h : Tensor, shape (..., d, n)

    Returns
    -------
    Tensor, shape (...)
        In [0, 2 − 2/√n], whatever the width of W; about (n/4) V² near orthogonality.

    Raises
    ------
    ValueError, TypeError
        As :func:`spectrum`.

    Examples
    --------
    >>> round(float(squared_w2_to_isotropic(torch.ones(8, 4))), 4)  # four parallel samples: 2 − 2/√4
    1.0
    """
    return (spectrum(h).sqrt() - h.shape[-1] ** -0.5).square().sum(-1)
