"""Kernels on arrays: explicit forward and backward functions, checked, no Tensor and no tape.

Every function coerces and checks its arguments once, takes its output from the buffer pool and calls the active
backend, native or reference.
"""

from tatamikomi.kernels.activation import (
    add_relu_forward,
    log_softmax_backward,
    log_softmax_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from tatamikomi.kernels.activation_kinds import (
    ACTIVATION_KINDS,
    activation_backward,
    activation_forward,
    prelu_backward,
    prelu_forward,
)
from tatamikomi.kernels.algorithm import (
    get_conv_algorithm,
    get_workspace_limit,
    set_conv_algorithm,
    set_workspace_limit,
)
from tatamikomi.kernels.backend import backend, get_backend, set_backend
from tatamikomi.kernels.config import (
    config,
    empty_cache,
    get_num_threads,
    memory_stats,
    set_num_threads,
    show_config,
    threads,
)
from tatamikomi.kernels.conv import (
    PackedWeight,
    col2im,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
    conv_forward,
    conv_pack_weight,
    im2col,
)
from tatamikomi.kernels.dropout import dropout_backward, dropout_forward, uniform
from tatamikomi.kernels.explain import AlgorithmNote, ConvExplanation, explain_conv
from tatamikomi.kernels.half import (
    bfloat16_to_float,
    float_to_bfloat16,
    float_to_half,
    half_to_float,
    linear_bfloat16,
    linear_half,
)
from tatamikomi.kernels.linear import matmul
from tatamikomi.kernels.loss import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from tatamikomi.kernels.norm import batch_norm_backward, batch_norm_forward, batch_norm_inference
from tatamikomi.kernels.norm_group import group_norm_backward, group_norm_forward
from tatamikomi.kernels.norm_local import local_response_norm_backward, local_response_norm_forward
from tatamikomi.kernels.optimizer import adam_step, adamax_step, nadam_step, radam_step, sgd_step
from tatamikomi.kernels.optimizer_adaptive import adadelta_step, adagrad_step, lamb_step, lion_step, rmsprop_step
from tatamikomi.kernels.pool import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from tatamikomi.kernels.pool_adaptive import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    adaptive_max_pool_forward,
)
from tatamikomi.kernels.resize import resample
from tatamikomi.kernels.resize_tables import AxisTable
from tatamikomi.kernels.sample import sample_backward_input, sample_backward_weights, sample_forward
from tatamikomi.kernels.sample_images import crop, warp

__all__ = [
    "ACTIVATION_KINDS",
    "AlgorithmNote",
    "AxisTable",
    "ConvExplanation",
    "PackedWeight",
    "activation_backward",
    "activation_forward",
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "adaptive_avg_pool_backward",
    "adaptive_avg_pool_forward",
    "adaptive_max_pool_forward",
    "add_relu_forward",
    "avg_pool_backward",
    "avg_pool_forward",
    "backend",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "bfloat16_to_float",
    "col2im",
    "config",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "conv_pack_weight",
    "crop",
    "dropout_backward",
    "dropout_forward",
    "empty_cache",
    "explain_conv",
    "float_to_bfloat16",
    "float_to_half",
    "get_backend",
    "get_conv_algorithm",
    "get_num_threads",
    "get_workspace_limit",
    "group_norm_backward",
    "group_norm_forward",
    "half_to_float",
    "im2col",
    "lamb_step",
    "linear_bfloat16",
    "linear_half",
    "lion_step",
    "local_response_norm_backward",
    "local_response_norm_forward",
    "log_softmax_backward",
    "log_softmax_forward",
    "matmul",
    "max_pool_backward",
    "max_pool_forward",
    "memory_stats",
    "nadam_step",
    "prelu_backward",
    "prelu_forward",
    "radam_step",
    "relu_backward",
    "relu_forward",
    "resample",
    "rmsprop_step",
    "sample_backward_input",
    "sample_backward_weights",
    "sample_forward",
    "set_backend",
    "set_conv_algorithm",
    "set_num_threads",
    "set_workspace_limit",
    "sgd_step",
    "show_config",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "threads",
    "uniform",
    "warp",
]
