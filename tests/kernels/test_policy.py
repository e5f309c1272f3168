"""Choosing algorithms: the policies, a call's own choice, the limit on workspace, packed weights, explain_conv."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import _native

X, W = (2, 16, 14, 14), (32, 16, 3, 3)


def arrays(x_shape=X, weight_shape=W, dtype=np.float32):
    rng = np.random.default_rng(0)
    return rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(weight_shape).astype(dtype)


def chosen(direction="forward", **options):
    return tk.explain_conv(X, W, padding=1, **options).chosen(direction).name


def in_float64(call, *operands):
    """What the reference makes of them."""
    with tk.backend("reference"):
        return call(*(one.astype(np.float64) for one in operands))


def assert_as_published(y, truth, note):
    """No further from `truth`, of float64, than the algorithm of `note` publishes."""
    np.testing.assert_allclose(y, truth, rtol=0, atol=note.error * np.abs(truth).max())


def test_the_policy_is_a_context_and_each_threads_own():
    seen = []
    assert tk.get_conv_algorithm() == "auto"
    with tk.set_conv_algorithm("plain"):
        assert chosen() == "plain"
        thread = threading.Thread(target=lambda: seen.append(tk.get_conv_algorithm()))
        thread.start()
        thread.join()
        with tk.set_conv_algorithm("exact"):
            assert tk.get_conv_algorithm() == "exact"
        assert tk.get_conv_algorithm() == "plain"
    assert seen == ["auto"]
    tk.set_conv_algorithm("direct")
    try:
        assert tk.get_conv_algorithm() == "direct"
    finally:
        tk.set_conv_algorithm("auto")


@pytest.mark.parametrize(
    ("name", "error", "pattern"),
    [
        ("fast", ValueError, "set_conv_algorithm: name: expected one of 'auto'.*'exact'.*'fastest'.*got 'fast'"),
        (3, TypeError, "set_conv_algorithm: name: expected the name .*got 3"),
    ],
)
def test_unknown_policies_are_refused(name, error, pattern):
    with pytest.raises(error, match=pattern):
        tk.set_conv_algorithm(name)
    assert tk.get_conv_algorithm() == "auto"


def test_exact_adds_products_of_the_factors():
    """Small integers come out exactly, whatever auto would have chosen."""
    rng = np.random.default_rng(1)
    x = rng.integers(-4, 5, (2, 64, 28, 28)).astype(np.float32)
    weight = rng.integers(-4, 5, (64, 64, 3, 3)).astype(np.float32)
    with tk.set_conv_algorithm("exact"):
        y = tk.kernels.conv_forward(x, weight, padding=1)
    with tk.backend("reference"):
        expected = tk.kernels.conv_forward(x.astype(np.float64), weight.astype(np.float64), padding=1)
    np.testing.assert_array_equal(y, expected)


def test_auto_does_not_look_at_the_batch():
    for x_shape, weight_shape, options in [
        ((1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
        ((1, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
        ((1, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    ]:
        for direction in ("forward", "backward_input", "backward_weight"):
            names = {
                tk.explain_conv((n, *x_shape[1:]), weight_shape, **options).chosen(direction).name for n in (1, 3, 64)
            }
            assert len(names) == 1


@pytest.mark.parametrize(
    ("size", "padding", "forward", "backward_input", "backward_weight"),
    [
        ((1, 1), 1, "matmul", "matmul", "matmul"),  # one tap lives
        ((2, 2), 1, "winograd_f2", "winograd_f2", "winograd_f2"),
        ((3, 3), 1, "winograd_f4", "winograd_f4", "winograd_f4"),
        ((6, 6), 1, "winograd_f2", "winograd_f2", "winograd_f2"),
        ((7, 7), 1, "winograd_f4", "winograd_f4", "winograd_f4"),
        ((14, 14), 1, "winograd_f4", "winograd_f4", "winograd_f4"),
        ((1, 28), 1, "winograd_f4", "winograd_f4", "winograd_f4"),  # a row of taps
        ((28, 1), 1, "winograd_f4", "winograd_f4", "winograd_f4"),  # a column, laid along rows
        ((2, 28), 1, "winograd_f2", "winograd_f2", "winograd_f2"),
        ((3, 3), 0, "matmul", "winograd_f4", "matmul"),  # y is 1x1, dx is 3x3; its weights are too many to turn
        ((1, 1), 2, "winograd_f4", "direct", "winograd_f4"),  # and the other way round
    ],
)
def test_tiles_fit_small_maps(size, padding, forward, backward_input, backward_weight):
    plan = tk.explain_conv((1, 512, *size), (512, 512, 3, 3), padding=padding)
    chosen = [plan.chosen(direction).name for direction in ("forward", "backward_input", "backward_weight")]
    assert [name.replace("direct_pixels", "direct") for name in chosen] == [forward, backward_input, backward_weight]


@pytest.mark.parametrize(
    ("x", "weight", "stride", "algorithm"),
    [
        ((1, 64, 8, 28, 28), (64, 64, 3, 3, 3), 1, "winograd_f4"),
        ((1, 64, 8, 28, 28), (64, 64, 1, 3, 3), 1, "winograd_f4"),
        ((1, 64, 4, 6, 6), (64, 64, 3, 3, 3), 1, "winograd_f2"),
        ((1, 64, 8, 56, 56), (64, 64, 3, 3, 3), 2, "winograd_strided"),
        ((1, 128, 8, 28, 28), (128, 128, 3, 3, 3), 2, "winograd_strided"),
        ((1, 32, 8, 28, 28), (64, 32, 3, 3, 3), 2, "direct"),  # few channels
        ((1, 128, 8, 26, 26), (128, 128, 3, 3, 3), 2, "direct"),  # 13x13
        ((1, 128, 8, 34, 34), (128, 128, 3, 3, 3), 2, "direct"),  # tiles reach far past 17x17
    ],
)
def test_tiles_serve_kernels_of_depth(x, weight, stride, algorithm):
    options = {"stride": stride, "padding": "same" if stride == 1 else 1}
    told = tk.explain_conv(x, weight, **options)
    assert (told.chosen("forward").name, told.chosen("backward_input").name) == (algorithm, algorithm)
    assert told.chosen("backward_weight").name == ("direct" if stride == 2 else algorithm)


@pytest.mark.parametrize(
    ("x", "weight", "algorithm"),
    [
        ((1, 64, 16, 16), (128, 64, 4, 4), "winograd_strided"),
        ((1, 16, 28, 32), (16, 16, 4, 4), "winograd_strided"),
        ((1, 8, 64, 64), (64, 8, 4, 4), "direct"),  # few channels
        ((1, 64, 14, 32), (64, 64, 4, 4), "direct"),  # 7 rows
        ((1, 64, 18, 18), (64, 64, 4, 4), "direct"),  # tiles reach far past 9x9
    ],
)
def test_weight_gradients_of_4x4_and_stride_2_go_to_tiles(x, weight, algorithm):
    assert tk.explain_conv(x, weight, stride=2, padding=1).chosen("backward_weight").name == algorithm


@pytest.mark.parametrize(
    ("x", "weight", "stride", "algorithm"),
    [
        ((1, 3, 224, 224), (64, 3, 11, 11), 4, "winograd_strided"),
        ((1, 3, 224, 224), (64, 3, 7, 7), 2, "winograd_strided"),
        ((1, 3, 16, 112, 112), (64, 3, 3, 7, 7), (1, 2, 2), "winograd_strided"),
        ((1, 16, 56, 56), (16, 16, 5, 5), 2, "winograd_strided"),
        ((1, 3, 56, 56), (64, 3, 5, 5), 2, "direct"),  # few products saved
        ((1, 1, 112, 112), (64, 1, 7, 7), 2, "direct"),
        ((1, 64, 112, 112), (64, 64, 1, 7), 2, "direct"),  # most taps would be zeros
        ((1, 64, 54, 56), (64, 64, 7, 7), 2, "direct"),  # 27 rows
        ((1, 3, 224, 224), (15, 3, 7, 7), 2, "direct"),  # few channels
        ((1, 64, 56, 56), (65, 64, 7, 7), 2, "direct"),  # many
        ((1, 3, 224, 224), (64, 3, 7, 7), 3, "direct"),
        ((1, 3, 224, 224), (64, 3, 9, 9), 2, "direct"),
    ],
)
def test_wide_strided_windows_go_to_places_forward(x, weight, stride, algorithm):
    told = tk.explain_conv(x, weight, stride=stride, padding=tuple(one // 2 for one in weight[2:]))
    assert told.chosen("forward").name.replace("direct_pixels", "direct") == algorithm
    assert told.chosen("backward_input").name != "winograd_strided"


@pytest.mark.parametrize(("taps", "declined"), [(16, None), (17, "for at most 16 taps of depth")])
def test_tiles_serve_so_many_taps_of_depth(taps, declined):
    told = tk.explain_conv((1, 16, 40, 8, 8), (16, 16, taps, 3, 3), padding=1)
    assert {note.declined for note in told.forward if note.name == "winograd_f4"} == {declined}


def test_taps_that_see_padding_alone_are_told():
    told = tk.explain_conv((1, 8, 1, 5), (8, 8, 3, 3), padding=1)
    assert (told.taps, told.live_taps) == (9, 3)
    assert "3 of the kernel's 9 taps" in str(told)
    told = tk.explain_conv((1, 8, 4, 5), (8, 8, 3, 3), padding=1)
    assert (told.taps, told.live_taps) == (9, 9)
    assert "taps" not in str(told)


def test_a_call_may_choose_for_itself():
    x, weight = arrays()
    truth = in_float64(lambda x, weight: tk.kernels.conv_forward(x, weight, padding=1), x, weight)
    for name in ("auto", "exact", "fastest", "direct", "plain"):
        y = tk.kernels.conv_forward(x, weight, padding=1, algorithm=name)
        note = tk.explain_conv(X, W, padding=1, algorithm=name).chosen("forward")
        assert_as_published(y, truth, note)
    with pytest.raises(ValueError, match=r"conv_forward: algorithm: expected one of .*got 'none'"):
        tk.kernels.conv_forward(x, weight, algorithm="none")
    shapes, far = ((1, 4, 2**20), (4, 4, 2)), {"dilation": 2**19, "algorithm": "direct"}
    with pytest.raises(ValueError, match=r"algorithm: expected .*takes this shape, got direct \(.*far apart"):
        tk.kernels.conv_forward(*(np.ones(shape, np.float32) for shape in shapes), **far)
    told = tk.explain_conv(*shapes, **far)
    assert "far apart" in next(note.declined for note in told.forward if note.name == "direct")
    with pytest.raises(ValueError, match=r"explain_conv: algorithm: expected .*takes this shape, got matmul \(the ker"):
        tk.explain_conv(*shapes, algorithm="matmul")


def test_the_reference_has_no_native_algorithms():
    x, weight = arrays()
    with tk.backend("reference"):
        assert chosen() == "im2col"
        tk.kernels.conv_forward(x, weight, algorithm="exact")
        with pytest.raises(ValueError, match=r"algorithm: expected .*got direct .*no such algorithm"):
            tk.kernels.conv_forward(x, weight, algorithm="direct")


def test_preferences_hold_through_functional_both_ways():
    x, weight = arrays()
    results = []
    for algorithm in ("direct", "plain"):
        a, b = (tk.tensor(one, requires_grad=True) for one in (x, weight))
        tk.functional.conv2d(a, b, padding=1, algorithm=algorithm).sum().backward()
        results.append(a.grad.numpy())
        with tk.set_conv_algorithm(algorithm):
            direct = tk.kernels.conv_backward_input(np.ones((2, 32, 14, 14), np.float32), weight, x.shape, padding=1)
        np.testing.assert_array_equal(results[-1], direct)


def test_without_workspace_everything_still_runs():
    calls = {
        "forward": lambda x, weight, dy: tk.kernels.conv_forward(x, weight, padding=1),
        "backward_input": lambda x, weight, dy: tk.kernels.conv_backward_input(dy, weight, X, padding=1),
        "backward_weight": lambda x, weight, dy: tk.kernels.conv_backward_weight(dy, x, W, padding=1),
    }
    operands = (*arrays(), np.ones((2, 32, 14, 14), np.float32))
    expected = {name: in_float64(call, *operands) for name, call in calls.items()}
    tk.set_workspace_limit(0)
    try:
        assert tk.get_workspace_limit() == 0
        for name, call in calls.items():
            note = tk.explain_conv(X, W, padding=1).chosen(name)
            assert note.workspace == 0
            assert_as_published(call(*operands), expected[name], note)
        assert any("limit" in (note.declined or "") for note in tk.explain_conv(X, W, padding=1).forward)
    finally:
        tk.set_workspace_limit(None)
    assert tk.get_workspace_limit() is None


@pytest.mark.parametrize("direction", ["forward", "backward_input", "backward_weight"])
@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [
        ((1024, 14, 14), (2048, 1024, 1, 1), {"stride": 2}),  # few images are fewer than the weights
        ((512, 7, 7), (2048, 512, 1, 1), {}),
        ((64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
        ((128, 28, 28), (128, 128, 5, 5), {"padding": 2}),
        ((3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
        ((64, 8, 28, 28), (64, 64, 3, 3, 3), {"padding": 1}),
    ],
)
def test_what_a_limit_leaves_does_not_follow_the_batch(x, weight, options, direction):
    try:
        for exponent in range(24, 54):  # steps of a square root of 2
            limit = int(2 ** (exponent / 2))
            tk.set_workspace_limit(limit)
            with tk.threads(1):
                told = [tk.explain_conv((n, *x), weight, **options).chosen(direction) for n in (1, 2, 3, 16, 64)]
            assert len({note.name for note in told}) == 1, limit
            assert max(note.workspace for note in told) <= limit
    finally:
        tk.set_workspace_limit(None)


@pytest.mark.parametrize(
    ("limit", "error"), [(-1, ValueError), (2**63, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_limits_of_another_kind_are_refused(limit, error):
    with pytest.raises(error, match="set_workspace_limit: limit: expected an integer >= 0 or None, got"):
        tk.set_workspace_limit(limit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_a_packed_weight_gives_the_same_bits_for_any_batch(backend, dtype):
    x, weight = arrays(dtype=dtype)
    with tk.backend(backend):
        packed = tk.kernels.conv_pack_weight(weight, X, padding=1)
        expected = tk.kernels.conv_forward(x, weight, padding=1)
        weight[...] = 0  # the pack keeps a copy
        for part in (slice(0, 1), slice(0, 2)):
            np.testing.assert_array_equal(tk.kernels.conv_forward(x[part], packed, padding=1), expected[part])
        y = tk.functional.conv2d(x, packed, padding=1)
        np.testing.assert_array_equal(y.numpy(), expected)


def test_a_packed_weight_survives_a_limit_set_later():
    x, weight = arrays()
    packed = tk.kernels.conv_pack_weight(weight, X, padding=1)
    expected = tk.kernels.conv_forward(x, packed, padding=1)
    tk.set_workspace_limit(0)
    try:
        np.testing.assert_array_equal(tk.kernels.conv_forward(x, packed, padding=1), expected)
    finally:
        tk.set_workspace_limit(None)


def test_a_packed_weight_serves_its_geometry_alone():
    x, weight = arrays()
    packed = tk.kernels.conv_pack_weight(weight, X, padding=1)
    with pytest.raises(ValueError, match="conv_forward: weight: expected x and options as given to conv_pack_weight"):
        tk.kernels.conv_forward(x, packed)
    with pytest.raises(ValueError, match="conv_forward: algorithm: expected None beside a packed weight"):
        tk.kernels.conv_forward(x, packed, padding=1, algorithm="exact")
    with tk.backend("reference"), pytest.raises(ValueError, match=r"weight: expected one packed for .*reference"):
        tk.kernels.conv_forward(x, packed, padding=1)
    with pytest.raises(TypeError, match=r"conv_forward: weight: expected float64 as x"):
        tk.kernels.conv_forward(x.astype(np.float64), packed, padding=1)
    with pytest.raises(ValueError, match=r"conv2d: weight: expected .*where a gradient is wanted"):
        tk.functional.conv2d(tk.tensor(x, requires_grad=True), packed, padding=1)


def test_explain_conv_tells_all():
    told = tk.explain_conv(X, W, padding=1)
    assert told.y_shape == (2, 32, 14, 14)
    assert told.flops == 2 * 2 * 32 * 14 * 14 * 16 * 9
    for direction in ("forward", "backward_input", "backward_weight"):
        notes = getattr(told, direction)
        assert [note.name for note in notes][-1] == "plain"
        assert [note.declined for note in notes].count(None) == 1
        assert all(0 < note.error < 1e-3 for note in notes if note.declined is None)
    text = str(told)
    assert re.search(r"native, auto, float32: output \(2, 32, 14, 14\), 3.6 MFLOP", text)
    assert "runs: workspace" in text
    for name in _native.conv_algorithm_names():
        assert name in text
    with pytest.raises(TypeError, match="explain_conv: dtype: expected float32 or float64, got int64"):
        tk.explain_conv(X, W, dtype="int64")
    with pytest.raises(TypeError, match="explain_conv: dtype: expected float32 or float64, got 'single precision'"):
        tk.explain_conv(X, W, dtype="single precision")
    with pytest.raises(ValueError, match="explain_conv: weight_shape: expected"):
        tk.explain_conv(X, (32, 15, 3, 3))
    with pytest.raises(ValueError, match=r"explain_conv: x_shape: expected .*got \(2, 16\)"):
        tk.explain_conv(X[:2], W)


@pytest.mark.parametrize("name", ["direct_pixels", "few_channels"])
def test_an_algorithm_of_two_directions_is_explained(name):
    """In the third it is no algorithm: the list tells what runs there, a call for it is told so."""
    told = tk.explain_conv(X, W, padding=1, algorithm=name)
    assert [told.chosen(direction).name for direction in ("forward", "backward_input")] == [name, name]
    assert told.chosen("backward_weight") == tk.explain_conv(X, W, padding=1).chosen("backward_weight")
    dy, x = np.ones((2, 32, 14, 14), np.float32), np.ones(X, np.float32)
    with pytest.raises(ValueError, match=rf"algorithm: expected .*got {name} \(there is none for backward_weight\)"):
        tk.kernels.conv_backward_weight(dy, x, W, padding=1, algorithm=name)


def test_every_member_of_a_family_tells_why_it_cannot():
    with pytest.raises(ValueError, match=r"got winograd \(winograd_f4: for stride 1 alone; .*winograd_strided: for "):
        tk.kernels.conv_forward(*arrays(), stride=3, algorithm="winograd")


def test_a_call_is_not_answered_with_the_choice_of_another_policy():
    """The choice for a shape is remembered from call to call: exact, a preference and the limit all count."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((1, 32, 14, 14)).astype(np.float32)
    weight = rng.standard_normal((32, 32, 3, 3)).astype(np.float32)
    with tk.backend("native"):
        plain = tk.kernels.conv_forward(x, weight, padding=1, algorithm="plain")
        auto = tk.kernels.conv_forward(x, weight, padding=1)
        exact = tk.kernels.conv_forward(x, weight, padding=1, algorithm="exact")
        assert not np.array_equal(auto, exact)
        for name, want in (("auto", auto), ("exact", exact), ("auto", auto), ("plain", plain), ("exact", exact)):
            with tk.set_conv_algorithm(name):
                np.testing.assert_array_equal(tk.kernels.conv_forward(x, weight, padding=1), want)
        tk.set_workspace_limit(0)
        try:
            np.testing.assert_array_equal(tk.kernels.conv_forward(x, weight, padding=1), plain)
        finally:
            tk.set_workspace_limit(None)
        np.testing.assert_array_equal(tk.kernels.conv_forward(x, weight, padding=1), auto)


def test_depthwise_refuses_the_weights_of_large_groups_by_their_own_reason():
    x, dy = np.zeros((1, 128, 8, 8), np.float32), np.zeros((1, 256, 8, 8), np.float32)
    with pytest.raises(ValueError, match="sums of a group's weights outgrow their scratch"):
        tk.kernels.conv_backward_weight(dy, x, (256, 64, 3, 3), groups=2, padding=1, algorithm="depthwise")
