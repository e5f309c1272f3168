"""NIfTI volumes, read by nibabel, which is imported when the first one is asked for."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.extras import extra_module
from tatamikomi.data.faults import retold
from tatamikomi.io.faults import bad_file


class Volume(NamedTuple):
    """values (C, X, Y, Z), C the number of images in a series or 1, and the map (4, 4) from voxels to millimetres."""

    values: NDArray[Any]
    affine: NDArray[np.float64]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The edges of a voxel in millimetres."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).tolist()
        return x, y, z


def read_nifti(path: str | os.PathLike[str], labels: bool = False) -> Volume:
    """Read a volume from .nii or .nii.gz, scaled as its header says.

    Args:
        path: the file.
        labels: give int64 in place of float32, for maps of tissues and atlases; every value must be a whole number.

    Returns:
        values (C, X, Y, Z) float32 or int64, C-contiguous, and the affine map.

    Raises:
        ImportError: nibabel is not installed; the message names the extra.
        ValueError: no whole NIfTI file of real numbers in three or four dimensions, or, with `labels`, a value that
            is no whole number; the message names the file and the fault.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> import nibabel, numpy as np
    >>> from tatamikomi.data import read_nifti
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "brain.nii.gz")
    ...     nibabel.Nifti1Image(np.full((2, 3, 4), 7, np.int16), np.diag([2.0, 2, 3, 1])).to_filename(path)
    ...     volume = read_nifti(path)
    >>> volume.values.shape, volume.values.max().item(), volume.spacing
    ((1, 2, 3, 4), 7.0, (2.0, 2.0, 3.0))
    """
    import zlib

    nibabel = extra_module("nibabel", "read_nifti", "nibabel", "nifti")
    broken = (
        *(ValueError, EOFError, OSError, MemoryError, ArithmeticError, zlib.error),
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
    )
    with open(path, "rb"):  # whether it is there and readable, in the system's own words
        pass
    try:
        image: Any = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Pair):  # NIfTI-2 is one as well
            raise bad_file(path, f"a file of the kind {type(image).__name__}, expected NIfTI")
        kind, shape = image.header.get_data_dtype(), image.shape
        if kind.kind not in "iuf":
            raise bad_file(path, f"voxels of {kind}, expected real numbers")
        if len(shape) not in (3, 4) or 0 in shape:
            raise bad_file(path, f"shape {shape}, expected (X, Y, Z) or (X, Y, Z, C)")
        affine = np.array(image.affine, np.float64)
        values = _labels(path, image) if labels else np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
    except broken as error:
        raise retold(path, "broken NIfTI", error) from None
    if values.ndim == 3:
        values = values[..., None]
    return Volume(np.ascontiguousarray(np.moveaxis(values, 3, 0)), affine)


def _labels(path: str | os.PathLike[str], image: Any) -> NDArray[np.int64]:
    values = np.asanyarray(image.dataobj)
    whole: NDArray[Any] = np.rint(values)
    wrong = ~(np.abs(values) < 2.0**53) | (whole != values)  # NaN is caught by the first
    if wrong.any():
        place = tuple(int(one) for one in np.argwhere(wrong)[0])
        raise bad_file(path, f"value {values[place]} at {place}, expected labels, whole numbers")
    result: NDArray[np.int64] = whole.astype(np.int64)
    return result
