"""What the lemmas are tested with: batches of a given spectrum, layers from them, and what each bound is compared with."""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from utils.chains.linear import bn_chain
from utils.metrics import gram, lyapunov_gap
from utils.protocols.trajectories import trajectory
from utils.seeding import checked_generator, generator_for
from utils.stats.measurement import Measurement
from utils.theory.bounds import average_bound, lemma7_bound, lemma8_constant, theorem1_bound, theorem1_bound_sharp
from utils.theory.limits import infinite_width_map, infinite_width_path

__all__ = [
    "AVERAGE_STARTS",
    "BOUNDS",
    "at_infinite_width",
    "averages",
    "batches",
    "beside_average_bound",
    "contraction_constant",
    "derivative_ratio",
    "distances",
    "equation_15",
    "from_spectrum",
    "iterated_floor",
    "least_curvature",
    "looseness",
    "one_layer",
    "sharp_constants",
    "shifts",
    "spectra",
    "spreads",
]


def sharp_constants(n: int, factor: float = 1.0) -> dict[str, float]:
    """What the proof of Appendix B.1 allows, as :func:`utils.theory.bounds.average_bound` takes it; the contraction times a factor."""
    return {"contraction": factor * lemma8_constant(n), "noise": 1 - 1 / n}


#: Each bound after many layers at the best λ, as printed and with sharp constants. Two functions each, one of n and d, the bound,
#: and one of n, the width from which it is non-vacuous.
BOUNDS: dict[str, list[tuple[Callable, Callable]]] = {
    "Lemma 7": [(lambda n, d: 1 / d, lambda n: n**2), (lambda n, d: (1 - 1 / n) ** 2 / d, lambda n: (n - 1) ** 2)],
    "Appendix B.1": [
        (lambda n, d: average_bound(0, math.inf, d), lambda n: 36 * n**4),
        (lambda n, d: average_bound(0, math.inf, d, **sharp_constants(n)), lambda n: 4 * ((n - 1) * (n + 2)) ** 2),
    ],
    "Theorem 1": [
        (lambda n, d: theorem1_bound(math.inf, n, d, lambda_min=1 / n), lambda n: 9 * n**5 / (n - 1)),
        (lambda n, d: theorem1_bound_sharp(math.inf, n, d, lambda_min=1 / n), lambda n: ((n - 1) * (n + 2) / 2) ** 2),
    ],
}
#: Where Appendix B.1 starts from. Functions of n, to eigenvalues up to their sum.
AVERAGE_STARTS: dict[str, Callable[[int], list[float]]] = {
    "orthogonal": lambda n: [1.0] * n,
    "half-way": lambda n: [1.0] * (n - 1) + [(n - 1) / (2 * n - 1)],  # λ_n = 1/(2n)
    "near rank one": lambda n: [1.0] + [1e-6] * (n - 1),
}


def spectra(n: int) -> dict[str, Tensor]:
    """Where one layer starts, by name: eigenvalues in descending order, summing to one.

    Parameters
    ----------
    n : int

    Returns
    -------
    dict of str to Tensor, shape (n,)
        float64.

    Examples
    --------
    >>> spectra(3)["geometric"].round(decimals=2).tolist()
    [0.57, 0.29, 0.14]
    """
    found = {
        "orthogonal": [1.0] * n,
        "one thick": [5.0] + [1.0] * (n - 1),
        "one thin": [1.0] * (n - 1) + [0.05],
        "geometric": [0.5**k for k in range(n)],
        "near rank one": [1.0] + [0.05 / n] * (n - 1),
    }
    found = {name: torch.tensor(lam, dtype=torch.float64) for name, lam in found.items()}
    return {name: lam / lam.sum() for name, lam in found.items()}


def batches(lam: Tensor, count: int) -> Tensor:
    """The same batch for many runs: orthogonal samples of which the squared norms are given.

    Parameters
    ----------
    lam : Tensor, shape (n,)
        Eigenvalues of its Gram matrix.
    count : int
        Runs.

    Returns
    -------
    Tensor, shape (count, n, n)
        For the functions of ``utils.chains``.

    Examples
    --------
    >>> batches(torch.tensor([0.75, 0.25]), 10).shape
    torch.Size([10, 2, 2])
    """
    return torch.diag(lam.sqrt()).expand(count, -1, -1)


def one_layer(
    lam: Tensor, chain: Callable, *, count: int, width: int, generator: torch.Generator, **options: object
) -> tuple[Tensor, Tensor, Tensor]:
    """What one layer makes of a spectrum, in the eigenbasis of its start, and what it makes of it in the mean.

    Parameters
    ----------
    lam : Tensor, shape (n,)
        Eigenvalues of the start's Gram matrix.
    chain : callable
        Of ``utils.chains``.
    count : int
        Layers that are drawn.
    width, generator, **options
        To ``chain``. With ``method="direct"`` the start is turned at random, in as many dimensions as the layer is wide.

    Returns
    -------
    p : Tensor, shape (n,)
        Mean of the next Gram matrix, which is diagonal.
    away : Tensor, shape (count, n, n)
        Distance of the Gram matrices that were drawn from this mean.
    least : Tensor, shape (count,)
        Their least eigenvalues.

    Examples
    --------
    >>> from utils.chains import bn_chain
    >>> generator = torch.Generator().manual_seed(0)
    >>> p, away, least = one_layer(torch.tensor([0.75, 0.25]), bn_chain, width=8, count=100, generator=generator)
    >>> away.shape, least.shape
    (torch.Size([100, 2, 2]), torch.Size([100]))
    """
    p, start = infinite_width_map(lam), batches(lam, count)
    if options.get("method") == "direct":  # in single precision, whose normal variates cost a fifth
        turn = torch.linalg.qr(torch.randn(width, len(lam), generator=checked_generator(generator), dtype=lam.dtype)).Q
        start = (turn @ start[0]).float().expand(count, -1, -1)
    found = []
    for some in start.split(4096):  # small enough for the cache
        (after,) = chain(some, width=width, depth=1, generator=generator, **options)
        found.append(gram(after).to(lam.dtype))
    c = torch.cat(found)
    return p, c - torch.diag(p), torch.linalg.eigvalsh(c)[:, 0]


def from_spectrum(
    n: int,
    spectrum: str,
    method: str,
    width: int,
    count: int,
    *,
    seed: int,
    chain: Callable | None = None,
    **draws: object,
) -> tuple[dict, Tensor, Tensor, Tensor, Tensor]:
    """One layer from one of :func:`spectra`, as :func:`spreads`, :func:`shifts` and :func:`distances` take it.

    Parameters
    ----------
    n : int
    spectrum : str
        Name of one of :func:`spectra`.
    method : {"exact", "direct"}
        How the layer is drawn.
    width, count : int
        d, and layers that are drawn.
    seed : int
    chain : callable, optional
        Of ``utils.chains``; :func:`~utils.chains.linear.bn_chain` by default.
    **draws
        To ``chain``.

    Returns
    -------
    at : dict
        The setting.
    lam : Tensor, shape (n,)
        The spectrum.
    p, away, least : Tensor
        As :func:`one_layer` returns them.

    Examples
    --------
    >>> at, lam, p, away, least = from_spectrum(2, "geometric", "exact", 8, 10, seed=0)
    >>> at["width"], away.shape
    (8, torch.Size([10, 2, 2]))
    """
    lam, chain = spectra(n)[spectrum], chain or bn_chain  # not the signature's default, which no mutation would reach
    generator = generator_for(seed, "lemma 6", n, spectrum, method, width, chain.__name__)
    after = one_layer(lam, chain, width=width, count=count, generator=generator, method=method, **draws)
    return {"n": n, "spectrum": spectrum, "width": width, "method": method}, lam, *after


_NAMED = "n = {n}, {spectrum}, width {width}, {method}".format_map


def spreads(layers: Iterable[tuple], constant: float = 1.0, power: float = 1.0) -> list[Measurement]:
    """Lemma 6: mean square distance from diag(p) over (1 − Σp²)/d^power, beside a constant; good to 6 %."""
    measured = []
    for at, _, p, away, _ in layers:
        spread = away.square().sum((-2, -1)) * at["width"] ** power / (1 - p.square().sum())
        measured.append(Measurement(f"{_NAMED(at)}, spread", spread, constant, tolerance=0.06, at=at))
    return measured


def shifts(layers: Iterable[tuple]) -> list[Measurement]:
    """Lemma 6: distance of the mean's entries from diag(p) over √(p_i p_j), good to 10 %."""
    measured = []
    for at, _, p, away, _ in layers:
        for i, j in zip(*np.tril_indices(at["n"]), strict=True):
            label = f"{_NAMED(at)}, mean of entry {i + 1}, {j + 1}"
            measured.append(Measurement(label, away[:, i, j] / (p[i] * p[j]).sqrt(), tolerance=0.1, at=at))
    return measured


def distances(layers: Iterable[tuple], share: float | None = None, power: int = 1) -> list[Measurement]:
    """Lemma 7: mean square distance of V̂ from 1/n − p_n, times d^power.

    Parameters
    ----------
    layers : iterable of tuple
        As :func:`from_spectrum` returns them.
    share : float, optional
        Of the sharper bound, to compare with; by default the lemma's own, 1.
    power : int

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> distances([from_spectrum(2, "geometric", "exact", 8, 10, seed=0)])[0].label
    'n = 2, geometric, width 8, exact'
    """
    measured = []
    for at, lam, p, _, least in layers:
        unit, last = at["width"] ** power, float(p[-1])
        bound = 1.0 if share is None else share * float(lemma7_bound(lam, 1))
        ends = {"least": 0.0, "limit": unit * max(last, 1 / at["n"] - last) ** 2}
        measured.append(Measurement(_NAMED(at), unit * (least - last).square().numpy(), bound, at=at, **ends))
    return measured


def averages(
    n: int, start: str, width: int, depth: int, count: int, *, seed: int, chain: Callable | None = None, **draws: object
) -> tuple[dict, float, np.ndarray]:
    """V̂(1/n − V̂) of networks averaged over layers 0 to ℓ − 1, as :func:`beside_average_bound` takes it.

    Parameters
    ----------
    n : int
    start : str
        One of :data:`AVERAGE_STARTS`.
    width, depth, count : int
        d, the largest ℓ, and networks.
    seed : int
    chain : callable, optional
        Of ``utils.chains``; :func:`~utils.chains.linear.bn_chain` by default.
    **draws
        To ``chain``.

    Returns
    -------
    at : dict
        The setting.
    first : float
        V̂₀.
    average : ndarray, shape (depth, count)

    Examples
    --------
    >>> at, first, average = averages(2, "half-way", 64, 3, 10, seed=0)
    >>> round(first, 6), average.shape
    (0.25, (3, 10))
    """
    chain = chain or bn_chain  # not the signature's default, which no mutation would reach
    lam = torch.tensor(AVERAGE_STARTS[start](n), dtype=torch.float64)
    h = batches(lam / lam.sum(), count)
    generator = generator_for(seed, "B.1", n, start, width, chain.__name__)
    gap = trajectory([h, *chain(h, width=width, depth=depth - 1, generator=generator, **draws)], lyapunov_gap)
    average = (gap * (1 / n - gap)).cumsum(0) / np.arange(1, depth + 1)[:, None]
    return {"n": n, "start": start, "width": width}, float(gap[0, 0]), average


def beside_average_bound(
    found: Iterable[tuple], constants: Callable[[int], Mapping] = lambda n: {}, power: int = 1
) -> list[Measurement]:
    """Appendix B.1: average and bound in units of the largest possible value, 1/(4n²), at a quarter, half and all of the depth.

    Parameters
    ----------
    found : iterable of tuple
        As :func:`averages` returns them.
    constants : callable
        Of n: what :func:`utils.theory.bounds.average_bound` is to use; those printed by default.
    power : int
        Of the width in the bound.

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> [m.at["layers"] for m in beside_average_bound([averages(2, "half-way", 64, 8, 10, seed=0)], sharp_constants)]
    [2, 4, 8]
    """
    measured = []
    for at, first, average in found:
        unit, d = 4 * at["n"] ** 2, at["width"]
        for layers in (len(average) // 4, len(average) // 2, len(average)):
            label = f"n = {at['n']}, {at['start']}, width {d:,}, {layers} layers"
            target = unit * average_bound(first, layers, d**power, **constants(at["n"]))
            ours = unit * average[layers - 1]
            measured.append(Measurement(label, ours, target, limit=1.0, at=at | {"layers": layers}))
    return measured


def at_infinite_width(factor: float = 1.0) -> list[Measurement]:
    """Average over sharp bound, computed: from λ_n 3 % below 1/n, until nothing is left.

    Parameters
    ----------
    factor : float
        Of the contraction in the bound.

    Returns
    -------
    list of Measurement

    Examples
    --------
    >>> [bool(m.samples < m.target) for m in at_infinite_width()]
    [True, True, True]
    """
    measured = []
    for n in (2, 4, 8):
        lam = torch.tensor([1 + 0.03 / (n - 1)] * (n - 1) + [0.97], dtype=torch.float64)
        gaps = 1 / n - infinite_width_path(lam / n, 12 * n)[:-1, -1]
        bound = average_bound(float(gaps[0]), len(gaps), math.inf, **sharp_constants(n, factor))
        ratio = float((gaps * (1 / n - gaps)).mean()) / bound  # both are small
        measured.append(Measurement(f"n = {n}, infinite width", ratio, 1.0, error=1e-9, at={"n": n}))
    return measured


def least_curvature(n: int, share: np.ndarray, power: int) -> float:
    """Least second difference of p_n/λ_n (power 0) or p_n (power 1) in δ, where λ_n = 1/n − δ and the others are alike.

    Parameters
    ----------
    n : int
    share : ndarray, shape (points, 1)
        n δ, evenly spaced from 0 on, below 1.
    power : {0, 1}

    Returns
    -------
    float

    Examples
    --------
    >>> share = np.linspace(0, 0.9, 10)[:, None]
    >>> least_curvature(3, share, 0) > 0 > least_curvature(3, share, 1)  # Lemma 10, and what is not convex
    True
    """
    x = torch.from_numpy(share)
    lam = torch.cat([((1 + x / (n - 1)) / n).expand(-1, n - 1), (1 - x) / n], -1)
    values = infinite_width_map(lam)[:, -1] * lam[:, -1] ** (power - 1)
    return float((values.diff(n=2).numpy() / float(share[1, 0] / n) ** 2).min())


def contraction_constant(rest: Tensor, distance: Tensor, *, closest: float = 1e-4) -> tuple[Tensor, Tensor]:
    """Lemma 8 solved for its constant, (p_n/λ_n − 1)/V̂, over all spectra λ = (1 − s)/n + s μ with μ_n = 0.

    Parameters
    ----------
    rest : Tensor, shape (starts, n - 1)
        Logarithms of μ's other entries, up to a constant.
    distance : Tensor, shape (starts,)
        Log-odds of s = n V̂, the distance from orthogonality.
    closest : float
        How far s stays from 0, where subtraction loses the digits, and from 1.

    Returns
    -------
    constant, s : Tensor, shape (starts,)

    Examples
    --------
    >>> rest, distance = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([-9.0], dtype=torch.float64)
    >>> constant, s = contraction_constant(rest, distance)
    >>> round(float(constant), 3)  # near orthogonality 2n/(n + 2)
    1.2
    """
    n = rest.shape[-1] + 1
    s = closest + (1 - 2 * closest) * distance.sigmoid()[:, None]
    lam = torch.cat([(1 - s) / n + s * rest.softmax(-1), (1 - s) / n], -1)
    return (infinite_width_map(lam)[:, -1] / lam[:, -1] - 1) / (s[:, 0] / n), s[:, 0]


def looseness(measured: Iterable[Measurement]) -> tuple[float, float]:
    """Least and largest factor between a bound and the mean measured beside it, where the bound says something.

    Parameters
    ----------
    measured : iterable of Measurement

    Returns
    -------
    least, largest : float

    Examples
    --------
    >>> from utils.stats.measurement import Measurement
    >>> looseness([Measurement("n = 2", [0.5], 1.0), Measurement("n = 4", [0.25], 1.0)])
    (2.0, 4.0)
    """
    factors = [m.target / float(np.mean(m.samples)) for m in measured if not m.vacuous]
    return min(factors), max(factors)


def iterated_floor(n: int, lam: float) -> float:
    """Theorem 5's bound on V̂ as an equality, layer after layer until it settles, times Lemma 4's 2n; width 1.

    Examples
    --------
    >>> round(iterated_floor(4, 0.25), 4)  # 3n/λ
    48.0
    """
    gap = 0.0
    for _ in range(math.ceil(60 / lam)):
        gap = (1 - 2 / 3 * lam) * gap + 1
    return 2 * n * gap


def equation_15(lam: Tensor, upper: float, exponent: float) -> float:
    """The integral of Eq. 15 up to ``upper``, with an exponent for the other eigenvalues, by the trapezoidal rule in log t.

    Parameters
    ----------
    lam : Tensor, shape (n,)
        A spectrum, its least value last.
    upper, exponent : float
        −½ is right, ½ is printed.

    Returns
    -------
    float

    Examples
    --------
    >>> from utils.theory.limits import infinite_width_map
    >>> lam = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    >>> round(equation_15(lam, 1e6, -0.5) * 0.1, 4) == round(float(infinite_width_map(lam)[-1]), 4)
    True
    """
    u = torch.linspace(-30, math.log(upper), 4000, dtype=lam.dtype)
    t = u.exp()
    rest = torch.stack([(1 + 2 * t * x) ** exponent for x in lam[:-1]]).prod(0)
    return float(torch.trapezoid(t * (1 + 2 * t * lam[-1]) ** -1.5 * rest, u))


def derivative_ratio(n: int, shift: float) -> float:
    """Lemma 10's h₁′ with the exponent −(n + shift)/2 over the derivative by automatic differentiation: the ratio farthest from 1.

    Parameters
    ----------
    n : int
    shift : float
        1 is right, −3 is printed.

    Returns
    -------
    float
        Of 420 points (t, δ).

    Examples
    --------
    >>> round(derivative_ratio(4, 1), 6), abs(derivative_ratio(4, -3) - 1) > 0.1
    (1.0, True)
    """
    places = torch.logspace(-2, 3, 21, dtype=torch.float64), torch.linspace(0, 0.95, 20, dtype=torch.float64)
    theta, share = torch.cartesian_prod(*places).T
    delta = (share / n).requires_grad_()
    a, b = 1 + 2 * theta * (1 / n - delta), 1 + 2 * theta * (1 / n + delta / (n - 1))
    (true,) = torch.autograd.grad((a**-2.5 * b ** (-(n + 1) / 2)).sum(), delta)
    h3 = a**-3.5 * b ** (-(n + 3) / 2)
    printed = h3 * (2.5 * 2 * theta * b + -(n + shift) / 2 * 2 * theta / (n - 1) * a)
    ratio = (printed / true).detach()
    return float(ratio[(ratio - 1).abs().argmax()])
