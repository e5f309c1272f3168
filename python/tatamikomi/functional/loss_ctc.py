"""Connectionist temporal classification: the loss of a sequence of labels whose places in time are not known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tatamikomi import autograd
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, where
from tatamikomi.autograd.tensor import as_tensor, wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.activation import log_softmax
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.loss_inputs import reduce
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_integer

_NOWHERE = -1e30  # the logarithm of no probability at all, where a gradient must not become NaN


class _Paths(NamedTuple):
    """Which states a path may go through: blank, label, blank, label, ... blank, padded with blanks.

    symbols: (N, S) the class of every state, S = 2 * longest target + 1.
    skips: (N, S) whether a state is reached from two states before too: a label that differs from the last label.
    last: (N, S) whether a path may end there: the last label, or the blank after it.
    frames: (N,) how many time steps each sequence has.
    """

    symbols: Array
    skips: Array
    last: Array
    frames: Array


def _paths(targets: Array, lengths: Array, frames: Array, blank: int) -> _Paths:
    n, longest = targets.shape
    symbols = np.full((n, 2 * longest + 1), blank, np.int64)
    symbols[:, 1::2] = np.where(np.arange(longest) < lengths[:, None], targets, blank)
    skips = np.zeros(symbols.shape, bool)
    skips[:, 2:] = (symbols[:, 2:] != blank) & (symbols[:, 2:] != symbols[:, :-2])
    states = np.arange(symbols.shape[1])
    end = 2 * lengths[:, None]
    last = (states == end) | ((states == end - 1) & (end > 0))
    return _Paths(symbols, skips, last, frames)


def _emitted(log_probs: Array, paths: _Paths) -> Array:
    """(T, N, S): the log-probability of every state's symbol at every time."""
    index = np.broadcast_to(paths.symbols, (len(log_probs), *paths.symbols.shape))
    return np.take_along_axis(log_probs, index, 2).astype(np.float64)


def _later(a: Array, by: int, fill: float = -np.inf) -> Array:
    """State s gets what state s - by has; `by` may be negative."""
    moved = np.full_like(a, fill)
    if by > 0:
        moved[..., by:] = a[..., :-by]
    else:
        moved[..., :by] = a[..., -by:]
    return moved


def _forward_sums(emitted: Array, paths: _Paths) -> Array:
    """alpha (T, N, S): log of the probability of all beginnings of paths that are at state s at time t."""
    alpha = np.full(emitted.shape, -np.inf)
    alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(emitted)):
        before = alpha[t - 1]
        skipped = np.where(paths.skips, _later(before, 2), -np.inf)
        alpha[t] = emitted[t] + np.logaddexp(np.logaddexp(before, _later(before, 1)), skipped)
    return alpha


def _backward_sums(emitted: Array, paths: _Paths) -> Array:
    """beta (T, N, S): log of the probability of all endings of paths after state s at time t, -inf after the end."""
    beta = np.full(emitted.shape, -np.inf)
    ends = np.where(paths.last, 0.0, -np.inf)
    skips_to = _later(paths.skips.astype(np.float64), -2, 0.0) > 0
    for t in range(len(emitted) - 1, -1, -1):
        if t + 1 < len(emitted):
            after = beta[t + 1] + emitted[t + 1]
            skipped = np.where(skips_to, _later(after, -2), -np.inf)
            beta[t] = np.logaddexp(np.logaddexp(after, _later(after, -1)), skipped)
        beta[t] = np.where((paths.frames == t + 1)[:, None], ends, beta[t])
    return beta


class _CtcLoss(Function):
    """losses (N,) = -log of the sum over all paths of their probability; log_probs (T, N, C).

    The gradient at (t, n, k) is minus the share of paths that are at symbol k at time t (alpha beta / total).
    """

    saves = ((0,),)
    fresh = True

    def __init__(self, paths: _Paths, zero_infinity: bool) -> None:
        self.paths, self.zero_infinity = paths, zero_infinity

    def forward(self, log_probs: Array) -> Array:
        self.emitted = _emitted(log_probs, self.paths)
        self.alpha = _forward_sums(self.emitted, self.paths)
        final = self.alpha[self.paths.frames - 1, np.arange(len(self.paths.frames))]
        final = np.where(self.paths.last, final, -np.inf)
        total = np.logaddexp.reduce(final, axis=1)
        self.total = np.where(self.paths.frames > 0, total, np.where(self.paths.last[:, 0], 0.0, -np.inf))
        losses = -self.total
        if self.zero_infinity:
            losses[np.isinf(losses)] = 0
        return losses.astype(log_probs.dtype)

    def backward(self, dy: Tensor) -> Tensor | None:
        if is_grad_enabled():
            x = self.saved(0)
            with autograd.enable_grad():
                losses = _composed(x, self.paths)
                losses = where(self.possible(), losses, 0.0)
                (dx,) = autograd.grad([losses], [x], [dy], create_graph=True)
                return dx
        beta = _backward_sums(self.emitted, self.paths)
        with np.errstate(invalid="ignore"):
            share = np.exp(self.alpha + beta - self.total[:, None])  # NaN where no path fits, as -inf + inf
        if self.zero_infinity:
            share[:, ~self.possible()] = 0
        x = self.saved(0)
        hot = self.paths.symbols[..., None] == np.arange(x.shape[2])
        by_class = (share.transpose(1, 0, 2) @ hot.astype(np.float64)).transpose(1, 0, 2)
        return wrap(np.ascontiguousarray(-by_class * dy.data[:, None], x.dtype))

    def possible(self) -> Array:
        """(N,): whether any path fits."""
        return np.isfinite(self.total)


def _composed(log_probs: Tensor, paths: _Paths) -> Tensor:
    """The same losses in differentiable operations, for gradients of gradients."""
    steps, n, _ = log_probs.shape
    states = paths.symbols.shape[1]
    rows = np.arange(n)[:, None]
    nowhere = autograd.tensor(np.full((n, 2), _NOWHERE, log_probs.dtype))
    start = np.where(np.arange(states) < 2, 0.0, _NOWHERE).astype(log_probs.dtype)
    alpha = log_probs[0][rows, paths.symbols] + autograd.tensor(start)
    kept = [alpha]
    for t in range(1, steps):
        shifted = autograd.cat([nowhere, alpha], 1)
        one, two = shifted[:, 1 : states + 1], shifted[:, :states]
        terms = autograd.stack([alpha, one, where(paths.skips, two, _NOWHERE)])
        alpha = _log_sum(terms, 0) + log_probs[t][rows, paths.symbols]
        kept.append(alpha)
    final = autograd.stack(kept)[paths.frames - 1, np.arange(n)]
    return -_log_sum(where(paths.last, final, _NOWHERE), 1)


def _log_sum(terms: Tensor, dim: int) -> Tensor:
    """log of the sum of e**terms along `dim`."""
    top = terms.detach().amax(dim, keepdim=True)
    return (terms - top).exp().sum(dim).log() + top.squeeze(dim)


def _lengths(op: str, argument: str, value: object, n: int, longest: int) -> Array:
    lengths = np.asarray(value)
    if lengths.dtype.kind not in "iu":
        raise bad_type(op, argument, lengths.dtype.name if lengths.size else repr(value), "integers")
    lengths = lengths.reshape(-1).astype(np.int64)
    if lengths.shape != (n,):
        raise bad_value(op, argument, f"shape {lengths.shape}", f"({n},), one per sequence")
    if lengths.size and (lengths.min() < 0 or lengths.max() > longest):
        wrong = int(lengths[(lengths < 0) | (lengths > longest)][0])
        raise bad_value(op, argument, wrong, f"0 <= length <= {longest}")
    return lengths


def _padded(op: str, targets: TensorLike, lengths: object, n: int, single: bool) -> tuple[Array, Array]:
    """Targets as (N, longest) and their lengths: from that, or from all of them one after the other."""
    labels = np.asarray(as_tensor(targets, op, "targets")._data)
    if labels.dtype.kind not in "iu" and labels.size:
        raise bad_type(op, "targets", labels.dtype.name, "integers")
    labels = labels.astype(np.int64)
    if single and labels.ndim == 1:
        labels = labels[None]
    if labels.ndim == 2:
        if len(labels) != n:
            raise bad_value(op, "targets", f"shape {labels.shape}", f"({n}, longest target)")
        return labels, _lengths(op, "target_lengths", lengths, n, labels.shape[1])
    if labels.ndim != 1:
        raise bad_value(op, "targets", f"shape {labels.shape}", "(N, longest target), or all in one row")
    counts = _lengths(op, "target_lengths", lengths, n, labels.size)
    if counts.sum() != labels.size:
        raise bad_value(op, "target_lengths", f"a sum of {counts.sum()}", f"{labels.size}, the number of targets")
    padded = np.zeros((n, int(counts.max(initial=0))), np.int64)
    padded[np.arange(padded.shape[1]) < counts[:, None]] = labels
    return padded, counts


@own_names()
def ctc_loss(
    log_probs: TensorLike,
    targets: TensorLike,
    input_lengths: object,
    target_lengths: object,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that a sequence spells its target, repeats merged and blanks taken out.

    Args:
        log_probs: (T, N, C) or (T, C), log-probabilities over C classes, as `log_softmax` gives them; rows that do not
            add up to 1 are normalised, so that logits may come as well.
        targets: (N, longest target) or all targets one after the other; classes other than `blank`.
        input_lengths, target_lengths: (N,) integers: how much of each sequence and of each target counts.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its target's length before taking the mean; "sum"; "none".
        zero_infinity: give 0, loss and gradient, where no path fits (the target is longer than the sequence).

    Returns:
        A 0-d Tensor, or with "none" (N,), or () for a single sequence.

    Raises:
        TypeError: log_probs of another dtype, targets or lengths that are no integers.
        ValueError: shapes that do not fit, a length out of range, a class that does not exist, an unknown reduction.

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006.

    >>> import numpy as np, tatamikomi as tk
    >>> even = np.log(np.full((2, 1, 2), 0.5, np.float32))  # "1" is spelt by 11, -1 and 1-
    >>> round(float(np.exp(-tk.functional.ctc_loss(even, [[1]], [2], [1]).item())), 4)
    0.75
    """
    op = "ctc_loss"
    x = as_input(op, "log_probs", log_probs)
    single = x.ndim == 2
    if single:
        x = x.unsqueeze(1)
    if x.ndim != 3 or x.shape[0] == 0 or x.shape[2] == 0:
        raise bad_value(op, "log_probs", f"shape {x.shape}", "(T, N, C) or (T, C), T and C positive")
    steps, n, classes = x.shape
    labels, lengths = _padded(op, targets, target_lengths, n, single)
    frames = _lengths(op, "input_lengths", input_lengths, n, steps)
    if as_integer(op, "blank", blank) >= classes:
        raise bad_value(op, "blank", blank, f"0 <= blank < {classes}")
    counted = labels[np.arange(labels.shape[1]) < lengths[:, None]]
    wrong = counted[(counted < 0) | (counted >= classes) | (counted == blank)]
    if wrong.size:
        raise bad_value(op, "targets", int(wrong[0]), f"a class, 0 <= class < {classes}, other than blank = {blank}")
    node = _CtcLoss(_paths(labels, lengths, frames, blank), flag(op, "zero_infinity", zero_infinity))
    losses = node(log_softmax(x, 2))
    if reduction == "mean":
        losses = losses / autograd.tensor(np.maximum(lengths, 1).astype(x.dtype))
    return reduce(op, losses[0] if single and reduction == "none" else losses, reduction)
