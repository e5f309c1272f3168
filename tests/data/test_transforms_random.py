"""Random transforms: what they can and cannot do to an image, and what their numbers depend on."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.data import (
    ArrayDataset,
    CenterCrop,
    ColorJitter,
    Compose,
    Cutout,
    DataLoader,
    Normalize,
    RandAugment,
    RandomAffine,
    RandomCrop,
    RandomElastic,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    TenCrop,
    ToFloat,
)

RNG = np.random.default_rng(9)
IMAGES = RNG.random((40, 3, 8, 7), dtype=np.float32)
MAKERS = {
    "RandomCrop": lambda **o: RandomCrop((6, 5), padding=2, **o),
    "RandomCrop reflect": lambda **o: RandomCrop(8, padding=(3, 1), padding_mode="reflect", **o),
    "RandomHorizontalFlip": RandomHorizontalFlip,
    "RandomVerticalFlip": RandomVerticalFlip,
    "RandomRotation": lambda **o: RandomRotation(30, **o),
    "ColorJitter": lambda **o: ColorJitter(0.4, 0.4, 0.4, 0.2, **o),
    "RandomElastic": lambda **o: RandomElastic(2.0, 2.0, **o),
    "RandomErasing": RandomErasing,
    "RandomErasing random": lambda **o: RandomErasing(0.9, value="random", **o),
    "Cutout": lambda **o: Cutout(3, **o),
    "RandAugment": lambda **o: RandAugment(magnitude=15, **o),
}


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
@pytest.mark.parametrize("name", MAKERS)
def test_depends_on_seed_epoch_and_index_alone(name, dtype):
    x = IMAGES.astype(dtype)
    kept = x.copy()

    def run(x=x, indices=None, epoch=0, seed=1):
        return MAKERS[name](seed=seed)(x, indices, epoch)

    whole = run()
    assert whole.dtype == np.dtype(dtype).newbyteorder("=")
    assert whole.flags.c_contiguous
    assert np.array_equal(x, kept)
    assert not np.shares_memory(whole, x)
    assert run(indices=np.arange(40)).tobytes() == whole.tobytes()
    for size in (1, 3, 16):
        parts = [run(x[i : i + size], np.arange(i, min(i + size, 40))) for i in range(0, 40, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    order = RNG.permutation(40)
    assert run(x[order], order).tobytes() == whole[order].tobytes()
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert run(last).tobytes() == whole.tobytes()
    for other in (run(epoch=1), run(seed=2), run(indices=np.arange(100, 140))):
        assert not np.array_equal(other, whole)
    same = run(np.repeat(x[:1], 40, axis=0))
    assert len({image.tobytes() for image in same}) > 1, "each image has numbers of its own"
    assert run(x[:0]).shape == (0, *whole.shape[1:])


@pytest.mark.parametrize("name", MAKERS)
def test_a_loader_gives_the_same_bits_whatever_its_batches_and_workers(name):
    data = ArrayDataset(IMAGES, np.arange(40))

    def run(size, workers):
        loader = DataLoader(data, size, shuffle=True, seed=3, transform=MAKERS[name](seed=4), workers=workers)
        loader.set_epoch(5)
        return np.concatenate([x for x, _ in loader])

    whole = run(40, 0)
    for size, workers in ((1, 2), (7, 0), (16, 1)):
        assert run(size, workers).tobytes() == whole.tobytes()


def test_two_kinds_with_one_seed_are_independent():
    """All four pairs of (mirrored, upside down) come as often as they should: 2000 images, 5 standard deviations."""
    x = np.broadcast_to(np.arange(4.0).reshape(1, 1, 2, 2), (2000, 1, 2, 2))
    y = Compose([RandomHorizontalFlip(), RandomVerticalFlip()])(x)
    counts = np.bincount(y[:, 0, 0, 0].astype(int), minlength=4)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 3 / 16)


@pytest.mark.parametrize("name", MAKERS)
def test_all_refuse_the_same(name):
    op = name.split()[0]
    transform = MAKERS[name]()
    with pytest.raises(ValueError, match=rf"{op}: x: expected shape \(N, C, H, W\), got shape \(3, 8, 7\)"):
        transform(IMAGES[0])
    with pytest.raises(TypeError, match=f"{op}: x: expected float32 or float64, got uint8"):
        transform(IMAGES.astype(np.uint8))
    with pytest.raises(ValueError, match=f"{op}: indices: expected as many as images, 40, got 3"):
        transform(IMAGES, np.arange(3))
    with pytest.raises(ValueError, match=f"{op}: epoch: expected 0 <= value"):
        transform(IMAGES, epoch=-1)
    with pytest.raises(ValueError, match=f"{op}: seed: expected 0 <= value"):
        MAKERS[name](seed=-1)
    with pytest.raises(TypeError, match=f"{op}: seed: expected an integer"):
        MAKERS[name](seed=0.5)


def test_a_chain_gives_what_its_links_give_and_leaves_the_batch_alone():
    links = [RandomCrop(7, 2), RandomVerticalFlip(), Normalize([0.1, 0.2, 0.3], 0.5), RandomHorizontalFlip()]
    for order in (links, links[::-1]):
        kept, x = IMAGES.copy(), IMAGES
        for link in order:
            x = link(x, None, 3)
        assert np.array_equal(Compose(order)(kept, None, 3), x)
        assert np.array_equal(kept, IMAGES)


def test_a_chain_writes_into_no_array_that_others_hold():
    held = IMAGES.copy()
    Compose([RandomHorizontalFlip(), lambda x, indices, epoch: held, Normalize(0.5, 0.5), RandomVerticalFlip(1.0)])(
        IMAGES
    )
    assert np.array_equal(held, IMAGES)


# Crops.


@pytest.mark.parametrize("padding", [0, 1, 3, 9, (20, 0, 1, 30)])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 4, 3), (50, 1, 2, 3), (2, 1, 3, 1)])
def test_a_crop_is_that_of_the_padded_image(shape, padding):
    x = RNG.random(shape) + 1
    left, top, right, bottom = padding if isinstance(padding, tuple) else (padding,) * 4
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=7)
    for size in ((1, 1), (2, 3), padded.shape[2:]):
        if size[0] > padded.shape[2] or size[1] > padded.shape[3]:
            continue
        parts = np.lib.stride_tricks.sliding_window_view(padded, size, (2, 3))
        for epoch in range(3):
            y = RandomCrop(size, padding, fill=7.0)(x, None, epoch)
            for image, places in zip(y, parts, strict=True):
                assert (places == image[:, None, None]).all(axis=(0, 3, 4)).any()


def places(height, width, n):
    """Images whose pixels tell where they are: row * 100 + column, from (1, 1)."""
    rows, columns = np.mgrid[1 : height + 1, 1 : width + 1]
    return np.broadcast_to((rows * 100.0 + columns)[None, None], (n, 1, height, width))


@pytest.mark.parametrize(
    ("shape", "size", "padding"),
    [((5, 7), (3, 2), 0), ((4, 4), 4, 2), ((5, 7), (5, 7), 0), ((3, 4), (4, 5), (1, 2)), ((3, 3), 3, (2, 0, 1, 2))],
)
def test_every_offset_of_a_crop_is_reached_as_often_as_the_others(shape, size, padding):
    n = 4000
    y = RandomCrop(size, padding, fill=0.0, seed=5)(places(*shape, n))[:, 0]
    height, width = y.shape[1:]
    sides = [padding] if isinstance(padding, int) else padding
    left, top, right, bottom = (*sides,) * (4 // len(sides))
    down, across = shape[0] + top + bottom - height + 1, shape[1] + left + right - width + 1
    # The padded image, cut at every offset by hand.
    padded = np.pad(places(*shape, 1)[0, 0], ((top, bottom), (left, right)))
    expected = {
        padded[row : row + height, column : column + width].tobytes(): (row, column)
        for row in range(down)
        for column in range(across)
    }
    counts: dict[bytes, int] = {}
    for image in y:
        counts[image.tobytes()] = counts.get(image.tobytes(), 0) + 1
    assert counts.keys() == expected.keys()
    share = 1 / len(expected)
    # 6 standard deviations of a binomial count: for all of at most 49 offsets a chance of 1e-7.
    assert max(abs(count - n * share) for count in counts.values()) <= 6 * np.sqrt(n * share * (1 - share)) + 1e-9


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_padding_modes(mode):
    x = places(4, 5, 300)
    padded = np.pad(x[0, 0], ((1, 1), (2, 2)), mode)
    known = {padded[i : i + 4, j : j + 5].tobytes() for i in range(3) for j in range(5)}
    assert {image.tobytes() for image in RandomCrop((4, 5), (2, 1), padding_mode=mode)(x)[:, 0]} == known


def test_fill_of_a_crop():
    y = RandomCrop(4, padding=4, fill=7.0)(np.zeros((200, 1, 2, 2), np.float32))
    assert sorted(set(y.ravel().tolist())) == [0.0, 7.0]
    assert (RandomCrop(10, padding=4, fill=7.0)(np.zeros((1, 1, 2, 2))) == 7).sum() == 96


@pytest.mark.parametrize(("shape", "size"), [((5, 7), (3, 3)), ((4, 5), (1, 2)), ((3, 3), 3), ((4, 4), (3, 4))])
def test_the_middle(shape, size):
    x = places(*shape, 2)
    y = CenterCrop(size)(x)
    height, width = (size, size) if isinstance(size, int) else size
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    assert np.array_equal(y, x[:, :, top : top + height, left : left + width])
    assert not np.shares_memory(y, x)


@pytest.mark.parametrize("vertical", [False, True])
def test_ten_crops(vertical):
    x = RNG.random((3, 2, 6, 7))
    y = TenCrop((4, 3), vertical)(x)
    assert y.shape == (3, 10, 2, 4, 3)
    for first, image in ((0, x), (5, x[:, :, ::-1] if vertical else x[..., ::-1])):
        assert np.array_equal(y[:, first], image[:, :, :4, :3])
        assert np.array_equal(y[:, first + 1], image[:, :, :4, 4:])
        assert np.array_equal(y[:, first + 2], image[:, :, 2:, :3])
        assert np.array_equal(y[:, first + 3], image[:, :, 2:, 4:])
        assert np.array_equal(y[:, first + 4], CenterCrop((4, 3))(image))
    assert TenCrop(1)(x[:0]).shape == (0, 10, 2, 1, 1)


# Flips and rotations.


@pytest.mark.parametrize(("flip", "axis"), [(RandomHorizontalFlip, 3), (RandomVerticalFlip, 2)])
def test_flips(flip, axis):
    turned = np.flip(IMAGES, axis)
    assert np.array_equal(flip(p=1.0)(IMAGES), turned)
    assert np.array_equal(flip(p=0.0)(IMAGES), IMAGES)
    for p in (0.5, 0.1):
        x = np.broadcast_to(places(2, 2, 1), (3000, 1, 2, 2))
        y = flip(p=p, seed=3)(x)
        count = int((y[:, 0] != x[:, 0]).any(axis=(1, 2)).sum())
        assert abs(count - 3000 * p) < 6 * np.sqrt(3000 * p * (1 - p))
        assert len({image.tobytes() for image in y}) == 2


def test_rotation():
    x = RNG.integers(0, 256, (2, 3, 6, 6)).astype(np.float32)
    for degrees in (90, 180, -90):
        turned = RandomRotation((degrees, degrees))(x)
        assert np.array_equal(np.rint(turned), np.rot90(x, degrees // 90, axes=(2, 3)))
    assert np.array_equal(RandomRotation(0)(x), x)
    assert RandomRotation((45, 45), fill=9.0)(np.zeros((1, 1, 8, 8)))[0, 0, 0, 0] == 9
    fixed = RandomAffine((20, 20))(IMAGES)
    assert np.array_equal(RandomRotation((20, 20))(IMAGES), fixed)


# Erasing.


def test_random_erasing_takes_out_rectangles_of_the_areas_and_forms_asked_for():
    n, height, width = 3000, 30, 40
    y = RandomErasing(0.7, (0.05, 0.2), (0.5, 2.0), seed=1)(np.ones((n, 1, height, width), np.float32))[:, 0]
    areas, forms, tops, lefts, bottoms, rights = [], [], set(), set(), set(), set()
    for image in y[(y == 0).any(axis=(1, 2))]:
        rows, columns = np.flatnonzero((image == 0).any(axis=1)), np.flatnonzero((image == 0).any(axis=0))
        assert (image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 0).all()
        assert (image == 0).sum() == len(rows) * len(columns)
        areas.append(len(rows) * len(columns) / (height * width))
        forms.append(len(rows) / len(columns))
        tops.add(rows[0])
        lefts.add(columns[0])
        bottoms.add(rows[-1])
        rights.add(columns[-1])
    assert abs(len(areas) - 0.7 * n) < 6 * np.sqrt(n * 0.7 * 0.3)
    # Edges are rounded to whole pixels, the shortest of which is 30 * 40 * 0.05 = 60 -> sqrt(60 / 2) = 5.5 long.
    assert 0.05 * (5 / 5.5) ** 2 < min(areas) < 0.06
    assert 0.19 < max(areas) < 0.2 * (6 / 5.5) ** 2
    assert 0.5 * 5 / 6 < min(forms) < 0.55
    assert 1.8 < max(forms) < 2 * 6 / 5
    assert (min(tops), min(lefts), max(bottoms), max(rights)) == (0, 0, height - 1, width - 1)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_random_erasing_of_none_and_of_all(p):
    y = RandomErasing(p, (1.0, 1.0), (1.0, 1.0))(np.ones((5, 2, 6, 6)))
    assert (y == 1 - p).all()


def test_values_of_random_erasing():
    x = np.full((300, 3, 9, 9), 9, np.float32)
    y = RandomErasing(1.0, value=(1.0, 2.0, 3.0))(x)
    for channel in range(3):
        assert sorted(set(y[:, channel].ravel().tolist())) == [channel + 1, 9]
    noise = RandomErasing(1.0, value="random", seed=1)(x)
    wiped = noise[noise != 9]
    assert 0 <= wiped.min() < 0.01
    assert 0.99 < wiped.max() < 1
    assert len(set(wiped.tolist())) > 0.99 * wiped.size
    assert abs(wiped.mean() - 0.5) < 6 / np.sqrt(12 * wiped.size)
    with pytest.raises(ValueError, match=r"RandomErasing: value: expected one per channel, got 2 for x of shape"):
        RandomErasing(1.0, value=(1.0, 2.0))(x)


def test_a_form_that_never_fits_leaves_the_image():
    x = np.ones((4, 1, 3, 30))
    assert (RandomErasing(1.0, (0.9, 0.9), (3.0, 3.0))(x) == 1).all()


@pytest.mark.parametrize("size", [3, 4, (1, 5), 40])
def test_cutout_is_centred_on_any_pixel_and_cut_at_the_border(size):
    height, width = (size, size) if isinstance(size, int) else size
    y = Cutout(size, fill=-1.0, seed=1)(np.ones((2000, 2, 6, 5)))
    expected = set()
    for row in range(6):
        for column in range(5):
            image = np.ones((2, 6, 5))
            top, left = row - height // 2, column - width // 2
            image[:, max(top, 0) : top + height, max(left, 0) : left + width] = -1
            expected.add(image.tobytes())
    assert {image.tobytes() for image in y} == expected


# To floats.


def test_to_float():
    x = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    y = ToFloat()(x)
    assert y.dtype == np.float32
    assert (y.ravel() == np.arange(256, dtype=np.float32) / np.float32(255)).all()
    assert repr(ToFloat()) == "ToFloat()"
    with pytest.raises(TypeError, match="ToFloat: x: expected uint8, got float32"):
        ToFloat()(y)


# Arguments.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RandomCrop(0), ValueError, "RandomCrop: size: expected an integer >= 1"),
        (lambda: RandomCrop("3"), TypeError, "RandomCrop: size: expected an integer, or"),
        (lambda: RandomCrop(3, padding=-1), ValueError, "RandomCrop: padding: expected 1, 2 or 4 integers >= 0"),
        (lambda: RandomCrop(3, padding=(1, 2, 3)), ValueError, "RandomCrop: padding: expected 1, 2 or 4 integers"),
        (lambda: RandomCrop(3, padding=1.5), TypeError, "RandomCrop: padding: expected an integer, or 2"),
        (lambda: RandomCrop(3, padding=(1, 0.5)), TypeError, "RandomCrop: padding: expected integers"),
        (
            lambda: RandomCrop(3, padding_mode="wrap"),
            ValueError,
            "RandomCrop: padding_mode: expected one of",
        ),
        (lambda: RandomCrop(9)(IMAGES), ValueError, r"RandomCrop: size: expected at most .* \(8, 7\), got \(9, 9\)"),
        (lambda: RandomCrop(13, 2)(IMAGES), ValueError, r"at most that of the padded image, \(12, 11\)"),
        (lambda: CenterCrop((8, 8))(IMAGES), ValueError, r"CenterCrop: size: expected at most .* \(8, 7\)"),
        (lambda: CenterCrop(3)(IMAGES[0]), ValueError, "CenterCrop: x: expected shape"),
        (lambda: TenCrop(8)(IMAGES), ValueError, "TenCrop: size: expected at most"),
        (lambda: TenCrop(3, 1), TypeError, "TenCrop: vertical_flip: expected True or False"),
        (lambda: TenCrop(3)(IMAGES > 0), TypeError, "TenCrop: x: expected float32 or float64, got bool"),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "RandomHorizontalFlip: p: expected a number from 0 to 1"),
        (lambda: RandomVerticalFlip(float("nan")), ValueError, "RandomVerticalFlip: p: expected a number from 0 to 1"),
        (lambda: RandomRotation(-3), ValueError, "RandomRotation: degrees: expected finite low <= high"),
        (lambda: RandomRotation((4, 3)), ValueError, "RandomRotation: degrees: expected finite low <= high"),
        (lambda: RandomErasing(2), ValueError, "RandomErasing: p: expected a number from 0 to 1"),
        (lambda: RandomErasing(scale=(0.5, 0.1)), ValueError, "RandomErasing: scale: expected 0 <= low <= high <= 1"),
        (lambda: RandomErasing(scale=(0.5, 1.1)), ValueError, "RandomErasing: scale: expected 0 <= low <= high <= 1"),
        (lambda: RandomErasing(ratio=(0, 1)), ValueError, "RandomErasing: ratio: expected finite 0 < low <= high"),
        (lambda: RandomErasing(value="noise"), ValueError, "RandomErasing: value: expected a number, one per channel"),
        (lambda: RandomErasing(value=[[1.0]]), ValueError, "RandomErasing: value: expected a finite number"),
        (lambda: Cutout(0), ValueError, "Cutout: size: expected an integer >= 1"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_reprs_say_what_was_asked_for():
    for text in (
        "RandomCrop((6, 5), padding=(1, 2, 1, 2), fill=0.0, padding_mode='edge', seed=3)",
        "CenterCrop((2, 2))",
        "TenCrop((2, 2), vertical_flip=True)",
        "RandomHorizontalFlip(p=0.5, seed=1)",
        "RandomRotation((-5.0, 5.0), fill=0.0, seed=0)",
        "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, seed=0)",
        "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value='random', seed=0)",
        "Cutout((3, 3), fill=0.0, seed=0)",
        "ColorJitter(brightness=(0.5, 1.5), contrast=(1.0, 1.0), saturation=(0.0, 3.0), hue=(0.0, 0.0), seed=0)",
        "RandAugment(num_ops=2, magnitude=9.0, fill=0.0, seed=0)",
    ):
        assert repr(eval(text)) == text


# Elastic deformation.


def test_elastic_fields_have_their_deviation_and_are_smooth():
    field = RandomElastic(1.0, 3.0, seed=2).field(np.arange(3000), 0, 20, 14)
    assert field.shape == (3000, 2, 20, 14)
    # Over 3000 images a standard deviation is known to 1 / sqrt(6000) of itself: 6 such errors.
    assert np.abs(field.std(axis=0) - 1).max() < 6 / np.sqrt(6000)
    assert np.abs(field.mean(axis=0)).max() < 6 / np.sqrt(3000)
    # Neighbours' correlation for Gaussians of deviation sigma is exp(-1 / (4 sigma^2)), 0.973; the grid costs a little.
    assert 0.95 < (field[..., 1:] * field[..., :-1]).mean() < 0.985
    assert np.abs((field[:, 0] * field[:, 1]).mean()) < 0.05


def test_an_elastic_image_is_sampled_along_its_field():
    rows, columns = np.mgrid[:20, :14].astype(float)
    x = np.broadcast_to(np.stack([rows, columns]), (5, 2, 20, 14))  # linear, so that interpolation is exact
    transform = RandomElastic(0.5, 3.0, seed=2)
    field = 0.5 * transform.field(np.arange(5), 7, 20, 14)
    y = transform(x, None, 7)
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))  # no displacement reaches beyond the image
    assert np.abs(field).max() < 4
    assert np.abs(y - x - field)[inner].max() < 1e-12
    assert (RandomElastic(30.0, 2.0, fill=-5.0)(x) == -5).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "alpha: expected a finite number >= 0, got -1"),
        ({"alpha": float("nan")}, "alpha: expected a finite number >= 0, got nan"),
        ({"sigma": 0.5}, "sigma: expected a finite number >= 1, got 0.5"),
    ],
)
def test_elastic_refuses(options, message):
    with pytest.raises(ValueError, match=f"RandomElastic: {message}"):
        RandomElastic(**options)
