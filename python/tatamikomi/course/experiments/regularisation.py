"""Dropout and its kin, and augmentation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import convolutional
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.course.experiments.runs import Run
from tatamikomi.data import (
    BatchMix,
    BatchTransform,
    CutMix,
    MixUp,
    RandomAffine,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    warp_affine,
)
from tatamikomi.interpret import sheet
from tatamikomi.models import create
from tatamikomi.nn import DropConnect, Dropout, Flatten, Linear, Module, ReLU, Sequential, SpatialDropout


def _net(classes: int, kind: str = "", p: float = 0.0) -> Sequential:
    """Two blocks of 3 x 3 and a dense layer of 128, with one kind of dropout."""
    last: Module = Linear(128, classes)
    if kind == "DropConnect":
        last = DropConnect(last, p)
    head: list[Module] = [Flatten(), Linear(16 * 49, 128), ReLU(), *([Dropout(p)] if kind == "dropout" else []), last]
    kinds: dict[str, Callable[[], Module]] = {
        "spatial dropout": partial(SpatialDropout, p),
        "dropout of pixels": partial(Dropout, p),
    }
    return convolutional(classes, drop=kinds.get(kind), head=head)


@experiment("dropout", "X-20, S-038, S-068..S-073")
def dropout(bench: Bench) -> None:
    """Dropout, DropConnect and spatial dropout on 1,000 samples; rates from 0 to 0.95; dropout as an ensemble.

    A convolutional net of two blocks and a dense layer of 128; Adam with a cosine schedule.
    """
    few, steps = bench.cut(bench.data, 1000), bench.steps(600, 30)
    classes = few.classes
    kinds = {"nothing": ("", 0.0), "dropout 0.5": ("dropout", 0.5), "DropConnect 0.5": ("DropConnect", 0.5)}
    kinds["spatial dropout 0.2"], kinds["dropout of pixels 0.2"] = ("spatial dropout", 0.2), ("dropout of pixels", 0.2)
    runs = {
        label: bench.train_cosine(label, partial(_net, classes, *options), steps, data=few)
        for label, options in kinds.items()
    }
    rows = [[label, one.train, one.test, one.train - one.test, one.history[-1]["loss"]] for label, one in runs.items()]
    bench.table(f"1,000 samples, {steps} steps", ("kind", "train", "test", "gap", "loss in training"), rows)
    bench.curves("curves", list(runs.values()))
    rates = bench.of((0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.97), (0.0, 0.5, 0.97))
    sweep = [
        bench.train_cosine("", partial(_net, classes, "dropout", rate), steps, data=few, every=steps) for rate in rates
    ]
    rows = [[f"{rate:g}", one.train, one.test] for rate, one in zip(rates, sweep, strict=True)]
    bench.table("dropout before the last layer", ("rate", "train", "test"), rows)
    best, last = max(one.test for one in sweep), sweep[-1].test
    measured = f"best {best:.4f}, at {rates[-1]:g} {last:.4f}"
    bench.check("S-072", "too high a rate costs accuracy", last < best, measured)
    regularised = max(runs, key=lambda label: runs[label].test)
    measured = ", ".join(f"{label} {one.test:.4f}" for label, one in runs.items())
    bench.check("X-20", "some kind of dropout tests better than nothing", regularised != "nothing", measured)
    _identities(bench)
    _ensemble(bench, runs["dropout 0.5"], few.test_x, few.test_y)


def _identities(bench: Bench) -> None:
    x = np.ones((100, 16, 14, 14), np.float32)
    mean = float(Dropout(0.3)(x).numpy().mean())
    bench.check("S-068", "E[y] = x within 1 %", abs(mean - 1) < 0.01, f"mean {mean:.4f} of {x.size:,} ones")
    maps = SpatialDropout(0.3)(x).numpy().reshape(-1, 14 * 14)
    whole = bool((maps == maps[:, :1]).all())
    share = float((maps[:, 0] == 0).mean())
    bench.check(
        "S-070", "spatial dropout takes whole channels", whole and 0.2 < share < 0.4, f"{share:.3f} of them at 0.3"
    )
    layer = Dropout(0.3).eval()
    same = bool((layer(x).numpy() == x).all())
    bench.check("S-071", "evaluation hands on x", same, "equal" if same else "different")


def _ensemble(bench: Bench, run: Run, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Mean probabilities of many networks with masks of their own, against the one that evaluation uses."""
    passes, total = bench.steps(30, 10), np.zeros((len(y), bench.data.classes))
    run.model.train()
    for _ in range(passes):
        scores = np.concatenate([run.model(part).numpy().astype(np.float64) for part, _ in bench.batches(x, y)])
        odds = np.exp(scores - scores.max(1, keepdims=True))
        total += odds / odds.sum(1, keepdims=True)
    many = float((total.argmax(1) == y).mean())
    measured = f"{passes} masks {many:.4f}, evaluation {run.test:.4f}"
    bench.check("S-073", "the mean over masks is near the evaluation (0.02)", abs(many - run.test) <= 0.02, measured)


@experiment("augmentation", "S-076..S-078")
def augmentation(bench: Bench) -> None:
    """Augmentation of 500 samples: shifts, rotations, both with scale and shear, erasing, flips, mixing.

    LeNet-5, Adam with a cosine schedule; also tested on images shifted by two pixels and turned by 15 degrees.
    """
    few, steps, seed = bench.cut(bench.data, 500), bench.steps(800, 60), bench.seed
    kinds: dict[str, tuple[BatchTransform | None, BatchMix | None]] = {
        "nothing": (None, None),
        "shift": (RandomAffine(translate=(0.1, 0.1), seed=seed), None),
        "rotation 15": (RandomRotation(15.0, seed=seed), None),
        "affine": (bench.affine(), None),
        "erasing": (RandomErasing(seed=seed), None),
        "flip": (RandomHorizontalFlip(seed=seed), None),
        "MixUp": (None, MixUp(few.classes, seed=seed)),
        "CutMix": (None, CutMix(few.classes, seed=seed)),
    }
    harder = {"shifted": _moved(few.test_x, (2.0, 2.0), 0.0), "turned": _moved(few.test_x, (0.0, 0.0), 15.0)}
    runs: dict[str, Run] = {}
    rows = []
    for label, (transform, mix) in kinds.items():
        if mix is not None and bench.form == "smoke":
            continue
        build: Callable[[], Module] = partial(create, "lenet5", few.classes)
        one = runs[label] = bench.train_cosine(
            label, build, steps, data=few, transform=transform, loader={"mix": mix}, every=steps
        )
        rows.append([label, one.train, one.test, *(bench.accuracy(one.model, x, few.test_y) for x in harder.values())])
    bench.table(f"500 samples, {steps} steps", ("augmentation", "train", "test", *harder), rows)

    def draw(axes: list[Any]) -> None:
        for ax, (label, (transform, _)) in zip(axes, list(kinds.items())[:6], strict=True):
            x = few.train_x[:16]
            ax.imshow(sheet(x if transform is None else transform(x, np.arange(16), 0), 4), cmap="gray")
            ax.set_title(label)
            ax.set_axis_off()

    bench.figure("samples", draw, 2, 3)
    plain, moved = runs["nothing"].test, runs["affine"].test
    bench.check("S-076", "affine augmentation tests better than nothing", moved > plain, f"{moved:.4f}, {plain:.4f}")
    plain, moved = (bench.accuracy(runs[label].model, harder["shifted"], few.test_y) for label in ("nothing", "shift"))
    bench.check("S-076", "training on shifts helps on shifted images", moved > plain, f"{moved:.4f}, {plain:.4f}")


def _moved(x: NDArray[Any], shift: tuple[float, float], degrees: float) -> NDArray[Any]:
    """Every image shifted by (x, y) pixels and turned by the same angle."""
    transform = RandomAffine(degrees=(degrees, degrees))
    matrices = transform.matrices(np.arange(len(x)), 0, x.shape[2], x.shape[3])
    matrices[:, :, 2] -= shift  # where each output pixel lies in the input
    return warp_affine(x, matrices, 0.0)
