"""16-bit floats from their definitions, number by number: sign, exponent and fraction, and rounding to the nearest."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def value_of(bits: int, exponent_bits: int) -> float:
    """What the bits stand for."""
    fraction_bits = 15 - exponent_bits
    sign = -1.0 if bits >> 15 else 1.0
    exponent, fraction = bits >> fraction_bits & ((1 << exponent_bits) - 1), bits & ((1 << fraction_bits) - 1)
    bias = (1 << (exponent_bits - 1)) - 1
    if exponent == (1 << exponent_bits) - 1:
        return math.nan if fraction else sign * math.inf
    whole = fraction + (1 << fraction_bits if exponent else 0)
    return sign * math.ldexp(whole, max(exponent, 1) - bias - fraction_bits)


def bits_of(value: float, exponent_bits: int) -> int:
    """The bits of the nearest number, the even one of two; a NaN keeps its sign only."""
    sign = 0x8000 if math.copysign(1.0, value) < 0 else 0
    fraction_bits = 15 - exponent_bits
    infinity = ((1 << exponent_bits) - 1) << fraction_bits
    if math.isnan(value):
        return sign | infinity | 1 << (fraction_bits - 1)
    if math.isinf(value):
        return sign | infinity
    bias = (1 << (exponent_bits - 1)) - 1
    exponent = max(math.frexp(value)[1] - 1, 1 - bias) if value else 1 - bias
    units = Fraction(abs(value)) / Fraction(2) ** (exponent - fraction_bits)
    whole = round(units)  # Python rounds ties to even
    # Counting on from the smallest number of this exponent: a carry moves into the exponent by itself.
    return sign | min(whole + (exponent + bias - 1 << fraction_bits), infinity)


def half_to_float(x):
    return np.array([value_of(int(one), 5) for one in x.view(np.uint16).ravel()], np.float32).reshape(x.shape)


def bfloat16_to_float(x):
    return np.array([value_of(int(one), 8) for one in x.ravel()], np.float32).reshape(x.shape)


def float_to_half(x):
    bits = np.array([bits_of(float(one), 5) for one in x.ravel()], np.uint16).reshape(x.shape)
    return bits.view(np.float16)


def float_to_bfloat16(x):
    return np.array([bits_of(float(one), 8) for one in x.ravel()], np.uint16).reshape(x.shape)


def widened(x, kind):
    """Operands of a kind as float32, all at once: bfloat16 is the upper half of one."""
    return x.astype(np.float32) if kind == "half" else (x.astype(np.uint32) << 16).view(np.float32)
