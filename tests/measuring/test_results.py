"""RESULTS.md is what its command writes."""

from __future__ import annotations

import json

from benchmarks import results
from benchmarks.cases import every
from benchmarks.groups import GROUPS, group_of
from benchmarks.nets import NETS
from benchmarks.records import Records, row_key
from benchmarks.steps import cases

ROW = {"group": "wide3x3", "direction": "forward", "commit": "abc", "load": 0.1, "turns": 7}


def test_the_page_is_as_the_command_writes_it():
    expected = results.render(results.load(), results.notes())
    assert results.PAGE.read_text(encoding="utf-8") == expected, "run python -m benchmarks.results"


def test_notes_are_of_groups():
    assert set(results.notes()) <= set(GROUPS)


def test_rows_are_of_cases_that_exist_and_in_their_group():
    kinds = ({"inference": True}, {"memory": True})
    networks = [case for model in NETS for options in kinds for case in cases(model, **options)]
    groups = {case.key: group_of(case) for case in (*every(), *networks)}
    for key, row in results.load()["rows"].items():
        assert groups[key.split("/", 2)[2]] == row["group"], key


def test_records_are_added_to(tmp_path):
    case, other = every()[:2]
    path = tmp_path / "rows.json"
    Records(path).put(row_key(case, "avx2", 1), {"commit": "abc", "median": {"native": 0.123456}})
    Records(path).put(row_key(other, "avx2", 1), {"commit": "def"})
    Records(path).keep_machine("avx2", 1, {"gflops": 117.29999})
    again = Records(path)
    assert again.has(row_key(case, "avx2", 1), "abc")
    assert not again.has(row_key(other, "avx2", 1), "abc")
    assert not again.has(row_key(case, "avx2", 2), "abc")
    assert again.machine("avx2", 1) == {"gflops": 117.3}
    assert json.loads(path.read_text())["rows"][row_key(case, "avx2", 1)]["median"] == {"native": 0.1235}


def test_a_disturbed_row_is_taken_again():
    records = Records(None)
    for others, kept in ((0.1, True), (1.0, False)):
        records.put("key", {"commit": "abc", "others": others})
        assert records.has("key", "abc") is kept


def test_the_page_says_what_is_reached_and_what_was_tried():
    rows = {
        "avx2/1t/conv/a/b1/forward": {**ROW, "median": {"native": 1.0, "torch": 1.0}, "turns": 3},
        "avx512/2t/conv/a/b1/forward": {**ROW, "median": {"native": 1.0, "native-packed": 0.5, "torch": 2.0}},
    }
    told = {"wide3x3": ["a wider tile: 2 % slower"], "dense": ["not shown: nothing is missed there"]}
    page = results.render({"machine": {}, "rows": rows}, told)
    wide, narrow = page.index("## AVX-512, 2 threads"), page.index("## AVX2, 1 thread\n")
    assert wide < narrow
    assert "| 1 | 4.00 | 4.00 | 4.00 | **yes** |" in page[wide:narrow]
    assert "| 1 | 1.00 | 1.00 | 1.00 | no |" in page[narrow:]
    assert "Medians of 7 turns" in page[wide:narrow]
    assert "Medians of 3 turns" in page[narrow:]
    assert "a wider tile" not in page[wide:narrow]
    assert "- 3x3, stride 1, C and K >= 64: a wider tile: 2 % slower" in page[narrow:]
    assert "not shown" not in page


def test_the_page_shows_networks_that_infer():
    row = {**ROW, "group": "inference.unet", "median": {"native": 0.002, "torch": 0.003, "ncnn": 0.001}}
    page = results.render({"machine": {}, "rows": {"avx512/2t/inference/unet.inference/b16/forward": row}}, {})
    assert "| unet | 16 | 2 | 1.50 |  |  |  | 0.50 |" in page
