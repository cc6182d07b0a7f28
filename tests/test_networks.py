import pytest
import torch
from torch import nn

from utils.networks import (
    evaluating,
    hidden_maps,
    linear_maps,
    mlp,
    representations,
    weight_matrices,
    weight_normalized,
)
from utils.networks.convnet import convnet
from utils.networks.init import standard
from utils.networks.layers import ACTIVATIONS
from utils.seeding import generator_for


def built(replicas=3, **options):
    network = mlp(**({"features": 12, "width": 8, "depth": 4, "classes": 5, "replicas": replicas} | options))
    standard(network, "xavier", generators=[generator_for(seed) for seed in range(replicas)])
    return network


TORCHS_OWN = {
    None: lambda width: [],
    "batch": lambda width: [nn.BatchNorm1d(width, track_running_stats=False)],
    "layer": lambda width: [nn.LayerNorm(width)],
    "rms": lambda width: [nn.RMSNorm(width)],
}


def plain(network, replica, norm=None, activation=nn.ReLU):
    """The same replica as a user of torch would write it: nn.Linear, nn.BatchNorm1d, rows are samples."""
    layers = []
    for weight in (module.weight[replica].detach() for module in linear_maps(network)):
        linear = nn.Linear(*weight.T.shape, bias=False)
        linear.weight = nn.Parameter(weight.clone())
        layers += [linear, *TORCHS_OWN[norm](len(weight)), activation()]
    return nn.Sequential(*layers[: -1 if norm is None else -2])


@pytest.mark.parametrize("norm", [*TORCHS_OWN, "weight"])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_each_replica_is_and_learns_as_the_network_of_torchs_own_modules(norm, activation):
    """Twenty steps of SGD through gains, biases and the norms of weights: what moves is what torch would move."""
    own = None if norm == "weight" else norm
    network = built(norm=own, activation=activation).double()
    alone = plain(network, 1, own, ACTIVATIONS[activation]).double()
    if norm == "weight":
        before = network(torch.ones(3, 12, 1, dtype=torch.float64))
        weight_normalized(network)
        torch.testing.assert_close(network(torch.ones(3, 12, 1, dtype=torch.float64)), before)
        for module in alone[::2]:
            nn.utils.parametrizations.weight_norm(module)
    x = torch.randn(3, 12, 20, generator=generator_for("x"), dtype=torch.float64)
    y = torch.arange(20) % 5
    together, apart = (torch.optim.SGD(model.parameters(), lr=0.1) for model in (network, alone))
    start = network(x).detach()
    torch.testing.assert_close(start[1], alone(x[1].T).T, rtol=1e-6, atol=1e-9)
    for _ in range(20):
        together.zero_grad()
        apart.zero_grad()
        nn.functional.cross_entropy(network(x), y.expand(3, -1), reduction="none").mean(-1).sum().backward()
        nn.functional.cross_entropy(alone(x[1].T), y).backward()
        together.step()
        apart.step()
    assert (network(x)[1] - start[1]).abs().max() > 0.1
    torch.testing.assert_close(network(x)[1], alone(x[1].T).T, rtol=1e-6, atol=1e-9)


def test_dropout_is_off_in_evaluation_and_the_mode_is_put_back():
    network, without = built(dropout=0.5), built()
    x = torch.randn(3, 12, 20, generator=generator_for("x"))
    with evaluating(network):
        torch.testing.assert_close(network(x), without(x))
    assert network.training and not torch.allclose(network(x), without(x))
    with evaluating(network.eval()):
        pass
    assert not network.training


def test_representations_are_what_the_layers_compute():
    network = built(depth=2)
    x = torch.randn(3, 12, 20, generator=generator_for("x"))
    before, after = representations(network, x)
    assert len(before) == len(after) == 2
    first, second, _ = (module.weight.detach() for module in linear_maps(network))
    torch.testing.assert_close(before[0], first @ x)
    torch.testing.assert_close(after[0], (first @ x).relu())
    torch.testing.assert_close(before[1], second @ (first @ x).relu())
    assert not network[1]._forward_hooks, "hooks are removed"
    assert hidden_maps(network) == linear_maps(network)[1:-1]


def test_the_papers_convnet_has_its_sizes():
    network = convnet(depth=80)
    shapes = [tuple(module.weight.shape) for module in linear_maps(network)]
    assert shapes[:3] == [(64, 3, 3, 3), (192, 64, 3, 3), (256, 192, 3, 3)] and shapes[3:80] == [(256, 256, 3, 3)] * 77
    assert shapes[80:] == [(1, 4096, 1024), (1, 4096, 4096), (1, 10, 4096)]
    assert len(hidden_maps(network)) == 77


def test_a_convnets_replicas_are_separate_networks():
    """Each is torch's own convolutions, pooling and dense layers, of its own weights on its own images."""
    network = convnet(depth=5, channels=(2, 3, 4), image_channels=2, side=16, classifier=8, replicas=3)
    standard(network, "xavier", generators=[generator_for("convnet", i) for i in range(3)])
    for module in linear_maps(network):
        nn.init.normal_(module.bias, generator=generator_for("bias", *module.bias.shape))
    x = torch.rand(3, 2 * 16**2, 6, generator=generator_for("images"))
    with evaluating(network):
        logits = network(x)
        before, _ = representations(network, x)
    matrices = [weight_matrices(module) for module in linear_maps(network)]
    biases = [module.bias.reshape(3, -1) for module in linear_maps(network)]
    functional = nn.functional
    for replica in range(3):
        h = x[replica].T.reshape(6, 2, 16, 16)
        for layer in range(5):
            kernel = matrices[layer][replica].reshape(-1, h.shape[1], 3, 3)
            h = functional.conv2d(h, kernel, biases[layer][replica], stride=2 if layer == 0 else 1, padding=1)
            h = functional.max_pool2d(h, 2) if layer < 2 else h
            torch.testing.assert_close(before[layer][replica], h.flatten(1).T)
            h = h.relu()
        h = functional.max_pool2d(h, 2).flatten(1)
        for layer in (5, 6, 7):
            h = functional.linear(h, matrices[layer][replica], biases[layer][replica])
            h = h.relu() if layer < 7 else h
        torch.testing.assert_close(logits[replica], h.T)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: built(depth=0), "depth=0"),
        (lambda: built(replicas=0), "replicas=0"),
        (lambda: built(norm="instance"), "norm='instance', expected None or one of batch, layer, rms"),
        (lambda: built(dropout=1.0), "dropout=1.0"),
        (lambda: built(activation="relu6"), "activation='relu6', expected one of relu"),
        (lambda: convnet(depth=3), "depth=3"),
        (lambda: convnet(depth=4, side=28), "side=28, expected a multiple of 16"),
        (lambda: representations(nn.Sequential(nn.Flatten()), torch.rand(1, 2, 3)), "no activation module"),
    ],
)
def test_bad_networks_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
