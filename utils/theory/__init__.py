"""What theory predicts: the paper's bounds, as printed and as proved, and sharper statements it does not give.

Functions of a spectrum take ``lam`` of shape (..., n), the eigenvalues of C = HᵀH/‖H‖_F² (non-negative, sum 1).
The paper's α is called ``lambda_min`` where the proof uses it and ``sigma_min`` where the statement prints it.
"""

from utils.theory.backprop import (
    epsilon_growth,
    gradient_growth,
    orthogonal_energy,
    overflow_depth,
    relu_gradient_growth,
)
from utils.theory.bounds import (
    average_bound,
    largest_gap,
    lemma4_constant,
    lemma7_bound,
    lemma8_constant,
    theorem1_bound,
    theorem1_bound_printed,
    theorem1_bound_sharp,
    theorem1_least_width,
    theorem1_stationary_width,
    theorem5_bound,
)
from utils.theory.limits import (
    centered_mean_square_gap,
    expected_square_gap,
    gap_floor,
    infinite_width_map,
    infinite_width_path,
    local_rate,
    mean_inverse_square,
    mixture_ratio,
    spectral_gap,
    stationary_w2,
    vanilla_drift,
)
from utils.theory.stationary import (
    CRITICAL_WIDTH_FITTED,
    TRACY_WIDOM_MEAN,
    bartlett_root,
    condition_number,
    conditional_w2,
    critical_width,
    diffusion_dimension,
    dimension_of_gap,
    floor_dimension,
    gaussian_limit_covariance,
    greatest_eigenvalue,
    least_eigenvalue,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    marchenko_pastur_isometry_gap,
    marchenko_pastur_moment,
    matched_dimension,
    mean_least_eigenvalue,
    mean_square_gap,
    normalized_wishart_isometry_gap,
    normalized_wishart_log_density,
    normalized_wishart_mean_square_gap,
    normalized_wishart_root,
    second_moment,
    spectral_ratio,
    stationary_isometry_gap,
    surviving_rank,
)
