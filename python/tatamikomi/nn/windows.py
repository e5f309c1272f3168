"""Windows as columns, and columns back into place: what a convolution does before and after its product."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.functional.windows import axes_of
from tatamikomi.geometry import Padding, Size, per_axis
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class _Windows(Module):
    """What both share: where the windows lie."""

    def __init__(self, axes: int, kernel_size: Size, dilation: Size, padding: Padding, stride: Size) -> None:
        super().__init__()
        op = type(self).__name__
        for name, value in (("kernel_size", kernel_size), ("dilation", dilation), ("stride", stride)):
            per_axis(op, name, value, axes, 1)
        checks.padding(op, padding, axes)
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def extra_repr(self) -> str:
        """Where the windows lie, as torch writes it."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding!r}, stride={self.stride}"
        )


class Unfold(_Windows):
    """Every window of x as a column.

    Args:
        kernel_size: an integer for two axes of that size, or one per axis.
        dilation, padding, stride: as in `Conv2d`.

    Shape: (N, C, *sizes) -> (N, C * prod(kernel_size), windows), both also without N; rows run over channels, then
    taps.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range; at the call, what `functional.unfold`
            raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Unfold(3, padding=1)(np.ones((2, 4, 5, 5), np.float32)).shape
    (2, 36, 25)
    """

    def __init__(self, kernel_size: Size, dilation: Size = 1, padding: Padding = 0, stride: Size = 1) -> None:
        super().__init__(axes_of("Unfold", "kernel_size", kernel_size), kernel_size, dilation, padding, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *sizes) -> (N, C * prod(kernel_size), windows)."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(_Windows):
    """Every column back where `Unfold` took it from, added up where windows overlap.

    Args:
        output_size: the sizes of the result's axes; an integer for two of that size.
        kernel_size, dilation, padding, stride: as in `Unfold`.

    Shape: (N, C * prod(kernel_size), windows) -> (N, C, *output_size), both also without N.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range; at the call, what `functional.fold`
            raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Fold((5, 5), 3, padding=1)(np.ones((2, 36, 25), np.float32)).shape
    (2, 4, 5, 5)
    """

    def __init__(
        self, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Padding = 0, stride: Size = 1
    ) -> None:
        axes = axes_of("Fold", "output_size", output_size)
        super().__init__(axes, kernel_size, dilation, padding, stride)
        per_axis("Fold", "output_size", output_size, axes, 1)
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C * prod(kernel_size), windows) -> (N, C, *output_size)."""
        return F.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The size, and where the windows lie."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
