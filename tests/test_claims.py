"""From measurements to a verdict, its card and the checks of all of them: by the registry, and judged anew when it changes."""

import json
import re

import jsonschema
import numpy as np
import pytest
import yaml
from books import run

from utils.claims import RECORD, again, collect, display, judge, published, registry
from utils.claims.scope import SCOPE as SCOPES
from utils.files import ROOT
from utils.stats import text
from utils.stats.measurement import Measurement

RNG = np.random.default_rng(0)
THM1 = registry()["thm1"]


def around(mean):
    return RNG.normal(mean, 0.01, 100)


SCOPE = "data: made up"


def judged(mean, control=-1.0, label="width 8", quantity="gap", scope=SCOPE):
    """thm1 on made-up samples: slack 1 - mean."""
    controls = {name: [Measurement("control", around(1 - control), 1.0)] for name in THM1["controls"]}
    return judge("thm1", {quantity: [Measurement(label, around(mean), 1.0)]}, controls=controls, scope=scope)


# Judging.


def test_a_bounded_range_is_refuted_from_above_too_and_published_values_cannot_be_adjusted():
    def printed(shift, factor=1):
        found = published("fig2a").items()
        return [Measurement(label, around(value + shift), value, factor * unit) for label, (value, unit) in found]

    verdict = judge("fig2a", {"log gap": printed(0)}, controls={"vanilla network": printed(1)}, scope=SCOPE)
    assert verdict.verdict == "supported" and verdict.controls[0]["verdict"] == "refuted"
    with pytest.raises(ValueError, match="exactly the registry's published values"):
        judge("fig2a", {"log gap": printed(0, 10)}, controls={"vanilla network": printed(1, 10)}, scope=SCOPE)


def test_controls_must_be_the_registered_ones_and_claims_registered():
    for claim, error, words in (("thm1", ValueError, "the registry has"), ("fig99", KeyError, "fig99")):
        with pytest.raises(error, match=words):
            judge(claim, {"gap": [Measurement("width 8", around(0), 1.0)]}, controls={"another": []}, scope=SCOPE)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"scope": ""}, "scope="),
        ({"scope": "made up"}, "scope="),
        ({"scope": "width:"}, "scope="),
        ({"scope": "breadth: 8"}, "some of: data, width"),
        ({"quantity": ""}, "expected what was measured"),
        ({"quantity": "[nats]"}, "expected what was measured"),
    ],
)
def test_no_verdict_without_what_was_measured_and_where(said, words):
    with pytest.raises(ValueError, match=words):
        judged(0.5, **said)
    with pytest.raises(ValueError, match="by quantity"):
        judge(
            "thm1",
            [Measurement("width 8", around(0), 1.0)],
            controls={key: [] for key in THM1["controls"]},
            scope=SCOPE,
        )


# What a reader sees of the deciding setting.


def test_the_deciding_setting_is_shown_in_its_own_unit_beside_what_it_is_compared_with():
    computed = {
        "gap": [Measurement("a", 0.25, 0.5, error=0.01)],
        "loss [nats]": [
            Measurement("b", 0.375, 0.5, error=0.02),
            Measurement("vacuous", 0.9, 2.0, limit=1.0, error=0.01),
        ],
    }
    controls = {name: computed["gap"] for name in registry()["lemma7"]["controls"]}
    verdict = judge("lemma7", computed, controls=controls, scope="width: 8; depth: 3 to 5")
    bound = {"name": "bound", "value": 0.5, "tolerance": None}
    assert verdict.where == "b" and verdict.measured == {
        "quantity": "loss", "unit": "nats", "value": 0.375, "interval": (0.355, 0.395), "compared with": bound,
    }  # fmt: skip
    assert verdict.scope == dict.fromkeys(SCOPES) | {"width": 8, "depth": "3 to 5"}
    assert display.measured(verdict.record()).replace("\N{NO-BREAK SPACE}", " ") == "loss 0.375 ± 0.020 nats, bound 0.5"
    assert display.scope(verdict.record()) == "width 8; depth 3 to 5"


def test_beside_a_published_value_stands_its_tolerance_and_the_interval_is_the_one_that_decides():
    ((label, (value, tolerance)),) = published("fig2b").items()
    samples = np.linspace(-0.5, -0.44, 16)
    controls = {"vanilla network": [Measurement(label, samples + 1, value, tolerance)]}
    verdict = judge("fig2b", {"slope": [Measurement(label, samples, value, tolerance)]}, controls=controls, scope=SCOPE)
    assert verdict.measured["compared with"] == {"name": "published", "value": value, "tolerance": tolerance}
    low, high = verdict.measured["interval"]
    # Of one setting: its distance from the published value in tolerances is what is judged.
    assert verdict.interval[1] == pytest.approx(max(abs(low - value), abs(high - value)) / tolerance)
    assert verdict.scope["seeds"] == 16


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ((-0.467, -0.4741, -0.4599), "−0.467 ± 0.007"),
        ((-0.344, -0.606, -0.082), "−0.34 ± 0.26"),
        ((-0.433, -0.836, -0.03), "−0.43 ± 0.40"),
        ((-3.0, -3.2, -2.8), "−3.0 ± 0.2"),
        ((-0.467, -0.4813, -0.4527), "−0.467 ± 0.014"),
        ((1370.2, 1340.2, 1400.2), "1,370 ± 30"),
        ((5.75e6, 5.75e6 - 1e-3, 5.75e6 + 1e-3), "5.75·10⁶"),
        ((2e-9, 1e-9, 3e-9), "2·10⁻⁹ ± 1·10⁻⁹"),
        ((0.5, 0.0, 0.6), "0.5 [0.0, 0.6]"),
        ((-0.467, -0.4705, -0.4655), "−0.4670 [−0.4705, −0.4655]"),
        ((0.5, 0.5, 0.5), "0.5"),
    ],
)
def test_a_number_has_the_digits_that_its_interval_leaves_it(found, shown):
    assert display.within(*found).replace("\N{NO-BREAK SPACE}", " ") == shown


# Judging anew, from what a shown verdict carries.


def stored(verdict):
    return json.loads(json.dumps(verdict._repr_mimebundle_()[1][RECORD], allow_nan=False))


@pytest.mark.parametrize(("mean", "verdict"), [(0.5, "supported"), (1.5, "refuted"), (1.0, "inconclusive")])
def test_a_verdict_compares_interval_and_range_and_is_the_same_judged_anew_from_what_is_stored(mean, verdict):
    first = judged(mean)
    assert first.verdict == verdict and again(stored(first)) == first


def test_computed_and_vacuous_measurements_are_judged_anew_too():
    computed = [Measurement("exact", 0.25, 0.5, error=0.01), Measurement("vacuous", 0.25, 2.0, limit=1.0, error=0.01)]
    controls = {name: computed[:1] for name in registry()["lemma7"]["controls"]}
    first = judge("lemma7", {"distance": computed}, controls=controls, scope=SCOPE)
    assert again(stored(first)) == first and first.vacuous == 1


@pytest.mark.parametrize(
    ("expected", "verdict", "control"),
    [
        ([0.7, None], "refuted", "refuted"),
        ([0.5, None], "inconclusive", "refuted"),
        ([-2, None], "supported", "supported"),
    ],
)
def test_a_changed_margin_changes_the_verdict_without_a_run(expected, verdict, control, monkeypatch):
    first = judged(0.5)  # a slack of 0.5; of −1 in the controls
    monkeypatch.setitem(THM1, "expected", expected)
    anew = again(stored(first))
    assert (anew.verdict, anew.controls[0]["verdict"]) == (verdict, control)
    assert (anew.estimate, anew.interval) == (first.estimate, first.interval)


def test_a_changed_error_rate_or_wording_is_followed_without_a_run(monkeypatch):
    first = judged(0.5)
    for field, value in (("alpha", 1e-9), ("statement", "in other words"), ("limit", "Not everywhere.")):
        monkeypatch.setitem(THM1, field, value)
        assert again(stored(first)).record()[field] == value
    assert again(stored(first)).interval[0] < first.interval[0]


def test_the_claims_rule_sets_the_interval_and_what_its_error_rate_is_worth(monkeypatch):
    first = judged(0.5)
    assert first.rate == "nominal" and "1·10⁻⁴, nominal" in first._repr_mimebundle_()[0]["text/html"]
    monkeypatch.setitem(THM1, "rule", "median")
    anew = again(stored(first))
    assert anew.rate == "guaranteed" and anew.interval != first.interval
    assert "1·10⁻⁴, guaranteed" in anew._repr_mimebundle_()[0]["text/html"]
    monkeypatch.setitem(THM1, "rule", "bounded")
    with pytest.raises(ValueError, match="expected the quantity's range"):
        again(stored(first))


def test_a_control_that_was_not_measured_is_not_judged_anew(monkeypatch):
    evidence = stored(judged(0.5))
    monkeypatch.setitem(THM1, "controls", THM1["controls"] | {"another": "refuted"})
    with pytest.raises(ValueError, match="the registry has"):
        again(evidence)


# The registry.


def test_the_registry_keeps_the_declared_error_budget():
    claims = registry()
    assert sum(c["alpha"] * (1 + len(c["controls"])) for c in claims.values()) <= 0.05
    # Paired training runs are dearer than simulated layers, and may err more often.
    trained = {"04_sgd_speedup", "06_convnets", "07_training_without_bn", "13_more_arms"}
    assert all(c["alpha"] <= (0.01 if c["notebook"] in trained else 1e-4) for c in claims.values())
    assert all((ROOT / "notebooks" / f"{c['notebook']}.ipynb").exists() for c in claims.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "vibes"}, "kind"),
        ({"verdict": "true"}, "verdict"),
        ({"alpha": 0.5}, "alpha"),
        ({"alpha": "1e-4"}, "alpha"),  # YAML's own idea of 1e-4
        ({"expected": [0]}, "expected"),
        ({"rule": "student"}, "rule"),
        ({"controls": {"only positive": "supported"}}, "negative control"),
        ({"verdict": "refuted"}, "positive control"),
        ({"surprise": 1}, "surprise"),
        ({"limit": ""}, "limit"),
        ({"limit": ["one", "two"]}, "limit"),
        ({}, r"is in 01_x\.yml too"),
    ],
)
def test_a_malformed_registry_is_refused(change, words, tmp_path):
    claim = {name: value for name, value in THM1.items() if name != "notebook"} | change
    for name in ("01_x", "02_y"):
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump({"claims": {"thm1": claim}}))
    with pytest.raises(ValueError, match=words):
        registry(tmp_path)


# Showing.


def test_a_shown_verdict_is_a_card_and_a_line_and_escapes_what_it_shows():
    verdict = judged(0.5, label="<script>", quantity="<b>", scope="data: a < b")
    shown = verdict._repr_mimebundle_()[0]
    assert f'id="{verdict.anchor}"' in shown["text/html"] and "supported" in shown["text/plain"]
    assert (
        "<script>" not in shown["text/html"] and "a &lt; b<" in shown["text/html"] and "&lt;b&gt;" in shown["text/html"]
    )
    cards = {limit: display.card(verdict.record() | {"limit": limit}) for limit in (None, "Not <i>")}
    assert "Limit" not in cards[None] and "Limit" in cards["Not <i>"] and "Not <i>" not in cards["Not <i>"]
    # What claims.json promises of every claim, see design notes.
    promised = "id item statement verdict estimate interval expected published seeds alpha rate detectable measured scope limit"
    assert set(f"{promised} controls notebook anchor".split()) < set(verdict.record())
    assert "evidence" not in verdict.record()
    schema = json.loads((ROOT / "utils" / "claims" / "claims.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(json.dumps(verdict.record())), schema | schema["$defs"]["claim"])


def test_a_card_is_made_without_what_a_notebook_does_not_need():
    heavy = {"jinja2", "nbformat", "matplotlib", "torch", "scipy.stats"}
    assert run(ROOT, "-c", f"import sys; import utils.claims; print({heavy} & set(sys.modules))").stdout == "set()\n"


@pytest.mark.parametrize(
    ("plain", "html"),
    [
        ("width^(−1/4), d^(−1/2)", "width<sup>−1/4</sup>, d<sup>−1/2</sup>"),
        ("2(1 − 2λ/3)^ℓ", "2(1 − 2λ/3)<sup>ℓ</sup>"),
        ("laws of W_ℓH_ℓ", "laws of W<sub>ℓ</sub>H<sub>ℓ</sub>"),
        ("a < b, xavier_uniform_ and a_node", "a &lt; b, xavier_uniform_ and a_node"),
    ],
)
def test_exponents_and_indices_are_set_as_such(plain, html):
    assert text.prose(plain) == html


def test_numbers_are_as_a_reader_expects_them():
    numbers = 0, None, -0.25, 1e-4, -2.5e-5, 1370.2, 12345678
    assert [*map(text.number, numbers)] == "0 ∞ −0.25 1·10⁻⁴ −2.5·10⁻⁵ 1,370 1.23·10⁷".split()


# What a book may be published with.


def discrepancies(*verdicts, notebooks=(THM1["notebook"],)):
    return collect.discrepancies([verdict.record() for verdict in verdicts], {"thm1": THM1}, list(notebooks))


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (lambda: [], "was not judged"),
        (lambda: [judged(1.5)], "came out refuted, the registry expects supported"),
        (lambda: [judged(1.0)], "came out inconclusive"),
        (lambda: [judged(0.5, control=1.0)], "control .* came out supported, wanted refuted"),
        (lambda: [judged(0.5), judged(0.5)], "judged 2 times"),
        (lambda: [judged(0.5)] * 200, "add up to 0.06, more than 0.05"),
    ],
)
def test_only_what_was_committed_to_is_published_and_anything_else_named(verdicts, words):
    assert re.search(words, "\n".join(discrepancies(*verdicts())))
    assert discrepancies(judged(0.5)) == []
    assert "not registered for the notebooks that ran" in discrepancies(judged(0.5), notebooks=())[0]
