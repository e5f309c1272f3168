"""Hooks and marks on the tape that tell when a layer begins and ends, there and back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tatamikomi.autograd import Function, Tensor
from tatamikomi.interpret.trace import arrays_in
from tatamikomi.nn import Module


@dataclass
class Call:
    """One call of a layer in one pass: shapes, bytes of the results, and times of `time.perf_counter`."""

    name: str
    module: Module
    inputs: list[tuple[int, ...]]
    output: tuple[int, ...] = ()
    dtype: Any = None
    nbytes: int = 0
    begin: float = 0.0
    end: float = 0.0
    back_begin: float | None = None
    back_end: float | None = None


class Watch:
    """What is seen in one pass."""

    def __init__(self) -> None:
        self.begin = 0.0
        self.calls: list[Call] = []
        self.open: Call | None = None  # on the way back: arrived, not yet gone

    def arrive(self, call: Call) -> None:
        """The gradient has come to the output of a layer."""
        if call.back_begin is None:
            now = time.perf_counter()
            self.close(now)
            call.back_begin, self.open = now, call

    def leave(self, call: Call) -> None:
        """The gradient goes on from its input."""
        call.back_end = time.perf_counter()
        if self.open is call:
            self.open = None

    def close(self, now: float) -> None:
        """Whatever is open ends here."""
        if self.open is not None and self.open.back_end is None:
            self.open.back_end = now
        self.open = None

    def events(self) -> list[tuple[str, str, str, float, float]]:
        """(name, kind, phase, begin, seconds), in the order of time, begin from that of the pass."""
        found = []
        for call in self.calls:
            kind = type(call.module).__name__
            found.append((call.name, kind, "forward", call.begin - self.begin, call.end - call.begin))
            if call.back_begin is not None and call.back_end is not None:
                begin, seconds = call.back_begin - self.begin, call.back_end - call.back_begin
                found.append((call.name, kind, "backward", begin, seconds))
        return sorted(found, key=lambda event: event[3])


class Hooks:
    """Hooks around layers that stop the time, and put marks on the tape."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.inside: list[Call] = []

    def look_at(self, path: str, module: Module) -> None:
        """Watch one layer, within `untouched`, which takes the hooks away."""

        def before(layer: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            call = Call(path, layer, [one.shape for one in arrays_in(args)])
            marked = tuple(_marked(one, call, self.watch.leave) for one in args)
            self.inside.append(call)
            call.begin = time.perf_counter()
            return marked

        def after(layer: Module, args: tuple[Any, ...], result: Any) -> Any:
            call = self.inside.pop()
            call.end = time.perf_counter()
            found = arrays_in(result)
            call.output, call.dtype = (found[0].shape, found[0].dtype) if found else ((), None)
            call.nbytes = sum(one.data.nbytes for one in found)
            self.watch.calls.append(call)
            if isinstance(result, tuple) and type(result) is tuple:
                return tuple(_marked(one, call, self.watch.arrive) for one in result)
            return _marked(result, call, self.watch.arrive)

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)


def _marked(value: Any, call: Call, tell: Any) -> Any:
    return _Mark(call, tell)(value) if isinstance(value, Tensor) and value.requires_grad else value


class _Mark(Function):
    """The identity; tells when the gradient passes."""

    view = True

    def __init__(self, call: Call, tell: Any) -> None:
        self.call, self.tell = call, tell

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.tell(self.call)
        return dy
