"""Experiments by name, and how one is run."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tatamikomi import io, kernels
from tatamikomi.course.experiments.bench import Bench
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.random import default_generator, manual_seed

RESULTS = "results.json"


@dataclass(frozen=True)
class Experiment:
    """One experiment of the course.

    Attributes:
        name: what `run` calls it.
        title: one line.
        rows: the rows of the course's index of systems (S-), experiments (X-) and worked numbers (A-) that it covers.
        work: does everything on a Bench.
    """

    name: str
    title: str
    rows: str
    work: Callable[[Bench], None]


# The modules that hold them, in the order of the course.
_TOPICS = (
    *("gradients", "batch_norm", "optimizers", "over_fitting", "regularisation", "studies", "mathematics", "structure"),
    *("convnets", "normalizations", "costs", "ensembles"),
)

_experiments: dict[str, Experiment] = {}


def experiment(name: str, rows: str) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Decorator: make a function of a Bench known under `name`; its docstring's first line is the title.

    Raises:
        ValueError: the name is taken.
    """
    if name in _experiments:
        raise bad_value("experiment", "name", repr(name), "a name that is not taken")

    def keep(work: Callable[[Bench], None]) -> Callable[[Bench], None]:
        _experiments[name] = Experiment(name, (work.__doc__ or "").splitlines()[0].rstrip("."), rows, work)
        return work

    return keep


def experiments() -> tuple[Experiment, ...]:
    """All of them, in the order of the course.

    >>> from tatamikomi.course.experiments import experiments
    >>> experiments()[0].name
    'vanishing-gradient'
    """
    found: list[Experiment] = []
    for topic in _TOPICS:
        module = importlib.import_module(f"tatamikomi.course.experiments.{topic}").__name__
        found += [one for one in _experiments.values() if one.work.__module__ == module]
    return tuple(found)


def run(
    name: str,
    *,
    data: str | os.PathLike[str] = "bundled",
    form: str = "full",
    seed: int = 1,
    out: str | os.PathLike[str] | None = None,
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Do one experiment.

    Everything random in it follows from the seed; the default Generator is afterwards as it was.

    Args:
        name: one of `experiments()`.
        data: "bundled" (5,000 MNIST digits), "fashion-mnist", or a folder of IDX files of 28 x 28 pixels.
        form: "full"; "quick", with fewer and shorter trainings, in seconds; "smoke", which only shows that it runs.
        seed: 0 <= seed < 2**63.
        out: the folder to write results.json and figures to, made where it is missing; None writes nothing.
        tell: is given lines of text as they come.

    Returns:
        What results.json holds: tables, values, figures, and for every statement of the course's index whether it was
        "reached": True, False, "explained" (not reached, "because" says why by measured numbers) or None (no number is
        stated for this data set).

    Raises:
        ValueError: an unknown name or form, or data of another shape.
        OSError, ImportError: as `data.load`, or a folder that cannot be written.

    >>> from tatamikomi.course.experiments import run
    >>> result = run("toeplitz", form="smoke", tell=lambda line: None)
    >>> all(one["reached"] for one in result["acceptance"])
    True
    """
    known = {one.name: one for one in experiments()}
    if name not in known:
        raise unknown_name("run", "name", name, known)
    one = known[name]
    if out is not None:
        os.makedirs(out, exist_ok=True)
    state = default_generator().state()
    start = time.perf_counter()
    tell(f"{one.name}: {one.title} [{one.rows}]")
    try:
        bench = Bench(data, form, seed, out, tell)
        manual_seed(seed)
        with np.errstate(all="ignore"):  # a training that diverges is told in a table
            one.work(bench)
    finally:
        default_generator().set_state(state)
    config = kernels.config()
    result = {
        "experiment": one.name,
        "title": one.title,
        "rows": one.rows,
        "data": bench.data_name,
        "form": form,
        "seed": seed,
        "seconds": round(time.perf_counter() - start, 3),
        "machine": {key: config[key] for key in ("tatamikomi", "numpy", "platform", "isa", "threads", "backend")},
        **bench.report(),
    }
    if out is not None:
        io.write_json(os.path.join(out, RESULTS), result)
    return result
