"""The reference backend: every kernel in readable NumPy, one file per family as in cpp/kernels.

Functions write into the outputs they are given, as the C++ kernels do. Reductions go through NumPy's BLAS, so
this backend promises no bits across thread counts or batch splits.
"""

from tatamikomi.kernels.reference.activation import (
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
from tatamikomi.kernels.reference.conv import (
    col2im,
    conv_algorithms,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
    conv_forward,
    conv_pack_weight,
    im2col,
)
from tatamikomi.kernels.reference.dropout import dropout_backward, dropout_forward
from tatamikomi.kernels.reference.linear import matmul
from tatamikomi.kernels.reference.loss import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from tatamikomi.kernels.reference.norm import batch_norm_backward, batch_norm_forward, batch_norm_inference
from tatamikomi.kernels.reference.optimizer import adam_step, sgd_step
from tatamikomi.kernels.reference.pool import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from tatamikomi.kernels.reference.resize import resample
from tatamikomi.kernels.reference.sample import sample_backward_input, sample_backward_weights, sample_forward

__all__ = [
    "adam_step",
    "add_relu_forward",
    "avg_pool_backward",
    "avg_pool_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "col2im",
    "conv_algorithms",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "conv_pack_weight",
    "dropout_backward",
    "dropout_forward",
    "im2col",
    "log_softmax_backward",
    "log_softmax_forward",
    "matmul",
    "max_pool_backward",
    "max_pool_forward",
    "relu_backward",
    "relu_forward",
    "resample",
    "sample_backward_input",
    "sample_backward_weights",
    "sample_forward",
    "sgd_step",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]
