"""tatamikomi's C++ kernels; tatamikomi.kernels is their checked face. Generated: nox -s stubs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

compiler: str
openmp: bool

def activation_backward(dx: NDArray[Any], dy: NDArray[Any], x: NDArray[Any], kind: str, a: float, b: float) -> None: ...
def activation_forward(y: NDArray[Any], x: NDArray[Any], kind: str, a: float, b: float) -> None: ...
def activation_kinds() -> list[str]: ...
def active_isa() -> str: ...
def adadelta_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    square_avgs: list[NDArray[Any]],
    acc_deltas: list[NDArray[Any]],
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def adagrad_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    sums: list[NDArray[Any]],
    lr: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def adam_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    exp_avgs: list[NDArray[Any]],
    exp_avg_sqs: list[NDArray[Any]],
    max_exp_avg_sqs: list[NDArray[Any]],
    rate: float,
    mean_part: float,
    grad_part: float,
    beta1: float,
    beta2: float,
    unbias: float,
    eps: float,
    shrink: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def adamax_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    exp_avgs: list[NDArray[Any]],
    exp_infs: list[NDArray[Any]],
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def adaptive_avg_pool_backward(dx: NDArray[Any], dy: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def adaptive_avg_pool_forward(y: NDArray[Any], x: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def adaptive_max_pool_forward(y: NDArray[Any], indices: Any, x: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def add_relu_forward(y: NDArray[Any], a: NDArray[Any], b: NDArray[Any]) -> None: ...
def avg_pool_backward(dx: NDArray[Any], dy: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def avg_pool_forward(y: NDArray[Any], x: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def batch_norm_backward(
    dx: NDArray[Any],
    dweight: NDArray[Any],
    dbias: NDArray[Any],
    dy: NDArray[Any],
    x: NDArray[Any],
    mean: NDArray[Any],
    invstd: NDArray[Any],
    weight: Any,
    bias: Any,
    shape: tuple[int, ...],
    relu: bool,
) -> None: ...
def batch_norm_forward(
    y: NDArray[Any],
    mean: NDArray[Any],
    invstd: NDArray[Any],
    running_mean: Any,
    running_var: Any,
    x: NDArray[Any],
    weight: Any,
    bias: Any,
    shape: tuple[int, ...],
    momentum: float,
    eps: float,
    relu: bool,
) -> None: ...
def batch_norm_inference(
    y: NDArray[Any],
    x: NDArray[Any],
    mean: NDArray[Any],
    var: NDArray[Any],
    weight: Any,
    bias: Any,
    shape: tuple[int, ...],
    eps: float,
    relu: bool,
) -> None: ...
def bfloat16_to_float(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def col2im(x: NDArray[Any], cols: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def compute_alone() -> None: ...
def conv_algorithm_names() -> list[str]:
    """all of them, in the order of their policy bits"""

def conv_algorithms(
    direction: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    policy: int,
) -> list[tuple[str, str | None, int, int, float, int]]:
    """(name, why it does not run or None, workspace bytes, elements of a pack, error, live taps), best first"""

def conv_backward_bias(dbias: NDArray[Any], dy: NDArray[Any], y: Any, shape: tuple[int, ...]) -> None: ...
def conv_backward_input(
    dx: NDArray[Any],
    dy: NDArray[Any],
    y: Any,
    weight: NDArray[Any],
    shape: tuple[int, ...],
    policy: int,
) -> None: ...
def conv_backward_weight(
    dweight: NDArray[Any],
    dbias: Any,
    dy: NDArray[Any],
    y: Any,
    x: NDArray[Any],
    shape: tuple[int, ...],
    policy: int,
) -> None: ...
def conv_forward(
    y: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: Any,
    packed: Any,
    shape: tuple[int, ...],
    relu: bool,
    policy: int,
) -> None: ...
def conv_pack_weight(packed: NDArray[Any], weight: NDArray[Any], shape: tuple[int, ...], policy: int) -> None: ...
def crop(
    y: NDArray[Any],
    x: NDArray[Any],
    samples: Any,
    places: NDArray[Any],
    mean: Any,
    std: Any,
    shape: tuple[int, ...],
    padding: int,
    fill: float,
) -> int: ...
def default_threads() -> int: ...
def dropout_backward(dx: NDArray[Any], dy: NDArray[Any], p: float, seed: int, offset: int) -> None: ...
def dropout_forward(y: NDArray[Any], x: NDArray[Any], p: float, seed: int, offset: int) -> None: ...
def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]: ...
def empty_cache() -> None: ...
def empty_like(array: NDArray[Any]) -> NDArray[Any]: ...
def find_overlap(written: list[NDArray[Any]], read: list[NDArray[Any]]) -> tuple[int, int] | None: ...
def float_to_bfloat16(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def float_to_half(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def group_norm_backward(
    dx: NDArray[Any],
    dweight: NDArray[Any],
    dbias: NDArray[Any],
    dy: NDArray[Any],
    x: NDArray[Any],
    mean: NDArray[Any],
    invstd: NDArray[Any],
    weight: Any,
    shape: tuple[int, ...],
    centred: bool,
) -> None: ...
def group_norm_forward(
    y: NDArray[Any],
    mean: NDArray[Any],
    invstd: NDArray[Any],
    x: NDArray[Any],
    weight: Any,
    bias: Any,
    shape: tuple[int, ...],
    eps: float,
    centred: bool,
) -> None: ...
def half_to_float(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def im2col(cols: NDArray[Any], x: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def is_plain(value: Any) -> bool:
    """a contiguous, aligned, native ndarray of float32 or float64"""

def isas() -> list[tuple[str, str, bool]]:
    """(name, x86-64 level, supported here), best first"""

def kernel_names() -> list[str]: ...
def lamb_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    exp_avgs: list[NDArray[Any]],
    exp_avg_sqs: list[NDArray[Any]],
    lr: float,
    beta1: float,
    beta2: float,
    unbias1: float,
    unbias2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def linear_bfloat16(
    y: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: Any,
    shape: tuple[int, ...],
    relu: bool,
) -> None: ...
def linear_half(
    y: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: Any,
    shape: tuple[int, ...],
    relu: bool,
) -> None: ...
def lion_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    exp_avgs: list[NDArray[Any]],
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    maximize: bool,
) -> None: ...
def local_response_norm_backward(
    dx: NDArray[Any],
    dy: NDArray[Any],
    x: NDArray[Any],
    shape: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> None: ...
def local_response_norm_forward(
    y: NDArray[Any],
    x: NDArray[Any],
    shape: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> None: ...
def log_softmax_backward(dx: NDArray[Any], dy: NDArray[Any], y: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def log_softmax_forward(y: NDArray[Any], x: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def matmul(
    c: NDArray[Any],
    a: NDArray[Any],
    b: NDArray[Any],
    bias: Any,
    shape: tuple[int, ...],
    relu: bool,
) -> None: ...
def max_pool_backward(
    dx: NDArray[Any],
    dy: NDArray[Any],
    indices: NDArray[Any],
    y: Any,
    shape: tuple[int, ...],
) -> bool:
    """False when an index lies outside of its plane"""

def max_pool_forward(y: NDArray[Any], indices: Any, x: NDArray[Any], shape: tuple[int, ...], relu: bool) -> None: ...
def max_threads() -> int: ...
def memory_stats() -> dict[str, int]: ...
def plain_activation(op: str, a: Any, b: Any) -> Any: ...
def plain_conv_forward(x: Any, weight: Any, options: Any, activation: Any, bias: Any, policy: Any) -> Any: ...
def plain_matmul(a: Any, b: Any, transpose_a: Any, transpose_b: Any, bias: Any, activation: Any) -> Any: ...
def prelu_backward(
    dx: NDArray[Any],
    dweight: NDArray[Any],
    dy: NDArray[Any],
    x: NDArray[Any],
    weight: NDArray[Any],
    shape: tuple[int, ...],
) -> None: ...
def prelu_forward(y: NDArray[Any], x: NDArray[Any], weight: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def relu_backward(dx: NDArray[Any], dy: NDArray[Any], y: NDArray[Any]) -> None: ...
def relu_forward(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def resample(y: NDArray[Any], x: NDArray[Any], shape: tuple[int, ...], tables: tuple[int, ...]) -> None: ...
def rmsprop_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    square_avgs: list[NDArray[Any]],
    momentum_buffers: list[NDArray[Any]],
    grad_avgs: list[NDArray[Any]],
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None: ...
def sample_backward_input(
    dx: NDArray[Any],
    dy: NDArray[Any],
    weights: NDArray[Any],
    index: NDArray[Any],
    shape: tuple[int, ...],
) -> None: ...
def sample_backward_weights(
    dweights: NDArray[Any],
    dy: NDArray[Any],
    x: NDArray[Any],
    index: NDArray[Any],
    shape: tuple[int, ...],
) -> None: ...
def sample_forward(
    y: NDArray[Any],
    x: NDArray[Any],
    weights: NDArray[Any],
    index: NDArray[Any],
    shape: tuple[int, ...],
) -> None: ...
def select_isa(name: str) -> bool:
    """False when the name is unknown or unsupported here"""

def set_max_threads(count: int) -> None: ...
def set_workspace_limit(bytes: int) -> None: ...
def sgd_step(
    params: list[NDArray[Any]],
    grads: list[NDArray[Any]],
    velocities: list[NDArray[Any]],
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
    maximize: bool,
) -> None: ...
def shape_fields() -> dict[str, list[str]]: ...
def sigmoid_backward(dx: NDArray[Any], dy: NDArray[Any], y: NDArray[Any]) -> None: ...
def sigmoid_forward(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def softmax_backward(dx: NDArray[Any], dy: NDArray[Any], y: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def softmax_cross_entropy_backward(
    dlogits: NDArray[Any],
    dlosses: NDArray[Any],
    log_probs: NDArray[Any],
    labels: NDArray[Any],
    shape: tuple[int, ...],
) -> bool: ...
def softmax_cross_entropy_forward(
    losses: NDArray[Any],
    log_probs: NDArray[Any],
    logits: NDArray[Any],
    labels: NDArray[Any],
    shape: tuple[int, ...],
) -> bool: ...
def softmax_forward(y: NDArray[Any], x: NDArray[Any], shape: tuple[int, ...]) -> None: ...
def tanh_backward(dx: NDArray[Any], dy: NDArray[Any], y: NDArray[Any]) -> None: ...
def tanh_forward(y: NDArray[Any], x: NDArray[Any]) -> None: ...
def uniform(y: NDArray[Any], indices: NDArray[Any], key: int) -> int: ...
def warp(
    y: NDArray[Any],
    x: NDArray[Any],
    matrix: NDArray[Any],
    displacement: Any,
    shape: tuple[int, ...],
    fill: float,
    nearest: bool,
) -> None: ...
def workspace_limit() -> int: ...
