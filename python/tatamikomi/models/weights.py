"""Weights from files into networks: formats by suffix, prefixes of wrappers, timm's names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tatamikomi.errors import bad_value
from tatamikomi.io import load_file, load_pth
from tatamikomi.nn import Module
from tatamikomi.nn.state import LoadResult, places

State = dict[str, Any]
_SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")
_WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")  # of DataParallel, and of torch.compile

# timm's layers of a block and their places in torchvision's; the kind of block is told by the first layer.
_BLOCKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("conv_exp", {"conv_exp": "0.0", "bn1": "0.1", "conv_pwl": "1.0", "bn2": "1.1"}),
    (
        "conv_pwl",
        {"conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "se": "2", "conv_pwl": "3.0", "bn3": "3.1"},
    ),
    ("conv_dw", {"conv_dw": "0.0", "bn1": "0.1", "se": "1", "conv_pw": "2.0", "bn2": "2.1"}),
    ("conv", {"conv": "0.0", "bn1": "0.1"}),
)
_MOBILE = {  # MobileNetV2's last layers are not in a block of their own, and it has no squeeze
    "conv_pwl": {"conv_pwl": "2", "bn3": "3"},
    "conv_dw": {"conv_pw": "1", "bn2": "2"},
}
_SQUEEZE = ((r"^conv_reduce\.", "fc1."), (r"^conv_expand\.", "fc2."))
_BLOCK = re.compile(r"^blocks\.(\d+)\.(\d+)\.(\w+)\.(.+)$")
_TRANSFORMER = (
    (r"^cls_token$", "class_token"),
    (r"^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^blocks\.(\d+)\.", r"encoder.layers.encoder_layer_\1."),
    (r"\.norm([12])\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.3."),
    (r"^norm\.", "encoder.ln."),
    (r"^head\.", "heads.head."),
)
_VGG = (
    (r"^pre_logits\.fc1\.", "classifier.0."),
    (r"^pre_logits\.fc2\.", "classifier.3."),
    (r"^head\.fc\.", "classifier.6."),
)


def read_weights(path: str | os.PathLike[str], key: Any = None) -> State:
    """Read arrays by name from a .safetensors, .npz, .pth or .pt file.

    Prefixes "module." and "_orig_mod.", which wrappers of torch leave in front of all names, are taken off.

    Args:
        path: the file.
        key: of a .pth or .pt file: where in it the state dict is, see `tk.io.load_pth`.

    Raises:
        ValueError: another suffix, a key for a file that has none, or what the reader says.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> import numpy as np, tatamikomi as tk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "w.npz")
    ...     np.savez(path, **{"module.fc.bias": np.zeros(2)})
    ...     tk.models.read_weights(path)
    {'fc.bias': array([0., 0.])}
    """
    from tatamikomi.data import load_npz

    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in _SUFFIXES:
        raise bad_value("read_weights", "path", repr(os.fspath(path)), "a name that ends in " + ", ".join(_SUFFIXES))
    if suffix in (".pth", ".pt"):
        state: State = load_pth(path, key)
    elif key is not None:
        raise bad_value("read_weights", "key", repr(key), f"None: a {suffix} file has one dict of arrays")
    else:
        state = load_npz(path) if suffix == ".npz" else load_file(path)
    if state and all(map(_WRAPPERS.match, state)):
        state = {_WRAPPERS.sub("", name): value for name, value in state.items()}
    return state


def from_timm(state: Mapping[str, Any], net: Module) -> State:
    """Names and shapes of timm's EfficientNets, MobileNetV2, ViTs and VGGs as those of torchvision, which ours are.

    timm's ResNets and DenseNets have torchvision's names, and nothing changes. EfficientNets of timm have 1e-5 as `eps`
    in every size (`create("efficientnet_b5", eps=1e-5)`); its "tf_" ones pad in another way, and their MobileNetV3 has
    another eps than ours: those do not agree and are left as they are.

    Args:
        state: names to arrays.
        net: the network that is to take them; it tells EfficientNet from MobileNetV2.

    Returns:
        The arrays by their names here; names of no rule stay, so that `load_state_dict` tells them.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.models.create("mobilenet_v2")
    >>> list(tk.models.from_timm({"conv_stem.weight": 0, "blocks.0.0.conv_dw.weight": 0}, net))
    ['features.0.0.weight', 'features.1.conv.0.0.weight']
    """
    if "cls_token" in state:
        return {_by_rules(name, _TRANSFORMER): value for name, value in state.items()}
    if "pre_logits.fc1.weight" in state:
        vgg = {_by_rules(name, _VGG): value for name, value in state.items()}
        for name, value in vgg.items():
            if name.startswith("classifier") and np.ndim(value) == 4:  # over all that is left: a linear layer
                vgg[name] = np.reshape(value, (len(value), -1))
        return vgg
    if "conv_stem.weight" not in state:
        return dict(state)
    mobile = "features.1.conv.0.0.weight" in dict(places(net))
    found = {name: match.groups() for name in state if (match := _BLOCK.match(name))}
    layers: dict[tuple[int, int], set[str]] = {}
    for stage, index, layer, _ in found.values():
        layers.setdefault((int(stage), int(index)), set()).add(layer)
    order = sorted(layers)
    last = len(order) + 1 if mobile else len({stage for stage, _ in order}) + 1
    ends = {"conv_stem": "features.0.0", "bn1": "features.0.1", "classifier": "classifier.1"}
    ends |= {"conv_head": f"features.{last}.0", "bn2": f"features.{last}.1"}

    def renamed(name: str) -> str:
        first, _, rest = name.partition(".")
        if name not in found:
            return f"{ends[first]}.{rest}" if first in ends else name
        stage, index, layer, rest = found[name]
        block = int(stage), int(index)
        kind, table = next((one for one in _BLOCKS if one[0] in layers[block]), ("", {}))
        place = {**table, **(_MOBILE.get(kind, {}) if mobile else {})}.get(layer)
        if place is None:
            return name
        start = f"features.{order.index(block) + 1}.conv" if mobile else f"features.{block[0] + 1}.{block[1]}.block"
        return f"{start}.{place}.{_by_rules(rest, _SQUEEZE)}"

    return {renamed(name): value for name, value in state.items()}


def load_weights(
    net: Module, weights: str | os.PathLike[str] | Mapping[str, Any], key: Any = None, strict: bool = True
) -> LoadResult:
    """Read a file and load it into a network; names of timm are translated where `from_timm` knows them.

    Batch normalisation's count of batches, which old files lack, is 0 then.

    Args:
        net: the network.
        weights: a path, see `read_weights`, or names to arrays.
        key: of a .pth or .pt file, see `read_weights`.
        strict: as `Module.load_state_dict`, which tells every name and shape that does not fit.

    Returns:
        LoadResult(missing_keys, unexpected_keys).

    Raises:
        TypeError, ValueError, OSError: as `read_weights` and `Module.load_state_dict`.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.nn.Sequential(tk.nn.Linear(2, 1))
    >>> tk.models.load_weights(net, {"0.weight": np.ones((1, 2))}, strict=False)
    LoadResult(missing_keys=['0.bias'], unexpected_keys=[])
    """
    if isinstance(weights, Mapping):
        if key is not None:
            raise bad_value("load_weights", "key", repr(key), "None with a mapping")
        state = dict(weights)
    else:
        state = read_weights(weights, key)
    here = dict(places(net))
    if not set(state) <= set(here):
        state = from_timm(state, net)
    for name in here:
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, np.zeros((), np.int64))
    return net.load_state_dict(state, strict)


def _by_rules(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
