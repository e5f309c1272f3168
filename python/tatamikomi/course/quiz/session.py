"""Asks questions, line by line, and counts; or shows them with their answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from tatamikomi.course.quiz.question import Answer, Question
from tatamikomi.random import permutation

_WORDS = {
    "ja": {
        "help": "答えは番号か数値です。Enter だけでとばし、q でやめます。",
        "right": "正解です。",
        "wrong": "不正解です。正解: {}",
        "skipped": "とばしました。正解: {}",
        "choose": "1 から {} の番号で答えてください。",
        "number": "数値で答えてください。",
        "score": "{} 問中 {} 問正解",
        "answer": "正解: {}",
    },
    "en": {
        "help": "Answer by a number. Enter alone skips, q ends.",
        "right": "Right.",
        "wrong": "Wrong. The answer: {}",
        "skipped": "Skipped. The answer: {}",
        "choose": "Please answer by a number from 1 to {}.",
        "number": "Please answer by a number.",
        "score": "{1} of {0} right",
        "answer": "Answer: {}",
    },
}


def _order(count: int, seed: int | None, *path: int) -> list[int]:
    return list(range(count)) if seed is None else permutation(seed, path, count).tolist()


def _choices(question: Question, language: str, seed: int | None, number: int) -> list[tuple[str, str]]:
    """(key, label) in the order in which they are shown."""
    labels = list(question.labels(language).items())
    return [labels[i] for i in _order(len(labels), seed, 1, number)]


def _text(question: Question, language: str, choices: Sequence[tuple[str, str]], number: int) -> str:
    lines = [f"[{number + 1}] {question.text[language]}"]
    return "\n".join(lines + [f"    {i}. {label}" for i, (_, label) in enumerate(choices, 1)])


def _answer(question: Question, choices: Sequence[tuple[str, str]]) -> str:
    right = question.answer()
    if isinstance(right, float | int):
        return f"{right:.6g}" if abs(right) < 1e4 else f"{right:,.0f}"
    place = [key for key, _ in choices].index(right)
    return f"{place + 1}. {choices[place][1]}"


def _read(line: str, choices: Sequence[tuple[str, str]]) -> Answer | None:
    """What was answered: a number or the key of a choice; None where it is neither."""
    try:
        given = float(line.replace(",", ""))
    except ValueError:
        return None
    if not choices:
        return given
    return choices[int(given) - 1][0] if given in range(1, len(choices) + 1) else None


def show(questions: Iterable[Question], language: str, seed: int | None = None) -> str:
    """Questions, answers and explanations, as one text.

    Args:
        questions: which.
        language: "ja" or "en".
        seed: shuffles questions and choices, as in `ask`.

    >>> from tatamikomi.course.quiz import QUESTIONS, show
    >>> print(show(QUESTIONS[:1], "en"))
    [1] z = t^2 and t = x + y. What is dz/dx at x = 1, y = 2?
    Answer: 6
    dz/dx = dz/dt * dt/dx = 2t * 1 = 2(x + y) = 6.
    """
    listed, parts = list(questions), []
    for number, at in enumerate(_order(len(listed), seed, 0)):
        one = listed[at]
        choices = _choices(one, language, seed, at)
        answer = _WORDS[language]["answer"].format(_answer(one, choices))
        parts.append(f"{_text(one, language, choices, number)}\n{answer}\n{one.why[language]}")
    return "\n\n".join(parts)


def ask(
    questions: Iterable[Question], language: str, source: TextIO, target: TextIO, seed: int | None = None
) -> tuple[int, int]:
    """Ask, read answers from `source`, write to `target`, until the questions or the lines end.

    An empty line skips a question, "q" ends the session; what cannot be read is asked again.

    Args:
        questions: which.
        language: "ja" or "en".
        source, target: such as sys.stdin and sys.stdout.
        seed: shuffles questions and choices; None keeps their order.

    Returns:
        How many questions were answered or skipped, and how many answers were right.

    >>> import io
    >>> from tatamikomi.course.quiz import QUESTIONS, ask
    >>> ask(QUESTIONS, "en", io.StringIO("6\\nq\\n"), io.StringIO())
    (1, 1)
    """
    words, listed = _WORDS[language], list(questions)
    asked = right = 0
    print(words["help"], file=target)
    for number, at in enumerate(_order(len(listed), seed, 0)):
        one = listed[at]
        choices = _choices(one, language, seed, at)
        print(f"\n{_text(one, language, choices, number)}", file=target)
        given: Answer | None = None
        while True:
            print("> ", end="", file=target, flush=True)
            line = source.readline()
            given = _read(line, choices)
            if not line or line.strip() in ("", "q", "Q") or given is not None:
                break
            print((words["choose"] if choices else words["number"]).format(len(choices)), file=target)
        if not line or line.strip() in ("q", "Q"):
            print(file=target)
            break
        asked += 1
        hit = given is not None and one.is_right(given)
        right += hit
        verdict = "right" if hit else "skipped" if given is None else "wrong"
        print(f"{words[verdict].format(_answer(one, choices))}\n{one.why[language]}", file=target)
    print(words["score"].format(asked, right), file=target)
    return asked, right
