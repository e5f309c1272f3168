"""NIfTI volumes: values, axes, scaling, and every way to be broken."""

from __future__ import annotations

import gzip
import re
import sys

import numpy as np
import pytest

from tatamikomi.data import read_nifti


@pytest.fixture
def nibabel():
    return pytest.importorskip("nibabel")


AFFINE = np.array([[0.0, -2, 0, 5], [1.5, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def save(nibabel, path, voxels, slope=None, two=False):
    image = (nibabel.Nifti2Image if two else nibabel.Nifti1Image)(voxels, AFFINE)
    if slope is not None:
        image.header.set_slope_inter(*slope)
    image.to_filename(path)
    return path


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_values_axes_and_map(tmp_path, nibabel, name, two):
    volume = read_nifti(save(nibabel, tmp_path / name, VOXELS, two=two))
    assert volume.values.dtype == np.float32
    assert volume.values.flags.c_contiguous
    assert np.array_equal(volume.values, VOXELS[None])
    assert np.array_equal(volume.affine, AFFINE)
    assert volume.spacing == (1.5, 2.0, 3.0)


def test_a_series_has_its_images_as_channels(tmp_path, nibabel):
    voxels = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    values = read_nifti(save(nibabel, tmp_path / "a.nii.gz", voxels)).values
    assert values.shape == (5, 2, 3, 4)
    assert np.array_equal(values[3], voxels[..., 3])


def test_scaled_as_the_header_says(tmp_path, nibabel):
    header = nibabel.Nifti1Header()
    header.set_data_shape(VOXELS.shape)
    header.set_data_dtype(np.int16)
    header.set_slope_inter(0.5, -1)
    header["vox_offset"] = 352
    data = bytearray(header.binaryblock) + bytes(4) + VOXELS.astype("<i2").tobytes(order="F")
    data[344:348] = b"n+1\0"
    (tmp_path / "a.nii").write_bytes(data)
    assert np.array_equal(read_nifti(tmp_path / "a.nii").values[0], VOXELS * np.float32(0.5) - 1)
    with pytest.raises(ValueError, match=r"a\.nii: value -0\.5 at \(0, 0, 1\), expected labels, whole numbers"):
        read_nifti(tmp_path / "a.nii", labels=True)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64])
def test_labels(tmp_path, nibabel, kind):
    values = read_nifti(save(nibabel, tmp_path / "a.nii.gz", VOXELS.astype(kind)), labels=True).values
    assert values.dtype == np.int64
    assert np.array_equal(values[0], VOXELS)


@pytest.mark.parametrize("bad", [0.5, np.nan, np.inf])
def test_labels_that_are_none(tmp_path, nibabel, bad):
    voxels = VOXELS.astype(np.float32)
    voxels[1, 2, 3] = bad
    save(nibabel, tmp_path / "a.nii", voxels)
    with pytest.raises(ValueError, match=rf"a\.nii: value {bad} at \(1, 2, 3\), expected labels, whole numbers"):
        read_nifti(tmp_path / "a.nii", labels=True)
    assert read_nifti(tmp_path / "a.nii").values.shape == (1, 2, 3, 4)


def test_broken_files_are_refused_by_name(tmp_path, nibabel):
    whole = save(nibabel, tmp_path / "whole.nii", VOXELS).read_bytes()
    packed = gzip.compress(whole, mtime=0)
    crc = bytearray(packed)
    crc[-6] ^= 1
    broken = {
        "empty.nii": b"",
        "empty.nii.gz": b"",
        "rubbish.nii": b"rubbish" * 100,
        "header.nii": whole[:200],
        "no_voxel.nii": whole[:352],
        "short.nii": whole[:-1],
        "cut.nii.gz": packed[:-20],
        "middle.nii.gz": packed[: len(packed) // 2],
        "short.nii.gz": gzip.compress(whole[:-1]),
        "crc.nii.gz": bytes(crc),
        "plain.nii.gz": whole,
        "huge.nii": whole[:40] + b"\x03\0\xff\x7f\xff\x7f\xff\x7f" + whole[48:],
        "huge.nii.gz": gzip.compress(whole[:40] + b"\x03\0\xff\x7f\xff\x7f\xff\x7f" + whole[48:]),
        "unknown.name": whole,
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path / name}: ") + "broken NIfTI: ."):
            read_nifti(tmp_path / name)


@pytest.mark.parametrize(
    ("voxels", "fault"),
    [
        (np.zeros((2, 3, 4), np.complex64), "voxels of complex64, expected real numbers"),
        (np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "voxels of .*, expected real numbers"),
        (np.zeros((2, 3), np.int16), r"shape \(2, 3\), expected \(X, Y, Z\) or \(X, Y, Z, C\)"),
        (np.zeros((2, 3, 4, 1, 3), np.int16), r"shape \(2, 3, 4, 1, 3\), expected"),
    ],
)
def test_volumes_of_another_kind(tmp_path, nibabel, voxels, fault):
    save(nibabel, tmp_path / "a.nii", voxels)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path))}/a\.nii: {fault}"):
        read_nifti(tmp_path / "a.nii")


def test_another_format_of_nibabels(tmp_path, nibabel):
    nibabel.MGHImage(VOXELS.astype(np.float32), AFFINE).to_filename(tmp_path / "a.mgz")
    with pytest.raises(ValueError, match=r"a\.mgz: a file of the kind MGHImage, expected NIfTI"):
        read_nifti(tmp_path / "a.mgz")


def test_a_missing_file(tmp_path, nibabel):
    with pytest.raises(FileNotFoundError):
        read_nifti(tmp_path / "nowhere.nii")


def test_a_missing_package_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImportError, match=r"read_nifti needs nibabel: pip install 'tatamikomi\[nifti\]'"):
        read_nifti(tmp_path / "a.nii")
