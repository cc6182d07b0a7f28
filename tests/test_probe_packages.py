"""The probe on models that packages from PyPI make, where they are installed: ``pip install efficientnet-pytorch x-transformers transformers``."""

import pytest
import torch

from utils.probe import diagnose, probe


def efficientnet():
    models = pytest.importorskip("efficientnet_pytorch")
    return models.EfficientNet.from_name("efficientnet-b0"), torch.randn(8, 3, 64, 64), {"convolution": 81, "linear": 1}


def decoder():
    models = pytest.importorskip("x_transformers")
    layers = models.Decoder(dim=32, depth=2, heads=2)
    model = models.TransformerWrapper(num_tokens=50, max_seq_len=16, attn_layers=layers)
    return model, torch.randint(0, 50, (8, 12)), {"linear": 13}


def bert():
    models = pytest.importorskip("transformers")
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return models.BertModel(models.BertConfig(**small)), torch.randint(0, 50, (8, 12)), {"linear": 13}


@pytest.mark.slow
@pytest.mark.parametrize("make", [efficientnet, decoder, bert])
def test_a_model_from_a_package_is_measured_and_left_as_it_was(make):
    model, batch, kinds = make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    table = probe(model.train(), batch)
    called = table[table.call > 0]
    assert {kind: sum(called.kind == kind) for kind in kinds} == kinds
    assert called[called.kind.isin(kinds)].gap.notna().all()
    assert all(x.sentence and x.page for x in diagnose(table))
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert model.training and not any(module._forward_hooks for module in model.modules())
