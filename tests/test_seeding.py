import pytest
import torch

from utils.seeding import generator_for


def draw(*key):
    return torch.randn(4, generator=generator_for(*key))


def test_streams_follow_the_key_and_nothing_else_and_an_empty_one_is_refused():
    first = draw(0, "a", 1)
    torch.randn(10)
    draw(0, "b", 1)
    assert torch.equal(first, draw(0, "a", 1))
    assert not torch.equal(first, draw(1, "a", 1))
    assert not torch.equal(draw(0, "a1"), draw(0, "a", 1))
    with pytest.raises(ValueError, match="needs a key"):
        generator_for()
