import math
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn

from utils.files import ROOT
from utils.metrics import orthogonality_gap
from utils.networks import linear_maps, mlp, representations, weight_normalized
from utils.networks.convnet import convnet
from utils.networks.data import task
from utils.networks.init import standard
from utils.networks.train import accuracy, gaps, gradient_norms, logit_gap, train
from utils.seeding import generator_for

X, Y, X_TEST, Y_TEST = task("digits", scale="symmetric")


def held_out(network):
    return accuracy(network, X_TEST, Y_TEST, replicas=2)


def built(seeds, depth=3, **options):
    network = mlp(features=64, width=16, depth=depth, classes=10, replicas=len(seeds), **options)
    standard(network, "xavier", generators=[generator_for(seed, "weights") for seed in seeds])
    return network


def trained(seeds, *, network=None, labels=Y, **options):
    network = network or built(seeds)
    common = {"learning_rate": 0.05, "batch_size": 100, "steps": 30}
    common["watch"] = partial(gaps, probe=X_TEST[:16].T.expand(len(seeds), -1, -1))
    return network, train(network, X, labels, seeds=seeds, **common | options)


@pytest.mark.parametrize(("norm", "clip"), [(None, None), (None, 0.3), ("batch", 0.3), ("weight", 0.3)])
def test_each_replica_trains_and_is_clipped_as_in_a_plain_torch_loop_alone(norm, clip):
    """Two replicas together, the second with much the larger gradient; the same start and batches for it alone."""

    def start(seeds):
        network = built(seeds, norm=None if norm == "weight" else norm)
        with torch.no_grad():
            linear_maps(network)[-1].weight[-1] *= 5
        return weight_normalized(network) if norm == "weight" else network

    network, history = trained([2, 3], steps=20, network=start([2, 3]), clip=clip)
    _, otherwise = trained([2, 3], steps=20, network=start([2, 3]), clip=None if clip else 1e6)
    same = torch.allclose(history.loss[1:], otherwise.loss[1:], rtol=0.01)
    assert same == (clip is None), "a high threshold clips nothing, this one does"
    alone = start([3])
    optimizer = torch.optim.SGD(alone.parameters(), lr=0.05)
    losses = []
    for step in range(20):
        epoch, position = divmod(step, len(X) // 100)
        order = torch.randperm(len(X), generator=generator_for(3, "order", epoch))
        batch = order[position * 100 : (position + 1) * 100]
        loss = nn.functional.cross_entropy(alone(X[batch].T[None])[0].T, Y[batch])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(alone.parameters(), clip or math.inf)
        optimizer.step()
    torch.testing.assert_close(history.loss[:, 1], torch.tensor(losses), rtol=1e-3, atol=1e-4)
    for together, apart in zip(linear_maps(network), linear_maps(alone), strict=True):
        torch.testing.assert_close(together.weight[1], apart.weight[0], rtol=1e-3, atol=1e-4)


def test_dropout_follows_from_the_seeds_and_is_off_in_what_is_measured():
    def run(seeds):
        torch.rand(1)  # the stream others use has moved on
        before, network = torch.random.get_rng_state(), built(seeds, dropout=0.3)
        _, history = trained(seeds, steps=15, network=network, watch_at=[0, 15])
        assert torch.equal(held_out(network), held_out(network))
        assert torch.equal(torch.random.get_rng_state(), before) and network.training, "put back as they were"
        return history

    first, again, quiet = run([0, 1]), run([0, 1]), trained([0, 1], steps=15)[1]
    assert torch.equal(first.loss, again.loss)
    torch.testing.assert_close(first.loss[0], quiet.loss[0])  # the same start, dropout off
    assert not torch.allclose(first.loss[-1], quiet.loss[-1], rtol=0.01), "but another way from there"
    assert torch.equal(first.watched[-1]["gap_after"], again.watched[-1]["gap_after"])
    twins = run([4, 4]).loss
    assert torch.equal(twins[0, 0], twins[0, 1]) and not torch.equal(twins[-1, 0], twins[-1, 1]), "a noise of its own"


def test_training_learns_and_what_is_watched_is_true():
    network = built([0, 1])
    assert (held_out(network) < 0.4).all()
    _, history = trained([0, 1], steps=150, network=network, watch_at=[0, 75, 150])
    assert (history.loss[-10:].mean(0) < 1).all() and (history.diverged == -1).all()
    assert [seen["step"] for seen in history.watched] == [0, 75, 150]
    last = history.watched[-1]
    assert (held_out(network) > 0.8).all()
    before, after = representations(network, X_TEST[:16].T.expand(2, -1, -1))
    torch.testing.assert_close(last["gap_before"][:, -1], orthogonality_gap(before[-1]), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(last["gap_after"][:, 0], orthogonality_gap(after[0]), rtol=1e-4, atol=1e-6)
    predicted = network(X_TEST.T.expand(2, -1, -1)).argmax(1)
    torch.testing.assert_close(held_out(network)[1].item(), (predicted[1] == Y_TEST).double().mean().item())


def test_labels_at_random_are_not_learned_on_held_out_images():
    """The negative control of every accuracy here: shuffled labels leave chance."""
    shuffled = Y[torch.randperm(len(Y), generator=generator_for("shuffle"))]
    network, history = trained([0, 1], labels=shuffled, steps=150)
    assert (held_out(network) < 0.25).all() and history.loss[-10:].mean() > 2


def test_learning_rates_tried_together_are_tried_as_alone():
    """Every kind of parameter: linear maps, and the gains and biases of the normalizations."""
    for norm in (None, "batch", "layer"):
        _, together = trained([3, 3], learning_rate=[0.2, 0.02], network=built([3, 3], norm=norm))
        for replica, rate in enumerate((0.2, 0.02)):
            _, alone = trained([3], learning_rate=rate, network=built([3], norm=norm))
            torch.testing.assert_close(together.loss[:, replica], alone.loss[:, 0], rtol=1e-3, atol=1e-4)


def test_gradient_norms_are_those_of_each_replica():
    network = built([0, 1])
    x, y = X[:50], Y[:50]
    norms = gradient_norms(network, x, y, replicas=2)
    loss = nn.functional.cross_entropy(network(x.T.expand(2, -1, -1))[1].T, y)
    expected = [g[1].norm() for g in torch.autograd.grad(loss, [m.weight for m in linear_maps(network)])]
    torch.testing.assert_close(norms[1], torch.stack(expected))
    torch.testing.assert_close(gradient_norms(weight_normalized(network), x, y, replicas=2), norms)


def test_divergence_is_a_result_and_does_not_spread():
    network = built([0, 1])
    with torch.no_grad():
        for module in linear_maps(network):
            module.weight[0] *= 1e12
    _, history = trained([0, 1], network=network, watch_at=[0, 30])
    assert history.diverged[0] >= 0 and history.diverged[1] == -1
    assert torch.isnan(history.loss[-1, 0]) and torch.isfinite(history.loss[:, 1]).all()
    _, alone = trained([1])
    torch.testing.assert_close(history.loss[:, 1], alone.loss[:, 0])
    _, both = trained([0, 1], learning_rate=1e9, watch_at=[0, 30])
    assert (both.diverged >= 0).all() and [seen["step"] for seen in both.watched] == [0], "stops when nobody is left"


def test_logit_gaps_at_their_ends_and_gaps_of_dead_and_exploded_layers():
    assert logit_gap(torch.eye(10)[None]).item() == pytest.approx(0, abs=1e-6)
    assert logit_gap(torch.ones(1, 10, 40)).item() == pytest.approx(math.sqrt(2 - 2 / math.sqrt(10)))
    network = built([0, 1, 2])
    with torch.no_grad():
        linear_maps(network)[1].weight[0] = 0
        linear_maps(network)[1].weight[1] = torch.inf
    seen = gaps(network, X_TEST[:16].T.expand(3, -1, -1))
    assert seen["gap_after"].isnan().tolist() == [[False, True, True], [False, True, True], [False, False, False]]
    assert seen["gap_logits"].isnan().tolist()[1:] == [True, False]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path):
    """Kill -9 a training process between checkpoints, run the same again: the very same numbers."""
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, time, torch\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from tests.test_training import trained\n"
        "from utils.networks import train\n"
        "save = train._save\n"
        "def announcing(path, network, step, *rest):\n"
        "    save(path, network, step, *rest)\n"
        "    print('saved', step, flush=True)\n"
        "    time.sleep(60 if sys.argv[2] == 'wait' and step == 20 else 0)\n"
        "train._save = announcing\n"
        "_, history = trained([0, 1], watch_at=[0, 10, 20, 30], checkpoint=sys.argv[1])\n"
        "torch.save([history.loss, history.watched], sys.argv[1] + '.result')\n"
    )
    state = tmp_path / "state"

    def start(wait):
        command = [sys.executable, str(script), str(state), wait, str(ROOT)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    killed = start("wait")
    assert [killed.stdout.readline() for _ in range(3)] == ["saved 0\n", "saved 10\n", "saved 20\n"]
    killed.kill()
    killed.wait()
    assert list(tmp_path.glob("state*")) == [state]
    assert start("go").communicate()[0] == "saved 30\n", "goes on from step 20"
    loss, watched = torch.load(tmp_path / "state.result")
    _, undisturbed = trained([0, 1], watch_at=[0, 10, 20, 30])
    assert torch.equal(loss, undisturbed.loss) and not state.exists()
    for a, b in zip(watched, undisturbed.watched, strict=True):
        assert all(torch.equal(torch.as_tensor(a[name]), torch.as_tensor(b[name])) for name in b)


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", b"PK\x03\x04 half"])
def test_a_corrupt_checkpoint_is_not_trusted(tmp_path, damage):
    (tmp_path / "state").write_bytes(damage)
    _, history = trained([0], steps=5, watch_at=[0, 5], checkpoint=tmp_path / "state")
    torch.testing.assert_close(history.loss, trained([0], steps=5)[1].loss)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"steps": 0}, "steps=0"),
        ({"clip": 0.0}, "clip=0.0"),
        ({"watch_at": [31]}, r"watch_at=\[31\]: expected steps from 0 to 30"),
        ({"batch_size": 2000}, "batch_size=2000, expected 1 to 1437"),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate: 2 for 1 seeds"),
    ],
)
def test_bad_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        trained([0], **options)


def test_a_convnets_layers_are_watched_too():
    network = convnet(depth=5, channels=(2, 3, 4), image_channels=1, side=16, classifier=8, dropout=0.0)
    standard(network, "xavier", generators=[generator_for(0)])
    probe = torch.rand(1, 256, 6, generator=generator_for("probe"))
    seen = gaps(network, probe)
    before, _ = representations(network, probe)
    assert seen["gap_before"].shape == (1, 7)
    torch.testing.assert_close(seen["gap_before"][0, 3], orthogonality_gap(before[3])[0])
