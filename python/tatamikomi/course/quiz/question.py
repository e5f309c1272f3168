"""One question: its texts, its choices, and the function that computes its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tatamikomi.autograd import Tensor

LANGUAGES = ("ja", "en")
Answer = float | str
# A choice is its key alone, shown as it stands, or (key, Japanese, English).
Choice = str | tuple[str, str, str]


@dataclass(frozen=True)
class Question:
    """A question to be answered by a number, or by one of several choices.

    Attributes:
        name: what tests and people call it.
        topic: of the course.
        text, why: the question, and what is said after it was answered; by language.
        answer: computes the number, or the key of the right choice.
        choices: none for a number.
        tolerance: how far a number may be off.
    """

    name: str
    topic: str
    text: Mapping[str, str]
    why: Mapping[str, str]
    answer: Callable[[], Answer]
    choices: tuple[Choice, ...] = ()
    tolerance: float = 1e-9

    def labels(self, language: str) -> dict[str, str]:
        """Keys of the choices and how they read in a language."""
        at = 1 + LANGUAGES.index(language)
        return {one: one for one in self.choices if isinstance(one, str)} | {
            one[0]: one[at] for one in self.choices if not isinstance(one, str)
        }

    def is_right(self, given: Answer) -> bool:
        """Whether a number, or the key of a choice, is the answer.

        >>> from tatamikomi.course.quiz import QUESTIONS
        >>> QUESTIONS[0].name, QUESTIONS[0].is_right(6.0), QUESTIONS[0].is_right(5.0)
        ('chain-rule', True, False)
        """
        right = self.answer()
        if isinstance(right, str) or isinstance(given, str):
            return right == given
        return abs(given - right) <= self.tolerance


class Sheet:
    """Collects the questions of one file: `@sheet.ask(...)` above the function that computes the answer."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def ask(
        self,
        name: str,
        topic: str,
        *,
        ja: str,
        en: str,
        why_ja: str,
        why_en: str,
        choices: tuple[Choice, ...] = (),
        tolerance: float = 1e-9,
    ) -> Callable[[Callable[[], Answer]], Callable[[], Answer]]:
        """The decorator that makes a Question of a function."""

        def keep(answer: Callable[[], Answer]) -> Callable[[], Answer]:
            texts, whys = {"ja": ja, "en": en}, {"ja": why_ja, "en": why_en}
            self.questions.append(Question(name, topic, texts, whys, answer, choices, tolerance))
            return answer

        return keep


def slope(x: Tensor) -> NDArray[Any]:
    """The gradient that `backward` left at x."""
    assert x.grad is not None
    return x.grad.numpy()


def only(verdicts: Mapping[str, bool]) -> str:
    """The one key whose verdict is True.

    Raises:
        ValueError: none or several are; then the question is a bad one.

    >>> from tatamikomi.course.quiz.question import only
    >>> only({"a": False, "b": True})
    'b'
    """
    (key,) = (key for key, verdict in verdicts.items() if verdict)
    return key
