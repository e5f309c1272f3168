"""Data sets, batches and light augmentation, all on NumPy arrays.

`load` finds a data set by name or folder; `ArrayDataset` and `DataLoader` turn arrays into seeded, resumable
batches; transforms change batches; the readers speak IDX, CIFAR, .npy, text, WAV, NIfTI and pictures in folders.
"""

from __future__ import annotations

from tatamikomi.data.arff_series import read_arff_series
from tatamikomi.data.arrays import load_npy, load_npz
from tatamikomi.data.batches import BatchTransform
from tatamikomi.data.boxes import pad_targets, unpad_targets
from tatamikomi.data.brain import Brain, mni152
from tatamikomi.data.cifar import CifarFolder, load_cifar_folder, read_cifar
from tatamikomi.data.csv_series import Series, read_csv_series
from tatamikomi.data.dataset import (
    ArrayDataset,
    Dataset,
    SampleDataset,
    Subset,
    random_split,
    stratified_folds,
    stratified_split,
)
from tatamikomi.data.download import download
from tatamikomi.data.idx import IdxFolder, load_idx_folder, read_idx, write_idx
from tatamikomi.data.images import ImageFolder, read_image
from tatamikomi.data.loader import DataLoader
from tatamikomi.data.moving import moving_digits
from tatamikomi.data.nifti import Volume, read_nifti
from tatamikomi.data.packaged import PICTURES, Split, picture
from tatamikomi.data.resize import resize
from tatamikomi.data.sets import NAMES, load
from tatamikomi.data.transforms import Compose, Normalize, RandomAffine, ToFloat
from tatamikomi.data.transforms_color import ColorJitter
from tatamikomi.data.transforms_crop import CenterCrop, RandomCrop, Resize, TenCrop
from tatamikomi.data.transforms_elastic import RandomElastic
from tatamikomi.data.transforms_erase import Cutout, RandomErasing
from tatamikomi.data.transforms_fitted import MinMax, Standardize
from tatamikomi.data.transforms_flip import RandomHorizontalFlip, RandomRotation, RandomVerticalFlip
from tatamikomi.data.transforms_mix import BatchMix, CutMix, MixUp
from tatamikomi.data.transforms_policy import RandAugment
from tatamikomi.data.transforms_zca import ZCAWhitening
from tatamikomi.data.warp import warp_affine
from tatamikomi.data.wav import Sound, read_wav

__all__ = [
    "NAMES",
    "PICTURES",
    "ArrayDataset",
    "BatchMix",
    "BatchTransform",
    "Brain",
    "CenterCrop",
    "CifarFolder",
    "ColorJitter",
    "Compose",
    "CutMix",
    "Cutout",
    "DataLoader",
    "Dataset",
    "IdxFolder",
    "ImageFolder",
    "MinMax",
    "MixUp",
    "Normalize",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomElastic",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "SampleDataset",
    "Series",
    "Sound",
    "Split",
    "Standardize",
    "Subset",
    "TenCrop",
    "ToFloat",
    "Volume",
    "ZCAWhitening",
    "download",
    "load",
    "load_cifar_folder",
    "load_idx_folder",
    "load_npy",
    "load_npz",
    "mni152",
    "moving_digits",
    "pad_targets",
    "picture",
    "random_split",
    "read_arff_series",
    "read_cifar",
    "read_csv_series",
    "read_idx",
    "read_image",
    "read_nifti",
    "read_wav",
    "resize",
    "stratified_folds",
    "stratified_split",
    "unpad_targets",
    "warp_affine",
    "write_idx",
]
