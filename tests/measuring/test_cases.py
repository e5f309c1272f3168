"""Shapes, and the groups that they fall into."""

from __future__ import annotations

import pytest
from benchmarks.cases import DIRECTIONS, Case, conv_of, every, models
from benchmarks.groups import GROUPS, group_of
from benchmarks.nets import NETS
from benchmarks.steps import cases

import tatamikomi as tk


def conv(x, weight, direction="forward", n=16, **options):
    return Case("conv", "net", "layer", n, direction, {"name": "layer", "x": x, "weight": weight, **options})


@pytest.mark.parametrize(
    ("case", "group"),
    [
        (conv([64, 56, 56], [64, 64, 3, 3], padding=1), "wide3x3"),
        (conv([64, 56, 56], [64, 64, 3, 3], "backward_weight", padding=1), "wide3x3"),
        (conv([64, 56, 56], [192, 64, 3, 3], n=1, padding=1), "wide3x3"),
        (conv([63, 56, 56], [64, 63, 3, 3], padding=1), "narrow3x3"),
        (conv([16, 28, 28], [16, 16, 3, 3], n=100), "narrow3x3"),
        (conv([15, 28, 28], [16, 15, 3, 3], n=100), "dense"),
        (conv([64, 56, 56], [64, 64, 3, 3], stride=2), "dense"),
        (conv([64, 56, 56], [64, 64, 3, 3], stride=[1, 2]), "dense"),
        (conv([64, 56, 56], [64, 64, 1, 1]), "dense"),
        (conv([64, 56, 56], [64, 64, 3, 1]), "dense"),
        (conv([3, 224, 224], [64, 3, 7, 7], stride=2), "dense"),
        (conv([3, 224, 224], [64, 3, 7, 7], "backward_input", stride=2), "few_channels"),
        (conv([1, 28, 28], [16, 1, 3, 3], "backward_input", n=100), "few_channels"),
        (conv([1, 28, 28], [16, 1, 3, 3], n=100), "dense"),
        (conv([1, 28, 28], [6, 1, 5, 5], n=1), "small"),
        (conv([64, 8, 8], [64, 64, 3, 3], n=1), "small"),
        (conv([64, 8, 8], [64, 64, 3, 3], n=100), "wide3x3"),
        (conv([64, 33, 32], [64, 64, 1, 1], n=1), "dense"),
        (conv([32, 56, 56], [32, 1, 3, 3], groups=32), "depthwise"),
        (conv([32, 56, 56], [64, 1, 3, 3], groups=32, dilation=2), "depthwise"),
        (conv([32, 1000], [32, 1, 3], groups=32), "depthwise"),
        (conv([128, 56, 56], [128, 4, 3, 3], groups=32), "grouped"),
        (conv([64, 28, 28], [64, 64, 3, 3], dilation=2), "grouped"),
        (conv([64, 1000], [64, 64, 3]), "grouped"),
        (conv([64, 1000], [64, 64, 23]), "grouped"),
        (conv([64, 1000], [64, 64, 24]), "long_kernels"),
        (conv([64, 1000], [64, 1, 24], groups=64), "long_kernels"),
        (conv([3, 8, 28, 28], [64, 3, 3, 3, 3], "backward_input"), "grouped"),
        (Case("norm", "net", "bn", 16, "forward", {}), "layers"),
        (Case("group_norm", "net", "gn", 16, "forward", {}), "group_norm"),
        (Case("activation", "net", "relu", 16, "forward", {}), "layers"),
        (Case("activation_kind", "net", "gelu", 16, "forward", {}), "activation_kind"),
        (Case("optimizer", "net", "adam", 1, "step", {}), "layers"),
        (Case("resize", "net", "up", 16, "forward", {}), "resize"),
        (Case("conv_transpose", "net", "up", 16, "backward_input", {}), "conv_transpose"),
        (Case("step", "lenet5", "step", 100, "step", {}), "step.lenet5"),
        (Case("linear", "net", "fc", 1, "forward", {}), "linear"),
        (Case("memory", "lenet5", "step", 100, "step", {}), "memory"),
    ],
)
def test_groups(case, group):
    assert group_of(case) == group


def test_all_cases_have_a_group_and_every_group_a_case():
    steps = {group_of(case) for model in NETS for case in cases(model)}
    assert {group_of(case) for case in every()} | steps == set(GROUPS)


def test_keys_tell_cases_apart():
    cases = every()
    keys = [case.key for case in cases] + [key for case in cases for key in case.also]
    assert len(keys) == len(set(keys)) > 500


@pytest.mark.parametrize("model", models())
def test_a_file_has_each_layer_once(model):
    tables = models()[model]
    cases = every({model: tables})
    assert not [case.also for case in cases if case.also]
    assert set(tables) <= {*DIRECTIONS, "batches"}


def test_a_shape_of_two_networks_is_measured_once():
    layer = {"x": [8, 4, 4], "weight": [8, 8, 3, 3]}
    same = {"name": "b", "padding": [0, 0], "groups": 1, **layer}
    cases = every({"one": {"batches": [1], "conv": [{"name": "a", **layer}]}, "two": {"batches": [1], "conv": [same]}})
    assert [case.key for case in cases] == [f"conv/one.a/b1/{direction}" for direction in DIRECTIONS["conv"]]
    assert cases[0].also == ("conv/two.b/b1/forward",)


def test_sizes_are_those_of_the_kernels():
    for case in every():
        if case.family == "conv" and case.direction == "forward":
            s = conv_of(case)
            told = tk.explain_conv(s.x, s.weight, **s.options)
            assert (told.y_shape, told.flops) == (s.y, s.flops), case.key
