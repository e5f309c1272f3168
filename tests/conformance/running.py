"""One sample through both libraries: values, gradients, refusals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import tatamikomi as tk
from tests.conformance.ops import DIFFERENCES, RANDOM, Op

# float64, sums in another order: what both may be off by is far below, what a wrong formula is off by far above.
TOLERANCE = 1e-8
REFUSALS = (ValueError, TypeError, IndexError)


@dataclass
class Outcome:
    """What came of one operator's samples."""

    title: str
    samples: int = 0
    passed: int = 0
    errors: int = 0
    refused: int = 0
    excepted: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def excuses(self, op: Op, sample: Any) -> bool:
        """Whether a difference is a known one; it is counted then."""
        reason = next((one.reason for one in DIFFERENCES if one.op == op.name and one.matches(sample)), None)
        if reason is not None:
            self.excepted[reason] = self.excepted.get(reason, 0) + 1
        return reason is not None


def run(op: Op) -> Outcome:
    """All samples and all error inputs of an operator."""
    outcome = Outcome(op.title)
    torch.manual_seed(0)
    for sample in op.info.sample_inputs("cpu", op.dtype, requires_grad=op.dtype.is_floating_point):
        outcome.samples += 1
        fault = _quietly(_fault_of, op, sample)
        if fault is None:
            outcome.passed += 1
        elif not outcome.excuses(op, sample):
            outcome.faults.append(f"{_shown(sample)}: {fault}")
    if op.info.error_inputs_func is not None:
        for wrong in op.info.error_inputs("cpu"):
            outcome.errors += 1
            fault = _quietly(_accepted, op, wrong.sample_input)
            if fault is None:
                outcome.refused += 1
            elif not outcome.excuses(op, wrong.sample_input):
                outcome.faults.append(f"{_shown(wrong.sample_input)}: {fault}; torch: {wrong.error_regex}")
    return outcome


def _quietly(check: Any, op: Op, sample: Any) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fault: str | None = check(op, sample)
    return fault


def _fault_of(op: Op, sample: Any) -> str | None:
    """What is wrong with a sample's values or gradients, or None."""
    given = (sample.input, *sample.args)
    pairs: list[tuple[Any, tk.Tensor]] = []
    args, kwargs = _ours(given, pairs), _ours(sample.kwargs, pairs)
    try:
        result = op.function(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    ours = [one for one in _flat(result) if isinstance(one, tk.Tensor)]
    theirs = [one for one in _flat(op.info.op(*given, **sample.kwargs)) if isinstance(one, torch.Tensor)]
    if len(ours) != len(theirs):
        return f"{len(ours)} results, torch has {len(theirs)}"
    if op.name in RANDOM:
        return _drawn(ours, theirs, pairs)
    for mine, their in zip(ours, theirs, strict=True):
        fault = _unlike(mine.numpy(), their)
        if fault:
            return f"values: {fault}"
    return _gradients(ours, theirs, pairs)


def _gradients(ours: list[Any], theirs: list[Any], pairs: list[tuple[Any, tk.Tensor]]) -> str | None:
    """Both differentiated with the same dy."""
    random = np.random.default_rng(0)
    mine, their = [], []
    for one, other in zip(ours, theirs, strict=True):
        if other.requires_grad != one.requires_grad:
            return f"requires_grad: {one.requires_grad}, torch: {other.requires_grad}"
        if other.requires_grad:
            dy = random.standard_normal(tuple(other.shape))
            mine.append((one * tk.tensor(dy)).sum())
            their.append((other * torch.from_numpy(dy)).sum())
    if not mine:
        return None
    wanted = [(tensor, leaf) for tensor, leaf in pairs if tensor.requires_grad]
    expected = torch.autograd.grad(sum(their), [tensor for tensor, _ in wanted], allow_unused=True)
    total = mine[0]
    for one in mine[1:]:
        total = total + one
    total.backward()
    for (tensor, leaf), gradient in zip(wanted, expected, strict=True):
        mine_gradient = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        fault = _unlike(mine_gradient, torch.zeros_like(tensor) if gradient is None else gradient)
        if fault:
            return f"gradient of shape {tuple(tensor.shape)}: {fault}"
    return None


def _drawn(ours: list[Any], theirs: list[Any], pairs: list[tuple[Any, tk.Tensor]]) -> str | None:
    """A random function: shapes and dtypes as torch's, a gradient of the input's shape, zero where nothing passed."""
    for one, other in zip(ours, theirs, strict=True):
        if one.shape != tuple(other.shape) or str(one.dtype) != str(other.dtype).removeprefix("torch."):
            return f"{one.shape} {one.dtype}, torch: {tuple(other.shape)} {other.dtype}"
        one.sum().backward()
    leaf = next(leaf for tensor, leaf in pairs if tensor.requires_grad)
    if leaf.grad is None or leaf.grad.shape != leaf.shape:
        return "no gradient"
    dropped, slopes = ours[0].numpy()[leaf.grad.numpy() == 0], np.unique(np.round(leaf.grad.numpy(), 12))
    if np.unique(np.round(dropped, 12)).size > 1:
        return f"what is dropped differs: {dropped}"
    return None if np.isfinite(slopes).all() else f"slopes {slopes}"


def _accepted(op: Op, sample: Any) -> str | None:
    """What is wrong with the answer to input that torch refuses, or None."""
    args, kwargs = _ours((sample.input, *sample.args), []), _ours(sample.kwargs, [])
    try:
        op.function(*args, **kwargs)
    except REFUSALS:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


def _ours(value: Any, pairs: list[tuple[Any, tk.Tensor]]) -> Any:
    """Arguments with Tensors of ours for torch's; `pairs` collects both."""
    if isinstance(value, torch.Tensor):
        floats = value.is_floating_point() and value.dtype in (torch.float32, torch.float64)
        array = value.detach().numpy()
        made = tk.tensor(array, requires_grad=value.requires_grad and floats) if floats else array.copy()
        if isinstance(made, tk.Tensor):
            pairs.append((value, made))
        return made
    if isinstance(value, torch.dtype):
        return np.dtype(str(value).removeprefix("torch."))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_ours(one, pairs) for one in value)
    if isinstance(value, dict):
        return {name: _ours(one, pairs) for name, one in value.items()}
    return value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def _unlike(mine: Any, their: Any) -> str | None:
    """How an array of ours differs from torch's tensor, or None."""
    expected = their.detach().numpy()
    if mine.shape != expected.shape:
        return f"shape {mine.shape}, torch: {expected.shape}"
    if mine.dtype != expected.dtype:
        return f"{mine.dtype}, torch: {expected.dtype}"
    if expected.size == 0 or np.allclose(mine, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        return None
    return f"off by up to {np.nanmax(np.abs(mine - expected)):.3g}"


def _shown(sample: Any) -> str:
    def brief(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
        if isinstance(value, (tuple, list)):
            return type(value)(brief(one) for one in value)
        return value

    options = {name: brief(one) for name, one in sample.kwargs.items()}
    return f"{brief(sample.input)} {brief(sample.args)} {options}"
