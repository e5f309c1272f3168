"""The safetensors reader and writer: every dtype and layout, the reference package both ways, bad files."""

from __future__ import annotations

import json
import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatamikomi.io import load_file, read_metadata, save_file

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "c8", "?"]


def sample(dtype: str, shape: tuple[int, ...] = (2, 3)) -> np.ndarray:
    return np.asarray(np.arange(1, 1 + np.prod(shape, dtype=int)).reshape(shape) % 3, dtype=dtype)


def raw_file(path, header, data=b"", length=None):
    """A file built by hand from the format's description."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def assert_same(found: dict, expected: dict) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype.newbyteorder("="), name
        assert found[name].shape == array.shape, name
        assert np.array_equal(found[name], array), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,), (3, 0, 2)])
def test_round_trip_of_every_dtype(tmp_path, dtype, shape):
    path = tmp_path / "a.safetensors"
    save_file({"x": sample(dtype, shape)}, path)
    found = load_file(path)
    assert_same(found, {"x": sample(dtype, shape)})
    assert found["x"].flags.writeable
    assert found["x"].flags.c_contiguous
    assert found["x"].flags.owndata or found["x"].base.flags.owndata
    assert found["x"].dtype.isnative


def layouts() -> dict[str, np.ndarray]:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    read_only = base.copy()
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + base.tobytes(), np.float32, offset=1).reshape(4, 6)
    return {
        "fortran": np.asfortranarray(base),
        "strided": base[::2, ::3],
        "reversed": base[::-1, ::-1],
        "broadcast": np.broadcast_to(np.float32(3), (2, 5)),
        "swapped": base.astype(">f4"),
        "swapped ints": np.arange(5).astype(">i8"),
        "swapped fortran": np.asfortranarray(base.astype(">f8")),
        "read-only": read_only,
        "unaligned": unaligned,
        "long long": np.arange(3, dtype=np.longlong),
        "scalar": np.float32(1.5),
    }


def test_every_memory_layout(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(layouts(), path)
    assert_same(load_file(path), layouts())


def test_special_values_keep_their_bits(tmp_path):
    words = np.array([0x7FC00001, 0xFF800000, 0x80000000, 1], np.uint32)
    save_file({"x": words.view(np.float32)}, tmp_path / "a")
    assert np.array_equal(load_file(tmp_path / "a")["x"].view(np.uint32), words)


def test_the_bytes_are_those_of_the_format(tmp_path):
    save_file({"b": np.array([1], ">u2"), "a": np.array([[1.5]], np.float32)}, tmp_path / "a", {"k": "v"})
    data = (tmp_path / "a").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    assert data[8:9] == b"{"
    assert json.loads(data[8 : 8 + length]) == {
        "__metadata__": {"k": "v"},
        "a": entry("F32", (1, 1), (0, 4)),
        "b": entry("U16", (1,), (4, 6)),
    }
    assert data[8 + length :] == struct.pack("<fH", 1.5, 1)
    assert data[8 : 8 + length].rstrip(b" ").endswith(b"}")


def test_metadata_and_an_empty_dictionary(tmp_path):
    save_file({}, tmp_path / "a", {'épo"que': "三", "": ""})
    assert read_metadata(tmp_path / "a") == {'épo"que': "三", "": ""}
    assert load_file(tmp_path / "a") == {}
    save_file({"x": np.zeros(2)}, str(tmp_path / "b"))
    assert read_metadata(str(tmp_path / "b")) == {}


def test_loaded_arrays_share_nothing(tmp_path):
    save_file({"x": np.zeros(3), "y": np.zeros(3)}, tmp_path / "a")
    found = load_file(tmp_path / "a")
    found["x"][:] = 1
    assert not found["y"].any()
    assert not load_file(tmp_path / "a")["x"].any()


def test_bfloat16_becomes_float32(tmp_path):
    # 1.0, -2.5, the largest finite, infinity: a bfloat16 is the upper half of a float32.
    words = struct.pack("<4H", 0x3F80, 0xC020, 0x7F7F, 0x7F80)
    found = load_file(raw_file(tmp_path / "a", {"x": entry("BF16", (2, 2), (0, 8))}, words))["x"]
    assert found.dtype == np.float32
    assert found.tolist() == [[1.0, -2.5], [(2 - 2.0**-7) * 2.0**127, np.inf]]


# The reference package, both ways.


def test_the_reference_package_reads_what_we_write(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    tensors = (
        {dtype: sample(dtype) for dtype in DTYPES} | layouts() | {"empty": np.empty((0, 3)), "é": sample("f4", ())}
    )
    save_file(tensors, tmp_path / "a", {"k": "v"})
    assert_same(reference.load_file(tmp_path / "a"), tensors)
    with pytest.importorskip("safetensors").safe_open(tmp_path / "a", "np") as file:
        assert file.metadata() == {"k": "v"}


def test_we_read_what_the_reference_package_writes(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    tensors = {dtype: sample(dtype) for dtype in DTYPES} | {"empty": np.empty((0, 3)), "é": sample("f4", ())}
    reference.save_file(tensors, tmp_path / "a", {"k": "v"})
    assert_same(load_file(tmp_path / "a"), tensors)
    assert read_metadata(tmp_path / "a") == {"k": "v"}


# What must not be written.


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "message"),
    [
        ([1], None, TypeError, "save_file: tensors: expected a mapping of names to arrays, got list"),
        ({}, [1], TypeError, "save_file: metadata: expected a mapping of strings to strings, got list"),
        ({"x": [1.0]}, None, TypeError, r"save_file: tensors\['x'\]: expected a NumPy array, got list"),
        ({"x": np.zeros(2, "c16")}, None, TypeError, r"save_file: tensors\['x'\]: .*F32.*, got complex128"),
        ({"x": np.array([None])}, None, TypeError, r"tensors\['x'\]: .*got object"),
        ({"x": np.array(["a"])}, None, TypeError, r"tensors\['x'\]: .*got <U1"),
        ({1: np.zeros(2)}, None, TypeError, "names that are strings, got the name 1"),
        ({"__metadata__": np.zeros(2)}, None, ValueError, "names other than the reserved one"),
        ({"\ud800": np.zeros(2)}, None, ValueError, "names that UTF-8 can encode"),
        (
            {},
            {"epoch": 3},
            TypeError,
            "save_file: metadata: expected strings mapped to strings, got 'epoch': 3",
        ),
        ({}, {"k": "\udc00"}, ValueError, "save_file: metadata: expected text that UTF-8 can encode"),
    ],
)
def test_refuses_to_write(tmp_path, tensors, metadata, error, message):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(error, match=message):
        save_file(tensors, tmp_path / "a", metadata)
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


# Hostile files: (header, data, the fault as named).

META = "__metadata__"
HOSTILE = {
    "not json": (b"{oops", b"", "header: not JSON"),
    "not utf-8": (b'{"\xff": 1}', b"", "header: not JSON: 'utf-8' codec"),
    "a list": (b"[]", b"", "does not begin with '{'"),
    "leading space": (b" {}", b"", "does not begin with '{'"),
    "trailing words": (b"{}{}", b"", "header: not JSON: Extra data"),
    "empty header": (b"", b"", "does not begin with '{'"),
    "nested too deep": (b'{"a":' * 100_000, b"", "header: not JSON"),
    "NaN": (b'{"x": NaN}', b"", "header: not JSON: NaN is not JSON"),
    "duplicate tensor": (
        b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"\0",
        "the key 'x' occurs twice",
    ),
    "duplicate field": (
        b'{"x":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"\0",
        "the key 'dtype' occurs twice",
    ),
    "metadata of numbers": ({META: {"a": 1}}, b"", "__metadata__ does not map strings to strings"),
    "metadata of null": ({META: None}, b"", "__metadata__ does not map strings to strings"),
    "half a surrogate": (b'{"\\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0", "not text"),
    "half a surrogate in metadata": (
        b'{"__metadata__":{"a":"\\ud800"}}',
        b"",
        "does not map strings to strings",
    ),
    "entry is a number": (
        {"x": 1},
        b"",
        "tensor 'x': expected the fields dtype, shape and data_offsets, got 1",
    ),
    "missing field": ({"x": {"dtype": "U8", "shape": [1]}}, b"\0", "tensor 'x': expected the fields"),
    "extra field": ({"x": entry() | {"strides": [1]}}, bytes(8), "tensor 'x': expected the fields"),
    "unknown dtype": ({"x": entry("F31")}, bytes(8), "tensor 'x': unknown dtype 'F31'; known are F64, F32"),
    "dtype of a list": ({"x": entry(["F32"])}, bytes(8), "tensor 'x': unknown dtype"),
    "negative size": ({"x": entry(shape=(-2,))}, bytes(8), "tensor 'x': the shape .* is not a list"),
    "negative sizes whose product fits": (
        {"x": entry(shape=(-1, -2))},
        bytes(8),
        "the shape .* is not a list",
    ),
    "float size": ({"x": entry(shape=(2.0,))}, bytes(8), "the shape .* is not a list of integers"),
    "true as size": ({"x": entry("U8", (True,), (0, 1))}, bytes(1), "the shape .* is not a list of integers"),
    "shape is a number": (
        {"x": {"dtype": "U8", "shape": 1, "data_offsets": [0, 1]}},
        b"\0",
        "the shape 1 is not",
    ),
    "three offsets": ({"x": entry(offsets=(0, 8, 8))}, bytes(8), "data_offsets .* are not two integers"),
    "negative offset": ({"x": entry(offsets=(-8, 0))}, bytes(8), "data_offsets .* are not two integers"),
    "offsets backwards": (
        {"x": entry(offsets=(8, 0))},
        bytes(8),
        "data_offsets .* span -8 bytes, .* takes 8",
    ),
    "bytes disagree": ({"x": entry(shape=(3,))}, bytes(8), r"span 8 bytes, shape \[3\] of F32 takes 12"),
    "bytes disagree in an empty one": ({"x": entry(shape=(0,))}, bytes(8), "span 8 bytes, .* takes 0"),
    "product past 2**63": (
        {"x": entry("U8", (2**32, 2**31), (0, 2**63))},
        b"",
        r"more than 2\*\*63 - 1 bytes",
    ),
    "wrapping product": ({"x": entry("F32", (2**62, 4, 1), (0, 0))}, b"", r"more than 2\*\*63 - 1 bytes"),
    "huge and zero": ({"x": entry("U8", (0, 2**62, 2**62), (0, 0))}, b"", r"more than 2\*\*63 - 1 bytes"),
    "too many dimensions": (
        {"x": entry("U8", [1] * 65, (0, 1))},
        b"\0",
        "65 dimensions are more than NumPy holds",
    ),
    "data too short": ({"x": entry()}, bytes(7), r"end at 8, past the 7 bytes of data \(truncated\?\)"),
    "offsets past the end": ({"x": entry("U8", (2**40,), (0, 2**40))}, bytes(8), "past the 8 bytes of data"),
    "data too long": ({"x": entry()}, bytes(9), "a hole: bytes 8 to 9"),
    "data without tensors": ({}, bytes(1), "a hole: bytes 0 to 1"),
    "hole at the start": ({"x": entry(offsets=(4, 12))}, bytes(12), "a hole: bytes 0 to 4"),
    "hole between": ({"x": entry(), "y": entry(offsets=(12, 20))}, bytes(20), "a hole: bytes 8 to 12"),
    "overlap": (
        {"x": entry(), "y": entry(offsets=(4, 12))},
        bytes(12),
        "tensor 'y': data begins at 4 and overlaps",
    ),
    "the same bytes twice": ({"x": entry(), "y": entry()}, bytes(8), "data begins at 0 and overlaps"),
    "bool of two": (
        {"x": entry("BOOL", (2,), (0, 2))},
        b"\1\2",
        "tensor 'x': a BOOL byte is neither 0 nor 1",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_file_is_refused_by_name_and_fault(tmp_path, case):
    header, data, fault = HOSTILE[case]
    path = raw_file(tmp_path / "bad.safetensors", header, data)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ": .*" + fault):
        load_file(path)
    if case != "bool of two":  # read_metadata does not read the data
        with pytest.raises(ValueError, match=re.escape(str(path))):
            read_metadata(path)


@pytest.mark.parametrize(
    ("length", "fault"),
    [
        (3, "header: not JSON"),
        (100, "the header ends at byte 108, past the end of the file at 10"),
        (100_000_001, "the header length 100000001 exceeds 100000000 bytes"),
        (2**64 - 1, "the header length 18446744073709551615 exceeds"),
    ],
)
def test_a_lying_header_length(tmp_path, length, fault):
    path = raw_file(tmp_path / "bad", b"{}" + (b"}" if length == 3 else b""), length=length)
    with pytest.raises(ValueError, match=fault):
        load_file(path)


def test_every_truncation_is_refused(tmp_path):
    save_file({"x": np.arange(3.0), "y": np.arange(2, dtype=np.int8)}, tmp_path / "good", {"k": "v"})
    data = (tmp_path / "good").read_bytes()
    for size in range(len(data)):
        (tmp_path / "bad").write_bytes(data[:size])
        with pytest.raises(ValueError, match="bad: "):
            load_file(tmp_path / "bad")


def test_any_flipped_byte_raises_value_error_or_loads(tmp_path):
    """Never another exception; a flip in the data loads as other values, one in the header rarely loads."""
    save_file({"x": np.arange(3, dtype=np.float32), "y": np.ones(2, bool)}, tmp_path / "good", {"k": "v"})
    data = (tmp_path / "good").read_bytes()
    header = struct.unpack("<Q", data[:8])[0]
    refused = 0
    for place in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            bad = bytearray(data)
            bad[place] ^= flip
            (tmp_path / "bad").write_bytes(bad)
            try:
                load_file(tmp_path / "bad")
            except ValueError as error:
                assert "bad: " in str(error)  # noqa: PT017
                refused += 1
    assert refused > header


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("random") / "bad"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="bad: "):
        load_file(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_file(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        read_metadata(tmp_path)
