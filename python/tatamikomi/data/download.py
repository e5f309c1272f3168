"""Files from the network, checked: kept only when every byte is the one that was announced."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from tatamikomi.data.extras import extra_module
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.io.atomic import atomic_write
from tatamikomi.io.faults import bad_file


def download(
    url: str,
    sha256: str,
    folder: str | os.PathLike[str],
    name: str | None = None,
    progress: bool = False,
) -> str:
    """Fetch a file into a folder, by pooch, unless it is there already.

    The bytes go to a hidden file in the folder; only when their SHA-256 is the one given does it take its name. A
    transfer that breaks off, or brings something else, leaves nothing behind, and a file that was there as it was.

    Args:
        url: http:// or https://.
        sha256: 64 hexadecimal digits.
        folder: made if need be; a file in it that has this SHA-256 is taken as it is, one that has not is replaced.
        name: the file's name in it; the last part of the URL's path when None.
        progress: whether to show a bar.

    Returns:
        The path of the file.

    Raises:
        ImportError: pooch is not installed; the message names the extra.
        TypeError: url or sha256 is no text.
        ValueError: url, sha256 or name is none of the above, or what came has another SHA-256; the message names both.
        OSError: the network or the file system says so.

    >>> import os, tempfile
    >>> from tatamikomi.data import download
    >>> download("https://example.org/digits.npz", "123", "data")
    Traceback (most recent call last):
    ...
    ValueError: download: sha256: expected 64 hexadecimal digits, got '123'
    """
    for argument, text in (("url", url), ("sha256", sha256)):
        if not isinstance(text, str):
            raise bad_type("download", argument, type(text).__name__, "text")
    if not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise bad_value("download", "sha256", repr(sha256), "64 hexadecimal digits")
    target = os.path.join(os.fspath(folder), _name(url, name))
    digits = sha256.lower()
    if os.path.isfile(target) and _sha256(target) == digits:
        return target
    pooch = extra_module("pooch", "download", "pooch", "download")
    # "identity": a server must not pack the file for the way, since what is unpacked here would be another file.
    fetch = pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, headers={"Accept-Encoding": "identity"})
    os.makedirs(folder, exist_ok=True)
    with atomic_write(target) as file:
        sink = _Sink(file)
        fetch(url, sink, None)
        if sink.digest.hexdigest() != digits:
            fault = f"the {sink.size} bytes that came have the SHA-256 {sink.digest.hexdigest()}, expected {digits}"
            raise bad_file(url, fault)
    return target


class _Sink:
    """Writes to a file and digests on the way."""

    def __init__(self, file: BinaryIO) -> None:
        import hashlib

        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing yet: the file is flushed once, at its end."""


def _name(url: str, name: str | None) -> str:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise bad_value("download", "url", repr(url), "http:// or https:// and a host")
    last = unquote(parts.path.rpartition("/")[2]) if name is None else name
    if last in ("", ".", "..") or os.path.basename(last) != last or "\0" in last:
        raise bad_value("download", "name", repr(last), "the name of a file, without folders")
    return last


def _sha256(path: str) -> str:
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
