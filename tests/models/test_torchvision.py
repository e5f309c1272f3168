"""torchvision's networks have the keys, options and outputs that the tables of zoo.py say, where it is installed."""

from __future__ import annotations

import pytest
from tests.models.zoo import PRINTS, TORCHVISION, ZOO, filled, keys_of, numbers, print_of

from tatamikomi import models, nn

torch = pytest.importorskip("torch")
try:
    import torchvision
except (ImportError, RuntimeError) as error:  # RuntimeError: it was built for another torch
    pytest.skip(f"torchvision cannot be imported: {error}", allow_module_level=True)

# The names and options there, where they are not ours.
BUILD = {
    "deeplabv3": ("segmentation.deeplabv3_resnet50", {"weights_backbone": None}),
    "fcn": ("segmentation.fcn_resnet50", {"weights_backbone": None}),
    "googlenet": ("googlenet", {"aux_logits": False, "init_weights": False}),
    "inception_v3": ("inception_v3", {"aux_logits": False, "init_weights": False}),
    "resnet3d18": ("video.r3d_18", {}),
    "shufflenet_v2": ("shufflenet_v2_x1_0", {}),
    "vit_tiny": (
        "VisionTransformer",
        {"image_size": 224, "patch_size": 16, "num_layers": 12, "num_heads": 3, "hidden_dim": 192, "mlp_dim": 768},
    ),
}


def build(name):
    path, options = BUILD.get(name, (name, {}))
    found = torchvision.models
    for part in path.split("."):
        found = getattr(found, part)
    return found(**options)


def options_of(net, kinds):
    """Numbers that state has not: by path, of batch normalisation, dropout and blocks that are passed by."""
    batch_norms, dropouts = kinds
    found = {}
    for path, layer in net.named_modules():
        if isinstance(layer, batch_norms):
            found[f"{path}.eps"], found[f"{path}.momentum"] = layer.eps, layer.momentum
        elif isinstance(layer, dropouts):
            found[f"{path}.p"] = layer.p
    return found


@pytest.mark.parametrize("name", sorted(TORCHVISION))
def test_keys_and_options(name, bare):
    with torch.device("meta"):
        peer = build(name)
    assert keys_of(peer.state_dict()) == TORCHVISION[name]
    theirs = options_of(
        peer,
        (
            (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d),
            (torch.nn.Dropout, torchvision.ops.StochasticDepth),
        ),
    )
    ours = options_of(models.create(name), ((nn.BatchNorm2d, nn.BatchNorm3d), (nn.Dropout, nn.DropPath)))
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("name", sorted(PRINTS))
def test_outputs(name):
    peer = build(name).double().eval()
    peer.load_state_dict({key: torch.from_numpy(value) for key, value in filled(peer.state_dict()).items()})
    with torch.no_grad():
        y = peer(torch.from_numpy(numbers("input", (1, *ZOO[name].x))))
    assert print_of((y["out"] if isinstance(y, dict) else y).numpy()) == pytest.approx(PRINTS[name], rel=1e-9)
