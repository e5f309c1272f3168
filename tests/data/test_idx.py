"""IDX files: every type, both containers, and every way to be broken."""

from __future__ import annotations

import gzip
import re
import struct

import numpy as np
import pytest

from tatamikomi.data import load_idx_folder, read_idx, write_idx

# Built by hand from the format's description: 2 x 3 of each type.
CODES = {
    "u1": (0x08, "6B"),
    "i1": (0x09, "6b"),
    "i2": (0x0B, "6h"),
    "i4": (0x0C, "6i"),
    "f4": (0x0D, "6f"),
    "f8": (0x0E, "6d"),
}


def idx_bytes(code: int, sizes: tuple[int, ...], data: bytes) -> bytes:
    return struct.pack(">4B", 0, 0, code, len(sizes)) + struct.pack(f">{len(sizes)}I", *sizes) + data


LABELS = idx_bytes(0x08, (3,), bytes([7, 0, 255]))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
def test_reads_every_type(tmp_path, dtype, packed):
    code, layout = CODES[dtype]
    values = [0, 1, 100, 3, 127, 5]
    data = idx_bytes(code, (2, 3), struct.pack(">" + layout, *values))
    (tmp_path / "a").write_bytes(gzip.compress(data) if packed else data)  # no .gz in the name
    found = read_idx(tmp_path / "a")
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    assert found.tolist() == [values[:3], values[3:]]
    assert found.flags.writeable
    assert found.flags.c_contiguous


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize("dtype", CODES)
def test_writes_what_the_format_says(tmp_path, dtype, name):
    code, layout = CODES[dtype]
    array = np.asfortranarray(np.arange(6, dtype=dtype).reshape(2, 3)).astype(np.dtype(dtype).newbyteorder(">"))
    write_idx(tmp_path / name, array)
    data = (tmp_path / name).read_bytes()
    assert (data[:2] == b"\x1f\x8b") == (name == "a.gz")
    plain = gzip.decompress(data) if name == "a.gz" else data
    assert plain == idx_bytes(code, (2, 3), struct.pack(">" + layout, *range(6)))


def test_empty_and_scalar(tmp_path):
    for array in (np.empty((0, 28, 28), np.uint8), np.array(5, np.uint8)):
        write_idx(tmp_path / "a", array)
        found = read_idx(tmp_path / "a")
        assert found.shape == array.shape
        assert np.array_equal(found, array)


BROKEN = {
    "empty": (b"", "truncated: 0 bytes, the magic number alone takes 4"),
    "three bytes": (LABELS[:3], "truncated: 3 bytes"),
    "wrong magic": (b"\x89PNG" + LABELS, "wrong magic number 89504e47: an IDX file begins with 0000"),
    "little-endian magic": (b"\x01\x08\0\0" + bytes(8), "wrong magic number 01080000"),
    "unknown type": (
        idx_bytes(0x0A, (3,), bytes(3)),
        "unknown type 0a in the magic number 00000a01; known are 08, 09",
    ),
    "sizes cut": (LABELS[:6], "truncated: the sizes of 1 dimensions take 4 bytes"),
    "too short": (LABELS[:-1], r"too short: sizes \(3,\) of uint8 take 3 bytes, found 2"),
    "too long": (LABELS + b"\0", r"too long: more than the 3 bytes that sizes \(3,\) of uint8 take"),
    "lying sizes": (idx_bytes(0x0E, (2**32 - 1,) * 3, bytes(8)), "too short: sizes .* found 8"),
    "no room": (
        idx_bytes(0x08, (0, 2**32 - 1, 2**32 - 1, 2**32 - 1), b""),
        "4 dimensions .* are more than NumPy holds",
    ),
    "255 dimensions": (idx_bytes(0x08, (1,) * 255, b"\0"), "255 dimensions .* are more than NumPy holds"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_refused_by_name_and_fault(tmp_path, case, packed):
    data, fault = BROKEN[case]
    path = tmp_path / "broken-idx"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ": " + fault):
        read_idx(path)


def test_every_truncation_of_a_gzip_is_refused(tmp_path):
    data = gzip.compress(LABELS, mtime=0)
    for size in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"cut: truncated(: . bytes| gzip: it ends before)"):
            read_idx(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(data[:-9])
    with pytest.raises(ValueError, match="cut: truncated gzip"):
        read_idx(tmp_path / "cut")


@pytest.mark.parametrize(("place", "what"), [(10, "deflate"), (-6, "checksum"), (-2, "length")])
def test_damaged_gzip(tmp_path, place, what):
    data = bytearray(gzip.compress(LABELS, mtime=0))
    data[place] ^= 0xFF
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(ValueError, match="bad: broken gzip: "):
        read_idx(tmp_path / "bad")


def test_rubbish_after_the_gzip(tmp_path):
    (tmp_path / "bad").write_bytes(gzip.compress(LABELS) + b"rubbish")
    with pytest.raises(ValueError, match="bad: broken gzip: "):
        read_idx(tmp_path / "bad")


def test_a_second_gzip_member_is_too_long(tmp_path):
    (tmp_path / "bad").write_bytes(gzip.compress(LABELS) + gzip.compress(b"more"))
    with pytest.raises(ValueError, match="bad: too long"):
        read_idx(tmp_path / "bad")


def test_a_lying_gzip_costs_no_memory(tmp_path):
    """64 MiB of zeros packed into 64 KiB, announced as three: reading stops after those three."""
    (tmp_path / "bomb").write_bytes(gzip.compress(LABELS + bytes(1 << 26)))
    import tracemalloc

    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bomb: too long"):
            read_idx(tmp_path / "bomb")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_refuses_to_write(tmp_path):
    for array in (np.zeros(2, np.int64), np.zeros(2, complex), np.array(["a"])):
        with pytest.raises(TypeError, match="write_idx: array: expected uint8, int8"):
            write_idx(tmp_path / "a", array)
    with pytest.raises(ValueError, match=r"write_idx: array: expected sizes below 2\*\*32"):
        write_idx(tmp_path / "a", np.broadcast_to(np.uint8(0), (2**32,)))
    assert list(tmp_path.iterdir()) == []


# Folders.


def make_folder(folder, end="", train=6, test=2, classes=3):
    images = np.arange((train + test) * 4 * 5, dtype=np.uint8).reshape(-1, 4, 5)
    labels = (np.arange(train + test) % classes).astype(np.uint8)
    write_idx(folder / f"train-images-idx3-ubyte{end}", images[:train])
    write_idx(folder / f"train-labels-idx1-ubyte{end}", labels[:train])
    write_idx(folder / f"t10k-images-idx3-ubyte{end}", images[train:])
    write_idx(folder / f"t10k-labels-idx1-ubyte{end}", labels[train:])
    return images, labels


@pytest.mark.parametrize("end", ["", ".gz"])
def test_folder(tmp_path, end):
    images, labels = make_folder(tmp_path, end)
    found = load_idx_folder(tmp_path)
    assert np.array_equal(found.train_images, images[:6])
    assert np.array_equal(found.test_images, images[6:])
    assert found.train_labels.dtype == np.int64
    assert found.train_labels.tolist() == labels[:6].tolist()
    assert found.test_labels.tolist() == labels[6:].tolist()


def test_folder_with_dots_in_the_names(tmp_path):
    _, labels = make_folder(tmp_path)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{part}-ubyte").rename(tmp_path / f"{part.replace('-idx', '.idx')}-ubyte")
    assert load_idx_folder(tmp_path).train_labels.tolist() == labels[:6].tolist()


def test_missing_files_are_all_named(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    fault = re.escape(f"{tmp_path}: no train-labels-idx1-ubyte, no t10k-images-idx3-ubyte (nor with .gz)")
    with pytest.raises(FileNotFoundError, match=fault):
        load_idx_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "array", "fault"),
    [
        (
            "train-images-idx3-ubyte",
            np.zeros((6, 20), np.uint8),
            r"expected images \(N, H, W\) of uint8, got 2 dimensions of uint8 \(magic number 00000802\)",
        ),
        ("train-images-idx3-ubyte", np.zeros((6, 4, 5), np.float32), r".* of float32 \(magic .* 00000d03\)"),
        (
            "train-labels-idx1-ubyte",
            np.zeros((6, 1), np.uint8),
            r"expected labels \(N,\) of integers, got 2 dimensions of uint8 \(magic number 00000802\)",
        ),
        ("train-images-idx3-ubyte", np.zeros((6, 0, 5), np.uint8), r"expected .* one pixel, got \(6, 0, 5\)"),
        ("train-labels-idx1-ubyte", np.zeros(6, np.float32), r"expected labels .* of float32 \(magic .* 00000d01\)"),
        (
            "train-labels-idx1-ubyte",
            np.zeros(5, np.uint8),
            "5 labels for the 6 images of .*train-images-idx3-ubyte",
        ),
        ("t10k-labels-idx1-ubyte", np.array([0, -1], np.int8), r"label -1 at position 1, expected 0\.\.255"),
        (
            "t10k-labels-idx1-ubyte",
            np.array([256, 0], np.int16),
            r"label 256 at position 0, expected 0\.\.255",
        ),
        (
            "t10k-images-idx3-ubyte",
            np.zeros((2, 5, 4), np.uint8),
            r"images of \(5, 4\) pixels, .* training have \(4, 5\)",
        ),
    ],
)
def test_parts_that_disagree(tmp_path, name, array, fault):
    make_folder(tmp_path)
    write_idx(tmp_path / name, array)
    with pytest.raises(ValueError, match=f"{name}: {fault}"):
        load_idx_folder(tmp_path)


@pytest.mark.parametrize("magic", [b"\0\0\x08\x02", b"\0\0\x0d\x03", b"\0\0\x08\x04"])
def test_a_wrong_magic_number_is_told_before_sizes_are_believed(tmp_path, magic):
    make_folder(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(magic + path.read_bytes()[4:])
    with pytest.raises(ValueError, match=rf"expected images .*\(magic number {magic.hex()}\)$"):
        load_idx_folder(tmp_path)
