"""Convolution forward in the engines that only infer, where they are installed: each in its own fastest float32 form,
weights prepared before the call, from a NumPy array to a NumPy array."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Conv
from benchmarks.tasks.task import Call


def _threads() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


def _onnxruntime(s: Conv, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Call:
    import onnx
    import onnxruntime

    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node(
        "Conv",
        ["x", "w", "b"],
        ["y"],
        strides=list(s.stride),
        pads=[*s.padding, *s.padding],
        dilations=list(s.dilation),
        group=s.groups,
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", float32, s.x)],
        [helper.make_tensor_value_info("y", float32, s.y)],
        [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def _openvino(s: Conv, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Call:
    import openvino
    from openvino import opset13 as ops

    entry = ops.parameter(s.x, np.float32)
    options = (list(s.stride), list(s.padding), list(s.padding), list(s.dilation))
    if s.groups == 1:
        product = ops.convolution(entry, ops.constant(weight), *options)
    else:
        grouped = weight.reshape(s.groups, s.weight[0] // s.groups, *s.weight[1:])
        product = ops.group_convolution(entry, ops.constant(grouped), *options)
    total = ops.add(product, ops.constant(bias.reshape(1, -1, *(1,) * len(s.stride))))
    settings = {"INFERENCE_NUM_THREADS": _threads(), "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(openvino.Model([total], [entry]), "CPU", settings)
    return lambda: compiled(x, share_inputs=True, share_outputs=True)[0]


def _ncnn(s: Conv, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Call:
    """Image by image: it knows no batches."""
    import ncnn

    if len(s.stride) != 2:
        raise LookupError("ncnn: two axes only")
    oc, _, kh, kw = s.weight
    kind = "Convolution" if s.groups == 1 else "ConvolutionDepthWise"
    settings = {0: oc, 11: kh, 1: kw, 12: s.dilation[1], 2: s.dilation[0], 13: s.stride[0], 3: s.stride[1]}
    settings |= {14: s.padding[0], 4: s.padding[1], 5: 1, 6: weight.size, 7: s.groups}
    text = " ".join(f"{key}={value}" for key, value in settings.items() if key != 7 or s.groups > 1)
    net = ncnn.Net()
    net.opt.num_threads = _threads()
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, name, False)
    with tempfile.TemporaryDirectory() as folder:
        param, data = Path(folder) / "layer.param", Path(folder) / "layer.bin"
        param.write_text(f"7767517\n2 2\nInput in 0 1 x\n{kind} layer 1 1 x y {text}\n", encoding="ascii")
        data.write_bytes(b"\0\0\0\0" + weight.tobytes() + bias.tobytes())
        net.load_param(str(param))
        net.load_model(str(data))

    def run() -> Any:
        y = np.empty(s.y, np.float32)
        for image, result in zip(x, y, strict=True):
            extractor = net.create_extractor()
            extractor.input("x", ncnn.Mat(image))
            result[...] = np.asarray(extractor.extract("y")[1])
        return y

    return run


def _mnn(s: Conv, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Call:
    import MNN.expr as expr
    from MNN import nn

    if len(s.stride) != 2 or (s.groups > 1 and s.weight[1] != 1):
        raise LookupError("MNN: two axes only, and groups of one channel")
    entry = expr.placeholder(list(s.x), expr.NCHW, expr.float)
    entry.name = "x"
    constants = expr.const(weight, list(s.weight), expr.NCHW), expr.const(bias, [len(bias)], expr.NCHW)
    options = (s.stride, s.padding, s.dilation, s.groups, expr.CAFFE)  # its mode in which padding counts
    result = expr.convert(expr.conv2d(expr.convert(entry, expr.NC4HW4), *constants, *options), expr.NCHW)
    result.name = "y"
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "layer.mnn")
        expr.save([result], path)
        runtime = nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": _threads()},))
        net = nn.load_module_from_file(path, ["x"], ["y"], runtime_manager=runtime)
    variable = expr.const(x, list(s.x), expr.NCHW)
    return lambda: np.asarray(net.forward([variable])[0].read())


PEERS = {"onnxruntime": _onnxruntime, "openvino": _openvino, "ncnn": _ncnn, "MNN": _mnn}


def conv_forward(engine: str, s: Conv, x: Any, weight: Any, bias: Any) -> Call:
    """The layer, ready to be called.

    Raises:
        LookupError: the engine has no such layer.
    """
    return PEERS[engine](s, x, weight, bias)
