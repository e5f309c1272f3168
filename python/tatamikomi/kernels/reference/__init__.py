"""The reference backend: every kernel in readable NumPy, one file per family as in cpp/kernels.

Functions write into the outputs they are given, as the C++ kernels do. Reductions go through NumPy's BLAS, so
this backend promises no bits across thread counts or batch splits.
"""

from tatamikomi.kernels.reference.activation import (
    activation_backward,
    activation_forward,
    add_relu_forward,
    log_softmax_backward,
    log_softmax_forward,
    prelu_backward,
    prelu_forward,
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
from tatamikomi.kernels.reference.half import (
    bfloat16_to_float,
    float_to_bfloat16,
    float_to_half,
    half_to_float,
    linear_bfloat16,
    linear_half,
)
from tatamikomi.kernels.reference.linear import matmul
from tatamikomi.kernels.reference.loss import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from tatamikomi.kernels.reference.norm import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_inference,
    group_norm_backward,
    group_norm_forward,
    local_response_norm_backward,
    local_response_norm_forward,
)
from tatamikomi.kernels.reference.optimizer import (
    adadelta_step,
    adagrad_step,
    adam_step,
    adamax_step,
    lamb_step,
    lion_step,
    rmsprop_step,
    sgd_step,
)
from tatamikomi.kernels.reference.pool import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    adaptive_max_pool_forward,
    avg_pool_backward,
    avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
)
from tatamikomi.kernels.reference.resize import resample
from tatamikomi.kernels.reference.sample import sample_backward_input, sample_backward_weights, sample_forward
from tatamikomi.kernels.reference.sample_images import crop, warp
from tatamikomi.kernels.reference.uniform import uniform

__all__ = [
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
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "bfloat16_to_float",
    "col2im",
    "conv_algorithms",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "conv_pack_weight",
    "crop",
    "dropout_backward",
    "dropout_forward",
    "float_to_bfloat16",
    "float_to_half",
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
    "prelu_backward",
    "prelu_forward",
    "relu_backward",
    "relu_forward",
    "resample",
    "rmsprop_step",
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
    "uniform",
    "warp",
]
