"""From medians to figures."""

from __future__ import annotations

import pytest
from benchmarks import table
from benchmarks.groups import GROUPS, Group


def row(group="dense", direction="forward", **median):
    return {"group": group, "direction": direction, "median": {key.replace("_", "-"): v for key, v in median.items()}}


def test_ratios_are_against_the_faster_layout_and_against_nchw():
    rows = [
        row(native=1.0, torch=8.0, torch_channels_last=2.0),
        row(native=1.0, torch=0.5, torch_channels_last=3.0),
    ]
    cell = table.cell(rows)
    assert cell == (2, pytest.approx(1.0), 0.5, pytest.approx(2.0))


def test_a_pack_that_is_held_counts_unless_an_entry_is_named():
    one = row(native=4.0, native_packed=2.0, torch=4.0)
    assert table.cell([one]).better == pytest.approx(2.0)
    assert table.cell([one], "native").better == pytest.approx(1.0)


def test_rows_without_torch_or_without_us_do_not_count():
    rows = [row(native=1.0), row(torch=1.0), row(native=1.0, torch=3.0)]
    assert table.cell(rows) == (1, pytest.approx(3.0), pytest.approx(3.0), pytest.approx(3.0))
    assert table.cell(rows[:2]) is None


def test_numpy_may_be_the_better_one():
    assert table.better(row(native=1.0, torch=3.0, numpy=2.0)) == 2.0
    assert table.better(row(native=1.0, torch=3.0, ncnn=2.0)) == 3.0


@pytest.mark.parametrize(
    ("cell", "reached"),
    [
        (table.Cell(3, 2.0, 1.0, 3.0), True),
        (table.Cell(3, 1.9, 1.0, 3.0), False),
        (table.Cell(3, 2.0, 0.9, 3.0), False),
        (table.Cell(3, 2.0, 1.0, 2.9), False),
    ],
)
def test_reached_means_all_that_is_asked(cell, reached):
    assert cell.reaches(Group("", 2.0, 1.0, 3.0)) is reached
    assert cell.reaches(Group(""))


def test_3x3_is_judged_by_direction_and_other_groups_as_a_whole():
    rows = [
        row("wide3x3", native=2.0, native_packed=1.0, torch=3.0),
        row("wide3x3", "backward_input", native=1.0, torch=1.0),
        row("depthwise", native=1.0, torch=5.0),
        row("depthwise", "backward_input", native=1.0, torch=4.0),
    ]
    lines = table.lines_of(rows)
    assert [(line.group, line.part, line.judged) for line in lines] == [
        ("wide3x3", "all", False),
        ("wide3x3", "forward, pack held", True),
        ("wide3x3", "forward", False),
        ("wide3x3", "backward_input", True),
        ("depthwise", "all", True),
        ("depthwise", "forward", False),
        ("depthwise", "backward_input", False),
    ]
    assert [line.reached for line in lines if line.judged] == [True, False, True]
    assert "NOT reached" in table.summary(rows)


def test_peers_are_compared_row_by_row():
    rows = [row(native=1.0, ncnn=2.0, onnxruntime=4.0), row(native=1.0, ncnn=8.0), row(native=1.0, torch=1.0)]
    cell = table.peer_cell(rows)
    assert cell.engines == {"ncnn": (2, pytest.approx(4.0)), "onnxruntime": (1, pytest.approx(4.0))}
    assert cell.best == pytest.approx(4.0)
    assert table.peer_cell(rows[2:]) is None


def test_the_direct_algorithm_has_its_share_beside_winograds():
    flops = {"flops": 1e9}
    assert table.direct_share({**row(native=0.1, native_direct=0.5), **flops, "algorithm": "winograd"}, 10.0) == 0.2
    assert table.direct_share({**row(native=0.1), **flops, "algorithm": "direct"}, 10.0) == 1.0
    assert table.direct_share({**row(native=0.1), **flops, "algorithm": "plain"}, 10.0) is None


def test_what_is_asked_is_said():
    assert table.asked(GROUPS["depthwise"]) == "mean >= 2, none < 1, NCHW >= 4"
    assert table.asked(GROUPS["memory"]) == "none < 1"
