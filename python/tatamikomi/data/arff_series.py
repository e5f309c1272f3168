"""Series of several channels in the ARFF files of the UEA archive: one quoted field of all channels, then the label."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.csv_series import Series
from tatamikomi.io.faults import bad_file


def read_arff_series(path: str | os.PathLike[str], classes: Sequence[str] | None = None) -> Series:
    r"""Read series whose lines after "@data" are '1,2,3\n4,5,6',label: a row of numbers per channel, between them the
    two characters \ and n.

    Lines before "@data", empty ones and those that begin with % do not count.

    Args:
        path: a text file in UTF-8.
        classes: the labels in the order of their classes; when None, those found, sorted.

    Returns:
        x (N, C, L) float32, y (N,) int64, the labels.

    Raises:
        ValueError: no series, a line of another form, a series of another shape than the first, a field that is no
            number, or a label that is none of `classes`; the message names the file and the line.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> from tatamikomi.data import read_arff_series
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "motion.arff")
    ...     with open(path, "w") as file:
    ...         _ = file.write("@data\n'1,2,3\\n4,5,6',run\n'0,0,0\\n9,9,9',jump\n")
    ...     series = read_arff_series(path)
    >>> series.x.shape, series.y.tolist(), series.classes
    ((2, 2, 3), [1, 0], ('jump', 'run'))
    """
    values: list[NDArray[np.float32]] = []
    labels: list[tuple[int, str]] = []
    within = False
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, text in enumerate(file, start=1):
                line = text.strip()
                if within and line and not line.startswith("%"):
                    array, label = _series(path, number, line)
                    if values and array.shape != values[0].shape:
                        fault = f"line {number}: shape {array.shape}, the first series has {values[0].shape}"
                        raise bad_file(path, fault)
                    values.append(array)
                    labels.append((number, label))
                within = within or line.lower() == "@data"
    except UnicodeDecodeError as error:
        raise bad_file(path, f"not UTF-8: {error.reason}") from None
    if not values:
        raise bad_file(path, "it holds no series" if within else "it has no line @data")
    known = tuple(classes) if classes is not None else tuple(sorted({label for _, label in labels}))
    for number, label in labels:
        if label not in known:
            raise bad_file(path, f"line {number}: label {label!r}, expected one of {', '.join(map(repr, known))}")
    return Series(np.stack(values), np.array([known.index(label) for _, label in labels], np.int64), known)


def _series(path: str | os.PathLike[str], number: int, line: str) -> tuple[NDArray[np.float32], str]:
    field, _, label = line[1:].partition(line[0])
    if line[0] not in "'\"" or not label.startswith(",") or not label[1:].strip():
        raise bad_file(path, f"line {number}: expected numbers in quotes, a comma and a label")
    try:
        rows = [[float(one) for one in row.split(",")] for row in field.split("\\n")]
    except ValueError as error:
        raise bad_file(path, f"line {number}: {error}") from None
    if len({len(row) for row in rows}) != 1:
        raise bad_file(path, f"line {number}: channels of {', '.join(str(len(row)) for row in rows)} numbers")
    return np.array(rows, np.float32), label[1:].strip().strip("'\"")
