"""What a notebook measured at one setting of a claim, and the few numbers of it that a verdict needs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["MOST", "Measurement", "Summary"]

#: Up to so many samples are kept one by one (a median needs them). A judgment has dozens of settings in memory.
MOST = 10_000


@dataclass(frozen=True)
class Summary:
    """A measurement without its samples: all that a verdict is made of.

    Attributes
    ----------
    label : str
    mean : float
    standard_error : float
        Of the mean; 0 for one sample and for a number that was computed.
    samples : int
        Independent samples; 0 for a number that was computed.
    target, tolerance : float
        As in :class:`Measurement`.
    limit : float or None
        ``None`` if there is none.
    error : float or None
        Of a computed number; ``None`` for a sampled one.
    least : float or None
        As in :class:`Measurement`; ``None`` if there is none.
    skewness : float
        Of the samples, corrected for their number (Fisher's G₁); 0 for fewer than three.
    ordered : tuple of float
        The samples by size; empty where they are too many to be kept and a verdict does not need them.

    Raises
    ------
    ValueError
        If a number is missing, not finite, or of an impossible sign.

    Examples
    --------
    >>> Summary("layer 3", 0.25, 0.0, 0, target=0.75, tolerance=1.0, limit=None, error=0.125).vacuous
    False
    """

    label: str
    mean: float
    standard_error: float
    samples: int
    target: float
    tolerance: float
    limit: float | None
    error: float | None
    least: float | None = None
    skewness: float = 0.0
    ordered: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ordered", tuple(self.ordered))  # a list, where it comes from a file
        what = f"measurement {self.label!r}"
        for name in ("mean", "target", "tolerance", "skewness", "limit", "error", "least"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{what}: {name}={value!r}, expected a finite number")
        if not self.tolerance > 0:
            raise ValueError(f"{what}: tolerance={self.tolerance!r}, expected a positive number")
        if self.error is not None and not self.error >= 0:
            raise ValueError(f"{what}: error={self.error!r}, expected a number of at least 0")
        if (self.error is None) != (self.samples > 0) or self.standard_error < 0:
            raise ValueError(
                f"{what}: {self.samples} samples, standard error {self.standard_error!r}, error {self.error!r}: expected "
                "samples or an error, and no negative one"
            )
        if self.least is not None and self.limit is not None and not self.least < self.limit:
            raise ValueError(f"{what}: least={self.least!r}, limit={self.limit!r}, expected a range")

    @property
    def vacuous(self) -> bool:
        """Whether ``target``, as an upper bound, exceeds what is possible anyway."""
        return self.limit is not None and self.target >= self.limit


@dataclass(frozen=True)
class Measurement:
    """One setting of a claim (a width, a layer, a start), with what was measured there.

    Attributes
    ----------
    label : str
        Which setting, as a reader would say it.
    samples : array_like of float, shape (m,)
        Independent measurements of a quantity whose mean the claim is about; or one number with ``error``.
    target : float
        What the mean is compared with: a bound, a theoretical or a published value.
    tolerance : float
        Unit of a deviation from ``target``; > 0.
    limit, least : float
        Largest and least value the quantity can take: an upper bound at or above ``limit`` is vacuous, and the rule
        ``bounded`` needs both. Infinite if there is none.
    error : float, optional
        For a number computed rather than sampled: how far it may be off.
    at : mapping of str to object
        Coordinates of the setting, ``{"layer": 3, "width": 8}``, for figures and tables.

    Examples
    --------
    >>> Measurement("width 8, layer 3", [0.5, 0.6], target=2.0, limit=1.0).vacuous
    True
    """

    label: str
    samples: object
    target: float = 0.0
    tolerance: float = 1.0
    limit: float = math.inf
    error: float | None = None
    at: Mapping[str, object] = field(default_factory=dict)
    least: float = -math.inf

    @property
    def vacuous(self) -> bool:
        """Whether ``target``, as an upper bound, exceeds what is possible anyway."""
        return self.target >= self.limit

    def summary(self) -> Summary:
        """Its mean, standard error and shape.

        Returns
        -------
        Summary

        Raises
        ------
        ValueError
            If the samples are not one row of finite real numbers, leave the range that they cannot leave, or the measurement is
            malformed otherwise.

        Examples
        --------
        >>> Measurement("layer 3", [1.0, 3.0]).summary().mean
        2.0
        """
        what = f"measurement {self.label!r}"
        given = np.atleast_1d(np.asarray(self.samples))
        if given.ndim != 1 or not given.size or given.dtype.kind not in "biuf" or not np.isfinite(given).all():
            raise ValueError(
                f"{what}: samples of type {given.dtype} and shape {given.shape}, expected one row of finite real numbers, at least one"
            )
        x = given.astype(float)
        if self.error is not None and x.size != 1:
            raise ValueError(f"{what}: a computed number has one value and an error, not {x.size}")
        ends = {"least": self.least, "limit": self.limit}
        if self.least == math.inf or self.limit == -math.inf or any(map(math.isnan, ends.values())):
            raise ValueError(f"{what}: {ends}, expected the least and the largest possible value")
        # Rounding may leave the range by a hair.
        hair = 1e-6 * max((abs(end) for end in ends.values() if math.isfinite(end)), default=0.0)
        if self.error is None and not (self.least - hair <= x.min() and x.max() <= self.limit + hair):
            raise ValueError(
                f"{what}: samples from {x.min()} to {x.max()} leave the range that they cannot leave, {ends}"
            )
        sampled = self.error is None
        return Summary(
            label=self.label,
            mean=float(x.mean()),
            standard_error=float(x.std(ddof=1) / math.sqrt(x.size)) if sampled and x.size > 1 else 0.0,
            samples=x.size if sampled else 0,
            target=float(self.target),
            tolerance=float(self.tolerance),
            limit=float(self.limit) if math.isfinite(self.limit) else None,
            error=None if self.error is None else float(self.error),
            least=float(self.least) if math.isfinite(self.least) else None,
            skewness=_skewness(x),
            ordered=tuple(np.sort(x).tolist()) if sampled and x.size <= MOST else (),
        )


def _skewness(x: np.ndarray) -> float:
    """Fisher's G₁, the skewness corrected for the number of samples; 0 if they are fewer than three or all alike."""
    away, m = x - x.mean(), x.size
    spread = float((away**2).mean())
    if m < 3 or spread <= (1e-12 * np.abs(x).max()) ** 2:
        return 0.0
    return float((away**3).mean() / spread**1.5 * math.sqrt(m * (m - 1)) / (m - 2))
