"""Questions in Japanese and English whose answer keys are computed by the package when they are asked."""

from __future__ import annotations

from tatamikomi.course.quiz import convolving, learning, networks, regularising
from tatamikomi.course.quiz.question import LANGUAGES, Question
from tatamikomi.course.quiz.session import ask, show

__all__ = ["LANGUAGES", "QUESTIONS", "TOPICS", "Question", "ask", "show"]

QUESTIONS: tuple[Question, ...] = (
    *learning.QUESTIONS,
    *regularising.QUESTIONS,
    *convolving.QUESTIONS,
    *networks.QUESTIONS,
)
TOPICS: tuple[str, ...] = tuple(dict.fromkeys(one.topic for one in QUESTIONS))
