"""From measurements to a verdict, its card and the checks of all of them: by the registry, and judged anew when it changes."""

import json
import re

import numpy as np
import pytest
import yaml
from books import run

from utils.claims import RECORD, again, collect, judge, published, registry
from utils.files import ROOT
from utils.stats import text
from utils.stats.measurement import Measurement

RNG = np.random.default_rng(0)
THM1 = registry()["thm1"]


def around(mean):
    return RNG.normal(mean, 0.01, 100)


def judged(mean, control=-1.0, label="width 8", scale="made up"):
    """thm1 on made-up samples: slack 1 - mean."""
    controls = {name: [Measurement("control", around(1 - control), 1.0)] for name in THM1["controls"]}
    return judge("thm1", [Measurement(label, around(mean), 1.0)], controls=controls, scale=scale)


# Judging.


def test_a_bounded_range_is_refuted_from_above_too_and_published_values_cannot_be_adjusted():
    def printed(shift, factor=1):
        found = published("fig2a").items()
        return [Measurement(label, around(value + shift), value, factor * unit) for label, (value, unit) in found]

    verdict = judge("fig2a", printed(0), controls={"vanilla network": printed(1)}, scale="made up")
    assert verdict.verdict == "supported" and verdict.controls[0]["verdict"] == "refuted"
    with pytest.raises(ValueError, match="exactly the registry's published values"):
        judge("fig2a", printed(0, 10), controls={"vanilla network": printed(1, 10)}, scale="")


def test_controls_must_be_the_registered_ones_and_claims_registered():
    for claim, error, words in (("thm1", ValueError, "the registry has"), ("fig99", KeyError, "fig99")):
        with pytest.raises(error, match=words):
            judge(claim, [Measurement("width 8", around(0), 1.0)], controls={"another": []}, scale="")


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
    first = judge("lemma7", computed, controls=controls, scale="made up")
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
    for field, value in (("alpha", 1e-9), ("statement", "in other words")):
        monkeypatch.setitem(THM1, field, value)
        assert again(stored(first)).record()[field] == value
    assert again(stored(first)).interval[0] < first.interval[0]


def test_the_claims_rule_sets_the_interval_and_what_its_error_rate_is_worth(monkeypatch):
    first = judged(0.5)
    assert first.rate == "nominal" and "nominal error rate 1·10⁻⁴" in first._repr_mimebundle_()[0]["text/html"]
    monkeypatch.setitem(THM1, "rule", "median")
    anew = again(stored(first))
    assert anew.rate == "guaranteed" and anew.interval != first.interval
    assert "guaranteed error rate 1·10⁻⁴" in anew._repr_mimebundle_()[0]["text/html"]
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
    trained = {"04_sgd_speedup", "06_convnets", "07_training_without_bn"}
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
    verdict = judged(0.5, label="<script>", scale="a < b")
    shown = verdict._repr_mimebundle_()[0]
    assert f'id="{verdict.anchor}"' in shown["text/html"] and "supported" in shown["text/plain"]
    assert "<script>" not in shown["text/html"] and "a &lt; b; 1 setting," in shown["text/html"]
    # What claims.json promises of every claim, see design notes.
    promised = "id item statement verdict estimate interval expected published seeds alpha rate detectable scale controls notebook anchor"
    assert set(promised.split()) < set(verdict.record()) and "evidence" not in verdict.record()


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
