"""What an experiment works with: data, training, tables, figures, and the statements that it is held to."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi import io
from tatamikomi.autograd import Parameter
from tatamikomi.course.experiments.runs import Rounds, Run
from tatamikomi.data import ArrayDataset, BatchTransform, DataLoader, RandomAffine, Split, load
from tatamikomi.data.extras import extra_module
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.interpret.tables import as_text
from tatamikomi.nn import Module
from tatamikomi.optim import Adam, CosineAnnealingLR, Optimizer
from tatamikomi.random import checked_integer, manual_seed, permutation
from tatamikomi.training import Trainer

FORMS = ("full", "quick", "smoke")
_SMOKE = 60  # samples

Optimizers = Callable[[list[Parameter]], Optimizer]


class Bench:
    """Data and tools of one experiment, and what came of it.

    Args:
        data, form, seed, out, tell: as `run` takes them.

    Raises:
        ValueError: an unknown form, or data of another shape.

    >>> from tatamikomi.course.experiments.bench import Bench
    >>> bench = Bench("bundled", "quick", 1, None, print)
    >>> bench.steps(2000, 300), bench.data.train_x.shape
    (300, (4000, 1, 28, 28))
    """

    def __init__(
        self,
        data: str | os.PathLike[str],
        form: str,
        seed: int,
        out: str | os.PathLike[str] | None,
        tell: Callable[[str], None],
    ) -> None:
        if form not in FORMS:
            raise unknown_name("run", "form", form, FORMS)
        self.data_name = os.fspath(data)
        self.form, self.seed, self.out, self.tell = form, checked_integer("run", "seed", seed), out, tell
        self._tables: list[dict[str, Any]] = []
        self._values: dict[str, Any] = {}
        self._checks: list[dict[str, Any]] = []
        self._figures: list[str] = []
        self._notes: list[str] = []

    # What goes in ---------------------------------------------------------------------------------------------

    @cached_property
    def data(self) -> Split:
        """The data set, loaded when it is first asked for."""
        return self.load(self.data_name)

    @property
    def kind(self) -> str:
        """Which numbers are stated for the data: "mnist-5k", "mnist" (a folder of this name), or "other"."""
        if self.data_name == "bundled":
            return "mnist-5k"
        folder = os.path.basename(os.path.normpath(self.data_name)).lower()
        return "mnist" if folder == "mnist" else "other"

    def load(self, name: str) -> Split:
        """A data set by the name that `run` takes; a few samples of it in the smoke form."""
        split = load("mnist-5k" if name == "bundled" else name)
        if split.train_x.shape[1:] != (1, 28, 28) or not len(split.test_x):
            raise bad_value("run", "data", f"images {split.train_x.shape[1:]}", "training and test images (1, 28, 28)")
        return self.cut(split, _SMOKE, _SMOKE) if self.form == "smoke" else split

    @staticmethod
    def cut(split: Split, train: int, test: int | None = None) -> Split:
        """Some samples of a data set, the same ever: in a split by class the first ones are no fair sample."""
        picked = permutation(0, (), len(split.train_y))[:train]
        return split._replace(
            train_x=split.train_x[picked],
            train_y=split.train_y[picked],
            test_x=split.test_x[:test],
            test_y=split.test_y[:test],
        )

    def steps(self, full: int, quick: int) -> int:
        """A number of steps, repetitions or such, by form; a handful in the smoke form."""
        return {"full": full, "quick": quick, "smoke": min(quick, 3)}[self.form]

    def of(self, full: Sequence[Any], quick: Sequence[Any]) -> Sequence[Any]:
        """What to try, by form; the first and the last of the quick ones in the smoke form."""
        return {"full": full, "quick": quick, "smoke": [quick[0], *quick[-1:]]}[self.form]

    # Training -------------------------------------------------------------------------------------------------

    def train(
        self,
        label: str,
        build: Callable[[], Module],
        optimizer: Optimizers,
        steps: int,
        *,
        every: int | None = None,
        batch_size: int = 100,
        data: Split | None = None,
        transform: BatchTransform | None = None,
        loader: dict[str, Any] | None = None,
        **options: Any,
    ) -> Run:
        """Train a network and measure it; initial values, order and masks follow from the seed alone.

        Args:
            label: its name.
            build: makes it.
            optimizer: makes an Optimizer of a list of parameters.
            steps: how many.
            every: steps per round, at whose end the test data are measured; a tenth of all (quick: a quarter) if None.
            batch_size, transform: of the DataLoader.
            data: other data than the experiment's.
            loader: further options of the DataLoader.
            **options: of the Trainer; a scheduler is a function of the optimizer.
        """
        split = self.data if data is None else data
        every = max(1, min(steps, every or steps // (10 if self.form == "full" else 4)))
        manual_seed(self.seed)
        model = build()
        walker = optimizer(list(model.parameters()))
        if callable(options.get("scheduler")):
            options["scheduler"] = options["scheduler"](walker)
        source = DataLoader(
            ArrayDataset(split.train_x, split.train_y),
            min(batch_size, len(split.train_x)),
            shuffle=True,
            seed=self.seed,
            transform=transform,
            **(loader or {}),
        )
        trainer = Trainer(model, walker, **options)
        start, diverged = time.perf_counter(), False
        try:
            trainer.fit(Rounds(source, every), self.batches(split.test_x, split.test_y), -(-steps // every))
        except FloatingPointError:
            diverged = True
        seconds = time.perf_counter() - start
        train, test = (
            trainer.evaluate(self.batches(x, y))["accuracy"]
            for x, y in ((split.train_x[:1000], split.train_y[:1000]), (split.test_x, split.test_y))
        )
        return Run(label, model, trainer.history, every, train, test, seconds, diverged)

    def train_cosine(self, label: str, build: Callable[[], Module], steps: int, rate: float = 2e-3, **more: Any) -> Run:
        """`train` with Adam, whose rate warms up over a fifteenth of the steps and then falls as a cosine."""
        warmup = steps // 15

        def schedule(walker: Optimizer) -> CosineAnnealingLR:
            return CosineAnnealingLR(walker, max(1, steps - warmup), warmup=warmup)

        return self.train(label, build, partial(Adam, lr=rate), steps, scheduler=schedule, schedule="step", **more)

    def affine(self) -> RandomAffine:
        """Light augmentation for digits."""
        return RandomAffine(degrees=10.0, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=10.0, seed=self.seed)

    @staticmethod
    def batches(x: NDArray[Any], y: NDArray[Any], size: int = 250) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Samples in their order, in batches."""
        return [(x[at : at + size], y[at : at + size]) for at in range(0, len(x), size)]

    def accuracy(self, model: Module, x: NDArray[Any], y: NDArray[Any]) -> float:
        """The share of samples that a model classifies as they are labelled."""
        mode = model.training
        model.eval()
        right = sum(int((model(a).numpy().argmax(1) == b).sum()) for a, b in self.batches(x, y))
        model.train(mode)
        return right / len(y)

    # What comes out -------------------------------------------------------------------------------------------

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table, and keep it; None is a dash, floats are told in four digits."""
        kept = [list(row) for row in rows]
        self._tables.append({"title": title, "columns": list(columns), "rows": kept})
        self.tell(f"\n{title}\n{as_text(columns, [[_told(cell) for cell in row] for row in kept], left=1)}")

    def values(self, **named: Any) -> None:
        """Keep numbers for the JSON file."""
        self._values.update(named)

    def note(self, text: str) -> None:
        """Print a remark, and keep it."""
        self._notes.append(text)
        self.tell(f"note: {text}")

    def check(self, row: str, statement: str, holds: bool | None, measured: str, because: str = "") -> None:
        """Hold the results to a statement of the course's index.

        Args:
            row: of the index, such as "X-15".
            statement: what should hold.
            holds: whether it does; None where nothing is stated for this data set.
            measured: the numbers that decide.
            because: where it does not hold, why, by measured numbers.
        """
        reached: bool | str | None = None if holds is None else bool(holds)
        if reached is False and because:
            reached = "explained"
        entry = {"row": row, "statement": statement, "reached": reached, "measured": measured}
        self._checks.append({**entry, "because": because} if reached == "explained" else entry)

    def figure(
        self,
        name: str,
        draw: Callable[[list[Any]], None],
        rows: int = 1,
        columns: int = 1,
        size: tuple[float, float] | None = None,
    ) -> None:
        """Draw NAME.png into the folder of results, atomically; without matplotlib a note says so.

        Args:
            name: of the file, without ".png".
            draw: is given the list of rows * columns Axes.
            rows, columns: of the figure.
            size: in inches; 4 by 3.2 for each of the Axes when None.
        """
        if self.out is None:
            return
        try:
            matplotlib = extra_module("matplotlib.figure", f"{name}.png", "matplotlib", "plot")
        except ImportError as error:
            self.note(str(error))
            return
        figure = matplotlib.Figure(figsize=size or (4 * columns, 3.2 * rows), layout="constrained")
        panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
        draw(panels)
        for ax in panels:
            ax.set_visible(ax.has_data())
        for axis in (axis for ax in panels for axis in (ax.xaxis, ax.yaxis) if axis.get_scale() == "log"):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
        with io.atomic_write(os.path.join(self.out, f"{name}.png")) as file:
            figure.savefig(file, format="png", dpi=100)
        self._figures.append(f"{name}.png")

    def curves(self, name: str, runs: Sequence[Run], keys: Sequence[str] = ("loss", "validation_accuracy")) -> None:
        """A figure of some keys of the histories, a line per run, over the steps."""

        def draw(axes: list[Any]) -> None:
            for ax, key in zip(axes, keys, strict=True):
                for run in runs:
                    ax.plot(*run.curve(key), label=run.label)
                ax.set(xlabel="step", ylabel=key.replace("validation_", "test "))
                ax.grid(alpha=0.3)
                ax.legend(fontsize="x-small")

        self.figure(name, draw, columns=len(keys))

    def report(self) -> dict[str, Any]:
        """Everything that was kept, and the statements printed."""
        marks = {True: "reached", False: "NOT REACHED", None: "not stated for this data", "explained": "explained"}
        if self._checks:
            self.tell(
                "\nheld to" + ("" if self.form == "full" else f" (the numbers are those of full, this is {self.form})")
            )
        for one in self._checks:
            because = f"; {one['because']}" if "because" in one else ""
            self.tell(f"  {one['row']}: {one['statement']}: {marks[one['reached']]} ({one['measured']}){because}")
        return {
            "tables": self._tables,
            "values": self._values,
            "acceptance": self._checks,
            "figures": self._figures,
            "notes": self._notes,
        }


def _told(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, (bool, np.bool_)):
        return "yes" if cell else "no"
    if isinstance(cell, (int, np.integer)):
        return f"{cell:,}"
    return f"{cell:.4g}" if isinstance(cell, (float, np.floating)) else str(cell)
