"""Networks in the engines that only infer, by way of the torch twin: ONNX for onnxruntime and OpenVINO (wants `onnx`),
ncnn's own files by `pnnx`. From a NumPy array to a NumPy array, in float32."""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.tasks.task import Call


def load(engine: str, name: str, model: tk.nn.Module, x: np.ndarray) -> Call:
    """The network of NETS called `name` with the values of `model`, ready to be called on x.

    Raises:
        LookupError: the engine, or what its files are made with, is not installed.
    """
    import torch

    from benchmarks.torch_twins import twin

    if engine not in LOADERS:
        raise LookupError(f"{engine}: whole networks are not brought there")
    net = twin(model, name).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters, on traces and on their own age
        try:
            return LOADERS[engine](net, torch.from_numpy(x), Path(folder))
        except ModuleNotFoundError as missing:
            raise LookupError(f"{engine}: {missing}") from None


def _threads() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


def _onnx(net: Any, x: Any, folder: Path) -> str:
    import torch

    path = str(folder / "net.onnx")
    torch.onnx.export(net, (x,), path, input_names=["x"], output_names=["y"], dynamo=False)
    return path


def _onnxruntime(net: Any, x: Any, folder: Path) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(_onnx(net, x, folder), options, providers=["CPUExecutionProvider"])
    given = {"x": x.numpy()}
    return lambda: session.run(None, given)[0]


def _openvino(net: Any, x: Any, folder: Path) -> Call:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": _threads(), "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(_onnx(net, x, folder), "CPU", settings)
    given = x.numpy()
    return lambda: compiled(given, share_inputs=True, share_outputs=True)[0]


def _ncnn(net: Any, x: Any, folder: Path) -> Call:
    """Image by image: it knows no batches."""
    import ncnn
    import pnnx
    import torch

    torch.jit.trace(net, x[:1]).save(str(folder / "net.pt"))
    shape = ",".join(map(str, (1, *x.shape[1:])))
    command = [pnnx.EXEC_PATH, "net.pt", f"inputshape=[{shape}]", "fp16=0"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    loaded = ncnn.Net()
    loaded.opt.num_threads = _threads()
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(loaded.opt, name, False)
    loaded.load_param(str(folder / "net.ncnn.param"))
    loaded.load_model(str(folder / "net.ncnn.bin"))
    images = x.numpy()

    def run() -> np.ndarray:
        results = []
        for image in images:
            extractor = loaded.create_extractor()
            extractor.input("in0", ncnn.Mat(image))
            results.append(np.array(extractor.extract("out0")[1]))
        return np.stack(results)

    return run


LOADERS = {"onnxruntime": _onnxruntime, "openvino": _openvino, "ncnn": _ncnn}
