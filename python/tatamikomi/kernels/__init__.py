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
from tatamikomi.kernels.dropout import dropout_backward, dropout_forward
from tatamikomi.kernels.explain import AlgorithmNote, ConvExplanation, explain_conv
from tatamikomi.kernels.linear import matmul
from tatamikomi.kernels.loss import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from tatamikomi.kernels.norm import batch_norm_backward, batch_norm_forward, batch_norm_inference
from tatamikomi.kernels.optimizer import adam_step, sgd_step
from tatamikomi.kernels.pool import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from tatamikomi.kernels.resize import resample
from tatamikomi.kernels.resize_tables import AxisTable
from tatamikomi.kernels.sample import sample_backward_input, sample_backward_weights, sample_forward

__all__ = [
    "AlgorithmNote",
    "AxisTable",
    "ConvExplanation",
    "PackedWeight",
    "adam_step",
    "add_relu_forward",
    "avg_pool_backward",
    "avg_pool_forward",
    "backend",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "col2im",
    "config",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "conv_pack_weight",
    "dropout_backward",
    "dropout_forward",
    "empty_cache",
    "explain_conv",
    "get_backend",
    "get_conv_algorithm",
    "get_num_threads",
    "get_workspace_limit",
    "im2col",
    "log_softmax_backward",
    "log_softmax_forward",
    "matmul",
    "max_pool_backward",
    "max_pool_forward",
    "memory_stats",
    "relu_backward",
    "relu_forward",
    "resample",
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
]
