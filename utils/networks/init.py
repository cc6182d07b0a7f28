"""How weights are drawn or computed before training.

Standard ones are torch's own. *Iterative orthogonalization* (Eq. 6 of the paper) computes the weights of one hidden
layer after another from the representations that reach it, so it runs inside one forward pass, by hooks.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from utils.metrics import checked
from utils.networks.layers import Linear
from utils.networks.perceptron import evaluating, hidden_maps, linear_maps, weight_matrices
from utils.seeding import checked_generator

__all__ = [
    "BASES",
    "STANDARD",
    "identity_like",
    "layer_by_layer",
    "orthogonalising_weight",
    "permutation_like",
    "scaled",
    "standard",
]

GAIN = 2**0.5  # what the paper's experiments call Xavier has this gain: on square layers it is He's variance
#: torch's own schemes by name, each a function of a weight and a generator.
STANDARD: dict[str, Callable] = {
    "xavier": lambda w, generator: nn.init.xavier_uniform_(w, gain=GAIN, generator=generator),
    "kaiming": lambda w, generator: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=generator),
    "orthogonal": lambda w, generator: nn.init.orthogonal_(w, gain=GAIN, generator=generator),
}
#: What V′ may be in iterative orthogonalization, see :func:`orthogonalising_weight`.
BASES = ("slice", "polar", "haar")

# Singular values this far below the largest are rounding noise of a float32 representation: a dead unit, not a direction.
DEAD = 1e-6
# A Gram matrix in float64 has relative error 2e-16 (σ₁/σ)² in σ: above this ratio that is 2e-6, float32's own precision.
SAFE = 1e-5


@torch.no_grad()
def standard(network: nn.Module, scheme: str, *, generators: Sequence[torch.Generator]) -> None:
    """Draw every weight of a network by one of torch's schemes, in place.

    Parameters
    ----------
    network : Module
    scheme : {"xavier", "kaiming", "orthogonal"}
        ``xavier_uniform_`` with gain √2, ``kaiming_normal_`` for ReLU, ``orthogonal_`` with gain √2.
    generators : sequence of torch.Generator
        One per replica, so that a replica's draw does not depend on the others.

    Raises
    ------
    ValueError
        If the scheme is unknown or the number of generators is not that of the replicas.
    TypeError
        If one of them is no generator.

    Examples
    --------
    >>> from utils.networks.perceptron import mlp, weight_matrices
    >>> from utils.seeding import generator_for
    >>> network = mlp(features=8, width=8, depth=1, classes=8)
    >>> standard(network, "orthogonal", generators=[generator_for(0, "example")])
    >>> w = weight_matrices(network[0])[0]
    >>> torch.allclose(w @ w.mT, 2 * torch.eye(8), atol=1e-5)  # the gain √2
    True
    """
    if scheme not in STANDARD:
        raise ValueError(f"scheme={scheme!r}, expected one of {', '.join(STANDARD)}")
    for module in linear_maps(network):
        # A convolution keeps its kernel's shape: its fan in and out count the kernel's area.
        replicas = module.weight if isinstance(module, Linear) else module.weight.chunk(module.groups)
        _one_each(generators, len(replicas))
        for weight, generator in zip(replicas, generators, strict=True):
            STANDARD[scheme](weight, generator)


def _one_each(generators: Sequence[torch.Generator] | None, replicas: int, name: str = "generators") -> None:
    given = len(generators or ())
    if given != replicas:
        raise ValueError(f"{name}: {given} for {replicas} replicas, expected one each")
    for generator in generators or ():
        checked_generator(generator)


@torch.no_grad()
def layer_by_layer(
    network: nn.Module,
    x: Tensor,
    weight_for: Callable[[Tensor, int], Tensor],
    *,
    redraw: Sequence[torch.Generator] | None = None,
    samples: int | None = None,
) -> None:
    """Set the hidden weights one after another, each from the representations that reach it, in one forward pass.

    Set are the layers whose weight maps a space to itself: the hidden linear maps after the first, and convolutions with
    equal channels in and out. The others keep what they have.

    Parameters
    ----------
    network : Module
        All weights drawn already.
    x : Tensor, shape (replicas, features, pool)
        Inputs that the weights may be computed from.
    weight_for : callable
        (H, fan_out) to W, H of shape (replicas, fan_in, samples) in float64, W of shape (replicas, fan_out, fan_in).
        For a convolution the columns of H are patches, fan_in = channels · kernel area.
    redraw : sequence of torch.Generator, optional
        One per replica: every layer then draws its samples anew from the pool, instead of all using the first ones.
    samples : int, optional
        n, how many of the pool a layer uses; all by default.

    Raises
    ------
    ValueError
        If there is no such layer, ``samples`` exceeds the pool, or ``redraw`` is not one per replica.
    TypeError
        If one of ``redraw`` is no generator.

    Examples
    --------
    >>> from utils.networks.perceptron import hidden_maps, mlp
    >>> from utils.seeding import generator_for
    >>> network = mlp(features=64, width=32, depth=2, classes=10)
    >>> standard(network, "xavier", generators=[generator_for(0, "example")])
    >>> layer_by_layer(network, torch.ones(1, 64, 5), identity_like)
    >>> [hidden] = hidden_maps(network)
    >>> bool((hidden.weight == torch.eye(32)).all())
    True
    """
    samples = x.shape[-1] if samples is None else samples
    if not 1 <= samples <= x.shape[-1]:
        raise ValueError(f"samples={samples}, expected 1 to {x.shape[-1]}, the number of inputs in x")
    if redraw is not None:
        _one_each(redraw, len(x), "redraw")

    def set_weight(module, inputs):
        h = inputs[0]
        if isinstance(module, Linear):
            if redraw is None:
                h = h[..., :samples]
            else:
                chosen = torch.stack([torch.randperm(h.shape[-1], generator=g)[:samples] for g in redraw]).to(h.device)
                h = h.gather(-1, chosen[:, None, :].expand(-1, h.shape[1], -1))
        else:
            h = nn.functional.unfold(h[:samples], module.kernel_size, padding=module.padding, stride=module.stride)
            h = h.unflatten(1, (module.groups, -1)).permute(1, 2, 0, 3).flatten(2)
        weight = weight_for(h.double(), weight_matrices(module).shape[1])
        module.weight.copy_(weight.reshape(module.weight.shape))

    square = hidden_maps(network)
    if not square:
        raise ValueError("network has no hidden layer with equal fan in and out: nothing to set; go deeper than 1")
    hooks = [module.register_forward_pre_hook(set_weight) for module in square]
    try:
        with evaluating(network):
            network(x)
    finally:
        for hook in hooks:
            hook.remove()


def scaled(weight_for: Callable[[Tensor, int], Tensor]) -> Callable[[Tensor, int], Tensor]:
    """The same weights divided by ‖WH‖_F, the scale of iterative orthogonalization.

    Parameters
    ----------
    weight_for : callable
        As :func:`layer_by_layer` takes it.

    Returns
    -------
    callable
        Which raises ``ValueError`` where WH is zero, or the scale out of floating point.

    Examples
    --------
    >>> h = torch.tensor([[[1.0, 2.0], [2.0, 4.0]]])
    >>> w = scaled(identity_like)(h, 2)
    >>> round(float(torch.linalg.matrix_norm(w @ h)), 4)
    1.0
    """

    def weight(h: Tensor, fan_out: int) -> Tensor:
        w = weight_for(h, fan_out)
        h, size = _at_one(h)
        return _representable(w / torch.linalg.matrix_norm(w @ h, keepdim=True) / size)

    return weight


def _at_one(h: Tensor) -> tuple[Tensor, Tensor]:
    """The batch with its largest entry 1, and what that was: squares of what is left neither over- nor underflow."""
    size = checked(h, "h").detach().abs().amax((-2, -1), keepdim=True)
    if (size == 0).any():
        raise ValueError("h is all zeros for at least one replica: the layers before have died out")
    return h / size, size


def _representable(w: Tensor) -> Tensor:
    if not torch.isfinite(w).all():
        raise ValueError("h: no finite weights W give WH the norm 1; WH is zero, or h so small that they overflow")
    return w


def _checked_sizes(h: Tensor, fan_out: int) -> None:
    if not isinstance(h, Tensor) or h.ndim != 3:
        what = f"shape {tuple(h.shape)}" if isinstance(h, Tensor) else f"a {type(h).__name__}"
        raise (ValueError if isinstance(h, Tensor) else TypeError)(
            f"h: {what}, expected a tensor of shape (replicas, fan_in, samples)"
        )
    if isinstance(fan_out, bool) or not isinstance(fan_out, int):
        raise TypeError(f"fan_out={fan_out!r} is a {type(fan_out).__name__}, expected an int")
    if fan_out < 1:
        raise ValueError(f"fan_out={fan_out}, expected at least 1")


def identity_like(h: Tensor, fan_out: int) -> Tensor:
    """The identity as a layer's weights; for a convolution, the identity at the kernel's center (Dirac).

    Parameters
    ----------
    h : Tensor, shape (replicas, fan_in, samples)
    fan_out : int
        Channels; fan_in is this times the (odd) kernel area.

    Returns
    -------
    Tensor, shape (replicas, fan_out, fan_in), ``h``'s dtype

    Raises
    ------
    ValueError
        If ``h`` is not of that shape, or fan_in not ``fan_out`` times an odd kernel area.
    TypeError
        If ``h`` is no tensor, or ``fan_out`` no int.

    Examples
    --------
    >>> identity_like(torch.zeros(1, 2, 5), 2)
    tensor([[[1., 0.],
             [0., 1.]]])
    >>> identity_like(torch.zeros(1, 2 * 9, 5), 2)[0, 0].reshape(2, 3, 3)[0]  # a 3 × 3 kernel, channel 0 to channel 0
    tensor([[0., 0., 0.],
            [0., 1., 0.],
            [0., 0., 0.]])
    """
    _checked_sizes(h, fan_out)
    replicas, fan_in, _ = h.shape
    area, rest = divmod(fan_in, fan_out)
    if rest or area % 2 == 0:
        raise ValueError(
            f"fan_out={fan_out} for fan_in={fan_in}: expected fan_in to be an odd multiple, the kernel's area"
        )
    weight = torch.zeros(fan_out, fan_out, area, dtype=h.dtype, device=h.device)
    weight[range(fan_out), range(fan_out), area // 2] = 1
    return weight.reshape(fan_out, fan_in).expand(replicas, -1, -1)


def permutation_like(h: Tensor, fan_out: int, *, generators: Sequence[torch.Generator]) -> Tensor:
    """A random permutation as a layer's weights: the identity with its units renamed.

    Parameters
    ----------
    h, fan_out
        As :func:`identity_like`.
    generators : sequence of torch.Generator
        One per replica.

    Returns
    -------
    Tensor, shape (replicas, fan_out, fan_in), ``h``'s dtype

    Raises
    ------
    ValueError, TypeError
        As :func:`identity_like`, or if ``generators`` is not one per replica.

    Examples
    --------
    >>> from utils.seeding import generator_for
    >>> w = permutation_like(torch.zeros(1, 4, 5), 4, generators=[generator_for(0, "example")])
    >>> w.sum(-1), w.sum(-2)
    (tensor([[1., 1., 1., 1.]]), tensor([[1., 1., 1., 1.]]))
    """
    eye = identity_like(h, fan_out)
    _one_each(generators, len(h))
    orders = [torch.randperm(fan_out, generator=g).to(h.device) for g in generators]
    return torch.stack([one[order] for one, order in zip(eye, orders, strict=True)])


def orthogonalising_weight(
    h: Tensor,
    fan_out: int,
    *,
    exponent: float = 0.5,
    basis: str = "slice",
    generators: Sequence[torch.Generator] | None = None,
    through: str = "gram",
) -> Tensor:
    """W ∝ V′ Σ^{−exponent} Uᵀ from H = U Σ Vᵀ, scaled to ‖WH‖_F = 1: iterative orthogonalization's weight (Eq. 6).

    Parameters
    ----------
    h : Tensor, shape (replicas, fan_in, n), float64
        Representations that reach the layer, n ≥ fan_out.
    fan_out : int
        k ≤ fan_in: the k leading singular directions are used, all of them for a square layer.
    exponent : float
        1/2 in the paper's text, 1 in the released code for MLPs. WH then has singular values σ^{1−exponent} if V′ is
        orthogonal.
    basis : {"slice", "polar", "haar"}
        V′ is the first k rows and columns of V, as in the released code (not orthogonal); the nearest orthogonal
        matrix to that slice; or a uniformly random orthogonal matrix.
    generators : sequence of torch.Generator, optional
        One per replica, for ``"haar"``.
    through : {"gram", "svd"}
        Eigenvectors of the fan_in × fan_in Gram matrix, replaced by the full SVD where squaring would cost accuracy
        (a kept σ below 1e-5 of the largest), or the full SVD in any case.

    Returns
    -------
    Tensor, shape (replicas, fan_out, fan_in), float64
        Directions with σ below 1e-6 of the largest (dead units, dependent samples) are left out: a pseudo-inverse.

    Raises
    ------
    ValueError
        If ``h`` is not finite or zero, so small that W overflows (all entries below 1e-308), n or fan_in below ``fan_out``,
        ``exponent`` not finite, or a choice is unknown or misses its generators.
    TypeError
        If ``h`` is not a float32 or float64 tensor, or ``fan_out`` not an int.

    Notes
    -----
    A multiple of H gives W divided by it.

    Examples
    --------
    With the exponent 1 and an orthogonal V′, all directions leave the layer with the same strength:

    >>> h = torch.diag(torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64))[None]
    >>> w = orthogonalising_weight(h, 3, exponent=1.0, basis="polar")
    >>> torch.allclose(torch.linalg.svdvals(w @ h), torch.tensor(3.0, dtype=torch.float64).rsqrt())
    True
    """
    _checked_sizes(h, fan_out)
    replicas, fan_in, n = h.shape
    if basis not in BASES or through not in ("gram", "svd"):
        raise ValueError(f"basis={basis!r}, expected one of {BASES}; through={through!r}, expected 'gram' or 'svd'")
    if basis == "haar":
        _one_each(generators, replicas)
    if not (fan_out <= fan_in and fan_out <= n):
        raise ValueError(f"h: shape {tuple(h.shape)} with fan_out={fan_out}: expected fan_in and n at least fan_out")
    if not math.isfinite(exponent):
        raise ValueError(f"exponent={exponent!r}, expected a finite number")

    h, size = _at_one(h)
    sigma, u = _left_singular(h, fan_out, through)
    alive = sigma > DEAD * sigma[:, :1]
    inverse = torch.where(alive, 1 / sigma.where(alive, torch.ones_like(sigma)), torch.zeros_like(sigma))
    if basis == "haar":
        empty = torch.empty(fan_out, fan_out, dtype=h.dtype)
        v = torch.stack([nn.init.orthogonal_(empty.clone(), generator=g) for g in generators]).to(h.device)
    else:
        v = h[..., :fan_out].mT @ u * inverse[:, None, :]
        if basis == "polar":
            left, _, right = torch.linalg.svd(v)
            v = left @ right
    # WH = V′ Σ^{1−exponent} Vᵀ has the norm of V′ Σ^{1−exponent}: H need not be multiplied again.
    # Both powers relative to their largest, so that no exponent overflows; the logarithm brings the two scales together.
    turned, first = _power(sigma, alive, -exponent)
    stretched, second = _power(sigma, alive, 1 - exponent)
    scale = (exponent * (second - first) - second).exp() / torch.linalg.matrix_norm(v * stretched, keepdim=True)
    return _representable(v * turned @ u.mT * scale / size)


def _power(sigma: Tensor, alive: Tensor, exponent: float) -> tuple[Tensor, Tensor]:
    """Powers of singular values as rows, in units of the largest, and the logarithm of the value that has it; dead ones 0."""
    logs = sigma.where(alive, sigma[:, :1]).log()[:, None, :]
    unit = logs.amax(-1, keepdim=True) if exponent >= 0 else logs.amin(-1, keepdim=True)
    return (exponent * (logs - unit)).exp() * alive[:, None, :], unit


def _lower_gram(h: Tensor, rows: int = 200) -> Tensor:
    """HHᵀ on and below its diagonal, by blocks of rows; what lies above is not all there: nearly half the products saved."""
    d = h.shape[-2]
    gram = h.new_zeros(*h.shape[:-2], d, d)
    for start in range(0, d, rows):
        end = min(start + rows, d)
        gram[..., start:end, :end] = h[..., start:end, :] @ h[..., :end, :].mT
    return gram


def _left_singular(h: Tensor, count: int, through: str) -> tuple[Tensor, Tensor]:
    """Leading singular values and left singular vectors, with the signs that the SVD or the eigenvectors happen to have."""
    if through == "gram":
        energy, u = torch.linalg.eigh(_lower_gram(h), UPLO="L")
        sigma = energy.clamp(min=0).sqrt().flip(-1)[:, :count]
        kept = sigma > DEAD * sigma[:, :1]
        if (sigma >= SAFE * sigma[:, :1])[kept].all():
            return sigma, u.flip(-1)[..., :count]
    u, sigma, _ = torch.linalg.svd(h, full_matrices=False)
    return sigma[:, :count], u[..., :count]
