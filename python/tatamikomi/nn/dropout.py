"""Dropout of elements, channels, samples and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, is_grad_enabled
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


class _Dropping(Module):
    """A rate, and where the randomness comes from."""

    def __init__(self, p: float, generator: Generator | None) -> None:
        super().__init__()
        name = type(self).__name__
        self.p = checks.probability(name, "p", p)
        if generator is not None and not isinstance(generator, Generator):
            raise bad_type(name, "generator", type(generator).__name__, "a tatamikomi Generator or None")
        self.generator = generator


class _Dropout(_Dropping):
    """`function` with torch's arguments."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.inplace = checks.flag(type(self).__name__, "inplace", inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape that the function takes -> the same."""
        return type(self).function(x, self.p, self.training, self.inplace, self.generator)

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, every element becomes 0 with probability p, and the others are divided by 1 - p.

    In evaluation x passes through. Each call takes one block of the generator; the mask is a function of that
    block and of the element's place, so that nothing is kept for the backward pass.

    Args:
        p: 0 <= p <= 1.
        inplace: overwrite x where no gradient and no array of the user's can notice; the values are the same.
        generator: where the masks come from; the default Generator when None.

    Shape: any -> the same.

    Source: N. Srivastava et al., "Dropout", JMLR 15, 2014.

    Raises:
        TypeError: p is not a number, or generator not a Generator.
        ValueError: p is outside [0, 1].

    >>> import numpy as np, tatamikomi as tk
    >>> x = np.ones((2, 3), np.float32)
    >>> tk.nn.Dropout(0.5).eval()(x).numpy().tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """In training, every channel of every sample becomes 0 as a whole with probability p; arguments as in `Dropout`.

    Shape: (N, C, L) or (C, L) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Dropout1d().eval()(np.ones((1, 1, 2))).tolist()
    [[[1.0, 1.0]]]
    """

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """In training, every channel of every sample becomes 0 as a whole with probability p; arguments as in `Dropout`.

    Neighbours in an image are alike: what one of them loses the others still tell. Also known as SpatialDropout.

    Shape: (N, C, H, W) or (N, C, L) -> the same.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Dropout2d().eval()(np.ones((1, 1, 1, 2))).tolist()
    [[[[1.0, 1.0]]]]
    """

    function = staticmethod(F.dropout2d)


SpatialDropout = Dropout2d


class Dropout3d(_Dropout):
    """In training, every channel of every sample becomes 0 as a whole with probability p; arguments as in `Dropout`.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Dropout3d().eval()(np.ones((1, 1, 1, 2))).tolist()
    [[[[1.0, 1.0]]]]
    """

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout beside SELU, which keeps mean 0 and variance 1; formula in `functional.alpha_dropout`.

    Arguments as in `Dropout`.

    >>> import tatamikomi as tk
    >>> tk.nn.AlphaDropout().eval()([1.0]).tolist()
    [1.0]
    """

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels.

    Shape: (N, C, ...) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.FeatureAlphaDropout(1.0)(np.ones((1, 1, 2))).tolist()
    [[[0.0, 0.0]]]
    """

    function = staticmethod(F.feature_alpha_dropout)


class DropPath(_Dropping):
    """In training, every sample becomes 0 as a whole with probability p: a residual block is passed by.

    Args:
        p: 0 <= p <= 1.
        scale_by_keep: divide the samples that are kept by 1 - p.
        generator: where the randomness comes from; the default Generator when None.

    Shape: (N, ...) -> the same.

    Source: G. Huang et al., "Deep networks with stochastic depth", ECCV 2016, arXiv:1603.09382.

    >>> import tatamikomi as tk
    >>> tk.nn.DropPath(1.0)([[1.0, 2.0]]).tolist()
    [[0.0, 0.0]]
    """

    def __init__(self, p: float = 0.5, scale_by_keep: bool = True, *, generator: Generator | None = None) -> None:
        super().__init__(p, generator)
        self.scale_by_keep = checks.flag("DropPath", "scale_by_keep", scale_by_keep)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> the same."""
        return F.drop_path(x, self.p, self.training, self.scale_by_keep, self.generator)

    def extra_repr(self) -> str:
        """The options."""
        return f"p={self.p}, scale_by_keep={self.scale_by_keep}"


class DropConnect(_Dropping):
    """A module one of whose parameters loses elements, with probability p, anew at each forward in training.

    Args:
        module: the module, such as a Linear or a Conv2d; its parameter stays as it is, and is what is trained.
        p: 0 <= p <= 1.
        name: of the parameter.
        generator: where the randomness comes from; the default Generator when None.

    Shape: the module's.

    Source: L. Wan et al., "Regularization of neural networks using DropConnect", ICML 2013; see
    `functional.drop_connect`.

    Raises:
        TypeError: module is no Module, or name no string.
        ValueError: the module has no such parameter, or p is outside [0, 1].

    >>> import tatamikomi as tk
    >>> layer = tk.nn.DropConnect(tk.nn.Linear(3, 2, bias=False), p=1.0)
    >>> layer([[1.0, 2.0, 3.0]]).tolist()
    [[0.0, 0.0]]
    """

    module: Module

    def __init__(
        self, module: Module, p: float = 0.5, name: str = "weight", *, generator: Generator | None = None
    ) -> None:
        super().__init__(p, generator)
        if not isinstance(module, Module):
            raise bad_type("DropConnect", "module", type(module).__name__, "a Module")
        if not isinstance(name, str):
            raise bad_type("DropConnect", "name", type(name).__name__, "the name of a parameter")
        if not isinstance(getattr(module, name, None), Parameter):
            raise bad_value("DropConnect", "name", repr(name), f"a parameter of {type(module).__name__}")
        self.module, self.name = module, name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module takes -> what it returns."""
        if not self.training or self.p == 0:
            return self.module(*args, **kwargs)
        dropped = F.drop_connect(getattr(self.module, self.name), self.p, generator=self.generator)
        dropped._storage.exported = not is_grad_enabled()  # without a tape, layers keep what they made of a weight
        own = vars(self.module)
        own[self.name] = dropped  # is found before the parameter, which stays where it is
        try:
            return self.module(*args, **kwargs)
        finally:
            del own[self.name]

    def extra_repr(self) -> str:
        """The options."""
        return f"p={self.p}, name={self.name!r}"
