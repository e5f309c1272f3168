"""A head in three dimensions with true maps of its tissues: the template of Montreal, as nilearn carries it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.extras import extra_file
from tatamikomi.data.nifti import Volume, read_nifti
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
