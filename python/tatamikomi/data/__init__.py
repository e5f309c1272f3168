"""Data sets, batches and light augmentation, all on NumPy arrays.

`load` finds a data set by name or folder; `ArrayDataset` and `DataLoader` turn arrays into seeded, resumable
batches; transforms change batches; the readers speak IDX, CIFAR, .npy, text, WAV, NIfTI and pictures in folders.
"""

from __future__ import annotations

from tatamikomi.data.arrays import load_npy, load_npz
from tatamikomi.data.cifar import CifarFolder, load_cifar_folder, read_cifar
from tatamikomi.data.csv_series import Series, read_csv_series
from tatamikomi.data.dataset import (
    ArrayDataset,
    Dataset,
    SampleDataset,
    Subset,
    random_split,
    stratified_split,
)
from tatamikomi.data.download import download
from tatamikomi.data.idx import IdxFolder, load_idx_folder, read_idx, write_idx
from tatamikomi.data.images import ImageFolder, read_image
from tatamikomi.data.loader import DataLoader
from tatamikomi.data.nifti import Volume, read_nifti
from tatamikomi.data.packaged import PICTURES, Split, picture
from tatamikomi.data.sets import NAMES, load
from tatamikomi.data.transforms import BatchTransform, Compose, Normalize, RandomAffine
from tatamikomi.data.warp import warp_affine
from tatamikomi.data.wav import Sound, read_wav

__all__ = [
    "NAMES",
    "PICTURES",
    "ArrayDataset",
    "BatchTransform",
    "CifarFolder",
    "Compose",
    "DataLoader",
    "Dataset",
    "IdxFolder",
    "ImageFolder",
    "Normalize",
    "RandomAffine",
    "SampleDataset",
    "Series",
    "Sound",
    "Split",
    "Subset",
    "Volume",
    "download",
    "load",
    "load_cifar_folder",
    "load_idx_folder",
    "load_npy",
    "load_npz",
    "picture",
    "random_split",
    "read_cifar",
    "read_csv_series",
    "read_idx",
    "read_image",
    "read_nifti",
    "read_wav",
    "stratified_split",
    "warp_affine",
    "write_idx",
]
