"""Everything a run needs to continue bit for bit, as arrays and as JSON, in one safetensors file.

One file is written, synced and renamed as one: whatever happens, the last complete one is there. The arrays
are named "model.*", "optimizer.NUMBER.*", "average.NUMBER" and "callback.NAME.*"; the rest is JSON in the metadata,
under "tatamikomi".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tatamikomi import io

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer

Array = np.ndarray[Any, np.dtype[Any]]
_KEY = "tatamikomi"
_FORMAT = 1
_PARTS = ("epoch", "history", "optimizer", "scheduler", "generator", "callbacks")


class Snapshot(NamedTuple):
    """The state of a run between two epochs: copies, which later training does not change."""

    arrays: dict[str, Array]
    meta: dict[str, Any]


def capture(trainer: Trainer, extra: Mapping[str, Any] | None = None) -> Snapshot:
    """The trainer's state now; `extra` (JSON) is kept beside it."""
    arrays: dict[str, Array] = {f"model.{key}": value for key, value in trainer.model.state_dict().items()}
    optimizer = trainer.optimizer.state_dict()
    numbers: dict[str, dict[str, Any]] = {}
    for index, memory in optimizer["state"].items():
        for name, value in memory.items():
            if isinstance(value, np.ndarray):
                arrays[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    average = None if trainer.average is None else trainer.average.state_dict()
    if average is not None:
        arrays.update({f"average.{index}": array for index, array in enumerate(average.pop("averages"))})
    states = {}
    for name, callback in trainer.named_callbacks():
        states[name] = callback.state_dict()
        arrays.update({f"callback.{name}.{key}": value.copy() for key, value in callback.arrays().items()})
    meta = {
        "format": _FORMAT,
        "epoch": trainer.epoch,
        "history": [dict(entry) for entry in trainer.history],
        "optimizer": {"numbers": numbers, "param_groups": optimizer["param_groups"]},
        "scheduler": None if trainer.scheduler is None else trainer.scheduler.state_dict(),
        "average": average,
        "generator": dict(trainer.generator.state()),
        "callbacks": {name: state for name, state in states.items() if state},
        "extra": dict(extra or {}),
    }
    return Snapshot(arrays, meta)


def restore(trainer: Trainer, snapshot: Snapshot) -> None:
    """Put the trainer where the snapshot was taken; all or nothing.

    Raises:
        ValueError: the snapshot is of another model, optimizer, scheduler, average or set of callbacks.
    """
    before = capture(trainer)
    try:
        _restore(trainer, snapshot)
    except Exception:
        _restore(trainer, before)
        raise


def _restore(trainer: Trainer, snapshot: Snapshot) -> None:
    meta = snapshot.meta
    stateful = {name: callback for name, callback in trainer.named_callbacks() if callback.state_dict()}
    if set(stateful) != set(meta["callbacks"]):
        expected, given = sorted(stateful) or "none", sorted(meta["callbacks"]) or "none"
        raise ValueError(f"checkpoint: callbacks: expected the state of {expected}, got {given}")
    if (trainer.scheduler is None) != (meta["scheduler"] is None):
        raise ValueError("checkpoint: scheduler: the checkpoint has one and the trainer has none, or the reverse")
    average = meta.get("average")  # files of before have none
    if (trainer.average is None) != (average is None):
        raise ValueError("checkpoint: average: the checkpoint has one and the trainer has none, or the reverse")
    trainer.model.load_state_dict(_below(snapshot.arrays, "model."))
    state: dict[int, dict[str, Any]] = {}
    for key, value in _below(snapshot.arrays, "optimizer.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    for index, memory in meta["optimizer"]["numbers"].items():
        state.setdefault(int(index), {}).update(memory)
    trainer.optimizer.load_state_dict({"state": state, "param_groups": meta["optimizer"]["param_groups"]})
    if trainer.scheduler is not None:
        trainer.scheduler.load_state_dict(meta["scheduler"])
    if trainer.average is not None and average is not None:
        numbered = _below(snapshot.arrays, "average.")
        averages = [numbered[index] for index in sorted(numbered, key=int)]
        trainer.average.load_state_dict({**average, "averages": averages})
    for name, callback in stateful.items():
        callback.load_state_dict(meta["callbacks"][name], _below(snapshot.arrays, f"callback.{name}."))
    trainer.generator.set_state(meta["generator"])
    trainer.epoch = int(meta["epoch"])
    trainer.history[:] = [dict(entry) for entry in meta["history"]]


def _below(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {key[len(prefix) :]: value for key, value in arrays.items() if key.startswith(prefix)}


def write(path: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Write a checkpoint file atomically: temporary name, sync, rename."""
    io.save_file(snapshot.arrays, path, {_KEY: json.dumps(snapshot.meta)})


def read(path: str | os.PathLike[str]) -> Snapshot:
    """Read a checkpoint file.

    Raises:
        ValueError: not a safetensors file, or not a checkpoint; the message names the file and the fault.
        OSError: the file cannot be opened.
    """
    meta = read_meta(path)
    return Snapshot(io.load_file(path), meta)


def read_meta(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON half of a checkpoint file; errors as in `read`."""
    text = io.read_metadata(path).get(_KEY)
    if text is None:
        raise ValueError(f"{os.fspath(path)}: not a checkpoint: the metadata has no {_KEY!r}")
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: not a checkpoint: {error}") from None
    missing = [part for part in _PARTS if not isinstance(meta, dict) or part not in meta]
    if missing:
        raise ValueError(f"{os.fspath(path)}: not a checkpoint: no {', '.join(missing)}")
    if meta.get("format") != _FORMAT:
        raise ValueError(f"{os.fspath(path)}: checkpoint format: expected {_FORMAT}, got {meta.get('format')}")
    return dict(meta)
