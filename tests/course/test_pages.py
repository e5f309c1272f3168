"""The course's pages are what facts and texts make of them, and every correction is right."""

from __future__ import annotations

import inspect
import re

import pytest
from docs.course import make, measure
from docs.course.facts import FACTS, value

from tatamikomi.course import quiz

# What each correction's fact gives, worked out by hand or quoted, not computed by the package.
CORRECTIONS = {
    "E-01": [0.64, 1.44],  # (1 - 0.2)^2 and (1 + 0.2)^2
    "E-02": [-0.1, -0.1 * 1.9, -0.1 * (1 + 0.9 + 0.81)],
    "E-03": [0.1, 0.07071, 0.05774],  # lr / sqrt(1), sqrt(2), sqrt(3)
    "E-04": [1.0, 2.0, 9.0, 4.47],  # beta, gamma; 2 * 4 + 1, 2 * sqrt(5)
    "E-05": [5.0, 6.6667],  # 20 / 4, 20 / 3
    "E-06": [0.0, 1.0, 1.0],
    "E-07": [1.0, 2.0, 3.0],
    "E-08": [4096, 1000],
    "E-09": [[4, 4, 2], True, True],
    "E-10": [[0, 1], True],
    "E-11": [True, True, 10],
    "E-12": [[3.0, 4.0], [0.6, 0.8], [0.3, 0.4]],
    "E-13": [3.0, 5.3],
    "E-14": [3.0, 1.5, 0.0],  # 3 / (1 + rate)
    "E-15": [[0.01, "higher"], [0.05, "higher"], [0.15, "lower"]],
    "E-16": [[1, "1.0"], [10, "1.0"], [100, "1.0"]],
    "E-17": [1.0, 1.0],
    "E-18": [True, False],
    "E-19": [[0, 1], [1.0, 1.0]],
    "E-20": [1.0, 0.0],
    "E-21": [1.0, 1.0, 0.1],
    "E-22": {"lenet5": False, "alexnet": True, "vgg16": True, "resnet18": False},
    "E-23": [16 * 16 * 9 * 8 * 8] * 3,
    "E-24": [True, False],
    "E-25": [2, 3, 0.0],
    "A-01": [[15.0, 20.0, 25.0], [20.0, 25.0, 30.0], [25.0, 30.0, 35.0]],
    "A-02": [[6.0, 4.0], [8.0, 7.0]],
    "A-06": 2.4375,
    "A-07": [4, 5],
    "A-11": [7, 6],
    "A-15": [4704, 1176, 1600, 400, 120, 84, 10],
    "A-16": [55, 54, 55],
    "A-18": [3, 7, 15, 5],
    "A-24": [100352, 64, 64],
    "A-25": 1.9203,
    "A-26": [[1.1, 1.0], [1.8, 1.4], [3.1, 2.0]],
    "A-27": 1.46,
    "A-28": [224, 258, 296, 341, 392, 451, 518, 596],
    "A-29": [[25.6, 4.09], [19.3, 4.39], 6.9],
    "A-30": [4231976, 568740352, 2 * 568740352],
    "A-31": [14.41, 1.27, 2.0],
    "A-32": 9.2,
    "A-33": [15.0, 14.8],
    "A-34": [3200, 3150, 4, 22400, 2000],
    "A-36": [0.25, 0.0],
    "A-39": [10_000, 100_000_000],
    "A-40": [["AlexNet", 2012, "15.3 %"], ["GoogLeNet", 2014, "6.67 %"], ["Inception v2 (BN)", 2015, "4.82 %"]]
    + [["ResNet-152", 2015, "3.57 %"]],
}
# Worked numbers of the course that were right, or whose correction has more than one fact.
NUMBERS = {
    "chain_rule": 6.0,
    "six_steps": [7.0, 2.0, 6.0, 2.0, 1.7, 0.9, 6.0],
    "average_pooled": [[3.75, 2.25], [5.25, 5.25]],
    "global_averages": [66 / 16, 39 / 16],
    "size_11_3_2_2": [7, 6, 13, 5],
    "padded_output": [[49, 113, 148, 99], [55, 141, 190, 119], [51, 101, 137, 113], [44, 80, 111, 99]],
    "unpadded_output": [[141, 190], [101, 137]],
    "alexnet_pools": [27, 13, 6],
    "separable_example": [231_211_008, 1_806_336, 25_690_112, 27_496_448, 0.118924],
    "separable_share": [0.118924, 8.409],
    "im2col_shape": [8, 9],
    "im2col_without_transpose": [True, False],
    "crop_offsets": [0, 1, 2],
    "crop_of_the_whole": True,
    "average_without_padding": [0.25, 1.0],
    "relu_leaves_its_gradient_alone": [[0.0, 1.0], [1.0, 1.0]],
    "last_batch_counts": [0.7143, 1.0],  # 5 / 7, 4 / 4
    "single_precision": ["float32", "float32", "float64"],
    "steps_are_the_kernel_sum": [[5.0], [5.0], 5.0],
    "norms_of_three_four": [7, 5],
    "bias_and_variance": [1.0, 3.5, 4.5],
    "polynomial_product": [4.0, 13.0, 28.0, 27.0, 18.0],
    "fourier_agrees": [4.0, 13.0, 28.0, 27.0, 18.0],
    "alexnet_without_groups": 1_135_256_096,
    "block_weights": [1_179_648, 69_632],
    "whole_images_right": [0.8633, 0.92, 0.8667, 0.1135],
}
ERRATA = {one.name: one for one in make.errata()}


def test_everything_is_up_to_date():
    made = make.everything()
    for name, text in made.items():
        path = make.HERE / name
        assert path.exists(), f"{name}: python docs/course/make.py has not been run"
        assert path.read_text(encoding="utf-8") == text, f"{name}: run python docs/course/make.py"
    folders = [make.HERE / one for one in (*make.LANGUAGES, "images")]
    there = {str(path.relative_to(make.HERE)) for folder in folders for path in folder.iterdir()}
    assert there == {name for name in made if "/" in name}


def test_every_erratum_is_corrected():
    assert set(ERRATA) == set(CORRECTIONS)
    assert set(ERRATA) >= {f"E-{number:02d}" for number in range(1, 26)}
    for language in make.LANGUAGES:
        text = make.errata_page(language)
        assert len(re.findall(r"^\| [EA]-\d\d \|", text, re.MULTILINE)) == len(ERRATA)


def close(one, other):
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float):
        return other == pytest.approx(one, abs=1e-9)
    return one == other


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_is_right(name):
    assert close(value(ERRATA[name].fact), CORRECTIONS[name])


@pytest.mark.parametrize("name", NUMBERS)
def test_a_worked_number_is_right(name):
    assert close(value(name), NUMBERS[name])


def test_corrections_stand_with_their_function_or_their_numbers():
    for page in make.PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.split(r"^(?=!erratum )", text, flags=re.MULTILINE)[1:]:
            fact = block.split()[2]
            in_block = re.search(rf"^!code .*\b{fact}$|\{{{fact}[\[}}:]", block, re.MULTILINE)
            assert in_block or f"!rows {fact}\n" in text, fact


def test_no_fact_is_idle():
    """Each one is on a page, in a figure, or used by another."""
    sources = [path.read_text(encoding="utf-8") for path in (*make.PAGES, make.HERE / "figures.py")]
    sources += [inspect.getsource(function) for function in FACTS.values()]
    for name in FACTS:
        uses = sum(len(re.findall(rf"\b{name}\b", text)) for text in sources)
        assert uses >= 2 or name in NUMBERS, f"{name} is on no page"


def test_large_networks_were_counted_rightly():
    """The quick ones again; the others have the parameters that docs/models.md says and tests/models counts."""
    listed = (make.HERE.parent / "models.md").read_text(encoding="utf-8")
    stored = make.value("network_rows")
    assert [name.strip("`") for _, name, *_ in stored] == list(measure.NAMED)
    for _, name, _, parameters, _ in stored:
        assert f"{parameters:,}" in listed, name
    for name in ("lenet5", "shufflenet_v2"):
        counted = measure.counted(name)
        row = next(row for row in stored if row[1] == f"`{name}`")
        assert [counted["parameters"], f"{counted['macs'] / 1e6:,.1f}"] == row[3:]


def test_both_languages_say_the_same_things():
    """Their tables, blocks of code and numbers come from the same lines."""
    for page in make.PAGES:
        ja, en = (make.body(page, language) for language in make.LANGUAGES)
        for kind in (r"^#+ ", r"^\|", r"^```python", r"^!\[", r"^- ", r"^    \S"):
            counts = [len(re.findall(kind, text, re.MULTILINE)) for text in (ja, en)]
            assert counts[0] == counts[1], f"{page.name}: {kind}: {counts}"
        codes = [re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for text in (ja, en)]
        assert codes[0] == codes[1], page.name  # tests/test_docs.py runs the English one
        assert not re.search("[ぁ-んァ-ヶ]", en), page.name
        assert len(re.findall("[ぁ-んァ-ヶ]", ja)) > 100, page.name


def test_the_quiz_is_a_page():
    ja, en = (make.quiz_page(language) for language in make.LANGUAGES)
    assert ja.count("<details>") == en.count("<details>") == len(quiz.QUESTIONS)
    assert "</summary>\n\n100,352 — N \\* H" in en
    assert "</summary>\n\nストライド — " in ja  # a choice in the page's language


def test_placeholders_and_directives():
    assert make.filled("{chain_rule} {six_steps[4]:.2f} {values_per_channel[0]}", "en") == "6 1.70 100,352"
    with pytest.raises(ValueError, match="no fact is called nonsense"):
        make.filled("{nonsense}", "en")
    with pytest.raises(ValueError, match="unknown directive: !cats"):
        make.directive("!cats dogs", "en", False)
    assert make.matrices("two_by_two → upsampled") == [
        "    1 2   →   1 1 2 2",
        "    3 4       1 1 2 2",
        "              3 3 4 4",
        "              3 3 4 4",
    ]
