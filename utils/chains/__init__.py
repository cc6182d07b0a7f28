"""Random networks as Gram matrices: how the Gram matrix of a batch moves with depth, and gradients on the way back."""

from utils.chains.gradients import gradient_energies
from utils.chains.linear import batch_norm, bn_chain, vanilla_chain, wishart_root
from utils.chains.nonlinear import activation_chain
from utils.chains.thin import thin_drift
