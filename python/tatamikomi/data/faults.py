"""Errors of other libraries about a broken file, told in one voice."""

from __future__ import annotations

import errno
import os

from tatamikomi.io.faults import bad_file


def retold(path: str | os.PathLike[str], what: str, error: Exception) -> Exception:
    """An error that a library met in a file, with the file and `what` is wrong before it; the caller raises.

    Our own errors, which name the file, and those of the system are left as they are; but a place before a file's
    beginning (EINVAL), to which some libraries go when a file says so, is the file's fault.

    >>> from tatamikomi.data.faults import retold
    >>> retold("a.png", "no whole picture", SyntaxError("broken PNG file"))
    ValueError('a.png: no whole picture: broken PNG file')
    """
    if str(error).startswith(f"{os.fspath(path)}: "):
        return error
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return error
    return bad_file(path, f"{what}: {str(error) or type(error).__name__}")
