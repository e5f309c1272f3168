"""Pictures in folders: order, modes, sizes, and broken ones by name."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from tatamikomi.data import DataLoader, ImageFolder, read_image

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(4)


def picture(height=6, width=5, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return RNG.integers(0, 256, shape, np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes of three and two pictures, in files whose order is not that of their making."""
    root = tmp_path / "set"
    pixels = {}
    for name in ("dog/2.png", "cat/b.png", "dog/1.png", "dog/more/0.png", "cat/a.bmp"):
        pixels[name] = picture()
        save(root / name, pixels[name])
    (root / "README.txt").write_text("not a picture, in no class")
    (root / ".git").mkdir()
    (root / "cat" / ".DS_Store").write_bytes(b"rubbish")
    return root, pixels


ORDER = ["cat/a.bmp", "cat/b.png", "dog/1.png", "dog/2.png", "dog/more/0.png"]


def planes(pixels):
    return np.moveaxis(pixels, -1, 0).astype(np.float32) / np.float32(255)


def test_pictures_and_classes_are_in_the_order_of_their_names(folder):
    root, pixels = folder
    found = ImageFolder(root)
    assert found.classes == ("cat", "dog")
    assert found.paths == [str(root / name) for name in ORDER]
    assert (found.y.tolist(), found.y.dtype) == ([0, 0, 1, 1, 1], np.int64)
    assert (len(found), found.size, found.skipped) == (5, (6, 5), [])
    x, y = found.batch(np.array([4, 0, 4]))
    assert (x.dtype, x.shape, y.tolist()) == (np.float32, (3, 3, 6, 5), [1, 0, 1])
    for picture_found, place in zip(x, (4, 0, 4), strict=True):
        assert np.array_equal(picture_found, planes(pixels[ORDER[place]]))
    assert np.array_equal(found[3][0], planes(pixels[ORDER[3]]))
    assert repr(found) == f"ImageFolder({str(root)!r}, 5 pictures of (6, 5), 2 classes)"


@pytest.mark.parametrize("workers", [0, 1])
def test_in_a_loader(folder, workers):
    root, pixels = folder
    x = np.concatenate([x for x, _ in DataLoader(ImageFolder(root), 2, workers=workers)])
    assert np.array_equal(x, np.stack([planes(pixels[name]) for name in ORDER]))


def test_grey(folder):
    root, pixels = folder
    x, _ = ImageFolder(root, mode="L").batch(np.array([1]))
    assert x.shape == (1, 1, 6, 5)
    grey = pixels[ORDER[1]] @ np.array([0.299, 0.587, 0.114])
    # Pillow's weights are multiples of 2**-16, its result is rounded to a byte.
    assert np.abs(x[0, 0] * 255 - grey).max() < 0.51


def test_mixed_modes_become_one(tmp_path):
    grey = picture(channels=1)
    colour = picture()
    save(tmp_path / "a" / "1.png", grey)
    save(tmp_path / "a" / "2.png", np.dstack([colour, picture(channels=1)]))  # with alpha, which is left out
    palette = Image.fromarray(colour).quantize(16)
    palette.info["transparency"] = bytes(range(16))
    palette.save(tmp_path / "a" / "3.png", transparency=bytes(range(16)))
    save(tmp_path / "a" / "4.png", grey.astype(np.uint16) * 257)
    save(tmp_path / "a" / "5.png", grey > 100)
    x, _ = ImageFolder(tmp_path).batch(np.arange(5))
    assert x.shape == (5, 3, 6, 5)
    assert np.array_equal(x[0], planes(np.dstack([grey] * 3)))
    assert np.array_equal(x[1], planes(colour))
    assert np.array_equal(x[2], planes(np.asarray(palette.convert("RGBA"))[..., :3]))
    assert np.array_equal(x[3], x[0])
    assert np.array_equal(x[4, 0], (grey > 100).astype(np.float32))


def test_a_camera_held_upright(tmp_path):
    pixels = picture()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    save(tmp_path / "a.png", pixels, exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), planes(np.rot90(pixels, -1)))


def test_values_without_a_known_white_are_refused(tmp_path):
    save(tmp_path / "a.tif", np.ones((3, 3), np.float32))
    with pytest.raises(ValueError, match=r"a\.tif: pixels of Pillow's mode F, of which nobody knows"):
        read_image(tmp_path / "a.tif")


# Sizes.


def test_mixed_sizes_are_an_error_unless_a_size_is_given(folder):
    root, _ = folder
    odd = save(root / "dog" / "1a.png", picture(7, 5))
    fault = f"{odd}: 7 x 5 pixels, {root / ORDER[0]} has 6 x 5: give size=(height, width) to resize all of them"
    with pytest.raises(ValueError, match=re.escape(fault)):
        ImageFolder(root)
    with pytest.raises(ValueError, match=re.escape(fault)):
        ImageFolder(root, skip_corrupt=True)  # it is whole: nothing to skip
    assert ImageFolder(root, size=(4, 9)).batch(np.arange(6))[0].shape == (6, 3, 4, 9)
    assert ImageFolder(root, size=3).batch(np.arange(6))[0].shape == (6, 3, 3, 3)


def test_resizing_takes_the_mean_of_what_a_pixel_covers(tmp_path):
    pixels = np.repeat(np.repeat(picture(2, 3), 8, axis=0), 8, axis=1)
    save(tmp_path / "a.png", pixels)
    found = read_image(tmp_path / "a.png", size=(2, 3))
    middle = planes(pixels)[:, 4::8, 4::8]
    # A triangle of two new pixels' width weighs the pixel itself by 3/4 along each axis.
    assert np.abs(found - middle).max() <= 1 - 0.75**2 + 1 / 255
    plain = save(tmp_path / "b.png", np.full((9, 9, 3), 77, np.uint8))
    assert (read_image(plain, size=4) == np.float32(77 / 255)).all()


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "ImageFolder: size: expected an integer >= 1"),
        ((3,), ValueError, "ImageFolder: size: expected an integer >= 1"),
        ((3, 4, 5), ValueError, "ImageFolder: size"),
        (2.5, TypeError, "ImageFolder: size: expected an integer, or"),
        ((2, 2.5), TypeError, "ImageFolder: size: expected integers"),
        (True, TypeError, "ImageFolder: size: expected integers"),
    ],
)
def test_sizes_that_are_none(folder, size, error, message):
    with pytest.raises(error, match=message):
        ImageFolder(folder[0], size=size)


# Broken ones.


def broken_files(tmp_path):
    pixels = picture(40, 40)
    for name in ("whole.png", "whole.jpg", "whole.gif", "whole.bmp", "whole.tif", "whole.webp"):
        data = save(tmp_path / name, pixels).read_bytes()
        yield name, data[: len(data) // 2]
        yield name, data[:9]
    yield "empty.png", b""
    yield "rubbish.png", b"rubbish" * 9
    yield "page.png", b"<html>404</html>"
    png = bytearray((tmp_path / "whole.png").read_bytes())
    png[len(png) // 2] ^= 0xFF
    yield "flipped.png", bytes(png)


def test_broken_files_are_refused_by_name(tmp_path):
    for name, data in broken_files(tmp_path):
        path = tmp_path / "broken" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        with pytest.raises(ValueError, match="^" + re.escape(f"{path}: no whole picture: ") + "."):
            read_image(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("end", ["png", "jpg"])
def test_no_truncation_passes_for_a_picture(tmp_path, end):
    whole = save(tmp_path / f"whole.{end}", picture(8, 8)).read_bytes()
    decoded = read_image(tmp_path / f"whole.{end}")
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        try:
            found = read_image(tmp_path / "cut")
        except ValueError as error:
            assert "cut: no whole picture" in str(error)  # noqa: PT017
        else:  # nothing is gone but the last checksums (4 + 4 bytes) and the mark of the end (12 bytes at most)
            assert size >= len(whole) - 20
            assert np.array_equal(found, decoded)


def test_a_corrupt_file_is_an_error_unless_skipping_is_asked_for(folder):
    root, _ = folder
    first = root / "cat" / "0.png"
    first.write_bytes(b"rubbish")
    second = root / "dog" / "1.png"
    second.write_bytes(second.read_bytes()[:60])
    (root / "dog" / "Thumbs.db").write_bytes(b"\0")
    with pytest.raises(ValueError, match=re.escape(f"{first}: no whole picture: ")):
        ImageFolder(root)
    found = ImageFolder(root, skip_corrupt=True)
    assert [path for path, _ in found.skipped] == [str(first), str(second), str(root / "dog" / "Thumbs.db")]
    assert all(fault.startswith("no whole picture: ") for _, fault in found.skipped)
    assert found.paths == [str(root / name) for name in ORDER if name != "dog/1.png"]
    assert found.y.tolist() == [0, 0, 1, 1]
    assert len(found) == 4


def test_a_class_of_which_nothing_is_left(folder):
    root, _ = folder
    for path in (root / "cat").iterdir():
        path.write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"cat: a class without a picture, 2 files left out so far"):
        ImageFolder(root, skip_corrupt=True)
    (root / "bird").mkdir()
    with pytest.raises(ValueError, match=r"bird: a class without a picture$"):
        ImageFolder(root)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", picture(9, 9))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(ValueError, match=r"a\.png: too large: Image size \(81 pixels\) exceeds"):
        read_image(path)


def test_files_that_change_afterwards(folder):
    root, _ = folder
    found = ImageFolder(root)
    save(root / ORDER[2], picture(7, 7))
    with pytest.raises(ValueError, match=r"dog/1\.png: 7 x 7 pixels, expected \(6, 5\)"):
        found.batch(np.array([0, 2]))
    (root / ORDER[2]).write_bytes(b"")
    with pytest.raises(ValueError, match=r"dog/1\.png: no whole picture"):
        found.batch(np.array([0, 2]))


def test_classes_of_the_training_set(folder):
    root, _ = folder
    found = ImageFolder(root, classes=("dog", "cat"))
    assert found.y.tolist() == [0, 0, 0, 1, 1]
    with pytest.raises(ValueError, match="dog: expected one of the classes 'cat'"):
        ImageFolder(root, classes=("cat",))
    with pytest.raises(ValueError, match="no folder of the class 'bird'"):
        ImageFolder(root, classes=("bird", "cat", "dog"))


def test_folders_that_are_none(tmp_path):
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path}: no class folder in it")):
        ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError):
        ImageFolder(save(tmp_path / "a.png", picture()))


def test_other_arguments_are_refused(folder):
    with pytest.raises(ValueError, match="ImageFolder: mode: expected one of 'RGB', 'L', got 'CMYK'"):
        ImageFolder(folder[0], mode="CMYK")
    with pytest.raises(TypeError, match="ImageFolder: skip_corrupt: expected True or False, got int"):
        ImageFolder(folder[0], skip_corrupt=1)


def test_a_missing_package_is_asked_for(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"reading pictures needs Pillow: pip install 'tatamikomi\[images\]'"):
        ImageFolder(folder[0])
