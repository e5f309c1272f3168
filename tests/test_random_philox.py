"""Philox4x32-10 against published answers and against plain integers; uniform's independence of the batch."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from tatamikomi import random
from tatamikomi.random import Generator, permutation, philox, philox_key, uniform, uniform24

# Known answers that Random123 publishes for philox4x32-10: counter, key, output.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def plain_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """The paper's round, one counter, Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second % 2**32, (first >> 32) ^ c[3] ^ k[1], first % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return tuple(c)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_published_answers(counter, key, answer):
    assert tuple(philox(np.array(counter, np.uint32), key)) == answer


def test_many_counters_at_once_equal_plain_integers():
    counters = np.random.default_rng(1).integers(0, 2**32, (3, 5, 4), dtype=np.uint32)
    found = philox(counters, (123, 0xDEADBEEF))
    assert found.shape == (3, 5, 4)
    assert found.dtype == np.uint32
    for place in np.ndindex(3, 5):
        assert tuple(found[place]) == plain_philox(tuple(map(int, counters[place])), (123, 0xDEADBEEF))


def test_strided_read_only_and_empty_counters():
    counters = np.arange(48, dtype=np.uint32).reshape(6, 8)[::2, ::2]
    counters.flags.writeable = False
    assert np.array_equal(philox(counters, (1, 2)), philox(counters.copy(), (1, 2)))
    assert philox(np.empty((0, 4), np.uint32), (1, 2)).shape == (0, 4)


def test_philox_refuses():
    with pytest.raises(TypeError, match="philox: counter: expected uint32, got int64"):
        philox(np.zeros(4, np.int64), (0, 0))
    with pytest.raises(ValueError, match=r"philox: counter: expected shape \(\.\.\., 4\), got shape \(3,\)"):
        philox(np.zeros(3, np.uint32), (0, 0))
    with pytest.raises(ValueError, match="philox: key: expected two words below"):
        philox(np.zeros(4, np.uint32), (0, 2**32))
    with pytest.raises(ValueError, match="philox: key: expected two words below"):
        philox(np.zeros(4, np.uint32), (0, 1, 2))


def test_key_is_low_then_high():
    assert philox_key(0x0123456789ABCDEF) == (0x89ABCDEF, 0x01234567)


def test_uniform24_uses_the_upper_24_bits():
    words = np.array([0, 0xFF, 0x100, 0xFFFFFFFF], np.uint32)
    assert uniform24(words).tolist() == [0.0, 0.0, 2.0**-24, 1.0 - 2.0**-24]
    assert uniform24(words).dtype == np.float32


def test_uniform_rows_depend_on_their_index_alone():
    indices = np.array([7, 0, 2**40, 3, 7])
    whole = uniform(5, (2, 9), indices, 6)
    assert whole.shape == (5, 6)
    for row, index in enumerate(indices):
        assert np.array_equal(uniform(5, (2, 9), np.array([index]), 6)[0], whole[row])
    assert np.array_equal(whole[0], whole[4])
    assert np.array_equal(uniform(5, (2, 9), indices, 3), whole[:, :3])


def test_uniform_every_part_of_the_name_matters():
    indices = np.arange(4)
    names = [(5, (2, 9)), (6, (2, 9)), (5, (2,)), (5, (9, 2)), (5, (2, 9, 0)), (5, ()), (5 + 2**40, (2, 9))]
    rows = np.stack([uniform(seed, path, indices, 4) for seed, path in names])
    flat = rows.reshape(-1)
    assert len(np.unique(flat)) == flat.size
    low, high = uniform(1, (), np.array([3, 3 + 2**32]), 4)
    assert not np.array_equal(low, high)


def test_uniform_without_a_path_is_philox_of_the_written_counter():
    expected = [word / 2**24 for word in (w >> 8 for w in plain_philox((1, 11, 0, 0), (42, 0)))]
    assert uniform(42, (), np.array([11]), 8)[0, 4:].tolist() == expected


def test_uniform_fills_the_unit_interval():
    # 65536 numbers in 16 bins; chi-square with 15 degrees of freedom exceeds 54 with probability below 3e-6.
    counts = np.histogram(uniform(0, (1,), np.arange(1 << 14), 4), bins=16, range=(0, 1))[0]
    assert counts.sum() == 1 << 16
    assert ((counts - 4096) ** 2 / 4096).sum() < 54


def test_uniform_refuses():
    with pytest.raises(TypeError, match="uniform: indices: expected integers, got float64"):
        uniform(0, (), np.zeros(2), 1)
    with pytest.raises(ValueError, match="uniform: indices: expected 0 <= index, got -1"):
        uniform(0, (), np.array([-1]), 1)
    with pytest.raises(ValueError, match=r"uniform: indices: expected shape \(N,\)"):
        uniform(0, (), np.zeros((2, 2), np.int64), 1)
    with pytest.raises(ValueError, match="uniform: path"):
        uniform(0, (-1,), np.arange(2), 1)


def test_permutation_is_the_order_of_64_bits_per_integer():
    bits = [second << 32 | first for first, second, *_ in (plain_philox((0, i, 0, 0), (9, 0)) for i in range(50))]
    assert permutation(9, (), 50).tolist() == sorted(range(50), key=bits.__getitem__)


def test_permutation_puts_the_smaller_of_equal_bits_first(monkeypatch):
    monkeypatch.setattr(random, "_words", lambda *given: np.repeat(np.arange(1000, dtype=np.uint32)[:, None] % 7, 2, 1))
    assert permutation(0, (), 1000).tolist() == sorted(range(1000), key=lambda i: i % 7)


def test_permutation_holds_every_integer_once_and_follows_its_name():
    orders = [permutation(1, (2,), 1000), permutation(1, (3,), 1000), permutation(2, (2,), 1000)]
    for order in orders:
        assert order.dtype == np.int64
        assert sorted(order.tolist()) == list(range(1000))
    assert len({tuple(order) for order in orders}) == 3
    assert np.array_equal(orders[0], permutation(1, (2,), 1000))
    assert permutation(1, (), 0).tolist() == []
    assert permutation(1, (), 1).tolist() == [0]


def test_permutation_refuses():
    with pytest.raises(ValueError, match="permutation: n: "):
        permutation(0, (), -1)
    with pytest.raises(TypeError, match="permutation: path: expected an integer, got float"):
        permutation(0, (1.0,), 3)


def test_a_generator_is_copied_and_pickled_where_it_stands():
    generator = Generator(7, 3)
    generator.take()
    for again in (pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator)):
        assert again.state() == generator.state()
        again.take()
        assert again.state() != generator.state()
