"""Random generators from names, so that a number depends on what it is, not on the order in which it was computed."""

import hashlib

import torch

__all__ = ["checked_generator", "generator_for"]


def generator_for(*key: object, device: str | torch.device = "cpu") -> torch.Generator:
    """Generator whose seed is a digest of the key.

    Parameters
    ----------
    *key : plain values (int, float, str, bool, tuples of them)
        What the random numbers are for, the notebook's seed first; equal keys give equal streams, different keys
        independent ones.
    device : str or torch.device
        Where the numbers will be drawn.

    Returns
    -------
    torch.Generator

    Raises
    ------
    ValueError
        If the key is empty: an unnamed stream is shared by accident.

    Examples
    --------
    >>> a, b = (torch.randn(3, generator=generator_for(0, "figure 1")) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    if not key:
        raise ValueError("generator_for needs a key, for example generator_for(seed, 'figure 1', width)")
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def checked_generator(generator: torch.Generator, device: torch.device | None = None) -> torch.Generator:
    """A generator that was given: torch would draw from its global stream instead of ``None``.

    Parameters
    ----------
    generator : torch.Generator
    device : torch.device, optional
        Where it must draw.

    Returns
    -------
    torch.Generator

    Raises
    ------
    TypeError
        If it is anything else.
    ValueError
        If it draws on another device.

    Examples
    --------
    >>> checked_generator(None)
    Traceback (most recent call last):
    TypeError: generator: None, expected a torch.Generator, for example utils.seeding.generator_for(seed, 'what for')
    """
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator: {generator!r}, expected a torch.Generator, for example utils.seeding.generator_for(seed, 'what for')"
        )
    if device is not None and generator.device.type != device.type:
        raise ValueError(f"generator: on device {generator.device}, expected one on {device}, where the batch is")
    return generator
