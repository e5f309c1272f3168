"""What would run: the ordered lists of convolution algorithms for one geometry, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from tatamikomi.errors import bad_type
from tatamikomi.geometry import Padding, Size, as_shape, conv_shape
from tatamikomi.kernels.algorithm import code_anywhere, get_conv_algorithm
from tatamikomi.kernels.backend import active, get_backend

_NAMES = {"x": "x_shape", "weight": "weight_shape", "kernel_size": "weight_shape"}
DIRECTIONS = ("forward", "backward_input", "backward_weight")


@dataclass(frozen=True)
class AlgorithmNote:
    """One entry of a list.

    Attributes:
        name: of the algorithm.
        declined: why it does not run, or None: it runs.
        workspace: bytes that it leases for the call.
        error: max |result - exact| / max |exact| to expect on normal data.
    """

    name: str
    declined: str | None
    workspace: int
    error: float


@dataclass(frozen=True)
class ConvExplanation:
    """What `explain_conv` returns; printed, it is a table.

    Attributes:
        backend, policy, dtype: what the choice was made for.
        y_shape: (n, oc, *output sizes).
        flops: useful operations of one direction, two for each multiply-add of the direct form.
        taps, live_taps: of the kernel; of those that meet the input in some place. The lists are asked about a kernel
            of these.
        forward, backward_input, backward_weight: the list of each direction, in the order in which it is tried.
    """

    backend: str
    policy: str
    dtype: str
    y_shape: tuple[int, ...]
    flops: int
    taps: int
    live_taps: int
    forward: tuple[AlgorithmNote, ...]
    backward_input: tuple[AlgorithmNote, ...]
    backward_weight: tuple[AlgorithmNote, ...]

    def chosen(self, direction: str) -> AlgorithmNote:
        """The one that runs in `direction`: "forward", "backward_input" or "backward_weight"."""
        notes: tuple[AlgorithmNote, ...] = getattr(self, direction)
        return next(note for note in notes if note.declined is None)

    def __str__(self) -> str:
        size = f"{self.flops / 1e6:,.1f} MFLOP a direction"
        lines = [f"{self.backend}, {self.policy}, {self.dtype}: output {self.y_shape}, {size}"]
        if self.live_taps < self.taps:
            lines.append(f"{self.live_taps} of the kernel's {self.taps} taps meet the input; the others are left out")
        for direction in DIRECTIONS:
            lines.append(direction)
            for note in getattr(self, direction):
                runs = f"runs: workspace {note.workspace:,} bytes, error about {note.error:.1e}"
                lines.append(f"  {note.name:<18} {note.declined or runs}")
        return "\n".join(lines)


def explain_conv(
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    dtype: DTypeLike = np.float32,
    algorithm: str | None = None,
) -> ConvExplanation:
    """Tell which algorithm runs in each direction of a convolution, and why the others do not.

    Args:
        x_shape: (n, ic, *sizes).
        weight_shape: (oc, ic / groups, *kernel).
        stride, padding, dilation, groups: as in `kernels.conv_forward`.
        dtype: float32 or float64.
        algorithm: instead of the policy in force (`set_conv_algorithm`); one that is named must take this shape in a
            direction at least, and the lists of the others tell what runs there without it.

    Returns:
        A ConvExplanation: for each direction the ordered list with reasons, workspace bytes, FLOPs and the error to
        expect; `print` shows a table.

    Raises:
        TypeError, ValueError: as `kernels.conv_forward`.

    >>> import tatamikomi as tk
    >>> told = tk.explain_conv((16, 3, 224, 224), (64, 3, 7, 7), stride=2, padding=3)
    >>> told.chosen("backward_weight").name
    'direct'
    >>> f"{told.flops / 1e9:.2f} GFLOP"
    '3.78 GFLOP'
    """
    op = "explain_conv"
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise bad_type(op, "dtype", repr(dtype), "float32 or float64") from None
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise bad_type(op, "dtype", str(kind), "float32 or float64")
    x_shape, weight_shape = as_shape(op, "x_shape", x_shape), as_shape(op, "weight_shape", weight_shape)
    s = conv_shape(op, x_shape, weight_shape, stride, padding, dilation, groups, _NAMES)
    code = code_anywhere(op, DIRECTIONS, kind, s, algorithm)
    lists = []
    for direction in DIRECTIONS:
        rows = active().conv_algorithms(direction, kind, s, code)
        lists.append(tuple(AlgorithmNote(name, why, bytes_, error) for name, why, bytes_, _, error, _ in rows))
        live = rows[0][-1]
    y_shape = (s.n, s.oc, *(s.od, s.oh, s.ow)[5 - len(x_shape) :])
    taps = s.kd * s.kh * s.kw
    products = s.n * s.oc * s.od * s.oh * s.ow * (s.ic // s.groups) * taps
    policy = get_conv_algorithm() if algorithm is None else algorithm
    return ConvExplanation(get_backend(), policy, str(kind), y_shape, 2 * products, taps, live, *lists)
