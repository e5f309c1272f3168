"""One thread that works ahead: the next items are made while the present one is used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Callable[[], Iterator[T]], depth: int = 2) -> Generator[T, None, None]:
    """Yield what `items()` yields, in the same order, made by a background thread up to `depth` items ahead.

    The thread starts with the first item asked for and is gone when the iterator ends, fails, is closed or is
    dropped. An exception in the thread is raised here, in its place in the order. The thread sees the context
    variables of whoever asked for the first item; its kernels run on it alone.

    Args:
        items: called once, in the thread.
        depth: how many finished items may wait, >= 1.

    >>> from tatamikomi.data.prefetch import prefetch
    >>> list(prefetch(lambda: iter([1, 2, 3])))
    [1, 2, 3]
    """
    import atexit
    import contextvars
    import queue
    import threading

    from tatamikomi import _native

    # What travels: (True, item), then (False, None) or (False, exception).
    finished: queue.Queue[tuple[bool, object]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def work() -> None:
        _native.compute_alone()  # whoever uses the items has the other cores
        try:
            for item in items():
                finished.put((True, item))
                if stopped.is_set():
                    return
            finished.put((False, None))
        except BaseException as error:
            finished.put((False, error))

    def stop() -> None:
        # The thread puts at most once more before it sees `stopped`; an emptied queue has room for that.
        stopped.set()
        while not finished.empty():
            finished.get_nowait()
        thread.join()

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="tatamikomi-prefetch", daemon=True)
    atexit.register(stop)  # for an iterator still open at exit: later on threads cannot be joined
    thread.start()
    try:
        while True:
            more, value = finished.get()
            if more:
                yield value  # type: ignore[misc]
            elif value is None:
                return
            else:
                raise value  # type: ignore[misc]
    finally:
        stop()
        atexit.unregister(stop)
