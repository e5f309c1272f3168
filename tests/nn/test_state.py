"""state_dict and load_state_dict: keys as in torch, copies out, all or nothing in."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))


KEYS = [
    "0.weight",
    "0.bias",
    "1.weight",
    "1.bias",
    "1.running_mean",
    "1.running_var",
    "1.num_batches_tracked",
    "3.weight",
    "3.bias",
]


def test_keys_stand_in_torchs_order():
    assert list(small().state_dict()) == KEYS


def test_keys_are_those_of_torch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 2)
    )
    expected = {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in small().state_dict().items()} == expected
    ours = small()
    ours.load_state_dict(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert np.array_equal(ours.state_dict()[key], value.numpy())


def test_state_is_a_copy():
    net = small()
    before = net.state_dict()
    kept = {key: value.copy() for key, value in before.items()}
    for parameter in net.parameters():
        parameter.copy_(np.full(parameter.shape, 7.0))
    net[1].running_mean += 1
    assert all(np.array_equal(before[key], kept[key]) for key in KEYS)


def test_loading_writes_in_place_and_counts_the_write():
    source, target = small(), small()
    weight, versions = target[0].weight, [parameter.version for parameter in target.parameters()]
    result = target.load_state_dict(source.state_dict())
    assert result == ([], [])
    assert target[0].weight is weight
    assert [parameter.version for parameter in target.parameters()] == [version + 1 for version in versions]
    for key, value in source.state_dict().items():
        assert np.array_equal(target.state_dict()[key], value)


def test_loading_converts_float_dtypes_and_byte_order():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]], ">f8"), "bias": [3.0]})
    assert layer.weight.numpy().tolist() == [[1.0, 2.0]]
    assert layer.weight.dtype == np.float32
    layer.load_state_dict({"weight": tk.tensor([[4.0, 5.0]]), "bias": np.zeros(1, np.float32)})
    assert layer.weight.numpy().tolist() == [[4.0, 5.0]]


def test_every_fault_is_told_and_nothing_is_loaded():
    net = small()
    before = net.state_dict()
    wrong = {key: value + 1 for key, value in before.items()}
    del wrong["0.bias"]
    wrong["4.weight"] = np.zeros(3)
    wrong["3.weight"] = np.zeros((2, 9), np.float32)
    wrong["1.bias"] = np.zeros(2, np.complex64)
    with pytest.raises(ValueError, match="load_state_dict: Sequential: nothing was loaded") as caught:
        net.load_state_dict(wrong)
    text = str(caught.value)
    for fault in (
        "missing key '0.bias'",
        "unexpected key '4.weight'",
        r"key '3.weight': expected shape (2, 8), got (2, 9)",
        "key '1.bias': expected dtype float32, got complex64",
    ):
        assert fault in text
    for key, value in before.items():
        assert np.array_equal(net.state_dict()[key], value)


def test_not_strict_lets_keys_differ_but_not_shapes():
    net = nn.Linear(2, 1)
    result = net.load_state_dict({"weight": np.ones((1, 2)), "other": np.ones(1)}, strict=False)
    assert result.missing_keys == ["bias"]
    assert result.unexpected_keys == ["other"]
    assert net.weight.numpy().tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match=r"key 'weight': expected shape \(1, 2\), got \(2,\)"):
        net.load_state_dict({"weight": np.ones(2)}, strict=False)


def test_what_is_no_array_is_a_fault():
    with pytest.raises(ValueError, match="key 'bias': expected dtype float32, got"):
        nn.Linear(2, 1).load_state_dict({"weight": np.ones((1, 2)), "bias": ["x"]})
    with pytest.raises(ValueError, match="key 'bias': not an array"):
        nn.Linear(2, 1).load_state_dict({"weight": np.ones((1, 2)), "bias": [[1], [2, 3]]})
    with pytest.raises(TypeError, match="load_state_dict: state_dict: expected a mapping"):
        nn.Linear(2, 1).load_state_dict([("weight", 1)])
