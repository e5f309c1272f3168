"""Running a script of the lessons as `python SCRIPT` would, with the course's modules in place."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tatamikomi.course import figures
from tatamikomi.course.dtypes import default_dtype, set_default_dtype
from tatamikomi.course.installing import install, uninstall


@contextmanager
def _in_place(script: str, arguments: Sequence[str], folder: str, shadow: bool) -> Iterator[None]:
    """sys.path, sys.argv, sys.modules and matplotlib's backend as the script wants them; afterwards as before."""
    path, argv, backend = list(sys.path), list(sys.argv), os.environ.get("MPLBACKEND")
    known = set(sys.modules)
    here = os.path.dirname(os.path.realpath(script))
    if not getattr(sys.flags, "safe_path", False):  # python -P
        sys.path[:1] = [here]
    sys.argv[:] = [script, *arguments]
    os.environ["MPLBACKEND"] = figures.BACKEND
    figures.save_to(folder, os.path.splitext(os.path.basename(script))[0])
    before = None
    if "matplotlib" in sys.modules:
        import matplotlib

        before = matplotlib.get_backend()
        matplotlib.use(figures.BACKEND)
    try:
        install(shadow=shadow)
        yield
    finally:
        uninstall()
        sys.path[:], sys.argv[:] = path, argv
        if before is not None:
            import matplotlib

            matplotlib.use(before)
        if backend is None:
            os.environ.pop("MPLBACKEND", None)
        else:
            os.environ["MPLBACKEND"] = backend
        for name in set(sys.modules) - known:  # modules beside the script: another one's may have the same names
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(here + os.sep):
                del sys.modules[name]


def run_script(
    script: str,
    arguments: Sequence[str] = (),
    *,
    folder: str = "figures",
    shadow: bool = False,
    dtype: object = None,
) -> int:
    """Run a script with the modules of `install` in place, its folder first on sys.path, and figures saved as files.

    Args:
        script: its file.
        arguments: sys.argv[1:].
        folder: where figures go that it shows, as SCRIPT-1.png, SCRIPT-2.png, ...
        shadow: as in install.
        dtype: of the weights that our networks draw; None leaves it as it is.

    Returns:
        The exit code: 0; what the script exits with; 1 where it raises, after its traceback on stderr.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as install and set_default_dtype.
    """
    if not os.path.isfile(script):
        raise FileNotFoundError(f"{script}: no such script")
    old = default_dtype()
    if dtype is not None:
        set_default_dtype(dtype)
    try:
        with _in_place(script, arguments, folder, shadow):
            return _run(script)
    finally:
        set_default_dtype(old)


def _run(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != script:
            trace = trace.tb_next  # our own lines, and runpy's
        traceback.print_exception(error.with_traceback(trace or error.__traceback__))
        return 1
    return 0
