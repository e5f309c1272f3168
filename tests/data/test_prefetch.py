"""The background thread: same items, exceptions in their place, no thread left behind."""

from __future__ import annotations

import contextvars
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import tatamikomi
from tatamikomi.data.prefetch import prefetch

PACKAGE = str(Path(tatamikomi.__file__).parents[1])


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tatamikomi-prefetch"]


@pytest.fixture(autouse=True)
def no_thread_left():
    assert workers() == []
    yield
    gc.collect()
    assert workers() == []


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_same_items_in_the_same_order(count, depth):
    assert list(prefetch(lambda: iter(range(count)), depth)) == list(range(count))


def test_none_and_false_are_items():
    assert list(prefetch(lambda: iter([None, False, None]))) == [None, False, None]


def test_the_work_is_done_in_another_thread_and_ahead():
    made = []

    def items():
        for number in range(10):
            made.append((number, threading.get_ident()))
            yield number

    iterator = prefetch(items, depth=2)
    assert next(iterator) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    # One was handed out, two wait, one is in the thread's hand.
    assert [number for number, _ in made] == [0, 1, 2, 3]
    assert {ident for _, ident in made} != {threading.get_ident()}
    assert list(iterator) == list(range(1, 10))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, StopAsyncIteration])
def test_an_exception_comes_in_its_place(error):
    def items():
        yield 1
        yield 2
        raise error("from the thread")

    iterator = prefetch(items)
    assert [next(iterator), next(iterator)] == [1, 2]
    with pytest.raises(error, match="from the thread"):
        next(iterator)
    assert list(iterator) == []


def test_an_exception_before_the_first_item():
    def items():
        raise RuntimeError("no start")

    with pytest.raises(RuntimeError, match="no start"):
        next(prefetch(items))


@pytest.mark.parametrize("taken", [0, 1, 3])
@pytest.mark.parametrize("way", ["close", "drop", "break", "throw"])
def test_an_early_end_leaves_no_thread(taken, way):
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    iterator = prefetch(items)
    for _ in range(taken):
        next(iterator)
    if way == "close":
        iterator.close()
    elif way == "drop":
        del iterator
    elif way == "break":
        for _ in iterator:
            break
        del iterator
    else:
        with pytest.raises(OSError, match="thrown in"):
            iterator.throw(OSError("thrown in"))
    gc.collect()
    assert workers() == []
    started = taken > 0 or way == "break"
    assert closed == ([True] if started else [])


def test_many_early_ends_race_with_the_thread():
    for pause in range(200):
        iterator = prefetch(lambda: iter(range(5)), depth=1)
        next(iterator)
        if pause % 3 == 0:
            time.sleep(0)
        iterator.close()
    assert workers() == []


def test_the_thread_sees_the_callers_context():
    variable = contextvars.ContextVar("variable", default="outside")

    def items():
        yield variable.get()

    token = variable.set("inside")
    try:
        assert list(prefetch(items)) == ["inside"]
    finally:
        variable.reset(token)


def test_a_program_that_ends_with_an_open_iterator_ends():
    program = (
        "from tatamikomi.data.prefetch import prefetch\n"
        "import itertools\n"
        "iterator = prefetch(lambda: itertools.count())\n"
        "print(next(iterator))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([PACKAGE, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
