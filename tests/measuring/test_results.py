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
    for page, expected in results.pages().items():
        assert page.read_text(encoding="utf-8") == expected, "run python -m benchmarks.results"


def test_no_page_is_of_a_machine_without_rows():
    assert {page.stem for page in results.FOLDER.glob("*.md")} == set(results.load())


def test_notes_are_of_groups():
    assert set(results.notes()) <= set(GROUPS)


def test_rows_are_of_cases_that_exist_and_in_their_group():
    kinds = ({"inference": True}, {"memory": True})
    networks = [case for model in NETS for options in kinds for case in cases(model, **options)]
    groups = {case.key: group_of(case) for case in (*every(), *networks)}
    for content in results.load().values():
        for key, row in content["rows"].items():
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


FAST = {**ROW, "median": {"native": 1.0, "native-packed": 0.5, "torch": 2.0}}
EVEN = {**ROW, "median": {"native": 1.0, "torch": 1.0}, "turns": 3}


def test_a_page_says_what_is_reached():
    rows = {"avx2/1t/conv/a/b1/forward": EVEN, "avx512/2t/conv/a/b1/forward": FAST}
    page = results.render("here", {"machine": {}, "rows": rows})
    wide, narrow = page.index("## AVX-512, 2 threads"), page.index("## AVX2, 1 thread\n")
    assert wide < narrow
    assert "| 1 | 4.00 | 4.00 | 4.00 | **yes** |" in page[wide:narrow]
    assert "| 1 | 1.00 | 1.00 | 1.00 | no |" in page[narrow:]
    assert "Medians of 7 turns" in page[wide:narrow]
    assert "Medians of 3 turns" in page[narrow:]


def test_the_front_has_machines_side_by_side_and_what_was_tried():
    told = {"dense": ["a wider tile: 2 % slower"], "wide3x3": ["not shown: nothing is missed there"]}
    here = {"machine": {}, "rows": {"avx512/2t/conv/a/b1/forward": {**FAST, "group": "dense"}}}
    there = {"machine": {}, "rows": {"avx2/1t/conv/a/b1/forward": {**EVEN, "group": "dense"}}}
    page = results.front({"here": here, "there": there}, told)
    assert "| here, AVX-512, 2 threads | there, AVX2, 1 thread |" in page
    assert "| **4.00, 4.00, 4.00** | 1.00, 1.00, 1.00 |" in page
    assert "- other dense: 1x1, strided, stem, large kernels: a wider tile: 2 % slower" in page
    assert "not shown" not in page
    assert "a wider tile" not in results.front({"here": here}, told)


def test_the_page_shows_networks_that_infer():
    row = {**ROW, "group": "inference.unet", "median": {"native": 0.002, "torch": 0.003, "ncnn": 0.001}}
    page = results.render("here", {"machine": {}, "rows": {"avx512/2t/inference/unet.inference/b16/forward": row}})
    assert "| unet | 16 | 2 | 1.50 |  |  |  | 0.50 |" in page
    row["median"]["native-optimized"] = 0.0005
    page = results.render("here", {"machine": {}, "rows": {"avx512/2t/inference/unet.inference/b16/forward": row}})
    assert "| inference | batch | ours ms | native-optimized | torch |" in page
    assert "| unet | 16 | 2 | 0.25 | 1.50 |  |  |  | 0.50 |" in page
