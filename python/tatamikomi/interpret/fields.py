"""Field: which part of a network's input one position of a layer sees, by recurrences from layer to layer.

A layer whose output i sees positions start + i * t ... of width w of its input, that see fields of size r, j apart, the
first at o, has fields of

    size r + (w - 1) j        stride j t        offset o + start j

Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, 2016; A. Araujo,
W. Norris, J. Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tatamikomi.errors import bad_value
from tatamikomi.interpret.windows import Step, Steps


def _plain(number: Fraction) -> int | float:
    return int(number) if number.denominator == 1 else float(number)


@dataclass(frozen=True)
class Field:
    """The receptive field of a layer, one entry per spatial axis of the network's input.

    Position i of the layer sees the input elements offset + i * stride ... offset + i * stride + size - 1, as if the
    input had no borders: a negative offset is padding. Behind a layer that enlarges, stride and offset may be no whole
    numbers, and size is a bound: how much a position sees depends on where it falls.

    Attributes:
        size: input elements from the first seen to the last, both included.
        stride: distance between the fields of two neighbours.
        offset: the first element seen by position 0.

    >>> import tatamikomi as tk
    >>> tk.receptive_field([tk.nn.Conv2d(1, 1, 3, padding=1), tk.nn.MaxPool2d(2)])
    Field(size=(4, 4), stride=(2, 2), offset=(-1, -1))
    """

    steps: Steps

    @property
    def size(self) -> tuple[int, ...]:
        """Elements from the first to the last."""
        return tuple(math.floor(step.width) for step in self.steps)

    @property
    def stride(self) -> tuple[int | float, ...]:
        """Distance between two neighbours."""
        return tuple(_plain(step.stride) for step in self.steps)

    @property
    def offset(self) -> tuple[int | float, ...]:
        """The first element of position 0."""
        return tuple(_plain(step.start) for step in self.steps)

    def span(self, position: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """(first, last) input element, per axis, that the layer sees from `position`; borders are not looked at.

        >>> import tatamikomi as tk
        >>> tk.receptive_field([(3, 2, 1)]).span([4])
        ((7, 9),)
        """
        if len(position) != len(self.steps):
            raise bad_value("Field.span", "position", tuple(position), f"{len(self.steps)} integers")
        found = []
        for i, step in zip(position, self.steps, strict=True):
            first = step.start + i * step.stride
            found.append((math.ceil(first), math.floor(first + step.width - 1)))
        return tuple(found)

    def __repr__(self) -> str:
        return f"Field(size={self.size}, stride={self.stride}, offset={self.offset})"


def itself(axes: int) -> Field:
    """The field of the input: every element sees itself."""
    return Field((Step(Fraction(1), Fraction(1), Fraction(0)),) * axes)


def through(field: Field | None, steps: Steps | None) -> Field | None:
    """The field of a layer's output from that of its input; () are the steps of a layer that sees no positions."""
    if field is None or steps is None:
        return None
    if not steps:
        return field
    if len(steps) != len(field.steps):
        return None
    found = []
    for (size, jump, offset), (width, stride, start) in zip(field.steps, steps, strict=True):
        found.append(Step(size + (width - 1) * jump, jump * stride, offset + start * jump))
    return Field(tuple(found))


def handed_out(field: Field) -> Field:
    """One position's field, seen from every position of a larger map."""
    return Field(tuple(Step(one.width, Fraction(0), one.start) for one in field.steps))


def joined(fields: Sequence[Field], sizes: Sequence[int]) -> Field | None:
    """What a sum or a concatenation of maps of `sizes` sees; None where they do not move alike.

    A field that was handed out counts as a bound of the form of a Field: every position sees at least what it saw.
    """
    moving = [one for one in fields if any(one.stride)]
    if any(one.stride != moving[0].stride for one in moving):
        return None
    found: list[Step] = []
    for axis in zip(*(one.steps for one in fields), strict=True):
        jump = max(step.stride for step in axis)
        start, end = [], []
        for step in axis:
            reach = 0 if step.stride or not jump else (sizes[len(found)] - 1) * jump
            start.append(step.start - reach)
            end.append(step.start + step.width)
        found.append(Step(max(end) - min(start), jump, min(start)))
    return Field(tuple(found))
