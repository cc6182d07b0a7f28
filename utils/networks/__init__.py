"""Networks that train: layers, architectures, initializations, SGD, data."""

from utils.networks.perceptron import (
    evaluating,
    hidden_maps,
    linear_maps,
    mlp,
    representations,
    weight_matrices,
    weight_normalized,
)
