"""WAV files of PCM samples, read by the standard library and brought to float32."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.faults import retold
from tatamikomi.io.faults import bad_file


class Sound(NamedTuple):
    """samples (channels, frames) float32 in [-1, 1), and frames per second."""

    samples: NDArray[np.float32]
    rate: int


def read_wav(path: str | os.PathLike[str]) -> Sound:
    """Read a WAV file of 8, 16, 24 or 32 bits PCM.

    A sample v of b bits becomes v / 2**(b - 1), of 8 bits, which are unsigned, (v - 128) / 128. That is exact up to
    24 bits; of 32 bits the nearest float32 below 1 is taken.

    Raises:
        ValueError: no whole WAV file, or one that does not hold PCM of these widths; the message names the file and
            the fault.
        OSError: the file cannot be opened.

    >>> import os, tempfile, wave
    >>> from tatamikomi.data import read_wav
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.wav")
    ...     with wave.open(path, "wb") as file:
    ...         file.setparams((2, 1, 8000, 0, "NONE", ""))
    ...         file.writeframes(bytes([128, 0, 192, 255]))  # left, right, left, right
    ...     samples, rate = read_wav(path)
    >>> samples.tolist(), rate
    ([[0.0, 0.5], [-1.0, 0.9921875]], 8000)
    """
    import wave

    with open(path, "rb") as file:
        try:
            with wave.open(file) as sound:
                channels, width, rate, frames = sound.getparams()[:4]
                data = sound.readframes(frames + 1)  # one too many: what is left of a broken frame comes along
        except EOFError:
            raise bad_file(path, "truncated: it ends within a chunk") from None
        except (wave.Error, RuntimeError) as error:  # the second: a chunk that reaches beyond the one around it
            raise retold(path, "not a WAV file of PCM", error) from None
    if width not in (1, 2, 3, 4):
        raise bad_file(path, f"samples of {8 * width} bits, expected 8, 16, 24 or 32")
    if rate < 1:
        raise bad_file(path, f"{rate} frames per second")
    expected = frames * channels * width
    if len(data) != expected:
        what = "truncated" if len(data) < expected else "a broken frame at its end"
        raise bad_file(path, f"{what}: {frames} frames of {channels} x {width} bytes, found {len(data)} bytes")
    samples = _floats(data, width).reshape(frames, channels)
    return Sound(np.ascontiguousarray(samples.T), rate)


def _floats(data: bytes, width: int) -> NDArray[np.float32]:
    raw = np.frombuffer(data, np.uint8)
    if width == 1:
        return (raw.astype(np.float32) - np.float32(128)) / np.float32(128)
    # Little-endian bytes as the upper ones of 32 bits: the same division for all widths.
    wide = np.zeros((len(raw) // width, 4), np.uint8)
    wide[:, 4 - width :] = raw.reshape(-1, width)
    values: NDArray[np.float32] = wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2.0**-31)
    return np.minimum(values, np.float32(1 - 2.0**-24))
