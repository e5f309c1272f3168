"""WAV: each width, each channel, and every way to be broken."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from tatamikomi.data import read_wav


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def wav_bytes(data, bits=16, channels=1, rate=8000, code=1):
    """Built by hand from the format's description."""
    step = channels * (bits + 7) // 8
    layout = struct.pack("<HHIIHH", code, channels, rate, rate * step, step, bits)
    body = b"WAVE" + chunk(b"fmt ", layout) + chunk(b"LIST", b"odd") + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def packed(values, bits):
    if bits == 8:
        return bytes(value + 128 for value in values)
    return b"".join(int(value).to_bytes(bits // 8, "little", signed=True) for value in values)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_every_width(tmp_path, bits):
    top = 1 << (bits - 1)
    values = [0, 1, -1, top // 2, -top // 2, top - 1, -top, 77]
    (tmp_path / "a.wav").write_bytes(wav_bytes(packed(values, bits), bits, rate=44100))
    samples, rate = read_wav(tmp_path / "a.wav")
    assert (samples.shape, samples.dtype, rate) == ((1, 8), np.float32, 44100)
    # Exact in float32 up to 24 bits; of 32 bits the nearest one, below 1.
    below_one = float(np.float32(1 - 2.0**-24))
    expected = [min(float(np.float32(value / top)), below_one) for value in values]
    assert samples[0].tolist() == expected
    assert samples.min() == -1
    assert samples.max() < 1


def test_channels_are_interleaved(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_bytes(packed(range(12), 16), channels=3))
    samples, _ = read_wav(tmp_path / "a.wav")
    assert (samples * 2**15).tolist() == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    assert samples.flags.c_contiguous


def test_no_frame_at_all(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_bytes(b"", channels=2))
    assert read_wav(tmp_path / "a.wav").samples.shape == (2, 0)


WHOLE = wav_bytes(packed(range(6), 16))
BROKEN = {
    "empty": (b"", "truncated: it ends within a chunk"),
    "rubbish": (b"rubbish" * 20, "not a WAV file of PCM: "),
    "another RIFF": (WHOLE.replace(b"WAVE", b"AVI "), "not a WAV file of PCM: "),
    "float": (wav_bytes(bytes(8), 32, code=3), "not a WAV file of PCM: unknown format"),
    "mu-law": (wav_bytes(bytes(8), 8, code=7), "not a WAV file of PCM: unknown format"),
    "40 bits": (wav_bytes(bytes(10), 40), "samples of 40 bits, expected 8, 16, 24 or 32"),
    "64 bits": (wav_bytes(bytes(16), 64), "samples of 64 bits"),
    "no channel": (wav_bytes(bytes(8), 16, channels=0), "not a WAV file of PCM: "),
    "no rate": (wav_bytes(bytes(8), 16, rate=0), "0 frames per second"),
    "a chunk beyond the end": (
        WHOLE[:36] + struct.pack("<4sI", b"LIST", 0x7FFFFFFF) + WHOLE[44:],
        "(truncated|not a WAV file of PCM)",
    ),
    "no data": (WHOLE[: WHOLE.index(b"data")], "not a WAV file of PCM: "),
    "a value cut": (WHOLE[:-1], "truncated: 6 frames of 1 x 2 bytes, found 11 bytes"),
    "all values cut": (WHOLE[:-12], "truncated: 6 frames of 1 x 2 bytes, found 0 bytes"),
    "a broken frame": (
        wav_bytes(packed(range(5), 16), channels=2),
        "a broken frame at its end: 2 frames of 2 x 2 bytes, found 10 bytes",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_by_name_and_fault(tmp_path, case):
    data, fault = BROKEN[case]
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ": " + fault):
        read_wav(path)


def test_every_truncation_is_refused(tmp_path):
    for size in range(len(WHOLE)):
        (tmp_path / "a.wav").write_bytes(WHOLE[:size])
        with pytest.raises(ValueError, match=r"a\.wav: (truncated|not a WAV)"):
            read_wav(tmp_path / "a.wav")


def test_sizes_that_do_not_fit_each_other(tmp_path):
    """Each size in the file, wrong in every way: the right samples or an error that names the file."""
    expected = [value / 2**15 for value in range(6)]
    refused = 0
    for place in (4, 16, WHOLE.index(b"LIST") + 4):
        for size in (*range(len(WHOLE)), 0x7FFFFFFF, 0xFFFFFFFF):
            (tmp_path / "a.wav").write_bytes(WHOLE[:place] + struct.pack("<I", size) + WHOLE[place + 4 :])
            try:
                assert read_wav(tmp_path / "a.wav").samples[0].tolist() == expected
            except ValueError as error:
                assert str(error).startswith(f"{tmp_path / 'a.wav'}: ")  # noqa: PT017
                refused += 1
    assert refused > len(WHOLE)
