"""Batches with augmentation, engine against engine, and what they cost a training step.

    python -m benchmarks.loader [--images 10000] [--batch 128] [--rounds 7] [--step]

Random crop after padding by 4, mirroring, normalisation, on images of 3 x 32 x 32 and 1 x 28 x 28 that lie in memory as
float32: images per second, the median of passes over all images, engines in turns. `torch` is its DataLoader with the
same transforms written by hand for one image, in this process or in two of its own; `numpy` is written by hand too, for
one image or for a batch at once. --step times steps of ResNet-18 for small images with all of this and a RandAugment,
made in the background, beside the same steps on a batch that is ready.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks import machine
from tatamikomi import data

PAD = 4
SHAPES = ((3, 32, 32), (1, 28, 28))
MEAN, STD = 0.5, 0.25
Array = np.ndarray[Any, Any]
Loader = Callable[[], Iterable[Any]]


def ours(x: Array, y: Array, batch: int, workers: int = 0) -> Loader:
    """tatamikomi's DataLoader."""
    size = x.shape[2]
    augment = data.Compose(
        [data.RandomCrop(size, PAD, seed=1), data.RandomHorizontalFlip(seed=1), data.Normalize(MEAN, STD)]
    )
    loader = data.DataLoader(data.ArrayDataset(x, y), batch, shuffle=True, transform=augment, workers=workers)
    return lambda: loader


def by_image(x: Array, y: Array, batch: int) -> Loader:
    """NumPy, image by image."""
    size = x.shape[2]
    draw = np.random.default_rng(1)

    def go() -> Iterator[Any]:
        order = draw.permutation(len(x))
        for start in range(0, len(x), batch):
            indices = order[start : start + batch]
            out = np.empty((len(indices), *x.shape[1:]), np.float32)
            for one, index in zip(out, indices, strict=True):
                padded = np.pad(x[index], ((0, 0), (PAD, PAD), (PAD, PAD)))
                row, column = draw.integers(0, 2 * PAD + 1, 2)
                image = padded[:, row : row + size, column : column + size]
                one[:] = ((image[:, :, ::-1] if draw.random() < 0.5 else image) - np.float32(MEAN)) / np.float32(STD)
            yield out, y[indices]

    return go


def by_batch(x: Array, y: Array, batch: int) -> Loader:
    """NumPy, a batch at once."""
    size = x.shape[2]
    draw = np.random.default_rng(1)

    def go() -> Iterator[Any]:
        order = draw.permutation(len(x))
        for start in range(0, len(x), batch):
            indices = order[start : start + batch]
            padded = np.pad(x[indices], ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
            places = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
            rows, columns = draw.integers(0, 2 * PAD + 1, (2, len(indices)))
            out = places[np.arange(len(indices)), :, rows, columns]
            turned = draw.random(len(indices)) < 0.5
            out[turned] = out[turned, :, :, ::-1]
            out -= np.float32(MEAN)
            out /= np.float32(STD)
            yield out, y[indices]

    return go


def torchs(x: Array, y: Array, batch: int, workers: int = 0) -> Loader:
    """torch's DataLoader over samples."""
    import torch

    class Images(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self) -> None:
            self.x, self.y, self.size = torch.from_numpy(x), torch.from_numpy(y), x.shape[2]

        def __len__(self) -> int:
            return len(self.x)

        def __getitem__(self, index: int) -> Any:
            padded = torch.nn.functional.pad(self.x[index], (PAD, PAD, PAD, PAD))
            row, column = torch.randint(0, 2 * PAD + 1, (2,)).tolist()
            image = padded[:, row : row + self.size, column : column + self.size]
            if torch.rand(()) < 0.5:
                image = image.flip(2)
            return (image - MEAN) / STD, self.y[index]

    loader = torch.utils.data.DataLoader(
        Images(), batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda: loader


ENGINES: dict[str, Callable[[Array, Array, int], Loader]] = {
    "tatamikomi": ours,
    "tatamikomi, 1 worker": lambda *given: ours(*given, workers=1),
    "numpy, by image": by_image,
    "numpy, by batch": by_batch,
    "torch": torchs,
    "torch, 2 workers": lambda *given: torchs(*given, workers=2),
}


def throughput(shape: tuple[int, ...], images: int, batch: int, rounds: int) -> dict[str, float]:
    """Images per second of each engine: medians of passes taken in turns, after one that does not count."""
    draw = np.random.default_rng(0)
    x, y = draw.random((images, *shape), np.float32), draw.integers(0, 10, images)
    loaders = {name: make(x, y, batch) for name, make in ENGINES.items()}
    seconds: dict[str, list[float]] = {name: [] for name in loaders}
    for number in range(rounds + 1):
        for name, loader in loaders.items():
            start = time.perf_counter()
            count = sum(len(labels) for _, labels in loader())
            if number:
                seconds[name].append(time.perf_counter() - start)
            assert count == images, name
    return {name: images / statistics.median(taken) for name, taken in seconds.items()}


def step(batch: int, rounds: int, small_images: bool, steps: int = 4) -> tuple[float, float]:
    """Seconds of a step of ResNet-18 on ready batches, and on batches augmented in the background."""
    draw = np.random.default_rng(0)
    x, y = draw.random((batch * (steps + 2), 3, 32, 32), np.float32), draw.integers(0, 10, batch * (steps + 2))
    kinds = [data.RandomCrop(32, PAD), data.RandomHorizontalFlip(), data.RandAugment(), data.Normalize(MEAN, STD)]
    loader = data.DataLoader(data.ArrayDataset(x, y), batch, True, transform=data.Compose(kinds), workers=1)
    model = tk.models.create("resnet18", 10, seed=1, small_images=small_images)
    optimizer = tk.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    criterion = tk.nn.CrossEntropyLoss()

    def train(batches: Iterable[Any]) -> float:
        # The first step is not timed: a pass is long, and its first batch nobody could have prepared.
        start = 0.0
        for number, (images, labels) in enumerate(islice(batches, steps + 1)):
            optimizer.zero_grad()
            criterion(model(tk.tensor(images)), labels).backward()
            optimizer.step()
            start = start if number else time.perf_counter()
        return (time.perf_counter() - start) / steps

    ready = [(x[:batch], y[:batch])] * (steps + 1)
    taken = [(train(ready), train(iter(loader))) for _ in range(rounds + 1)][1:]
    return statistics.median(one for one, _ in taken), statistics.median(one for _, one in taken)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--step", action="store_true", help="the step of ResNet-18 instead")
    options = parser.parse_args()
    print(machine.describe()["processor"], f"{tk.get_num_threads()} threads, batch {options.batch}", sep=", ")
    if options.step:
        for stem, small_images in ("ImageNet's", False), ("for small images", True):
            ready, augmented = (1e3 * taken for taken in step(options.batch, options.rounds, small_images))
            ratio = augmented / ready
            print(f"ResNet-18, stem {stem}: ms a step {ready:.1f} ready, {augmented:.1f} augmented ({ratio:.3f})")
        return
    for shape in SHAPES:
        found = throughput(shape, options.images, options.batch, options.rounds)
        best = max(rate for name, rate in found.items() if not name.startswith("tatamikomi"))
        print("x".join(map(str, shape)))
        for name, rate in found.items():
            print(f"  {name:<22}{rate:>12,.0f} images/s{rate / best:>8.2f}")


if __name__ == "__main__":
    main()
