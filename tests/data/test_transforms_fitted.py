"""Transforms that are fitted: what they make of the training data, of others, and of bad input."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi import io
from tatamikomi.data import MinMax, Standardize, ZCAWhitening, load_npy, transforms_fitted

RNG = np.random.default_rng(6)
MAKERS = {
    "Standardize": Standardize,
    "Standardize per pixel": lambda: Standardize(per="pixel"),
    "MinMax": MinMax,
    "MinMax per channel": lambda: MinMax(per="channel", low=-1.0, high=3.0),
    "MinMax per pixel": lambda: MinMax(per="pixel"),
    "ZCAWhitening": ZCAWhitening,
}


def training(dtype=np.float32, n=40):
    scale, shift = np.array([[1.0, 5.0, 0.2], [3.0, -2.0, 0.0]])[:, :, None, None]
    return (RNG.standard_normal((n, 3, 4, 5)) * scale + shift).astype(dtype)


@pytest.mark.parametrize("per", ["channel", "pixel"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_standardized_training_data_have_mean_0_and_deviation_1(per, dtype):
    x = training(dtype)
    axes = (0, 2, 3) if per == "channel" else (0,)
    scale = Standardize(per).fit(x)
    y = scale(x)
    assert y.dtype == np.dtype(dtype).newbyteorder("=")
    # The mean and the deviation are rounded to y's precision, each output by three operations on values below 64.
    bound = 8 * 64 * np.finfo(y.dtype).eps
    assert np.abs(y.mean(axis=axes, dtype=np.float64)).max() < bound
    assert np.abs(y.std(axis=axes, dtype=np.float64) - 1).max() < bound
    assert np.allclose(scale.mean, x.astype(np.float64).mean(axis=axes), rtol=1e-12, atol=1e-12)
    assert scale.std.shape == ((3,) if per == "channel" else (3, 4, 5))


def test_what_does_not_vary_is_only_centred():
    x = training()
    x[:, 1] = 7
    y = Standardize().fit(x)(x + np.float32(1))
    assert (y[:, 1] == 1).all()
    y = MinMax(per="channel").fit(x)(x + np.float32(1))
    assert (y[:, 1] == 1).all()


@pytest.mark.parametrize("per", ["all", "channel", "pixel"])
def test_minmax_fills_its_range(per):
    x = training()
    axes = {"all": (0, 1, 2, 3), "channel": (0, 2, 3), "pixel": (0,)}[per]
    y = MinMax(per).fit(x)(x)
    assert (y.min(axis=axes) == 0).all()
    assert (y.max(axis=axes) == 1).all()
    y = MinMax(per, -1.0, 3.0).fit(x)(x)
    assert (y.min(axis=axes) == -1).all()
    assert (y.max(axis=axes) == 3).all()
    assert MinMax().fit(np.array([[0.0], [2.0]]))(np.array([[4.0]])).item() == 2


def test_zca_takes_all_correlation_out_of_the_training_data():
    mixing = RNG.standard_normal((12, 12))
    x = (RNG.standard_normal((300, 12)) @ mixing + 3).reshape(300, 3, 2, 2)
    epsilon = 1e-3
    whiten = ZCAWhitening(epsilon).fit(x)
    y = whiten(x).reshape(300, 12)
    centred = x.reshape(300, 12) - x.reshape(300, 12).mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / 300)
    # In exact arithmetic the covariance becomes U diag(s / (s + epsilon)) U'; float64 leaves 12**2 roundings of numbers
    # below 1 / sqrt(epsilon) and 100.
    expected = (directions * (variances / (variances + epsilon))) @ directions.T
    assert np.abs(y.T @ y / 300 - expected).max() < 144 * 2.0**-52 * 100**2 / epsilon
    assert np.abs(y.mean(axis=0)).max() < 1e-11
    # Of all whitening maps the symmetric one, positive definite: the one that changes the data least.
    assert np.abs(whiten.matrix - whiten.matrix.T).max() < 1e-12
    assert np.linalg.eigvalsh(whiten.matrix).min() > 0


def test_zca_of_fewer_samples_than_pixels_stays_bounded():
    x = RNG.standard_normal((5, 1, 4, 4))
    y = ZCAWhitening(0.25).fit(x)(RNG.standard_normal((50, 1, 4, 4)))
    assert np.isfinite(y).all()
    assert np.linalg.eigvalsh(ZCAWhitening(0.25).fit(x).matrix).max() <= 2 * (1 + 1e-12)  # 1 / sqrt(epsilon)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAKERS)
def test_the_same_bits_in_any_batch(name, dtype):
    x = training(dtype)
    transform = MAKERS[name]().fit(x)
    whole = transform(x)
    for size in (1, 2, 7):
        parts = [transform(x[start : start + size]) for start in range(0, len(x), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert transform(x[:0]).shape == (0, 3, 4, 5)


@pytest.mark.parametrize("name", MAKERS)
def test_fitting_does_not_depend_on_how_the_data_are_cut_or_kept(name, monkeypatch, tmp_path):
    x = training(np.float64)
    kept = x.copy()
    whole = MAKERS[name]().fit(x).state_dict()
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(transforms_fitted, "_CHUNK", 7 * 60)
    for again in (MAKERS[name]().fit(x), MAKERS[name]().fit(load_npy(tmp_path / "x.npy"))):
        for key, array in again.state_dict().items():
            # Sums of 40 x 20 numbers in another order, and for ZCA eigenvectors on top.
            assert np.allclose(array, whole[key], rtol=1e-9, atol=1e-9)
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("name", MAKERS)
def test_the_state_goes_through_a_file(name, tmp_path):
    x = training()
    first = MAKERS[name]().fit(x)
    io.save_file(first.state_dict(), tmp_path / "state.safetensors")
    second = MAKERS[name]()
    second.load_state_dict(io.load_file(tmp_path / "state.safetensors"))
    assert second(x).tobytes() == first(x).tobytes()
    first.state_dict()[next(iter(first.state_dict()))][...] = 99
    assert second(x).tobytes() == first(x).tobytes(), "the state is a copy"


@pytest.mark.parametrize("name", MAKERS)
def test_refuses(name):
    transform, x = MAKERS[name](), training()
    op = name.split()[0]
    for call in (lambda: transform(x), transform.state_dict):
        with pytest.raises(ValueError, match=rf"{op}: state: expected fit\(x\) or load_state_dict\(state\) before use"):
            call()
    for bad in (np.nan, np.inf):
        wrong = x.copy()
        wrong[3, 1, 2, 2] = bad
        with pytest.raises(ValueError, match=f"{op}: x: expected finite numbers to fit to"):
            transform.fit(wrong)
    with pytest.raises(ValueError, match=f"{op}: state"):
        transform(x)  # nothing is half-fitted
    with pytest.raises(TypeError, match=f"{op}: x: expected float32 or float64, got uint8"):
        transform.fit(x.astype(np.uint8))
    for shape in ((5,), (0, 3, 4, 5), (5, 0)):
        with pytest.raises(ValueError, match=f"{op}: x: expected shape"):
            transform.fit(np.zeros(shape))
    transform.fit(x)
    with pytest.raises(TypeError, match=f"{op}: x: expected float32 or float64, got int64"):
        transform(x.astype(int))
    if name != "MinMax":
        with pytest.raises(ValueError, match=f"{op}: x: expected .*, got shape"):
            transform(x[:, :2])
    state = transform.state_dict()
    first = next(iter(state))
    for wrong in ({}, state | {"more": state[first]}, {first: state[first]}):
        with pytest.raises(ValueError, match=f"{op}: state: expected the arrays "):
            transform.load_state_dict(wrong)
    with pytest.raises(ValueError, match=rf"{op}: state\['{first}'\]: expected finite numbers"):
        transform.load_state_dict(state | {first: state[first] * np.nan})
    with pytest.raises(ValueError, match=f"{op}: state: expected "):
        transform.load_state_dict(state | {first: np.zeros(97)})
    assert np.array_equal(transform.state_dict()[first], state[first])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Standardize(per="image"), "Standardize: per: expected one of 'channel', 'pixel', got 'image'"),
        (lambda: Standardize(epsilon=-1), "Standardize: epsilon: expected a finite number >= 0"),
        (lambda: MinMax(per="row"), "MinMax: per: expected one of 'all', 'channel', 'pixel'"),
        (lambda: MinMax(low=1.0), "MinMax: low, high: expected finite low < high"),
        (lambda: ZCAWhitening(0.0), "ZCAWhitening: epsilon: expected a finite number > 0"),
        (
            lambda: Standardize().load_state_dict({"mean": [0.0], "std": [-1.0]}),
            r"Standardize: state\['std'\]: expected numbers >= 0",
        ),
        (
            lambda: MinMax().load_state_dict({"minimum": 1.0, "maximum": 0.0}),
            "MinMax: state: expected minimum <= maximum",
        ),
    ],
)
def test_arguments_are_checked(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_reprs():
    assert repr(Standardize("pixel")) == "Standardize(per='pixel', epsilon=1e-08)"
    assert repr(MinMax(low=-1)) == "MinMax(per='all', low=-1.0, high=1.0)"
    assert repr(ZCAWhitening(0.5)) == "ZCAWhitening(epsilon=0.5)"
