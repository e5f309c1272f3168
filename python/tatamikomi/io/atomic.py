"""Writing a file so that whoever looks, at any moment, finds the old file whole or the new file whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a binary file to write to; it takes the name `path` when the block ends without an exception.

    The bytes go to a hidden file in the same folder, are flushed to the disk (fsync), and are renamed over
    `path` in one step (os.replace); then the folder is synced, so that the name survives a power cut too.
    An exception inside the block removes the hidden file and leaves `path` as it was. A process killed inside
    the block leaves `path` as it was and `.NAME.PID-RANDOM.tmp` beside it, which may be deleted.

    A symbolic link is followed: the file it points to is replaced. An existing file keeps its permissions.

    Args:
        path: the file to write; its folder must exist.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: what the file system says, such as a full disk; `path` is as it was.

    >>> import os, tempfile
    >>> from tatamikomi.io import atomic_write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(os.path.join(folder, "note.txt")) as file:
    ...         _ = file.write(b"whole")
    ...     os.listdir(folder)
    ['note.txt']
    """
    target = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "the folder of the file to write does not exist", folder)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "a folder has the name of the file to write", target)
    # 200 bytes of the name leave room for the rest within the 255 that file systems allow.
    stem = os.fsdecode(os.fsencode(name)[:200])
    temporary = os.path.join(folder, f".{stem}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            with suppress(FileNotFoundError):
                os.chmod(temporary, os.stat(target).st_mode & 0o7777)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)
