"""Every experiment of the course, one call each: `run("over-fitting")`, `experiments()`."""

from __future__ import annotations

from tatamikomi.course.experiments.registry import Experiment, experiment, experiments, run

__all__ = ["Experiment", "experiment", "experiments", "run"]
