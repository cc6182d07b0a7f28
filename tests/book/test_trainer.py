"""The trainer in the page against the one in Python, number by number in double precision; and the page as a reader uses it.

Numbers are compared a second time with a trainer that makes one mistake, and must differ.
"""

import json
import re

import pytest
import torch
from built import leaving

from utils.files import ROOT
from utils.networks.data import task
from utils.networks.init import identity_like, orthogonalising_weight
from utils.networks.perceptron import linear_maps, mlp, representations
from utils.networks.train import gaps, train
from utils.seeding import generator_for

STATIC = ROOT / "book" / "_static"
SOURCE = "\n".join(
    (STATIC / name).read_text(encoding="utf-8")
    for name in ("explorer-sampler.js", "trainer-digits.js", "trainer-network.js")
)
ARMS = ("xavier", "identity", "permutation", "slice", "bn")
STEPS, SIZE, HELD_OUT = 20, 32, 64
TRAINER = "book/trainer.html"
DONE = "#trainer[aria-busy=false]"


@pytest.fixture(scope="module")
def trainer(browser):
    """``trainer(body, value, broken=None)``: what the JavaScript function body returns, given ``t`` and ``value``."""
    page = browser.new_page()

    def evaluate(body, value, broken=None):
        source = SOURCE
        for old, new in [broken] if broken else []:
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        before = f"""{source}
            const sampler = companionSampler(), t = companionTrainer(sampler);
            const learned = TRAINER_DIGITS.slice(0, -{HELD_OUT}), images = learned.map((one) => one.image);
            const network = t.initialized(value.arm, {{ depth: value.depth, seed: 1, images }});
            const pick = (at) => [t.columns(at.map((i) => images[i])), at.map((i) => learned[i].label)];
            const plain = (arrays) => (arrays ?? []).map((array) => [...array]);"""
        return json.loads(page.evaluate(f"(value) => JSON.stringify((() => {{ {before}\n{body} }})())", value))

    yield evaluate
    page.close()


def digits():
    """The same images in Python, in double precision."""
    return [z.double() if z.is_floating_point() else z for z in task("digits", scale="symmetric")]


def batches():
    """The first batches of Python's trainer: row i has the images of step i."""
    order = torch.randperm(len(digits()[0]), generator=generator_for(0, "order", 0))
    return order[: STEPS * SIZE].unflatten(0, (STEPS, SIZE))


def in_python(arm, weights):
    """Python's network with the page's weights."""
    norm = "batch" if arm == "bn" else None
    network = mlp(features=64, width=64, depth=len(weights) - 1, classes=10, norm=norm).double()
    for module, values in zip(linear_maps(network), weights, strict=True):
        module.weight.data = torch.tensor(values, dtype=torch.float64).reshape(module.weight.shape)
    return network


RUN = """
    const [x, labels] = pick(value.batches[0]), weights = plain(network.weights);
    const held = t.columns(TRAINER_DIGITS.slice(-64).map((one) => one.image)), start = t.measured(network, held, 64);
    const found = t.gradients(network, x, labels);
    const gradients = [found.weights, found.gains, found.biases].map(plain);
    return { weights, start, gradients, losses: value.batches.map((at) => t.step(network, ...pick(at), 0.01)) };
"""


def deviations(trainer, arm, depth=10, broken=None):
    """Of the page's trainer from Python's: relative of gradients and of what is watched, absolute of losses."""
    theirs = trainer(RUN, {"arm": arm, "depth": depth, "batches": batches().tolist()}, broken)
    x, y, x_test, _ = digits()
    network = in_python(arm, theirs["weights"])
    first = batches()[0]
    loss = torch.nn.functional.cross_entropy(network(x[first].T[None]), y[first][None])
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    # Python's order is layer by layer: weight, gain, bias; the readout has a weight alone.
    weights, gains, biases = theirs["gradients"]
    flat = (
        [part for layer in zip(weights, gains, biases, strict=False) for part in layer] if arm == "bn" else weights[:-1]
    )
    pairs = [(torch.tensor(a), b.flatten()) for a, b in zip([*flat, weights[-1]], gradients, strict=True)]
    probe = x_test[:HELD_OUT].T[None]
    before, after = representations(network, probe)
    passing = [float(a.square().sum() / b.square().sum()) for b, a in zip(before, after, strict=True)]
    pairs += [
        (torch.tensor(theirs["start"]["gap"]), gaps(network, probe)["gap_after"][0]),
        (torch.tensor(theirs["start"]["passing"]), torch.tensor(passing)),
    ]
    relative = [float((a - b).norm() / b.norm()) for a, b in pairs]
    losses = train(network, x, y, seeds=[0], learning_rate=0.01, batch_size=SIZE, steps=STEPS).loss[:, 0]
    return {
        "gradient": max(relative[:-2]),
        "watched": max(relative[-2:]),
        "loss": float((torch.tensor(theirs["losses"]) - losses).abs().max()),
    }


@pytest.fixture(autouse=True)
def double():
    """torch in double precision, for these tests alone."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("arm", ARMS)
def test_gradients_losses_and_what_is_watched_are_pythons(trainer, arm):
    found = deviations(trainer, arm)
    assert found["gradient"] < 1e-10
    assert found["watched"] < 1e-10
    assert found["loss"] < 1e-6


def test_deep_with_bn_rounding_decides_the_losses_and_gradients_agree_all_the_same(trainer):
    """Gradients explode there, so that the page's text says so, and losses are compared at depth 10."""
    found = deviations(trainer, "bn", depth=30)
    assert found["gradient"] < 1e-10
    assert found["loss"] > 1e-3


MISTAKES = {
    "no derivative of ReLU": ("gradient", "xavier", "before[layer - 1][at] > 0 ? value : 0", "value"),
    "BN's statistics taken as constants": ("gradient", "bn", " - bias[i] / n - (unit[layer][j] * gain[i]) / n", ""),
    "BN's bias does not learn": ("loss", "bn", '["weights", "gains", "biases"]', '["weights", "gains"]'),
    "the rate halved": ("loss", "identity", "-= rate * g", "-= 0.5 * rate * g"),
    "the gap of another batch size": ("watched", "slice", "trace - 1 / n", "trace - 2 / n"),
    "energy after over after": ("watched", "xavier", "energy(inputs[layer + 1]) / energy(z)", "energy(inputs[layer + 1]) / energy(inputs[layer + 1])"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(trainer, mistake):
    what, arm, old, new = MISTAKES[mistake]
    assert deviations(trainer, arm, broken=(old, new))[what] > 1e-3


def weights(trainer, arm, broken=None):
    """At the start: first layer, hidden layers, readout, and the images that the slice is computed from."""
    body = "return [plain(network.weights), t.shuffled(images.length, sampler.generator(1, 3)).slice(0, 192)]"
    (first, *hidden, readout), chosen = trainer(body, {"arm": arm, "depth": 10}, broken)
    return torch.tensor(first).reshape(64, 64), torch.tensor(hidden).reshape(-1, 64, 64), torch.tensor(readout), chosen


def test_arms_share_first_layer_and_readout_and_hidden_weights_are_each_arms_own(trainer):
    starts = {arm: weights(trainer, arm) for arm in ARMS}
    first, xavier, readout, _ = starts["xavier"]
    assert all(torch.equal(w[0], first) and torch.equal(w[2], readout) for w in starts.values())
    assert torch.equal(starts["bn"][1], xavier)
    # Uniform within Xavier's bound with gain √2; the variance to four standard errors of 9 · 4096 weights.
    assert xavier.abs().max() <= (12 / 128) ** 0.5
    assert float(xavier.var()) == pytest.approx(12 / 128 / 3, rel=4 * (0.8 / xavier.numel()) ** 0.5)
    eye = identity_like(xavier, 64)
    assert torch.equal(starts["identity"][1], eye)
    permutation = starts["permutation"][1]
    assert torch.equal(permutation @ permutation.mT, eye) and len({str(w.argmax(1)) for w in permutation}) == 9


def slice_deviation(trainer, broken=None):
    """Largest relative deviation of a slice's weights from Python's."""
    first, hidden, _, chosen = weights(trainer, "slice", broken)
    h, found = (first @ digits()[0][chosen].T).relu(), []
    for w in hidden:
        expected = orthogonalising_weight(h[None], 64, basis="slice", through="svd")[0]
        found.append(float((w - expected).norm() / expected.norm()))
        h = (w @ h).relu()
    return max(found)


def test_the_slice_is_pythons_and_another_exponent_is_seen(trainer):
    assert slice_deviation(trainer) < 1e-7
    assert slice_deviation(trainer, ("sigma[k] ** -3.5", "sigma[k] ** -4")) > 1e-3


def test_xavier_stays_high_and_the_identity_learns(trainer):
    """150 steps at depth 30 and rate 0.01, means of fifteen steps."""
    body = """return Array.from({ length: 150 }, (_, step) =>
        t.step(network, ...pick(t.batch(step, { images: images.length, size: 32, seed: 1 })), 0.01))"""
    xavier, identity = (
        torch.tensor(trainer(body, {"arm": arm, "depth": 30})).unfold(0, 15, 1).mean(1)
        for arm in ("xavier", "identity")
    )
    assert xavier.min() > 1.5
    assert identity[-1] < 0.4


def test_an_epoch_has_every_image_at_most_once_and_the_next_another_order(trainer):
    body = "return Array.from({ length: 88 }, (_, step) => t.batch(step, value))"
    order = torch.tensor(trainer(body, {"images": 1437, "size": SIZE, "seed": 3, "arm": "identity", "depth": 10}))
    first, second = order[:44].flatten(), order[44:].flatten()
    assert len(first.unique()) == len(second.unique()) == 44 * SIZE
    assert not torch.equal(first, second)


# ---------------------------------------------------------------- the page
def part(page, name):
    return page.locator(f"[data-part={name}]")


def knobs(page):
    return {name: part(page, name).input_value() for name in ("depth", "rate", "steps", "seed")}


def chosen(page):
    return [arm for arm in ARMS if part(page, arm).is_checked()]


QUICK = "#depth10-rate0p03-steps20-seed3-"


@pytest.mark.parametrize("where", ["site", "disk"])
def test_it_trains_draws_and_says_what_is_seen(where, visit, request):
    page = visit(request.getfixturevalue(where) + TRAINER + QUICK + "-".join(ARMS))
    page.wait_for_selector(DONE, timeout=60_000)
    words = part(page, "summary").inner_text()
    assert re.match(r"Depth 10, learning rate 0.03, after 20 of 20 steps. Loss: Xavier \d.*, identity \d", words)
    assert leaving(page) == page.failed == page.complaints == []
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x > 0)"
    plots = [part(page, name).locator("canvas") for name in ("loss", "gap", "passing")]
    assert all(plot.evaluate(drawn) for plot in plots)
    assert all(len(plot.get_attribute("aria-label")) > 40 and plot.get_attribute("role") == "img" for plot in plots)
    page.get_by_text("The numbers").click()
    page.wait_for_function("document.querySelectorAll('[data-part=rows] tr').length === 5")
    part(page, "gap").hover(position={"x": part(page, "gap").bounding_box()["width"] - 14, "y": 60})
    assert re.match(r"\(layer 10: Xavier [\d.]+, identity [\d.]+", part(page, "gap-hovered").inner_text())


def test_an_address_restores_a_setting_and_its_numbers(site, visit):
    first = visit(site + TRAINER + QUICK + "identity-bn")
    first.wait_for_selector(DONE, timeout=60_000)
    assert knobs(first) == {"depth": "10", "rate": "0.03", "steps": "20", "seed": "3"} and chosen(first) == [
        "identity",
        "bn",
    ]
    part(first, "bn").uncheck()
    first.wait_for_url(re.compile("identity$"))
    first.wait_for_selector(DONE)
    second = visit(first.url)
    second.wait_for_selector(DONE)
    assert chosen(second) == ["identity"]
    assert part(second, "summary").inner_text() == part(first, "summary").inner_text()
    # Presets are links, and back goes back.
    second.get_by_role("link", name="BN at a higher rate").click()
    second.wait_for_function("document.querySelector('[data-part=rate]').value === '0.1'")
    second.go_back()
    second.wait_for_function("document.querySelector('[data-part=rate]').value === '0.03'")


def test_pause_holds_and_steps_go_one_by_one(site, visit):
    page = visit(site + TRAINER + "#depth40-rate0p01-steps1000-seed1-xavier")
    page.wait_for_function("/^step [1-9]/.test(document.querySelector('[data-part=at]').textContent)", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    seen = ["", part(page, "at").inner_text()]
    while seen[-1] != seen[-2] and len(seen) < 20:  # the steps in hand are finished first
        page.wait_for_timeout(1000)
        seen.append(part(page, "at").inner_text())
    held = seen[-1]
    assert held == seen[-2]
    page.get_by_role("button", name="Step").click()
    page.wait_for_function(f"document.querySelector('[data-part=at]').textContent !== '{held}'")
    at = int(re.search(r"\d+", held)[0])
    assert part(page, "at").inner_text() == f"step {at + 1} of 1000"
    assert f"after {at + 1} of 1000 steps" in part(page, "summary").inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("/left$/.test(document.querySelector('[data-part=at]').textContent)", timeout=60_000)


def test_what_is_out_of_range_is_said_and_changes_nothing(site, visit):
    page = visit(site + TRAINER + "#depth99-rate7-nowhere-%3Cb%3E-steps10-identity")
    page.wait_for_selector(DONE, timeout=60_000)
    said = part(page, "said").inner_text()
    assert "depth 99, expected a whole number from 10 to 40; it is 40" in said and "learning rate 7, expected" in said
    assert "nowhere" in said and page.complaints == []
    for name, typed in (("depth", "9"), ("depth", "12.5"), ("rate", "0"), ("steps", "1e9"), ("seed", "-1")):
        before = knobs(page)
        part(page, name).fill(typed)
        part(page, name).press("Enter")
        said = part(page, "said").inner_text()
        assert "expected a" in said and said.endswith(f"Nothing has changed: it is still {before[name]}.")
        assert part(page, name).get_attribute("aria-invalid") == "true" and part(page, name).input_value() == typed
        part(page, name).fill(before[name])
        part(page, name).press("Enter")
        assert part(page, "said").inner_text() == ""
    part(page, "identity").click()
    assert chosen(page) == ["identity"] and "identity stays" in part(page, "said").inner_text()


def test_by_keys_alone(site, visit):
    page = visit(site + TRAINER + QUICK + "xavier")
    page.wait_for_selector(DONE, timeout=60_000)

    def press(name, *keys):
        """Keys where the Tab key has led to."""
        for _ in range(120):
            if page.evaluate("document.activeElement.dataset.part") == name:
                break
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.part") == name, "cannot be reached with the Tab key"
        for key in keys:
            page.keyboard.press(key)

    press("identity", "Space")
    press("depth", "ArrowUp")
    press("depth-slider", "ArrowRight")
    press("rate-slider", "Home")
    press("steps", "Control+a", "1", "5")
    press("seed", "ArrowUp")
    assert knobs(page) == {"depth": "12", "rate": "0.0001", "steps": "15", "seed": "4"}
    page.wait_for_url(re.compile("#depth12-rate0p0001-steps15-seed4-xavier-identity$"))
    page.wait_for_selector(DONE, timeout=60_000)
    press("play", "Enter")
    page.wait_for_function("/after 15 of 15/.test(document.querySelector('[data-part=summary]').textContent)")


def test_with_reduced_motion_nothing_starts_by_itself(site, visit):
    page = visit(site + TRAINER + QUICK + "identity")
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.wait_for_selector(DONE)
    page.wait_for_timeout(500)
    assert part(page, "at").inner_text() == "step 0 of 20"
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("/after 20 of 20/.test(document.querySelector('[data-part=summary]').textContent)")


def test_a_rate_that_explodes_is_said_and_is_no_error(site, visit):
    page = visit(site + TRAINER + "#depth40-rate1-steps20-seed1-identity-slice-bn")
    page.wait_for_selector(DONE, timeout=60_000)
    words = part(page, "summary").inner_text()
    assert "slice diverged at step" in words and "nothing left to measure" in words
    assert "NaN" not in words and "Infinity" not in words
    assert page.complaints == []
