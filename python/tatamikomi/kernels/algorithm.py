"""Which algorithm of convolution runs: a contextvar, as the backend is, and a limit on workspace.

Every direction has an ordered list of algorithms (cpp/kernels/conv.cpp). A policy says how to choose among them;
backends are handed its code: bit 0 for "exact", bit 1 for "fastest", then one bit for each preferred algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import numpy as np

from tatamikomi import _native
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.geometry import ConvShape
from tatamikomi.kernels.backend import active

_NAMES = _native.conv_algorithm_names()
_PREFERENCES = {name: 4 << bit for bit, name in enumerate(_NAMES)}
_FAMILIES = {name.partition("_")[0] for name in _NAMES}
POLICIES = {
    "auto": 0,
    "exact": 1,
    "fastest": 2,
    **{family: sum(code for name, code in _PREFERENCES.items() if name.startswith(family)) for family in _FAMILIES},
    **_PREFERENCES,
}

_NO_SUCH = "the active backend has no such algorithm"

_policy: ContextVar[str] = ContextVar("conv_algorithm", default="auto")


def _check(op: str, argument: str, name: object) -> str:
    if not isinstance(name, str):
        raise bad_type(op, argument, name, "the name of an algorithm or policy")
    if name not in POLICIES:
        raise unknown_name(op, argument, name, sorted(POLICIES))
    return name


class set_conv_algorithm:  # noqa: N801 (called like a function; returns what a with block may end)
    """Choose convolution algorithms by `name` from here on in this thread or task, or inside a with block.

    - "auto": by the layer's shape alone, so that a sample has the same bits in any batch.
    - "exact": only algorithms that add products of the factors themselves; small integers come out exactly.
    - "fastest": by the batch size too; the promise of "auto" is given up.
    - "winograd", "direct", "plain", ... or one variant such as "winograd_f2": that one wherever it can run; a layer
      that it cannot take goes on down the list, as `explain_conv` tells.

    Raises:
        TypeError: name is no string.
        ValueError: no such name; the message lists the valid ones.

    >>> import tatamikomi as tk
    >>> with tk.set_conv_algorithm("exact"):
    ...     tk.get_conv_algorithm()
    'exact'
    >>> tk.get_conv_algorithm()
    'auto'
    """

    def __init__(self, name: str) -> None:
        self._token = _policy.set(_check("set_conv_algorithm", "name", name))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _policy.reset(self._token)


def get_conv_algorithm() -> str:
    """The policy in force: "auto", "exact", "fastest" or a preferred algorithm.

    >>> import tatamikomi as tk
    >>> tk.get_conv_algorithm()
    'auto'
    """
    return _policy.get()


def code_in_force() -> int:
    """The code of the policy in force."""
    return POLICIES[_policy.get()]


def policy_code(op: str, direction: str, dtype: np.dtype[Any], s: ConvShape, algorithm: str | None) -> int:
    """The code of the policy in force, or of a call's own.

    Raises:
        TypeError, ValueError: no such name, or an algorithm asked for by this call cannot take its shape.
    """
    if algorithm is None:
        return code_in_force()
    code = POLICIES[_check(op, "algorithm", algorithm)]
    why = refusal(direction, dtype, s, code)
    if why is not None:
        raise not_taken(op, algorithm, why)
    return code


def code_anywhere(op: str, directions: Sequence[str], dtype: np.dtype[Any], s: ConvShape, algorithm: str | None) -> int:
    """The same for a call about several directions: one that is named must take its shape in some of them.

    Raises:
        TypeError, ValueError: no such name, or an algorithm that takes the shape in none.
    """
    if algorithm is None:
        return code_in_force()
    code = POLICIES[_check(op, "algorithm", algorithm)]
    reasons = [refusal(direction, dtype, s, code) for direction in directions]
    if None not in reasons:
        raise not_taken(op, algorithm, reasons[0])
    return code


def not_taken(op: str, algorithm: str, why: str | None) -> ValueError:
    """An algorithm that was asked for by name cannot take the shape."""
    return bad_value(op, "algorithm", f"{algorithm} ({why})", "an algorithm that takes this shape")


def refusal(direction: str, dtype: np.dtype[Any], s: ConvShape, code: int) -> str | None:
    """Why none of the algorithms that `code` prefers runs, or None when one does or none is preferred."""
    if code < 4:
        return None
    listed: dict[str, str | None] = {name: why for name, why, *_ in active().conv_algorithms(direction, dtype, s, code)}
    reasons = {name: why for name, why in listed.items() if _PREFERENCES.get(name, 0) & code}
    if None in reasons.values():
        return None
    if not reasons:
        return f"there is none for {direction}" if listed.keys() & _PREFERENCES.keys() else _NO_SUCH
    if len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(f"{name}: {why}" for name, why in reasons.items())


def chosen(direction: str, dtype: np.dtype[Any], s: ConvShape, code: int) -> tuple[str, int]:
    """The name of the algorithm that runs, and the elements of its pack."""
    for name, why, _, packed, *_ in active().conv_algorithms(direction, dtype, s, code):
        if why is None:
            return name, packed
    raise RuntimeError("the list of algorithms has no end")  # the last one never declines


def set_workspace_limit(limit: int | None) -> None:
    """Let a convolution lease at most `limit` bytes of workspace for each thread; None: no limit.

    Algorithms that want more are passed over, and a plain loop that needs none ends every list, so that with 0
    everything still runs, slowly. The setting is the whole process's.

    Raises:
        TypeError, ValueError: limit is neither None nor an integer >= 0.

    >>> import tatamikomi as tk
    >>> tk.set_workspace_limit(16 * 2**20)
    >>> tk.get_workspace_limit()
    16777216
    >>> tk.set_workspace_limit(None)
    """
    if limit is None:
        _native.set_workspace_limit(2**63 - 1)
        return
    if isinstance(limit, bool) or not isinstance(limit, (int, np.integer)):
        raise bad_type("set_workspace_limit", "limit", limit, "an integer >= 0 or None")
    if not 0 <= limit < 2**63:
        raise bad_value("set_workspace_limit", "limit", limit, "an integer >= 0 or None")
    _native.set_workspace_limit(int(limit))


def get_workspace_limit() -> int | None:
    """Bytes of workspace for each thread that a convolution may lease; None: no limit.

    >>> import tatamikomi as tk
    >>> tk.get_workspace_limit()
    """
    limit = _native.workspace_limit()
    return None if limit == 2**63 - 1 else limit
