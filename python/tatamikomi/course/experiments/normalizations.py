"""The family of normalisations on one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.nn import BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm, LocalResponseNorm, Module


@experiment("normalizations", "A-24, E-04, E-05, E-24, S-029..S-033, S-043..S-046, S-199")
def normalizations(bench: Bench) -> None:
    """Batch, layer, instance, group and local response normalisation of one tensor, and where they are the same."""
    n, c, h, w = shape = (6, 8, 5, 5)
    x = np.random.default_rng(bench.seed).normal(3, 2, shape)
    # The statistics of each are one number per ...: axes that it averages over.
    layers: dict[str, tuple[Module, tuple[int, ...] | None, str]] = {
        "BN": (BatchNorm2d(c, dtype=np.float64), (0, 2, 3), "channel"),
        "LN": (LayerNorm((c, h, w), dtype=np.float64), (1, 2, 3), "sample"),
        "IN": (InstanceNorm2d(c), (2, 3), "sample and channel"),
        "GN, 4 groups": (GroupNorm(4, c, dtype=np.float64), None, "sample and group"),
        "LRN": (LocalResponseNorm(5), None, "none: divides by its neighbours across channels"),
    }
    found: dict[str, Any] = {name: layer(x).numpy() for name, (layer, _, _) in layers.items()}
    rows: list[list[Any]] = []
    for name, y in found.items():
        axes = layers[name][1]
        parts = y.reshape(n, 4, -1) if name.startswith("GN") else y
        axes = (2,) if name.startswith("GN") else axes
        means = np.abs(parts.mean(axes)).max() if axes else None
        rows.append([name, layers[name][2], means, np.abs(parts.std(axes) - 1).max() if axes else None, float(y.std())])
    columns = ("kind", "a mean and a variance per", "largest |mean|", "largest |std - 1|", "std of all")
    bench.table(f"of {shape}", columns, rows)
    exact = all(row[2] < 1e-9 and row[3] < 1e-4 for row in rows if row[2] is not None)
    bench.check("S-029", "each leaves mean 0 and std 1 along its own axes", exact, "as in the table")
    own = {
        "GN with one group is LN": (GroupNorm(1, c, dtype=np.float64)(x), found["LN"]),
        "GN with a channel per group is IN": (GroupNorm(c, c, dtype=np.float64)(x), found["IN"]),
        "BN of one sample is IN": (BatchNorm2d(c, dtype=np.float64)(x[:1]), found["IN"][:1]),
        "LRN with alpha 0, k 1 hands on x": (LocalResponseNorm(5, 0.0, 0.75, 1.0)(x), x),
        "BN by the formula, variance biased (E-05)": (found["BN"], _by_hand(x)),
    }
    for name, (one, other) in own.items():
        off = float(np.abs(np.asarray(one) - np.asarray(other)).max())
        bench.check("S-045", name, off < 1e-9, f"largest difference {off:.1e}")
    alone, _ = (layers[name][0] for name in ("LN", "BN"))
    same = float(np.abs(alone(x[:1]).numpy() - found["LN"][:1]).max())
    moved = float(np.abs(BatchNorm2d(c, dtype=np.float64)(x[:1]).numpy() - found["BN"][:1]).max())
    bench.check(
        "S-043", "LN does not see the rest of the batch, BN does", same < 1e-12 < moved, f"{same:.1e}, {moved:.2f}"
    )
    _identity(bench, x)
    _running(bench, x)
    big = BatchNorm2d(64)
    values, learned = 32 * 56 * 56, [one.numel() for one in big.parameters()]
    measured = f"{values:,} values per channel, parameters {learned}"
    bench.check(
        "A-24", "(32, 64, 56, 56): 100,352 values, 64 gamma, 64 beta", (values, *learned) == (100_352, 64, 64), measured
    )

    def draw(axes: list[Any]) -> None:
        for ax, (name, y) in zip(axes, {"x": x, **found}.items(), strict=True):
            ax.imshow(y.mean((2, 3)), cmap="viridis")
            ax.set(title=name, xlabel="channel", ylabel="sample")

    bench.figure("means", draw, 2, 3)


def _by_hand(x: Any) -> Any:
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5)


def _identity(bench: Bench, x: Any) -> None:
    """gamma = sqrt(var + eps), beta = mean undo it; gamma xhat + beta, not gamma x + beta."""
    norm = BatchNorm2d(x.shape[1], dtype=np.float64)
    gamma, beta = norm.parameters()
    gamma.copy_(np.sqrt(x.var((0, 2, 3)) + norm.eps))
    beta.copy_(x.mean((0, 2, 3)))
    off = float(np.abs(norm(x).numpy() - x).max())
    bench.check("S-031", "gamma = std, beta = mean reach the identity", off < 1e-9, f"largest difference {off:.1e}")


def _running(bench: Bench, x: Any) -> None:
    """Evaluation uses moving averages: momentum 0.1 as in torch is Keras' decay of 0.9."""
    ours = BatchNorm2d(x.shape[1], momentum=0.1, dtype=np.float64)
    keras = BatchNorm2d(x.shape[1], decay=0.9, dtype=np.float64)
    for _ in range(3):
        ours(x)
        keras(x)
    expected = (1 - 0.9**3) * x.mean((0, 2, 3))
    off = max(float(np.abs(one.running_mean - expected).max()) for one in (ours, keras))
    bench.check(
        "S-032", "momentum 0.1 and decay 0.9 keep the same averages", off < 1e-9, f"largest difference {off:.1e}"
    )
    ours.eval()
    alone = float(np.abs(ours(x[:1]).numpy() - ours(x).numpy()[:1]).max())
    bench.check("S-033", "evaluation does not depend on the batch", alone == 0, f"largest difference {alone:g}")
