"""Every key of the quiz against a number that was worked out by hand, and sessions driven through stdin."""

from __future__ import annotations

import io
import re

import pytest

from tatamikomi.cli import main
from tatamikomi.course.quiz import LANGUAGES, QUESTIONS, TOPICS, ask, show

# By hand, none of them by the package.
KEYS = {
    "chain-rule": 6,
    "descent-sign": "w - ε ∇E",
    "shuffled-slice": "x[shuffle_idx[i:i_end]]",
    "sigmoid-slope": "0.25",
    "relu-slope": "1",
    "he": 0.1,
    "equal-weights": 1,
    "velocity": -0.19,
    "fading-steps": "AdaGrad",
    "divergence": "0.55",
    "bn-values": 32 * 56 * 56,
    "bn-output": 1 + 6 / 5**0.5,
    "batch-dependent": "BatchNorm",
    "bn-momentum": 0.01,
    "ridge": "param",
    "lasso": "np.sign(param)",
    "sparse": "L1 (lasso)",
    "dropout-shape": 4096,
    "crop-slice": "image[top:bottom, left:right, :]",
    "crop-offsets": 3,
    "conv-value": 15,
    "size-11-3-2-2": 7,
    "size-6-2-1-1": 7,
    "alexnet-size": 55,
    "option-names": "stride",
    "conv-parameters": (5 * 5 * 3 + 1) * 16,
    "conv-biases": 8,
    "max-pool": "[[6, 4], [8, 7]]",
    "pool-parameters": 0,
    "gap-value": 39 / 16,
    "dilated-size": 9,
    "dilated-stack": 15,
    "gridding": "1, 2, 5",
    "separable-ratio": 1 / 128 + 1 / 9,
    "lightest": "separable",
    "residual-slope": 1.1**3,
    "compound-parts": "depth+width+resolution",
}


def test_every_question_has_a_key_and_a_name_of_its_own():
    assert sorted(one.name for one in QUESTIONS) == sorted(KEYS)


@pytest.mark.parametrize("question", [pytest.param(one, id=one.name) for one in QUESTIONS])
def test_the_package_computes_the_key(question):
    key = KEYS[question.name]
    assert question.is_right(key)
    if question.choices:
        assert isinstance(key, str)
        others = set(question.labels("en")) - {key}
        assert not any(question.is_right(one) for one in others)
        assert list(question.labels("ja")) == list(question.labels("en"))
        assert len(set(question.labels("ja").values())) == len(others) + 1
    else:
        assert question.answer() == pytest.approx(key, rel=1e-4)
        assert not question.is_right(key + 0.02)
        assert not question.is_right(float("nan"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_in_their_language(language):
    for one in QUESTIONS:
        for text in (one.text[language], one.why[language]):
            assert bool(re.search("[ぁ-んァ-ヶ]", text)) == (language == "ja"), one.name


def answers_in(language, seed):
    """The lines that answer a session with a seed, read off what `show` prints."""
    return re.findall(r"^(?:正解|Answer): (\S+?)\.?(?: .*)?$", show(QUESTIONS, language, seed), re.MULTILINE)


@pytest.mark.parametrize(("language", "seed"), [("ja", None), ("en", 7)])
def test_a_session_with_all_answers_right(language, seed, capsys, monkeypatch):
    lines = answers_in(language, seed)
    assert len(lines) == len(QUESTIONS)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    assert main(["course", "quiz", "--lang", language, *([] if seed is None else ["--seed", str(seed)])]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    total = len(QUESTIONS)
    assert last == (f"{total} 問中 {total} 問正解" if language == "ja" else f"{total} of {total} right")


def test_a_session_with_every_kind_of_line(capsys, monkeypatch):
    """Right, wrong, skipped, unreadable and asked again, out of range, then the end of the lines."""
    monkeypatch.setattr("sys.stdin", io.StringIO("７\n8\n\nseven\n55\n"))
    assert main(["course", "quiz", "--lang", "en", "--topic", "convolution"]) == 0
    printed = capsys.readouterr().out
    assert "Wrong. The answer: 15\n1 + 3 + 3 + 3 + 5 = 15" in printed  # 7 in full width, to the first question
    assert "Wrong. The answer: 7\n" in printed
    assert "Skipped. The answer: 7\n" in printed
    assert printed.count("Please answer by a number.") == 1
    assert "> Right.\nfloor((224" in printed
    assert printed.endswith("> \n1 of 4 right\n")


def test_numbers_beyond_the_choices_are_asked_again():
    target = io.StringIO()
    chosen = [one for one in QUESTIONS if one.name == "sigmoid-slope"]
    assert ask(chosen, "ja", io.StringIO("5\n0\n1.5\n2\n"), target) == (1, 1)
    assert target.getvalue().count("1 から 4 の番号で答えてください。") == 3


def test_the_seed_decides_the_order():
    few = [one for one in QUESTIONS if one.topic == "convolution"]
    assert show(few, "en", 1) == show(few, "en", 1) != show(few, "en", 2)


def test_show_asks_nothing(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    for topic in TOPICS:
        assert main(["course", "quiz", "--show", "--lang", "en", "--topic", topic]) == 0
        printed = capsys.readouterr().out
        assert printed.count("\nAnswer: ") == sum(one.topic == topic for one in QUESTIONS) > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lang", "de"], "tatamikomi course: --lang: expected one of ja, en, got de\n"),
        (["--topic", "cats"], f"tatamikomi course: --topic: expected one of {', '.join(TOPICS)}, got cats\n"),
        (["--seed", "-1"], "tatamikomi course: --seed: expected an integer >= 0, got -1\n"),
    ],
)
def test_bad_options_are_told_in_one_line(words, message, capsys):
    assert main(["course", "quiz", "--show", *words]) == 2
    assert capsys.readouterr().err == message
