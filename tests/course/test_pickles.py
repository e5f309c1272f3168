"""Pickles of arrays are read whatever wrote them; whatever else they name is refused, and nothing runs."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from tatamikomi.course import load_pickle
from tatamikomi.course.pickles import load_arrays

ARRAYS = {
    "W1": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.zeros((0, 3)),
    "point": np.array(3.0),
    "big-endian": np.arange(3, dtype=">i4"),
    "mask": np.array([True, False]),
    "text": np.array(["ab", "c"]),
    "number": np.float64(0.5),
    "rest": [1, 2.5, "x", None, (np.ones(1), b"bytes", 10**30)],
}


def same(a, b):
    if isinstance(a, np.ndarray):
        return (
            a.dtype == b.dtype.newbyteorder("=") and a.shape == b.shape and np.array_equal(a, b) and a.flags.writeable
        )
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def written(folder, data):
    path = folder / "sample_weight.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("old", [False, True])
def test_arrays_of_every_protocol(protocol, old, tmp_path):
    """NumPy called its modules numpy.core before 2.0; a length-prefixed name is not touched by the replacement."""
    data = pickle.dumps([ARRAYS, OrderedDict(ARRAYS)], protocol)
    assert b"numpy._core" in data
    if old:
        data = data.replace(b"numpy._core", b"numpy.core").replace(b"\x8c\x16numpy.core", b"\x8c\x15numpy.core")
        data = data.replace(b"\x8c\x13numpy.core", b"\x8c\x12numpy.core")
        frame = data.find(b"\x95")
        if protocol >= 4:  # the frame's length counts those letters too
            data = data[: frame + 1] + (len(data) - frame - 9).to_bytes(8, "little") + data[frame + 9 :]
    found = load_pickle(written(tmp_path, data))
    assert same(found, [ARRAYS, OrderedDict(ARRAYS)])
    assert found[0]["turned"].flags.f_contiguous


def test_a_file_of_python_2(tmp_path):
    data = (
        b"(dp0\nS'b1'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
        b"(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nb"
        b"I00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'\np15\ntp16\nbs."
    )
    assert load_arrays(written(tmp_path, data))["b1"].tolist() == [1, 2]


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def array_of(dtype, state=None, data=b"\x41" * 16):
    """A pickle that would have NumPy read an array of `dtype` from bytes."""
    kind = Runs(np.dtype, dtype) if state is None else np.dtype(dtype)
    return Runs(np._core.multiarray.scalar, kind, data)


HOSTILE = {
    "os.system": (Runs(os.system, "touch ran"), r"posix.system, which is refused"),
    "eval": (Runs(eval, "open('ran', 'w')"), r"__builtin__.eval, which is refused|builtins.eval, which is refused"),
    "in an array": (np.array([Runs(os.system, "touch ran")], dtype=object), "array of 'O8'"),
    "getattr": ({"W1": Runs(getattr, "x", "upper")}, r"(__builtin__|builtins)\.getattr"),
    "numpy.load": (Runs(np.load, "x.npy", None, True), r"names numpy(\.lib)?\S*\.load, which is refused"),
    "objects by address": (array_of("O"), "array of 'O'"),
    "records by address": (array_of([("a", "O")]), "array of"),
    "too few bytes": (Runs(np._core.multiarray.scalar, np.dtype("f8"), b"1234"), "4 bytes for shape"),
    "a class of ours": (Runs(pickle.Unpickler, None), r"pickle\.Unpickler"),
    "a set": ({"W1": {1, 2}}, r"(__builtin__|builtins)\.set|it holds a set"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_hostile_pickles(name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing, message = HOSTILE[name]
    path = written(tmp_path, pickle.dumps(thing, protocol))
    with pytest.raises(ValueError, match=rf"sample_weight.pkl: not a pickle of arrays: .*({message})"):
        load_pickle(path)
    assert os.listdir(tmp_path) == ["sample_weight.pkl"]


CRAFTED = {
    "nothing": b"",
    "text": b"hello",
    "no end": pickle.dumps(ARRAYS)[:-1],
    "cut": pickle.dumps(ARRAYS)[:200],
    "a state for a function": b"\x80\x02cnumpy\ndtype\n}X\x08\x00\x00\x00__code__Nsb.",
    "persistent": b"\x80\x02X\x01\x00\x00\x00aQ.",
    "a shape beyond its bytes": pickle.dumps(np.zeros(3), 2).replace(b"K\x03\x85", b"M\xff\xff\x85"),
    "codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",
    "a cycle of tuples": b"\x80\x02(](h\x00q\x00t.",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_broken_files(name, tmp_path):
    with pytest.raises(ValueError, match=r"sample_weight\.pkl: not a pickle of arrays: "):
        load_pickle(written(tmp_path, CRAFTED[name]))


def test_a_memo_takes_no_more_than_it_holds(tmp_path):
    """Place 2**32 - 1 of it: the unpickler in C would make room for all before."""
    assert load_pickle(written(tmp_path, b"\x80\x02Nr\xff\xff\xff\xff.")) is None


def test_much_of_the_same_is_made_once(tmp_path):
    """Thirty lists of two, each twice in the next: a billion, if each were walked through."""
    nested = [np.ones(1)]
    for _ in range(30):
        nested = [nested, nested]
    found = load_pickle(written(tmp_path, pickle.dumps(nested)))
    assert found[0] is found[1]


def test_only_dictionaries_of_arrays_are_parameters(tmp_path):
    for thing in ([np.ones(1)], {"W1": "x"}):
        with pytest.raises(ValueError, match="not a dictionary of arrays"):
            load_arrays(written(tmp_path, pickle.dumps(thing)))
