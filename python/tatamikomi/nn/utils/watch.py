"""One forward pass, watched: whose output is whose input, and who else reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import ref

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.nn.module import Module

Array = np.ndarray[Any, np.dtype[Any]]


class _Use:
    """What became of one output: which of the watched layers read it (None: somebody else), and whether it was kept."""

    def __init__(self, output: Watched) -> None:
        self.readers: set[Module | None] = set()
        self.output = ref(output)


class Watched(Tensor):
    """A Tensor that tells who asks for its values; its shape and dtype are nobody's secret."""

    __slots__ = ("_array", "_watch", "maker", "use")

    _array: Array

    def __init__(self, result: Tensor, maker: Module, watch: Watch) -> None:
        self._array = result._array if isinstance(result, Watched) else result._data
        self._grad = self._node = None
        self._storage, self._requires_grad = result._storage, False
        self._watch, self.maker = watch, maker
        self.use = _Use(self)

    @property
    def _data(self) -> Array:  # type: ignore[override]
        self.use.readers.add(self._watch.reader if self._watch.given is self else None)
        return self._array

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every dimension."""
        sizes: tuple[int, ...] = self._array.shape
        return sizes

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self._array.dtype


class Watch:
    """The calls of some layers in one run of the model that holds them.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi.nn.utils.watch import Watch
    >>> net = tk.nn.Sequential(tk.nn.Linear(2, 3), tk.nn.BatchNorm1d(3)).eval()
    >>> watch = Watch(net)
    >>> with tk.no_grad():
    ...     watch.run(net, (np.ones((1, 2), np.float32),))
    >>> watch.follower(net[0]) is net[1], watch.follower(net[1])
    (True, None)
    """

    def __init__(self, layers: Iterable[Module]) -> None:
        self._layers = list(layers)
        self._uses: dict[Module, list[_Use]] = {}
        self._sources: dict[Module, set[Module | None]] = {}
        self._ranks: dict[Module, set[int]] = {}
        self._followers: dict[Module, Module | None] = {}
        self.reader: Module | None = None  # the layer that runs now,
        self.given: object = None  # and what it was given

    def run(self, model: Module, inputs: tuple[Any, ...]) -> None:
        """Call the model once, without gradients."""
        for layer in self._layers:
            own = vars(layer)
            own["has_hooks"] = lambda: True  # a ReLU after it is called, as whenever somebody looks
            own["forward"] = partial(self._call, layer, layer.forward)
        try:
            kept = model(*inputs)  # noqa: F841 - held until it is known what else is
            self._followers = {layer: self._only_reader(uses) for layer, uses in self._uses.items()}
        finally:
            for layer in self._layers:
                del vars(layer)["forward"], vars(layer)["has_hooks"]

    def called(self, kinds: tuple[type, ...]) -> list[Module]:
        """The layers of these very classes that were called, in their order."""
        return [layer for layer in self._uses if type(layer) in kinds]

    def follower(self, layer: Module) -> Module | None:
        """The layer that reads all that this one gave, if nobody else does; None otherwise."""
        return self._followers[layer]

    def sources(self, layer: Module) -> set[Module | None]:
        """Where the inputs of its calls came from; None: not straight from a watched layer, or with other arguments."""
        return self._sources[layer]

    def ranks(self, layer: Module) -> set[int]:
        """The numbers of axes of its inputs."""
        return self._ranks[layer]

    def bridge(self, layer: Module, gone: Module) -> None:
        """`layer` takes the place of its follower in what was seen."""
        after = self._followers[layer] = self._followers.pop(gone)
        del self._uses[gone]
        if after is not None:
            self._sources[after] = {layer if one is gone else one for one in self._sources[after]}

    def _call(self, layer: Module, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        x = args[0] if len(args) == 1 and not kwargs else None
        self._sources.setdefault(layer, set()).add(x.maker if isinstance(x, Watched) else None)
        self._ranks.setdefault(layer, set()).add(np.ndim(x) if x is not None else 0)
        self.reader, self.given = layer, x
        result = forward(*args, **kwargs)
        self.reader = self.given = None
        if not isinstance(result, Tensor):
            return result
        output = Watched(result, layer, self)
        self._uses.setdefault(layer, []).append(output.use)
        return output

    @staticmethod
    def _only_reader(uses: list[_Use]) -> Module | None:
        readers = {reader for use in uses for reader in use.readers}
        kept = any(use.output() is not None for use in uses)
        return readers.pop() if len(readers) == 1 and not kept else None
