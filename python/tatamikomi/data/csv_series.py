"""Series of numbers in text, one to a line, with a label at its beginning, at its end or under a name."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_value
from tatamikomi.io.faults import bad_file

_FLOAT32_MAX = float(np.finfo(np.float32).max)


class Series(NamedTuple):
    """x (N, 1, L) float32; y (N,) int64, places in `classes`; the labels as the file has them, sorted."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    classes: tuple[str, ...]


def read_csv_series(
    path: str | os.PathLike[str],
    label: str | None = "last",
    header: bool = False,
    delimiter: str | None = ",",
    classes: Sequence[str] | None = None,
) -> Series:
    """Read series of equal length, each a line of numbers and a label.

    Lines without any character but spaces do not count. "nan" and "inf" are numbers; an empty field is none.

    Args:
        path: a text file in UTF-8.
        label: "first", "last", or the name of a column, which the header must hold; None for series without a
            label, which all get y = 0 and leave `classes` empty.
        header: whether the first line names the columns.
        delimiter: one character, quotes understood; None for any run of spaces and tabs.
        classes: the labels in the order of their classes, such as those of the training file. When None, the labels
            found: in the order of numbers if all of them are, else in that of text.

    Raises:
        ValueError: no series at all, a line with more or fewer fields than the first, a field that is no number or
            beyond float32, a label that is none of `classes`, a column that the header lacks or has twice, text
            that is not UTF-8, or a delimiter of other than one character; the message names the file and the line.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> from tatamikomi.data import read_csv_series
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "motions.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("0.5,1,2,walk\\n0,1.5,1,run\\n")
    ...     x, y, classes = read_csv_series(path)
    >>> x.shape, y.tolist(), classes
    ((2, 1, 3), [1, 0], ('run', 'walk'))
    """
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n'):
        raise bad_value("read_csv_series", "delimiter", delimiter, "one character, or None for spaces")
    if label not in ("first", "last", None) and not header:
        raise bad_value("read_csv_series", "header", header, f"True, since the column {label!r} is looked for in it")
    texts: list[str] = []
    places: list[int] = []  # of the lines, for what is found wrong later on
    values: list[NDArray[np.float32]] = []
    width, column = 0, None
    with open(path, encoding="utf-8-sig", newline="") as file:
        for number, fields in _lines(file, path, delimiter):
            if not width:
                width = len(fields)
                column = _label_column(path, number, fields, label)
                if header:
                    continue
            if len(fields) != width:
                raise bad_file(path, f"line {number}: {len(fields)} fields, the first line has {width}")
            if column is not None:
                texts.append(fields.pop(column).strip())
            places.append(number)
            values.append(_numbers(path, number, fields, column, first=not values and not header))
    if not values:
        raise bad_file(path, "it holds no series")
    x = np.stack(values)[:, None]
    if column is None:
        return Series(x, np.zeros(len(x), np.int64), ())
    known = tuple(classes) if classes is not None else _sorted_labels(texts)
    place_of = {text: place for place, text in enumerate(known)}
    for number, text in zip(places, texts, strict=True):
        if text not in place_of:
            raise bad_file(path, f"line {number}: label {text!r}, expected one of {', '.join(map(repr, known))}")
    return Series(x, np.array([place_of[text] for text in texts], np.int64), known)


def _lines(file: IO[str], path: str | os.PathLike[str], delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """(number of the line, its fields) for each line that is not empty."""
    import csv

    number = 0
    try:
        if delimiter is None:
            for number, line in enumerate(file, start=1):
                if fields := line.split():
                    yield number, fields
            return
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        for fields in reader:
            number = reader.line_num
            if len(fields) > 1 or (fields and fields[0].strip()):
                yield number, fields
    except UnicodeDecodeError as error:
        raise bad_file(path, f"not UTF-8 after line {number}: {error.reason}") from None
    except csv.Error as error:
        raise bad_file(path, f"line {number + 1}: {error}") from None


def _label_column(path: str | os.PathLike[str], number: int, fields: list[str], label: str | None) -> int | None:
    if label is None:
        return None
    if len(fields) < 2:
        raise bad_file(path, f"line {number}: {len(fields)} field, expected a label and at least one number")
    if label in ("first", "last"):
        return 0 if label == "first" else len(fields) - 1
    names = [field.strip() for field in fields]
    if names.count(label) != 1:
        raise bad_file(path, f"line {number}: {names.count(label)} columns of the name {label!r}, expected one")
    return names.index(label)


def _numbers(
    path: str | os.PathLike[str], number: int, fields: list[str], column: int | None, first: bool
) -> NDArray[np.float32]:
    row = np.empty(len(fields), np.float32)
    for place, field in enumerate(fields):
        # Where the field stands in the line, the label counted, from 1.
        stands = f"line {number}, field {place + 1 + (column is not None and place >= column)}"
        try:
            value = math.nan if "_" in field else float(field)
        except ValueError:
            value = None
        if value is None or "_" in field:
            hint = "; is it a header? then give header=True" if first else ""
            raise bad_file(path, f"{stands}: expected a number, got {field!r}{hint}")
        if abs(value) > _FLOAT32_MAX and "inf" not in field.lower():
            raise bad_file(path, f"{stands}: {field!r} is beyond float32")
        row[place] = value
    return row


def _sorted_labels(texts: list[str]) -> tuple[str, ...]:
    distinct = sorted(set(texts))
    try:
        return tuple(sorted(distinct, key=float))
    except ValueError:
        return tuple(distinct)
