"""A head in three dimensions with true maps of its tissues: the template of Montreal, as nilearn carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.extras import extra_file
from tatamikomi.data.nifti import Volume, read_nifti
from tatamikomi.data.packaged import Split
from tatamikomi.io.faults import bad_file


class Brain(NamedTuple):
    """t1, grey_matter, white_matter (1, 197, 233, 189) float32 in 0..1; the map (4, 4) from voxels to millimetres."""

    t1: NDArray[np.float32]
    grey_matter: NDArray[np.float32]
    white_matter: NDArray[np.float32]
    affine: NDArray[np.float64]

    def labels(self) -> NDArray[np.int64]:
        """The likeliest tissue of each voxel (197, 233, 189): 0 neither, 1 grey matter, 2 white matter.

        A matter wins where its share is above 1/2, so that neither can be the likeliest where both are low.
        """
        shares = np.concatenate([np.full_like(self.t1, 0.5), self.grey_matter, self.white_matter])
        found: NDArray[np.int64] = shares.argmax(axis=0)
        return found


def mni152() -> Brain:
    """The mean of 152 heads, with the shares of grey and of white matter in each cubic millimetre.

    Source: V. Fonov et al., "Unbiased average age-appropriate atlases for pediatric studies", NeuroImage 54, 2011
    (ICBM 2009a, nonlinear, symmetric).

    Raises:
        ImportError: nilearn or nibabel is not installed; the message names the extra.
        FileNotFoundError: nilearn is there, a volume is not.
        ValueError: a broken file, or volumes that do not fit each other.

    >>> from tatamikomi.data import mni152
    >>> mni152().labels().shape
    (197, 233, 189)
    """
    volumes: list[Volume] = []
    for kind in ("t1", "gm", "wm"):
        place = f"datasets/data/mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
        path = extra_file("nilearn", "mni152", "nilearn", "nilearn", place)
        volume = read_nifti(path)
        if volumes and volume.values.shape != volumes[0].values.shape:
            fault = f"shape {volume.values.shape}, the T1 volume has {volumes[0].values.shape}"
            raise bad_file(path, fault)
        volumes.append(volume)
    t1, grey, white = (np.divide(one.values, np.float32(255), dtype=np.float32) for one in volumes)
    return Brain(t1, grey, white, volumes[0].affine)


_GAP = 5  # slices that belong to neither part: neighbours are nearly the same


def mni152_slices() -> Split:
    """Level slices of `mni152`: 30 in the middle for testing; for training those that hold matter, beyond the gap.

    x (N, 1, 192, 224); y (N, 192, 224), the tissue of each pixel: 0 neither, 1 grey matter, 2 white matter. All of one
    head: what is measured is how a net goes on within it.

    Raises:
        As `mni152`.

    >>> from tatamikomi.data.brain import mni152_slices
    >>> mni152_slices().test_y.shape
    (30, 192, 224)
    """
    brain = mni152()
    x = np.ascontiguousarray(brain.t1[:, 2:194, 4:228].transpose(3, 0, 1, 2))
    y = np.ascontiguousarray(brain.labels()[2:194, 4:228].transpose(2, 0, 1))
    matter = np.flatnonzero(y.any((1, 2)))
    first = int(matter[len(matter) // 2]) - 15
    test = slice(first, first + 30)
    train = matter[(matter < test.start - _GAP) | (matter >= test.stop + _GAP)]
    return Split(x[train], y[train], x[test], y[test], 3, "mni152-slices")


def mni152_patches() -> Split:
    """Cubes of 32 voxels out of `mni152`: 30 in a slab across the middle for testing, 180 beyond the gap for training.

    x (N, 1, 32, 32, 32); y (N, 32, 32, 32), the tissue of each voxel, as in `mni152_slices`.

    Raises:
        As `mni152`.

    >>> from tatamikomi.data.brain import mni152_patches
    >>> mni152_patches().train_x.shape
    (180, 1, 32, 32, 32)
    """
    brain = mni152()
    t1, labels = brain.t1[:, 2:194, 4:228, 10:170], brain.labels()[None, 2:194, 4:228, 10:170]
    slab = 96  # to 128; cubes for training end 5 before it or begin 5 after it, and overlap each other
    before, after = slab - _GAP - 32, slab + 32 + _GAP
    train = _cubes((0, before // 2, before, after, (after + 192) // 2, 192))
    test = _cubes((slab,))
    return Split(
        np.stack([t1[one] for one in train]),
        np.stack([labels[one][0] for one in train]),
        np.stack([t1[one] for one in test]),
        np.stack([labels[one][0] for one in test]),
        3,
        "mni152-patches",
    )


def _cubes(starts: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Of (1, 192, 224, 160) voxels the cubes that begin at these places of the second size, side by side else."""
    corners = [(i, j, k) for j in starts for i in range(0, 192, 32) for k in range(0, 160, 32)]
    return [(slice(None), *(slice(at, at + 32) for at in corner)) for corner in corners]


BRAINS: dict[str, Callable[[], Split]] = {"mni152-slices": mni152_slices, "mni152-patches": mni152_patches}
