"""Data sets, batches and light augmentation, all on NumPy arrays.

`load` finds a data set by name or folder; `ArrayDataset` and `DataLoader` turn arrays into seeded, resumable
batches; transforms change batches; `read_idx` and its companions speak the format of MNIST.
"""

from __future__ import annotations

from tatamikomi.data.dataset import (
    ArrayDataset,
    Dataset,
    SampleDataset,
    Subset,
    random_split,
    stratified_split,
)
from tatamikomi.data.idx import IdxFolder, load_idx_folder, read_idx, write_idx
from tatamikomi.data.loader import DataLoader
from tatamikomi.data.sets import NAMES, Split, load
from tatamikomi.data.transforms import BatchTransform, Compose, Normalize, RandomAffine
from tatamikomi.data.warp import warp_affine

__all__ = [
    "NAMES",
    "ArrayDataset",
    "BatchTransform",
    "Compose",
    "DataLoader",
    "Dataset",
    "IdxFolder",
    "Normalize",
    "RandomAffine",
    "SampleDataset",
    "Split",
    "Subset",
    "load",
    "load_idx_folder",
    "random_split",
    "read_idx",
    "stratified_split",
    "warp_affine",
    "write_idx",
]
