"""Processes that stop and go on, the clock, and a case measured from end to end."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks import clock, measure
from benchmarks.cases import Case, every
from benchmarks.engines import has_torch
from benchmarks.nets import NETS
from benchmarks.processes import ChildEndedError, Runner, environment
from benchmarks.records import DISTURBED
from benchmarks.tasks import TASKS, task_of
from benchmarks.tasks.step import TrainingStep

import tatamikomi as tk

SMALL = [
    Case("conv", "t", "plain", 2, "", {"x": [4, 9, 8], "weight": [6, 4, 3, 3], "padding": 1}),
    Case("conv", "t", "strided", 2, "", {"x": [4, 9, 8], "weight": [6, 2, 3, 2], "stride": [2, 1], "groups": 2}),
    Case("conv", "t", "dilated", 1, "", {"x": [3, 20], "weight": [5, 3, 3], "padding": 2, "dilation": 3}),
    Case("conv", "t", "deep", 1, "", {"x": [2, 4, 5, 6], "weight": [3, 2, 3, 3, 3], "padding": 1, "stride": 2}),
    Case("conv_transpose", "t", "3x3", 2, "", {"x": [4, 5, 6], "weight": [4, 3, 3, 3], "stride": 2, "padding": 1}),
    Case("conv_transpose", "t", "2x2", 2, "", {"x": [4, 5, 6], "weight": [4, 3, 2, 2], "stride": 2}),
    Case(
        *("conv_transpose", "t", "3x3 doubled", 2, ""),
        {"x": [4, 5, 6], "weight": [4, 3, 3, 3], "stride": 2, "padding": 1, "output_padding": 1},
    ),
    Case("norm", "t", "bn", 3, "", {"x": [5, 6, 7]}),
    Case("pool", "t", "max", 2, "", {"kind": "max", "x": [3, 9, 9], "kernel_size": 3, "stride": 2, "padding": 1}),
    Case("pool", "t", "avg", 2, "", {"kind": "avg", "x": [3, 9, 9], "kernel_size": 3, "stride": 2, "padding": 1}),
    Case("pool", "t", "adaptive_max", 2, "", {"kind": "adaptive_max", "x": [3, 9, 8], "output_size": 4}),
    Case("pool", "t", "adaptive_avg", 2, "", {"kind": "adaptive_avg", "x": [3, 9, 8], "output_size": 3}),
    Case("group_norm", "t", "groups", 3, "", {"x": [6, 4, 5], "groups": 2}),
    Case("group_norm", "t", "instance", 3, "", {"x": [6, 4, 5], "groups": 6}),
    Case("group_norm", "t", "rows", 3, "", {"x": [4, 30], "axes": 1}),
    Case("group_norm", "t", "layer", 3, "", {"x": [6, 4, 5], "axes": 3}),
    Case("resize", "t", "bilinear", 2, "", {"x": [3, 9, 7], "size": [18, 5], "mode": "bilinear"}),
    Case("resize", "t", "nearest", 2, "", {"x": [3, 9, 7], "size": [18, 5], "mode": "nearest"}),
    Case("activation", "t", "add_relu", 2, "", {"kind": "add_relu", "x": [3, 5, 7]}),
    Case("activation", "t", "tanh", 2, "", {"kind": "tanh", "x": [3, 5, 7]}),
    *(
        Case("activation_kind", "t", kind, 2, "", {"kind": kind, "x": [3, 5, 7]})
        for kind in ("gelu", "gelu_tanh", "logsigmoid", "prelu", "relu6", "selu", "threshold")
    ),
    Case("loss", "t", "loss", 6, "", {"classes": 10}),
    Case("optimizer", "t", "adam", 1, "", {"kind": "adam", "params": [7, 130]}),
    Case("optimizer", "t", "sgd", 1, "", {"kind": "sgd", "params": [7, 130]}),
    Case("linear", "t", "fc", 9, "", {"x": [20], "weight": [30, 20]}),
    Case("overhead", "t", "call", 1, "", {"x": [1, 3, 3], "weight": [1, 1, 3, 3]}),
]
DIRECTED = [
    case._replace(direction=direction)
    for case in SMALL
    for direction in dict.fromkeys(one.direction for one in every() if one.family == case.family)
    if not (case.name in ("add_relu", "tanh") and direction == "backward")
]
DIRECTED.append(Case("inference", "lenet5", "inference", 1, "forward", {}))
CASES = [pytest.param(case, id=f"{case.family}-{case.name}-{case.direction}") for case in DIRECTED]


def spoilt(result):
    """One element off by a little more than rounding, and the last one by much."""
    if isinstance(result, list):
        result[0].data[...] *= 1.5
        return result
    array = np.array(result.detach() if hasattr(result, "detach") else result)
    array.flat[-1] += 1 + abs(array.flat[-1])
    return array


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_results_are_checked(case, engine):
    task = task_of(case)
    with tk.backend(engine):
        calls = task.calls(engine)
        assert calls
        for call in calls.values():
            result = call()
            if case.family != "optimizer":  # it moves on with every step
                task.check(result)
            with pytest.raises(AssertionError):
                task.check(spoilt(result))


@pytest.mark.skipif(not has_torch(), reason="torch is not installed")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ["torch", "torch-channels-last"])
def test_torch_computes_the_same(case, engine):
    task = task_of(case)
    try:
        calls = task.calls(engine)
    except LookupError:
        assert engine == "torch-channels-last"
        return
    for call in calls.values():
        task.check(call())


def test_a_network_infers_as_it_is_and_optimised():
    calls = task_of(DIRECTED[-1]).calls("native")
    assert list(calls) == ["native", "native-optimized"]


def test_every_family_has_a_small_case():
    assert {case.family for case in DIRECTED} == set(TASKS) - {"step"}


@pytest.mark.skipif(not has_torch(), reason="torch is not installed")
@pytest.mark.parametrize("name", ["deep_convnet", "resnet18_32", "mobilenet_v2", "efficientnet_b0"])
def test_twins_have_the_keys_of_ours(name):
    import torch
    from benchmarks.torch_twins import TWINS

    net = NETS[name]
    with torch.device("meta"):
        twin = TWINS[net.model](net.classes, net.x[0])
    theirs = {key: tuple(value.shape) for key, value in twin.state_dict().items()}
    assert theirs == {key: value.shape for key, value in net.create().state_dict().items()}


def test_a_step_of_another_network_is_told():
    task = TrainingStep(Case("step", "lenet5", "step", 2, "step", {}))
    task.check(task.calls("native")["native"]())
    task.probe = task.probe._replace(gradient=1.001 * task.probe.gradient)
    with pytest.raises(AssertionError, match="expected Probe"):
        task.check(None)


def test_a_process_is_stopped_until_it_is_asked():
    runner = Runner("native", "benchmarks.worker", ("native", "1"), environment(1, None))
    try:

        def state():
            status = Path(f"/proc/{runner.process.pid}/status").read_text(encoding="utf-8")
            return re.search(r"^State:\t(\w)", status, re.MULTILINE)[1]

        assert state() == "T"
        reply = runner.ask({"prepare": DIRECTED[0]._asdict()})
        assert set(reply["entries"]) == {"native", "native-packed"}
        assert state() == "T"
        runner.process.kill()
        with pytest.raises(ChildEndedError, match="the process of native ended with code -9"):
            runner.ask({"entry": "native", "seconds": 0.001})
    finally:
        runner.close()


def test_a_row_from_end_to_end():
    with measure.Engines(["native", "reference"], 1, None) as engines:
        row = measure.in_turns(DIRECTED[0], engines, turns=2, row_seconds=0.01, least=0.001)
    assert set(row["median"]) == {"native", "native-packed", "reference"}
    assert all(row["min"][entry] <= median < 1 for entry, median in row["median"].items())
    assert row["group"] == "dense"
    assert row["flops"] == 2 * 2 * 6 * 9 * 8 * 4 * 9
    assert row["turns"] in (2, 3, 4)


def test_a_row_tells_what_others_did_meanwhile():
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with measure.Engines(["native"], 1, None) as engines:
            row = measure.in_turns(DIRECTED[0], engines, turns=2, row_seconds=0.5, least=0.1)
    finally:
        spinning.kill()
        spinning.wait()
    assert row["others"] > DISTURBED


def test_short_calls_are_timed_several_at_a_time():
    calls = []
    turn = clock.turn(lambda: calls.append(None), seconds=0.0, expected=1e-6)
    assert (turn.calls, len(calls)) == (20, 21)
    slow = clock.turn(lambda: time.sleep(0.03), seconds=0.0, expected=0.03)
    assert slow.calls == 1
    assert slow.median >= 0.03
