"""
tatamikomi's C++ kernels; tatamikomi.kernels is their checked face.
"""

from __future__ import annotations

import typing

import numpy

__all__: list[str] = [
    "active_isa",
    "col2im",
    "compiler",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "default_threads",
    "empty",
    "empty_cache",
    "im2col",
    "isas",
    "kernel_names",
    "matmul",
    "max_threads",
    "memory_stats",
    "openmp",
    "select_isa",
    "set_max_threads",
    "shape_fields",
]

def active_isa() -> str: ...
def col2im(x: numpy.ndarray, cols: numpy.ndarray, shape: tuple) -> None: ...
def conv_backward_bias(dbias: numpy.ndarray, dy: numpy.ndarray, shape: tuple) -> None: ...
def conv_backward_input(dx: numpy.ndarray, dy: numpy.ndarray, weight: numpy.ndarray, shape: tuple) -> None: ...
def conv_backward_weight(dweight: numpy.ndarray, dy: numpy.ndarray, x: numpy.ndarray, shape: tuple) -> None: ...
def conv_forward(y: numpy.ndarray, x: numpy.ndarray, weight: numpy.ndarray, bias: typing.Any, shape: tuple) -> None: ...
def default_threads() -> int: ...
def empty(shape: tuple, dtype: numpy.dtype[typing.Any]) -> numpy.ndarray: ...
def empty_cache() -> None: ...
def im2col(cols: numpy.ndarray, x: numpy.ndarray, shape: tuple) -> None: ...
def isas() -> list:
    """
    (name, x86-64 level, supported here), best first
    """

def kernel_names() -> list: ...
def matmul(c: numpy.ndarray, a: numpy.ndarray, b: numpy.ndarray, shape: tuple) -> None: ...
def max_threads() -> int: ...
def memory_stats() -> dict: ...
def select_isa(name: str) -> bool:
    """
    False when the name is unknown or unsupported here
    """

def set_max_threads(count: typing.SupportsInt | typing.SupportsIndex) -> None: ...
def shape_fields() -> dict: ...

compiler: str = "12.2.0"
openmp: bool = True
