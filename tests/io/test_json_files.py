"""JSON in files: what can be said comes back, what cannot is refused, faults name the file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tatamikomi.io import read_json, write_json


def test_round_trip(tmp_path):
    value = {"b": [1, 2.5, None, True], "a": {"名": "é\n"}, "empty": {}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert list(read_json(tmp_path / "a.json")) == ["b", "a", "empty"]
    assert "名" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_numpy_values_and_paths(tmp_path):
    value = {
        "i": np.int64(3),
        "f": np.float32(0.5),
        "b": np.bool_(True),
        "x": np.eye(2),
        "p": Path("a") / "b",
    }
    write_json(tmp_path / "a.json", value)
    found = read_json(tmp_path / "a.json")
    assert found == {"i": 3, "f": 0.5, "b": True, "x": [[1.0, 0.0], [0.0, 1.0]], "p": "a/b"}
    assert type(found["b"]) is bool


def test_floats_keep_their_bits(tmp_path):
    values = [0.1, 1e-308, math.pi * 1e300, -0.0, math.inf, -math.inf]
    write_json(tmp_path / "a.json", [*values, math.nan])
    found = read_json(tmp_path / "a.json")
    assert np.array(found[:-1]).tobytes() == np.array(values).tobytes()
    assert math.isnan(found[-1])


def test_what_json_cannot_say_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError, match="write_json: value: expected what JSON can say, got complex"):
        write_json(tmp_path / "a.json", {"z": 1j})
    assert read_json(tmp_path / "a.json") == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not JSON: Expecting value"),
        (b'{"a": 1', "not JSON: Expecting ',' delimiter"),
        (b"\xff\xfe", "not JSON: 'utf-8' codec"),
        (b'{"a": 1, "a": 2}', "not JSON: the key 'a' occurs twice"),
        (b"[" * 100_000, "not JSON: "),
    ],
)
def test_faults_name_the_file(tmp_path, data, fault):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ValueError, match=rf"a\.json: {fault}"):
        read_json(tmp_path / "a.json")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_json(tmp_path / "nowhere")
