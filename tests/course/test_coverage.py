"""Every item of the course is answered, and what the answers name is there."""

from __future__ import annotations

import re

import pytest
from docs.course import coverage

from tatamikomi.course.experiments import experiments

ITEMS = {name: row for section in coverage.rows().values() for name, row in section.items()}


def test_every_item_has_one_line():
    assert list(ITEMS) == [f"S-{number:03d}" for number in range(1, 208)]
    for name, row in ITEMS.items():
        assert set(row) in ({"what", "where"}, {"what", "where", "lacks"}), name
        assert row["what"], name
        assert row["where"], name
        if coverage.status(row) == "not yet":
            assert row["where"] == ["not yet"], name
            assert "lacks" not in row, name


@pytest.mark.parametrize("name", ITEMS)
def test_what_it_names_is_there(name):
    for entry in ITEMS[name]["where"]:
        assert entry in ("not yet", "history") or coverage.exists(entry), entry


def test_every_experiment_is_named_and_answers_its_items():
    named = " ".join(entry for row in ITEMS.values() for entry in row["where"])
    for one in experiments():
        assert re.search(rf"\bexperiment {one.name}\b", named), one.name
        for first, last in re.findall(r"\bS-(\d+)(?:\.\.S-(\d+))?", one.rows):
            for number in range(int(first), int(last or first) + 1):
                assert coverage.status(ITEMS[f"S-{number:03d}"]) == "here", (one.name, number)


@pytest.mark.parametrize(
    "entry",
    [
        "nn.Conv9d",
        "functional",
        "models.nothing.at.all",
        "model resnet19",
        "command course quizz",
        "command train again",
        "page cats",
        "doc cats.md",
        "test course",
        "test cats.py",
        "experiment cats",
        "cat Conv2d",
    ],
)
def test_what_is_not_there_is_noticed(entry):
    assert coverage.exists(entry) == (entry == "functional")


def test_the_counts_at_the_top_are_those_of_the_rows():
    text = coverage.page()
    found = re.search(r"(\d+) items: (\d+) here, (\d+) of them .*; (\d+) history only; (\d+) not yet", text)
    assert found
    items, here, partly, history, missing = map(int, found.groups())
    assert items == here + history + missing == len(re.findall(r"^\| S-", text, re.MULTILINE))
    assert history == len(re.findall(r"^\| S-.*\| history only", text, re.MULTILINE))
    assert missing == len(re.findall(r"^\| S-.*\| not yet \|", text, re.MULTILINE))
    assert partly == len(re.findall(r"^\| S-.*\| [^|]+ \|$", text, re.MULTILINE))
