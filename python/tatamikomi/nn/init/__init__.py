"""Initial values of parameters, written in place.

Every function takes a Tensor (a Parameter), fills it, notes the change in its version counter and returns it.
Random ones take one block from `generator`, the default Generator when None. For a weight (out, in, *kernel)
the fans are n_in = in * prod(kernel) and n_out = out * prod(kernel), as in torch.nn.init.

The course's "Xavier" with standard deviation 1 / sqrt(n_in) is `lecun_normal_` here; its "He", sqrt(2 /
n_in), is `kaiming_normal_` with its defaults.
"""

from __future__ import annotations

from tatamikomi.nn.init.families import (
    calculate_gain,
    constant_,
    fans,
    glorot_normal_,
    glorot_uniform_,
    he_normal_,
    he_uniform_,
    kaiming_normal_,
    kaiming_uniform_,
    lecun_normal_,
    normal_,
    ones_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from tatamikomi.nn.init.matrices import dirac_, eye_, orthogonal_, sparse_
from tatamikomi.nn.init.truncated import trunc_normal_

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "fans",
    "glorot_normal_",
    "glorot_uniform_",
    "he_normal_",
    "he_uniform_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
