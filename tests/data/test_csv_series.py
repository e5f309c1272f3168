"""Series in text: where the label stands, and what is wrong with a line, by its number."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tatamikomi.data import read_csv_series


def written(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("1,2,b\n3,4.5,a\n", {}),
        ("b,1,2\na,3,4.5\n", {"label": "first"}),
        ("x0,kind,x1\n1,b,2\n3,a,4.5\n", {"label": "kind", "header": True}),
        ("x0,x1,kind\n1,2,b\n3,4.5,a\n", {"header": True}),
        ("1\t2\tb\r\n3\t4.5\ta", {"delimiter": "\t"}),
        ("  1   2\tb\n\n3 4.5 a\n  \n", {"delimiter": None}),
        ('1;2;"b"\n\n 3 ; +4.5e0 ;"a"\n\n', {"delimiter": ";"}),
        (b"\xef\xbb\xbf1,2,b\n3,4.5,a", {}),
    ],
)
def test_series_and_labels(tmp_path, text, options):
    x, y, classes = read_csv_series(written(tmp_path, text), **options)
    assert x.tolist() == [[[1, 2]], [[3, 4.5]]]
    assert x.dtype == np.float32
    assert y.tolist() == [1, 0]
    assert y.dtype == np.int64
    assert classes == ("a", "b")


def test_numbers_as_labels_are_in_the_order_of_numbers(tmp_path):
    _, y, classes = read_csv_series(written(tmp_path, "0,10\n0,-1\n0,9\n0,10\n"))
    assert classes == ("-1", "9", "10")
    assert y.tolist() == [2, 0, 1, 2]


def test_the_training_file_says_what_the_classes_are(tmp_path):
    _, y, classes = read_csv_series(written(tmp_path, "0,c\n0,a\n"), classes=("c", "b", "a"))
    assert (y.tolist(), classes) == ([0, 2], ("c", "b", "a"))
    with pytest.raises(ValueError, match=r"a\.csv: line 2: label 'a', expected one of 'c', 'b'"):
        read_csv_series(tmp_path / "a.csv", classes=("c", "b"))


def test_without_labels(tmp_path):
    x, y, classes = read_csv_series(written(tmp_path, "1,2\n3,nan\n"), label=None)
    assert x[0, 0].tolist() == [1, 2]
    assert np.isnan(x[1, 0, 1])
    assert (y.tolist(), classes) == ([0, 0], ())


def test_infinity_is_a_number(tmp_path):
    x, _, _ = read_csv_series(written(tmp_path, "inf,-Infinity,a\n"))
    assert x.tolist() == [[[np.inf, -np.inf]]]


@pytest.mark.parametrize(
    ("text", "options", "fault"),
    [
        ("", {}, "it holds no series"),
        ("\n \n", {}, "it holds no series"),
        ("a,b\n", {"header": True}, "it holds no series"),
        ("1,2,a\n1,a\n", {}, "line 2: 2 fields, the first line has 3"),
        ("1,2,a\n\n\n1,2,3,a\n", {}, "line 4: 4 fields, the first line has 3"),
        ("1,2,a\n1,2,a,\n", {}, "line 2: 4 fields"),
        ('1,2,"a\nb"\n1,2\n', {}, "line 3: 2 fields"),
        ("1,2,a\n1,,a\n", {}, "line 2, field 2: expected a number, got ''$"),
        ("a,1,2\na,1,two\n", {"label": "first"}, "line 2, field 3: expected a number, got 'two'$"),
        ("1,1_0,a\n", {}, "line 1, field 2: expected a number, got '1_0'"),
        ("x,y,kind\n1,2,a\n", {}, "line 1, field 1: expected a number, got 'x'; is it a header"),
        ("1,0x10,a\n", {}, "line 1, field 2: expected a number, got '0x10'"),
        ("1,1e39,a\n", {}, "line 1, field 2: '1e39' is beyond float32"),
        ("1,1e999,a\n", {}, "line 1, field 2: '1e999' is beyond float32"),
        ("a\n", {}, "line 1: 1 field, expected a label and at least one number"),
        ("x,y\n1,2\n", {"label": "kind", "header": True}, "line 1: 0 columns of the name 'kind', expected one"),
        ("k,k,x\n1,2,3\n", {"label": "k", "header": True}, "line 1: 2 columns of the name 'k', expected one"),
        (b"1,2,a\n1,\xff,a\n", {}, "not UTF-8 after line"),
        (b"1 2 a\n1 \xff a\n", {"delimiter": None}, "not UTF-8 after line"),
        ('1,2,a\n1,"2,a\n', {}, "line 2: unexpected end of data"),
        ('1,2,a\n1,"2"2,a\n', {}, "line 2: ',' expected after"),
        (b"\x1f\x8b\x08\0" * 9, {}, "not UTF-8 after line 0: invalid start byte"),
    ],
)
def test_a_broken_file_is_refused_by_name_and_line(tmp_path, text, options, fault):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ": " + fault):
        read_csv_series(path, **options)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", 3])
def test_delimiters_of_other_than_one_character(tmp_path, delimiter):
    with pytest.raises(ValueError, match="read_csv_series: delimiter: expected one character, or None"):
        read_csv_series(written(tmp_path, "1,a\n"), delimiter=delimiter)


def test_a_name_needs_a_header(tmp_path):
    with pytest.raises(ValueError, match="read_csv_series: header: expected True, since the column 'kind'"):
        read_csv_series(written(tmp_path, "1,a\n"), label="kind")
