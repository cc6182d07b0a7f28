import json
import re

import numpy as np
import pytest
import yaml

from utils.claims import RECORD, collect, display, judge, published, registry
from utils.files import ROOT
from utils.stats.measurement import Measurement

RNG = np.random.default_rng(0)


def around(mean):
    return RNG.normal(mean, 0.01, 100)


def judged(mean, control=-1.0):
    """thm1 on made-up samples: slack 1 - mean."""
    controls = {name: [Measurement("control", around(1 - control), 1.0)] for name in registry()["thm1"]["controls"]}
    return judge("thm1", [Measurement("cell", around(mean), 1.0)], controls=controls, scale="made up")


@pytest.mark.parametrize(("mean", "verdict"), [(0.5, "supported"), (1.5, "refuted"), (1.0, "inconclusive")])
def test_verdict_compares_the_interval_with_the_expected_range(mean, verdict):
    assert judged(mean).verdict == verdict


def test_a_bounded_range_is_refuted_from_above_too():
    cells = [
        Measurement(label, np.full(50, value) + around(0)[:50], value, unit)
        for label, (value, unit) in published("fig2a").items()
    ]
    shifted = [Measurement(c.label, c.samples + 1, c.target, c.tolerance) for c in cells]
    verdict = judge("fig2a", cells, controls={"vanilla network": shifted}, scale="made up")
    assert verdict.verdict == "supported"
    assert verdict.controls[0]["verdict"] == "refuted"


def test_controls_must_be_the_registered_ones():
    with pytest.raises(ValueError, match="the registry has"):
        judge(
            "thm1",
            [Measurement("cell", around(0), 1.0)],
            controls={"another": [Measurement("c", around(2), 1.0)]},
            scale="",
        )


def test_published_values_cannot_be_adjusted_in_a_notebook():
    cells = [Measurement(label, around(value), value, 10 * unit) for label, (value, unit) in published("fig2a").items()]
    with pytest.raises(ValueError, match="exactly the registry's published values"):
        judge("fig2a", cells, controls={"vanilla network": cells}, scale="")


def test_unknown_claims_are_named():
    with pytest.raises(KeyError, match="fig99"):
        judge("fig99", [], controls={}, scale="")


def test_registry_keeps_the_declared_error_budget():
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
        ({"alpha": "1e-4"}, "alpha"),
        ({"expected": [0]}, "expected"),
        ({"controls": {"only positive": "supported"}}, "negative control"),
        ({"verdict": "refuted"}, "positive control"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_malformed_registry_is_refused(change, words, tmp_path):
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump({"thm1": registry()["thm1"] | change}))
    with pytest.raises(ValueError, match=words):
        registry(path)


def test_a_shown_verdict_carries_its_record_and_a_card():
    data, metadata = judged(0.5)._repr_mimebundle_()
    record = json.loads(json.dumps(metadata[RECORD]))
    for field in ("id", "item", "statement", "verdict", "estimate", "interval", "expected", "published", "seeds"):
        assert field in record
    for field in ("alpha", "detectable", "scale", "controls", "notebook", "anchor"):
        assert field in record
    assert f'id="{record["anchor"]}"' in data["text/html"]
    assert "supported" in data["text/plain"]


def test_cards_escape_what_they_show():
    verdict = judge(
        "thm1",
        [Measurement("<script>", around(0), 1.0)],
        controls={name: [Measurement("c", around(2), 1.0)] for name in registry()["thm1"]["controls"]},
        scale="a < b",
    )
    html = verdict._repr_mimebundle_()[0]["text/html"]
    assert "<script>" not in html and "a &lt; b" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("width^(−1/4), d^(−1/2)", "width<sup>−1/4</sup>, d<sup>−1/2</sup>"),
        ("2(1 − 2λ/3)^ℓ", "2(1 − 2λ/3)<sup>ℓ</sup>"),
        ("laws of W_ℓH_ℓ", "laws of W<sub>ℓ</sub>H<sub>ℓ</sub>"),
        ("a < b, xavier_uniform_ and a_node", "a &lt; b, xavier_uniform_ and a_node"),
    ],
)
def test_exponents_and_indices_are_set_as_such(text, html):
    assert display.prose(text) == html


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (None, "∞"),
        (-0.25, "−0.25"),
        (1e-4, "1·10⁻⁴"),
        (-2.5e-5, "−2.5·10⁻⁵"),
        (1370.2, "1,370"),
        (12345678, "1.23·10⁷"),
    ],
)
def test_numbers_as_a_reader_expects_them(x, text):
    assert display.number(x) == text


def discrepancies(records):
    claims = {"thm1": registry()["thm1"]}
    return collect.discrepancies(records, claims, [registry()["thm1"]["notebook"]])


def test_ledger_accepts_what_was_committed_to():
    assert discrepancies([judged(0.5)._repr_mimebundle_()[1][RECORD]]) == []


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (lambda: [], "was not judged"),
        (lambda: [judged(1.5)], "came out refuted, the registry expects supported"),
        (lambda: [judged(1.0)], "came out inconclusive"),
        (lambda: [judged(0.5, control=1.0)], "control .* came out supported, wanted refuted"),
        (lambda: [judged(0.5), judged(0.5)], "judged 2 times"),
        (lambda: [judged(0.5)] * 200, "add up to 0.06, more than 0.05"),
    ],
)
def test_ledger_says_what_is_wrong(records, words):
    found = discrepancies([v._repr_mimebundle_()[1][RECORD] for v in records()])
    assert found and any(re.search(words, sentence) for sentence in found)


def test_ledger_refuses_a_claim_of_a_notebook_that_did_not_run():
    record = judged(0.5)._repr_mimebundle_()[1][RECORD]
    assert "not registered for the notebooks that ran" in collect.discrepancies([record], registry(), [])[0]
