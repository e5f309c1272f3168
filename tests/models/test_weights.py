"""Weights from files and from names of timm's, and networks that are made for them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import io, models, nn
from tatamikomi.nn.init.common import postponed

# timm 1.0.31's names, put together from its blocks; digests are those of the sorted names of its own networks ---

NORM = [f"{{}}.{one}" for one in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
BOTH = ["{}.weight", "{}.bias"]
SQUEEZE = {"se.conv_reduce": BOTH, "se.conv_expand": BOTH}
ONE = {"conv_dw": BOTH[:1], "bn1": NORM, "conv_pw": BOTH[:1], "bn2": NORM}
INVERTED = {"conv_pw": BOTH[:1], "bn1": NORM, "conv_dw": BOTH[:1], "bn2": NORM, "conv_pwl": BOTH[:1], "bn3": NORM}
EDGE = {"conv_exp": BOTH[:1], "bn1": NORM, "conv_pwl": BOTH[:1], "bn2": NORM}
STEM = {"conv_stem": BOTH[:1], "bn1": NORM, "conv_head": BOTH[:1], "bn2": NORM, "classifier": BOTH}
ATTENTION = dict.fromkeys(("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"), BOTH)


def names(layers, stages=()):
    found = [one.format(layer) for layer, parts in layers.items() for one in parts]
    for s, (count, block) in enumerate(stages):
        found += [
            f"blocks.{s}.{i}.{one.format(layer)}"
            for i in range(count)
            for layer, parts in block.items()
            for one in parts
        ]
    return found


TIMM = {
    "efficientnet_b0": (
        names(STEM, [(1, ONE | SQUEEZE), *((n, INVERTED | SQUEEZE) for n in (2, 2, 3, 3, 4, 1))]),
        "5270d24522d5fef2",
    ),
    "mobilenet_v2": (names(STEM, [(1, ONE), *((n, INVERTED) for n in (2, 3, 4, 3, 3, 1))]), "774eac90f3f84515"),
    "efficientnet_v2_s": (
        names(
            STEM,
            [
                (2, {"conv": BOTH[:1], "bn1": NORM}),
                *((4, EDGE) for _ in "ab"),
                *((n, INVERTED | SQUEEZE) for n in (6, 9, 15)),
            ],
        ),
        "c19f4ea55d5b07a0",
    ),
    "vit_tiny": (
        names({"cls_token": ["{}"], "pos_embed": ["{}"], "patch_embed.proj": BOTH, "norm": BOTH, "head": BOTH})
        + [f"blocks.{i}.{one}" for i in range(12) for one in names(ATTENTION)],
        "3140050d56e79b92",
    ),
}


@pytest.mark.parametrize("name", TIMM)
def test_all_names_of_timm_have_a_place(name, bare):
    theirs, digest = TIMM[name]
    assert hashlib.sha256("\n".join(sorted(theirs)).encode()).hexdigest()[:16] == digest
    net = models.create(name)
    renamed = models.from_timm(dict.fromkeys(theirs), net)
    assert len(renamed) == len(theirs)
    assert set(renamed) == set(net.state_dict())


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        (
            "efficientnet_b0",
            "conv_stem.weight features.0.0.weight bn1.bias features.0.1.bias "
            "blocks.0.0.conv_pw.weight features.1.0.block.2.0.weight blocks.0.0.bn1.bias features.1.0.block.0.1.bias "
            "blocks.2.1.se.conv_reduce.bias features.3.1.block.2.fc1.bias "
            "blocks.2.1.bn2.weight features.3.1.block.1.1.weight "
            "blocks.6.0.conv_pwl.weight features.7.0.block.3.0.weight bn2.running_var features.8.1.running_var",
        ),
        (
            "mobilenet_v2",
            "blocks.0.0.conv_pw.weight features.1.conv.1.weight blocks.0.0.bn2.bias features.1.conv.2.bias "
            "blocks.1.1.conv_dw.weight features.3.conv.1.0.weight blocks.6.0.bn3.bias features.17.conv.3.bias "
            "conv_head.weight features.18.0.weight classifier.bias classifier.1.bias",
        ),
        (
            "efficientnet_v2_s",
            "blocks.0.1.bn1.bias features.1.1.block.0.1.bias blocks.2.3.conv_pwl.weight features.3.3.block.1.0.weight",
        ),
        (
            "vit_tiny",
            "blocks.11.attn.qkv.bias encoder.layers.encoder_layer_11.self_attention.in_proj_bias "
            "blocks.0.norm2.weight encoder.layers.encoder_layer_0.ln_2.weight norm.bias encoder.ln.bias",
        ),
    ],
)
def test_places_of_timm_s_names(name, pairs, bare):
    words = pairs.split()
    state = dict.fromkeys(TIMM[name][0])
    for i, theirs in enumerate(words[::2]):
        state[theirs] = i
    renamed = models.from_timm(state, models.create(name))
    assert [renamed[ours] for ours in words[1::2]] == list(range(len(words) // 2))


def test_timm_s_vgg():
    """Its linear layers are convolutions over all that is left."""
    weight = np.arange(2 * 3 * 7 * 7).reshape(2, 3, 7, 7)
    theirs = {"features.0.weight": weight, "pre_logits.fc1.weight": weight, "pre_logits.fc2.bias": 1, "head.fc.bias": 2}
    found = models.from_timm(theirs, nn.Identity())
    assert np.array_equal(found.pop("classifier.0.weight"), weight.reshape(2, 147))
    assert found.pop("features.0.weight").ndim == 4
    assert found == {"classifier.3.bias": 1, "classifier.6.bias": 2}


def test_outputs_are_those_of_timm():
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    for theirs, ours, size in (("mobilenetv2_100", "mobilenet_v2", 64), ("vit_tiny_patch16_224", "vit_tiny", 224)):
        peer = timm.create_model(theirs).double().eval()
        weights = {key: value.numpy() for key, value in peer.state_dict().items()}
        net = models.create(ours, weights=weights).double().eval()
        models.load_weights(net, weights)
        x = np.random.default_rng(0).normal(size=(1, 3, size, size))
        with torch.no_grad():
            expected = peer(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(net(x).numpy(), expected, rtol=0, atol=1e-10 * abs(expected).max())


# Files ---------------------------------------------------------------------------------------------------------


def test_a_network_from_a_file_of_each_kind(tmp_path):
    net = models.create("lenet5", seed=1)
    state = net.state_dict()
    io.save_file(state, tmp_path / "w.safetensors")
    np.savez(tmp_path / "w.npz", **{f"module._orig_mod.{key}": value for key, value in state.items()})
    for name in ("w.safetensors", "w.npz"):
        same = models.create("lenet5", weights=tmp_path / name)
        assert all(np.array_equal(value, state[key]) for key, value in same.state_dict().items())
    torch = pytest.importorskip("torch")
    tensors = {f"module.{key}": torch.from_numpy(value) for key, value in state.items()}
    torch.save({"ema": tensors}, tmp_path / "w.pth")
    assert list(io.load_pth(tmp_path / "w.pth", "ema")) == list(tensors)
    same = models.create("lenet5", weights=models.read_weights(tmp_path / "w.pth", "ema"))
    assert all(np.array_equal(value, state[key]) for key, value in same.state_dict().items())


def test_old_files_lack_counts_of_batches():
    net = models.create("resnet20_cifar", seed=1)
    state = {key: value for key, value in net.state_dict().items() if not key.endswith("tracked")}
    assert models.load_weights(models.create("resnet20_cifar", seed=2), state) == ([], [])


def test_what_does_not_fit_is_told_name_by_name(tmp_path):
    state = models.create("lenet5", seed=1).state_dict()
    state["classifier.9.weight"] = state.pop("classifier.5.weight")
    state["classifier.5.bias"] = np.zeros(11, np.float32)
    told = [
        r"missing key 'classifier.5.weight', of shape \(10, 84\)",
        r"unexpected key 'classifier.9.weight', of shape \(10, 84\)",
        r"key 'classifier.5.bias': expected shape \(10,\), got \(11,\)",
    ]
    with pytest.raises(ValueError, match=r"nothing was loaded:\n" + r"\n".join(f"  {line}" for line in told)):
        models.create("lenet5", weights=state)
    for call, message in [
        (lambda: models.create("lenet5", seed=1, weights=state), "create: weights: expected neither with weights"),
        (
            lambda: models.read_weights(tmp_path / "w.bin"),
            "read_weights: path: expected a name that ends in .safetensors, ",
        ),
        (lambda: models.read_weights("w.npz", "model"), "read_weights: key: expected None: a .npz file has one dict"),
        (lambda: models.load_weights(nn.Identity(), {}, "model"), "load_weights: key: expected None with a mapping"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


# Without initial values ----------------------------------------------------------------------------------------


def test_nothing_is_drawn_where_weights_come(monkeypatch):
    state = models.create("resnet20_cifar", seed=1).state_dict()
    drawn = []
    monkeypatch.setattr(nn.init.families, "fill_scaled", lambda *args: drawn.append(args))
    models.create("resnet20_cifar", weights=state)
    assert not drawn
    models.create("resnet20_cifar")
    assert len(drawn) == 20 + 1  # a weight each, once, and the bias of the linear layer


def test_networks_of_others_take_weights_too():
    @models.register("reads-what-it-draws")
    def build(num_classes=2, in_channels=1, generator=None):
        layer = nn.Linear(in_channels, num_classes, generator=generator)
        assert layer.weight.numpy().any()  # drawn at once
        return layer

    state = {"weight": np.ones((2, 1)), "bias": np.zeros(2)}
    assert models.create("reads-what-it-draws", weights=state)([[3.0]]).tolist() == [[3.0, 3.0]]


def test_what_is_drawn_later_is_the_same():
    def values(later):
        first, second, third = (tk.tensor(np.zeros((40, 1000), np.float32)) for _ in range(3))
        generator = tk.Generator(5)

        def draw():
            nn.init.uniform_(first, 0, 1, generator)
            nn.init.trunc_normal_(second, generator=generator)
            nn.init.normal_(first, 3, 2, generator)
            nn.init.uniform_(third, 0, 1, generator)
            nn.init.zeros_(third)

        if later:
            with postponed(), postponed():
                draw()
                assert not first.numpy().any()
        else:
            draw()
        return first.numpy(), second.numpy(), third.numpy()

    for one, other in zip(values(True), values(False), strict=True):
        assert np.array_equal(one, other)
    whole = 3 + 2 * tk.Generator(5, 2).numpy().standard_normal((40, 1000))
    assert np.array_equal(values(True)[0], whole.astype(np.float32))
    assert not values(True)[2].any()
