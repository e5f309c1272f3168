"""NumPy's own files: mapped and read, whole and broken, and how much memory a mapped one takes."""

from __future__ import annotations

import io
import pickle
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tatamikomi.data import ArrayDataset, load_npy, load_npz
from tatamikomi.data.mapped import RowReader

ARRAY = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


def npy_bytes(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        np.asfortranarray(ARRAY),
        ARRAY.astype(">i2"),
        np.array(5.0),
        np.empty((0, 3)),
        np.array(["a", "bc"]),
        np.zeros(2, [("a", "i4"), ("b", "f8")]),
    ],
    ids=["C", "F", "big-endian", "scalar", "empty", "text", "fields"],
)
def test_reads_what_numpy_writes(tmp_path, array, mapped):
    np.save(tmp_path / "a.npy", array)
    found = load_npy(tmp_path / "a.npy", mapped=mapped)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, array)
    assert found.flags.f_contiguous == array.flags.f_contiguous
    assert found.flags.writeable == (not mapped)
    assert isinstance(found, np.memmap) == (mapped and array.size > 0)


def test_a_version_2_header(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, ARRAY, version=(2, 0))
    assert np.array_equal(load_npy(tmp_path / "a.npy"), ARRAY)


WHOLE = npy_bytes(ARRAY)
OBJECTS = npy_bytes(np.array([{"a": 1}]), allow_pickle=True)
BROKEN = {
    "empty": (b"", "not a .npy header: "),
    "rubbish": (b"rubbish" * 9, "not a .npy header: "),
    "pickle": (pickle.dumps([1, 2, 3]), "not a .npy header: "),
    "header cut": (WHOLE[:40], "not a .npy header: "),
    "too short": (WHOLE[:-1], r"truncated: shape \(4, 3, 2\) of float32 takes 96 bytes, found 95"),
    "no value": (WHOLE[:-96], r"truncated: .* found 0"),
    "too long": (WHOLE + b"\0", r"too long: shape \(4, 3, 2\) of float32 takes 96 bytes, found 97"),
    "version": (WHOLE.replace(b"NUMPY\x01", b"NUMPY\x07"), r"version \(7, 0\) of the format, expected \(1, 0\)"),
    "lying shape": (WHOLE.replace(b"(4, 3, 2)", b"(9**9999)"), "not a .npy header: "),
    "huge shape": (WHOLE.replace(b"(4, 3, 2), }  ", b"(4444444444,)}"), "truncated: .* found 96"),
    "negative shape": (WHOLE.replace(b"(4, 3, 2)", b"(-4, -6,)"), r"not a .npy header: shape \(-4, -6\)"),
    "unknown dtype": (WHOLE.replace(b"'<f4'", b"'<q4'"), "not a .npy header: "),
    "objects": (OBJECTS, "Python objects .*, which only pickle could read"),
}


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_by_name_and_fault(tmp_path, case, mapped):
    data, fault = BROKEN[case]
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a.npy")) + ": " + fault):
        load_npy(tmp_path / "a.npy", mapped=mapped)


def test_every_truncation_is_refused(tmp_path):
    for size in range(len(WHOLE)):
        (tmp_path / "a.npy").write_bytes(WHOLE[:size])
        with pytest.raises(ValueError, match=r"a\.npy: (not a|truncated)"):
            load_npy(tmp_path / "a.npy")


class Trap:
    """What a hostile pickle could do."""

    def __reduce__(self):
        return print, ("a pickle was opened",)


def test_no_pickle_is_ever_opened(tmp_path, capsys):
    array = np.array([Trap()], object)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=array, allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        load_npy(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"a\.npz: x\.npy: Python objects"):
        load_npz(tmp_path / "a.npz")
    assert capsys.readouterr().out == ""


# Archives.


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    arrays = {"x": ARRAY, "y": np.asfortranarray(ARRAY[0]), "none": np.empty((0, 2))}
    save(tmp_path / "a.npz", **arrays)
    found = load_npz(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.writeable


def archive(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in members:
            file.writestr(name, data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ([("x.npy", WHOLE), ("x.npy", WHOLE)], "two arrays of the name 'x'"),
        ([("x.npy", WHOLE), ("notes.txt", b"hello")], r"notes\.txt: not a .npy header"),
        ([("x.npy", WHOLE[:-1])], r"x\.npy: truncated: .* takes 96 bytes, found 95"),
        ([("x.npy", WHOLE + b"\0")], r"x\.npy: too long"),
        ([("x.npy", OBJECTS)], r"x\.npy: Python objects"),
    ],
)
def test_archives_of_something_else(tmp_path, members, fault):
    archive(tmp_path / "a.npz", members)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "a.npz")) + ": " + fault):
        load_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_truncation_of_an_archive_is_refused(tmp_path, save):
    save(tmp_path / "whole.npz", x=ARRAY)
    data = (tmp_path / "whole.npz").read_bytes()
    for size in range(len(data)):
        (tmp_path / "a.npz").write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"a\.npz: "):
            load_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_in_the_values_is_noticed(tmp_path, save):
    save(tmp_path / "a.npz", x=RNG_BYTES)
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.npz: broken archive: "):
        load_npz(tmp_path / "a.npz")


RNG_BYTES = np.random.default_rng(1).integers(0, 256, 4000, np.uint8)


def test_a_directory_that_lies_about_places_and_names(tmp_path):
    np.savez(tmp_path / "whole.npz", x=ARRAY)
    data = (tmp_path / "whole.npz").read_bytes()
    end = data.rindex(b"PK\5\6")  # after it: counts, then at 12 the directory's size and at 16 its place
    entry = data.rindex(b"PK\1\2")  # at 8 the flags, at 46 the name
    for place, bytes_there in (
        (end + 12, b"\xff\xff\xff\x7f"),
        (end + 16, b"\xff\xff\xff\x7f"),
        (end + 12, b"\0\0\0\0"),
        (entry + 42, b"\xff\xff\xff\x7f"),
        (entry + 10, b"\x63\0"),  # a method of compression that nobody knows
        (entry + 8, b"\1\0"),  # a password
        (data.index(b"x.npy"), b"\xd9"),
    ):
        broken = bytearray(data)
        broken[place : place + len(bytes_there)] = bytes_there
        (tmp_path / "a.npz").write_bytes(broken)
        try:
            assert load_npz(tmp_path / "a.npz") == {}
        except ValueError as error:
            assert str(error).startswith(f"{tmp_path / 'a.npz'}: ")  # noqa: PT017


def test_a_lying_archive_costs_no_memory(tmp_path):
    """A header that promises 4 TiB: refused before anything is taken for it."""
    archive(tmp_path / "a.npz", [("x.npy", WHOLE.replace(b"(4, 3, 2), }   ", b"(999999999999,)"))])
    with pytest.raises(ValueError, match=r"x\.npy: (truncated|not a .npy header)"):
        load_npz(tmp_path / "a.npz")


# Memory.


def test_which_arrays_are_read_from_their_files(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY)
    x = load_npy(tmp_path / "a.npy")
    for array in (x, x[1:], np.asarray(x), x.reshape(12, 2), x.view(np.uint8)):
        assert RowReader.of(array) is not None
    for array in (x[:, ::2], x[::-1], x[:0], x[0, 0, 0], ARRAY, np.array(x)):
        assert RowReader.of(array) is None
    for mode in ("r+", "c"):
        assert RowReader.of(np.load(tmp_path / "a.npy", mmap_mode=mode)) is None


def test_what_was_written_to_a_private_mapping_is_seen(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY)
    x = np.load(tmp_path / "a.npy", mmap_mode="c")
    x[2] = -1
    assert (ArrayDataset(x, np.arange(4)).batch(np.array([2]))[0] == -1).all()


@pytest.mark.parametrize("cut", [slice(None), slice(100, 450), slice(0, 500, 2)], ids=["all", "a part", "steps"])
@pytest.mark.parametrize("kind", ["<i4", ">f8", "u1"])
def test_batches_of_a_mapped_file(tmp_path, kind, cut):
    big = (np.arange(50_000) % 251).astype(kind).reshape(500, 4, 25)
    np.save(tmp_path / "a.npy", big)
    data = ArrayDataset(load_npy(tmp_path / "a.npy")[cut], load_npy(tmp_path / "a.npy")[cut])
    big = big[cut]
    order = np.random.default_rng(0).permutation(len(big))
    for indices in (order[:32], np.arange(7, 60), np.array([3, 4, 4, 5, 6, 0, -1, -2]), order[:0], np.array([8])):
        for found in data.batch(indices):
            assert found.dtype == big.dtype
            assert np.array_equal(found, big[indices])
            assert found.flags.writeable
    mask = big[:, 0, 0] == 3
    assert np.array_equal(data.batch(mask)[0], big[mask])
    for wrong in (len(big), -len(big) - 1):
        with pytest.raises(IndexError, match=str(wrong)):
            data.batch(np.array([0, wrong]))


def test_a_file_that_changes_under_a_data_set_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, ARRAY)
    data = ArrayDataset(load_npy(path), np.arange(4))
    path.write_bytes(WHOLE[:-8])
    with pytest.raises(ValueError, match=r"a\.npy: it has changed since it was mapped"):
        data.batch(np.array([3]))


FLAT = """
import sys
import numpy as np
from tatamikomi.data import ArrayDataset, DataLoader, load_npy

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

x = load_npy(sys.argv[1])
loader = DataLoader(ArrayDataset(x, np.arange(len(x))), 64, shuffle=True, workers=int(sys.argv[2]))
before, peak, total = resident(), 0, 0
for batch, _ in loader:
    peak = max(peak, resident())
    total += int(batch[:, 0].sum(dtype=np.int64))
print(peak - before, total)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("workers", [0, 1, 4])
def test_memory_stays_flat_over_a_large_mapped_file(tmp_path, workers):
    """256 MiB gone through in random order, in batches of 1 MiB, of which each worker holds two or three."""
    rows, columns = 1 << 14, 1 << 14
    array = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (rows, columns))
    array[:, 0] = 3
    array.flush()
    del array
    command = [sys.executable, "-c", FLAT, str(tmp_path / "a.npy"), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    growth, total = map(int, done.stdout.split())
    assert total == 3 * rows
    assert growth < (16 + 3 * workers) << 20
