"""Other processes, other threads, other libraries: nothing hangs, nothing crashes, no bit changes."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tatamikomi as tk
from tests.op_specs import SPECS
from tests.op_specs.running import assert_same_bits, make_call

# The first big sample of every kernel.
WORK = [
    (direction, next(sample for sample in direction.samples if sample.big))
    for spec in SPECS
    if spec.kind == "kernel"
    for direction in spec.directions
]
PATIENCE = 60  # seconds after which something hangs


def everything(work=WORK):
    """The bits of every result."""
    with tk.backend("native"):
        return [
            one.tobytes()
            for direction, sample in work
            for one in direction.run(make_call(direction, sample, "float32", integers=False))
        ]


def _report(connection):
    connection.send((everything(), tk.get_num_threads(), tk.memory_stats()["hits"]))
    connection.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_child_computes_the_same_bits():
    """After the parent has used its threads and its buffer pool; the child has one thread and the pool's lock anew."""
    with tk.threads(3):
        expected = everything()
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_report, args=(theirs,))
        child.start()
        theirs.close()
        answered = ours.poll(PATIENCE)
        try:
            assert answered, "the child hangs"
            results, threads, _ = ours.recv()
        finally:
            child.join(5)
            if child.is_alive():
                child.kill()
                child.join()
    assert results == expected
    assert threads == 1
    assert child.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_fork_while_other_threads_compute():
    """Whoever holds a lock of ours in the moment of the fork does not hold it in the child."""
    stop = threading.Event()

    def churn():
        x, w = np.ones((4, 8, 20, 20), np.float32), np.ones((8, 8, 3, 3), np.float32)
        while not stop.is_set():
            tk.kernels.conv_forward(x, w)

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                try:
                    tk.kernels.conv_forward(np.ones((2, 3, 9, 9), np.float32), np.ones((4, 3, 3, 3), np.float32))
                    tk.empty_cache()
                    os._exit(0)
                finally:
                    os._exit(1)
            watchdog = threading.Timer(PATIENCE, os.kill, (child, 9))
            watchdog.start()
            _, status = os.waitpid(child, 0)
            watchdog.cancel()
            assert status == 0, f"the child hung or failed: {status}"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_several_python_threads_at_once():
    """Each thread has arrays of its own and gets the bits of a lone one."""
    expected = everything()
    results, failures = {}, []

    def run(number):
        try:
            order = WORK[number:] + WORK[:number]
            for direction, sample in order:
                with tk.backend("native"):
                    results[number, direction, sample] = direction.run(
                        make_call(direction, sample, "float32", integers=False)
                    )
        except BaseException as error:
            failures.append(error)

    with tk.threads(2):
        threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a thread hangs"
    assert not failures
    for number in range(4):
        bits = [one.tobytes() for direction, sample in WORK for one in results[number, direction, sample]]
        assert bits == expected


def test_a_backend_is_a_threads_own():
    seen = []
    with tk.backend("reference"):
        thread = threading.Thread(target=lambda: seen.append(tk.get_backend()))
        thread.start()
        thread.join()
        assert tk.get_backend() == "reference"
    assert seen == [os.environ.get("TATAMIKOMI_BACKEND", "native")]


BITS = """
import hashlib, sys
import numpy as np
import tatamikomi as tk
x = np.random.default_rng(0).standard_normal((5, 8, 30, 31)).astype(np.float32)
w = np.random.default_rng(1).standard_normal((24, 8, 3, 3)).astype(np.float32)
results = []
def work():
    y = tk.kernels.conv_forward(x, w, padding=1)
    results.extend([y, tk.kernels.conv_backward_weight(y, x, w.shape, padding=1), tk.kernels.softmax_forward(y, 1)])
    results.append(tk.kernels.matmul(y.reshape(120, -1), y.reshape(120, -1), transpose_b=True))
{order}
print(hashlib.sha256(b"".join(one.tobytes() for one in results)).hexdigest())
"""
TORCH = """
import torch
a = torch.ones(300, 300)
torch.nn.functional.conv2d((a @ a)[None, None], a[None, None, :3, :3])
"""
SKLEARN = """
from sklearn.linear_model import LogisticRegression
LogisticRegression().fit(x[:, 0, :, 0], [0, 1, 0, 1, 0])
"""


def hash_of(order):
    environment = {**os.environ, "OMP_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BITS.format(order=order)],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("package", "other"), [("torch", TORCH), ("sklearn", SKLEARN)])
def test_another_library_in_the_process_changes_nothing(package, other):
    """Whether it came before or comes after, with OpenMP threads of its own."""
    pytest.importorskip(package)
    alone = hash_of("work()")
    assert hash_of(f"{other}\nwork()") == alone
    assert hash_of(f"work(); results.clear()\n{other}\nwork()") == alone


def test_a_result_outlives_what_made_it():
    """Arrays of the pool stay whole when the pool is trimmed and used by others."""
    kept, copies = [], []
    for direction, sample in WORK[:4]:
        with tk.backend("native"):
            results = direction.run(make_call(direction, sample, "float32", integers=False))
        kept.append(results)
        copies.append(tuple(one.copy() for one in results))
        tk.empty_cache()
    everything()
    for results, copy in zip(kept, copies, strict=True):
        assert_same_bits(results, copy, "afterwards")
