"""Counter-based randomness: two integers, a seed and an offset, say everything about what comes next.

A Generator hands out numbered blocks. Whoever needs random numbers takes one block and derives them from
(seed, offset) alone: a checkpoint stores two integers, and a backward pass can repeat a dropout mask without
keeping it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_type, bad_value

_LIMIT = 1 << 63
_WORD = (1 << 32) - 1

# Philox4x32: the two multipliers, and the two Weyl increments of the key (see `philox` for the source).
_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], np.uint64)
_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_HIGH = 1 if sys.byteorder == "little" else 0  # where a 64-bit word keeps its upper half
_PATH_TAG = 0x74617461  # keeps the keys of `uniform` apart from those that use the seed as it is


class GeneratorState(TypedDict):
    """What a checkpoint stores of a Generator."""

    seed: int
    offset: int


def checked_integer(op: str, argument: str, value: object) -> int:
    """A seed, an offset or another part of a name of random numbers, as an int.

    Raises:
        TypeError: it is not an integer.
        ValueError: it is not in 0 .. 2**63 - 1.

    >>> from tatamikomi.random import checked_integer
    >>> checked_integer("DataLoader", "seed", 5)
    5
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, type(value).__name__, "an integer")
    if not 0 <= value < _LIMIT:
        raise bad_value(op, argument, int(value), "0 <= value < 2**63")
    return int(value)


def _numpy_generator(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


class Generator:
    """A stream of numbered blocks of random numbers.

    Args:
        seed: 0 <= seed < 2**63, names the stream.
        offset: the number of the next block, 0 <= offset < 2**63.

    Raises:
        TypeError: seed or offset is not an integer.
        ValueError: seed or offset is out of range.

    >>> import tatamikomi as tk
    >>> generator = tk.Generator(7)
    >>> generator.take(), generator.take()
    ((7, 0), (7, 1))
    """

    def __init__(self, seed: int, offset: int = 0) -> None:
        self._seed = checked_integer("Generator", "seed", seed)
        self._offset = checked_integer("Generator", "offset", offset)
        self._lock = threading.Lock()

    def take(self) -> tuple[int, int]:
        """Hand out the next block as (seed, offset) and move on by one."""
        with self._lock:
            block = (self._seed, self._offset)
            self._offset += 1
        return block

    def numpy(self) -> np.random.Generator:
        """Take one block and return a NumPy generator (Philox) keyed by it."""
        return _numpy_generator(*self.take())

    def state(self) -> GeneratorState:
        """The two integers that a checkpoint needs."""
        with self._lock:
            return {"seed": self._seed, "offset": self._offset}

    def set_state(self, state: GeneratorState) -> None:
        """Continue where `state` was taken."""
        seed = checked_integer("Generator.set_state", "seed", state["seed"])
        offset = checked_integer("Generator.set_state", "offset", state["offset"])
        with self._lock:
            self._seed, self._offset = seed, offset

    def __reduce__(self) -> tuple[type[Generator], tuple[int, int]]:
        """Copies and pickles go on from the same block, each by itself."""
        with self._lock:
            return Generator, (self._seed, self._offset)

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, offset={self._offset})"


_default = Generator(0)


def default_generator() -> Generator:
    """The Generator that operations use when none is given."""
    return _default


def manual_seed(seed: int) -> Generator:
    """Start the default Generator anew at `seed`, offset 0, and return it.

    >>> import tatamikomi as tk
    >>> tk.manual_seed(3)
    Generator(seed=3, offset=0)
    """
    _default.set_state({"seed": checked_integer("manual_seed", "seed", seed), "offset": 0})
    return _default


def stream(seed: int, *path: int) -> np.random.Generator:
    """A NumPy generator that depends on (seed, path) alone, such as (seed, epoch, index).

    >>> from tatamikomi.random import stream
    >>> bool(stream(1, 2, 3).random() == stream(1, 2, 3).random())
    True
    """
    words = (checked_integer("stream", "path", word) for word in path)
    return _numpy_generator(checked_integer("stream", "seed", seed), *words)


def philox_key(seed: int) -> tuple[int, int]:
    """The key of a seed: its low and its high 32 bits.

    >>> from tatamikomi.random import philox_key
    >>> philox_key((5 << 32) + 7)
    (7, 5)
    """
    seed = checked_integer("philox_key", "seed", seed)
    return seed & _WORD, seed >> 32


def philox(counter: NDArray[np.uint32], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Philox4x32-10: each counter of four words becomes four random words, independently of all others.

    Args:
        counter: (..., 4) uint32; word 0 first.
        key: two words, 0 <= word < 2**32; see `philox_key`.

    Returns:
        (..., 4) uint32.

    Raises:
        TypeError: counter is not uint32, or key does not hold integers.
        ValueError: the last axis of counter is not 4, or a word of key is out of range.

    Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel Random Numbers: As Easy as
    1, 2, 3", SC 2011.

    >>> import numpy as np
    >>> from tatamikomi.random import philox
    >>> [f"{word:08x}" for word in philox(np.zeros(4, np.uint32), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    counter = np.asarray(counter)
    if counter.dtype != np.uint32:
        raise bad_type("philox", "counter", str(counter.dtype), "uint32")
    if counter.ndim == 0 or counter.shape[-1] != 4:
        raise bad_value("philox", "counter", f"shape {counter.shape}", "shape (..., 4)")
    words = [checked_integer("philox", "key", word) for word in key]
    if len(words) != 2 or max(words) > _WORD:
        raise bad_value("philox", "key", repr(tuple(key)), "two words below 2**32")

    rows = counter.reshape(-1, 4).T
    even, odd = rows[::2], rows[1::2]  # words 0 and 2, whose products come next, and 1 and 3: (2, M) each
    for round_key in _round_keys(*words):
        # 32 x 32 -> 64 bits, seen as pairs of words: (2, M, 2), the pair of word 2 first.
        halves = np.multiply(even, _MULTIPLIERS, order="C").view(np.uint32).reshape(2, -1, 2)[::-1]
        even, odd = halves[..., _HIGH] ^ (odd ^ round_key), halves[..., 1 - _HIGH]
    result = np.empty((rows.shape[1], 4), np.uint32)
    result[:, ::2], result[:, 1::2] = even.T, odd.T
    return result.reshape(counter.shape)


@lru_cache
def _round_keys(*words: int) -> tuple[NDArray[np.uint32], ...]:
    """The key of each round, (2, 1)."""
    steps = [
        [[(word + i * step) & _WORD] for word, step in zip(words, _INCREMENTS, strict=True)] for i in range(_ROUNDS)
    ]
    return tuple(np.array(steps, np.uint32))


def uniform24(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Random words as float32 in [0, 1): u = (word >> 8) * 2**-24, exact, the last 8 bits unused.

    >>> import numpy as np
    >>> from tatamikomi.random import uniform24
    >>> uniform24(np.array([0, 1 << 31, 2**32 - 1], np.uint32)).tolist()
    [0.0, 0.5, 0.9999999403953552]
    """
    return (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def block_words(count: int, seed: int, offset: int) -> NDArray[np.uint32]:
    """The first `count` words of a Generator's block: word i is word i % 4 of Philox at counter (i // 4, offset).

    Counters are two pairs of words, low first; the seed is the key.

    >>> from tatamikomi.random import block_words
    >>> [f"{word:08x}" for word in block_words(2, seed=0, offset=0)]
    ['6627e8d5', 'e169c58d']
    """
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = np.empty((block.size, 4), np.uint32)
    counter[:, 0] = block & np.uint64(_WORD)
    counter[:, 1] = block >> np.uint64(32)
    counter[:, 2:] = offset & _WORD, offset >> 32
    return philox(counter, philox_key(seed)).reshape(-1)[:count]


def uniform(seed: int, path: Sequence[int], indices: NDArray[Any], count: int) -> NDArray[np.float32]:
    """`count` uniform numbers for each index; row i depends on (seed, path, indices[i]) alone.

    The vectorised companion of `stream`: one call serves a whole batch, and the numbers of a sample do not
    depend on the batch. The path is folded into the key one element at a time; the counter is
    (draw // 4, index low, index high, 0).

    Args:
        seed: 0 <= seed < 2**63.
        path: integers in the same range, such as (epoch,).
        indices: (N,) integers, 0 <= index.
        count: numbers per index.

    Returns:
        (N, count) float32 in [0, 1).

    Raises:
        TypeError: seed, path, count or indices do not hold integers.
        ValueError: one of them is negative, or indices is not one-dimensional.

    >>> import numpy as np
    >>> from tatamikomi.random import uniform
    >>> whole = uniform(1, (5,), np.arange(6), 3)
    >>> bool((uniform(1, (5,), np.array([4]), 3) == whole[4]).all())
    True
    """
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise bad_type("uniform", "indices", str(indices.dtype), "integers")
    if indices.ndim != 1:
        raise bad_value("uniform", "indices", f"shape {indices.shape}", "shape (N,)")
    if indices.size and indices.min() < 0:
        raise bad_value("uniform", "indices", int(indices.min()), "0 <= index")
    return uniform24(_words("uniform", seed, path, indices, checked_integer("uniform", "count", count)))


def permutation(seed: int, path: Sequence[int], n: int) -> NDArray[np.int64]:
    """The integers 0 .. n-1 in an order that depends on (seed, path, n) alone, whatever NumPy's version.

    Each integer gets 64 random bits, numbered as in `uniform`; the order is that of these bits (a tie, which
    a million integers see once in 30 million orders, puts the smaller integer first).

    Args:
        seed: 0 <= seed < 2**63.
        path: integers in the same range, such as (epoch,).
        n: how many.

    Returns:
        (n,) int64.

    Raises:
        TypeError: seed, path or n is not an integer.
        ValueError: one of them is negative.

    >>> from tatamikomi.random import permutation
    >>> sorted(permutation(0, (3,), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    n = checked_integer("permutation", "n", n)
    words = _words("permutation", seed, path, np.arange(n), 2).astype(np.uint64)
    keys = (words[:, 1] << np.uint64(32)) | words[:, 0]
    order = np.argsort(keys)
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():
        order = np.argsort(keys, kind="stable")  # five times as slow
    return order.astype(np.int64)


def _words(op: str, seed: int, path: Sequence[int], indices: NDArray[Any], count: int) -> NDArray[np.uint32]:
    """(N, count) random words; see `uniform` for how they are numbered."""
    words = (checked_integer(op, "path", element) for element in path)
    return indexed_words(path_key(checked_integer(op, "seed", seed), *words), indices, count)


def indexed_words(key: tuple[int, int], indices: NDArray[Any], count: int) -> NDArray[np.uint32]:
    """(N, count) random words: word i % 4 of Philox at the counter (i // 4, index low, index high, 0).

    >>> import numpy as np
    >>> from tatamikomi.random import indexed_words
    >>> [f"{word:08x}" for word in indexed_words((0, 0), np.array([0]), 2)[0]]
    ['6627e8d5', 'e169c58d']
    """
    blocks = -(-count // 4)
    wide = indices.astype(np.uint64)[:, None]
    counter = np.zeros((len(indices), blocks, 4), np.uint32)
    counter[..., 0] = np.arange(blocks, dtype=np.uint32)
    counter[..., 1] = wide & np.uint64(_WORD)
    counter[..., 2] = wide >> np.uint64(32)
    return philox(counter, key).reshape(len(indices), blocks * 4)[:, :count]


@lru_cache
def path_key(seed: int, *path: int) -> tuple[int, int]:
    """The seed's key with a path folded in, one element at a time; the same for every batch of an epoch.

    >>> from tatamikomi.random import path_key, philox_key
    >>> path_key(7) == philox_key(7) != path_key(7, 0)
    True
    """
    key = philox_key(seed)
    for position, element in enumerate(path):
        tagged = np.array([element & _WORD, element >> 32, position, _PATH_TAG], np.uint32)
        folded = philox(tagged, key)
        key = int(folded[0]), int(folded[1])
    return key


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside of a with block the default Generator begins at `seed`; afterwards it is where it was.

    >>> from tatamikomi.random import default_generator, seeded
    >>> before = default_generator().state()
    >>> with seeded(5):
    ...     default_generator().take()
    (5, 0)
    >>> default_generator().state() == before
    True
    """
    state = _default.state()
    manual_seed(seed)
    try:
        yield
    finally:
        _default.set_state(state)


def child_seed(seed: int, *path: int) -> int:
    """A seed for one of several that share a seed, such as the members of an ensemble: of (seed, path) alone.

    >>> from tatamikomi.random import child_seed
    >>> child_seed(1, 0) == child_seed(1, 0) != child_seed(1, 1)
    True
    """
    high, low = _words("child_seed", seed, path, np.zeros(1, np.int64), 2)[0].tolist()
    return int(high << 31 ^ low)


def bootstrap(seed: int, path: Sequence[int], n: int) -> NDArray[np.int64]:
    """n draws from 0 .. n-1 with replacement, which depend on (seed, path, n) alone.

    >>> from tatamikomi.random import bootstrap
    >>> draws = bootstrap(0, (), 1000)
    >>> len(draws), 600 < len(set(draws.tolist())) < 660  # 1 - 1/e of all
    (1000, True)
    """
    high, low = _words("bootstrap", seed, path, np.arange(n), 2).astype(np.float64).T
    places: NDArray[np.int64] = ((high + low * 2.0**-32) * (n * 2.0**-32)).astype(np.int64)
    return places.clip(max=n - 1)  # the product may round up to n
