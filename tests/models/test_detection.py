"""Detectors: sizes as published, boxes, assignment, losses, and squares that are found."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import models, nn
from tatamikomi.models.detection import BiFPN, batched_nms, decode, encode, nms, pad_targets, paired_iou, yolox
from tatamikomi.models.detection.assign import sim_ota
from tatamikomi.models.detection.common import grid
from tatamikomi.models.detection.efficientdet import _Fuse, anchors

RANDOM = np.random.default_rng(5)
START = RANDOM.bit_generator.state
SMALL_YOLOX = {"depth": 0.33, "width": 0.0625}
SMALL_DET = {"width": 8, "cells": 1, "head_layers": 1}


@pytest.fixture(autouse=True)
def same_numbers_for_every_test():
    RANDOM.bit_generator.state = START


def some_boxes(count, size=40.0):
    low = RANDOM.uniform(0, size, (count, 2))
    return np.concatenate([low, low + RANDOM.uniform(4, size, (count, 2))], 1)


# Networks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("yolox_pico", 571_855),  # no published size
        ("yolox_nano", 912_159),  # 0.91 M in table 4 of the paper
        ("yolox_tiny", 5_055_855),  # 5.06 M
        ("yolox_s", 8_968_255),  # 9.0 M, table 3
        ("yolox_m", 25_326_495),  # 25.3 M
        ("yolox_l", 54_208_895),  # 54.2 M
        ("yolox_x", 99_071_455),  # 99.1 M
        ("efficientdet_d0", 3_880_067),  # 3.9 M in table 2
    ],
)
def test_parameters(name, parameters, bare):
    assert sum(one.numel() for one in models.create(name).parameters()) == parameters
    assert name in models.list("detection")


def test_names_are_those_of_the_authors(bare):
    keys = set(models.create("yolox_s").state_dict())
    assert {
        "backbone.backbone.stem.conv.conv.weight",
        "backbone.backbone.dark3.1.m.2.conv2.bn.running_mean",
        "backbone.backbone.dark5.1.conv2.conv.weight",
        "backbone.lateral_conv0.conv.weight",
        "backbone.C3_n4.conv3.bn.weight",
        "head.cls_convs.2.1.conv.weight",
        "head.obj_preds.0.bias",
    } <= keys
    assert "backbone.bu_conv2.dconv.conv.weight" in models.create("yolox_nano").state_dict()


@pytest.mark.parametrize(("name", "places", "extra"), [("yolox_nano", 84, 8), ("efficientdet_d0", 9 * 86, 8)])
def test_classes_and_channels(name, places, extra, bare):
    net = models.create(name, 3, 2).eval()
    with tk.no_grad():
        assert net(np.zeros((2, 2, 64, 64), np.float32)).shape == (2, places, extra + 3)


def test_where_a_yolox_looks():
    """Without features, a box is as large as its stride and lies around the upper left corner of its place."""
    net = models.YOLOX(2, 1, **SMALL_YOLOX).eval()
    for one in net.head.reg_preds:
        nn.init.zeros_(one.weight)
        nn.init.zeros_(one.bias)
    y = net(RANDOM.normal(size=(1, 1, 32, 64)).astype(np.float32)).numpy()[0]
    strides = np.repeat([8, 16, 32], [32, 8, 2])
    assert np.array_equal(y[:, 2], strides)
    assert np.array_equal(y[9, :7], [8, 8, 8, 4, 4, 12, 12])  # second row of eight, second place
    assert np.array_equal(y[-1, :7], [32, 0, 32, 16, -16, 48, 16])
    net.head.reg_preds[0].bias.copy_(np.array([0.5, 0.25, math.log(2), math.log(3)], np.float32))
    y = net(np.zeros((1, 1, 32, 64), np.float32)).numpy()[0]
    np.testing.assert_allclose(y[9, 3:7], [12 - 8, 10 - 12, 12 + 8, 10 + 12], rtol=1e-6)


def test_four_pixels_become_channels_as_the_authors_have_them():
    stem = models.YOLOX(2, 1, **SMALL_YOLOX).eval().backbone.backbone.stem
    seen = []
    stem.conv.register_forward_pre_hook(lambda layer, args: seen.append(args[0].numpy()))
    stem(np.array([[[[1, 3], [2, 4]]]], np.float32))
    assert seen[0].ravel().tolist() == [1, 2, 3, 4]


def test_a_pyramid_weighs_what_it_fuses():
    fuse = _Fuse(2, 1, None).eval()
    fuse.weights.copy_(np.array([1, 3], np.float32))
    nn.init.dirac_(fuse.conv.depthwise.weight)
    nn.init.ones_(fuse.conv.pointwise.weight)
    nn.init.zeros_(fuse.conv.pointwise.bias)
    x = RANDOM.normal(size=(2, 1, 1, 3, 3))
    mixed = (x[0] + 3 * x[1]) / 4.0001
    expected = mixed / (1 + np.exp(-mixed)) / math.sqrt(1.001)
    np.testing.assert_allclose(fuse.double()(*x).numpy(), expected, rtol=1e-12)
    fuse.weights.copy_(np.array([1, -3], np.float64))
    mixed = x[0] / 1.0001
    np.testing.assert_allclose(fuse(*x).numpy(), mixed / (1 + np.exp(-mixed)) / math.sqrt(1.001), rtol=1e-12)


def test_every_level_of_a_pyramid_hears_of_every_feature():
    pyramid = BiFPN([2, 3], 4, 1, 4).double().eval()
    x = [
        tk.tensor(RANDOM.normal(size=(1, 2, 9, 7)), requires_grad=True),
        tk.tensor(RANDOM.normal(size=(1, 3, 5, 4)), requires_grad=True),
    ]
    levels = pyramid(x)
    assert [level.shape[2:] for level in levels] == [(9, 7), (5, 4), (3, 2), (2, 1)]
    for level in levels:
        for one in x:
            one.grad = None
        level.sum().backward(retain_graph=True)
        assert all(one.grad.numpy().any() for one in x)


# Boxes -----------------------------------------------------------------------------------------------------


def plain_nms(boxes, scores, threshold):
    overlap, kept = tk.metrics.box_iou(boxes, boxes), []
    for one in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(overlap[one, other] <= threshold for other in kept):
            kept.append(one)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
def test_suppression(threshold):
    boxes, scores, labels = some_boxes(60, 12.0), RANDOM.random(60).round(1), RANDOM.integers(3, 6, 60)
    kept = nms(boxes, scores, threshold).tolist()
    assert kept == plain_nms(boxes, scores, threshold)
    assert 1 < len(kept) < 55
    apart = batched_nms(boxes, scores, labels, threshold)
    expected = [
        own[i]
        for own in (np.flatnonzero(labels == k) for k in range(3, 6))
        for i in nms(boxes[own], scores[own], threshold)
    ]
    assert sorted(apart.tolist()) == sorted(expected)
    assert (np.diff(scores[apart]) <= 0).all()
    assert nms(np.zeros((0, 4)), [], 0.5).size == batched_nms(np.zeros((0, 4)), [], [], 0.5).size == 0


def test_offsets_from_anchors():
    boxes, around = some_boxes(20), some_boxes(20)
    offsets = encode(boxes, around)
    assert encode([[2, 2, 6, 10]], [[0, 0, 4, 4]]).tolist() == [[0.5, 1.0, 0.0, pytest.approx(math.log(2))]]
    np.testing.assert_allclose(decode(offsets, around), boxes, rtol=1e-12, atol=1e-12)
    assert np.isfinite(decode([[0, 0, 1e4, 1e4]], [[0, 0, 1, 1]])).all()


def test_overlap_has_a_gradient():
    a, b = some_boxes(12), some_boxes(12)
    np.testing.assert_allclose(paired_iou(a, b).numpy(), np.diag(tk.metrics.box_iou(a, b)), rtol=1e-12)
    far = paired_iou(tk.tensor([[0.0, 0.0, 1.0, 1.0]]), tk.tensor([[2.0, 0.0, 3.0, 1.0]]), generalized=True)
    assert far.tolist() == [pytest.approx(-1 / 3)]
    for generalized in (False, True):
        assert tk.gradcheck(
            lambda x, y, g=generalized: paired_iou(x, y, g),
            (tk.tensor(a, requires_grad=True), tk.tensor(b, requires_grad=True)),
        )


def test_anchors():
    found = anchors([(2, 3), (1, 1)], 4.0).reshape(-1, 9, 4)
    assert found.shape == (7, 9, 4)
    middle = (found[..., :2] + found[..., 2:]) / 2
    assert np.allclose(middle[4], (12, 12))
    assert np.allclose(middle[6], (8, 8))
    sizes = found[0, :, 2:] - found[0, :, :2]
    np.testing.assert_allclose(sizes[::3, 0], 32 * 2 ** (np.arange(3) / 3))
    np.testing.assert_allclose(sizes[:, 0] / sizes[:, 1], [1, 2, 0.5] * 3)


def test_targets_in_one_array():
    both = pad_targets([{"boxes": np.zeros((0, 4)), "labels": []}, {"boxes": [[0, 1, 2, 3]], "labels": [4]}])
    assert both.tolist() == [[[0, 0, 0, 0, -1]], [[0, 1, 2, 3, 4]]]
    with pytest.raises(ValueError, match=r"pad_targets: truth\[0\]: expected 1, one per box, got 2 labels"):
        pad_targets([{"boxes": [[0, 1, 2, 3]], "labels": [4, 5]}])


# Assignment and losses -------------------------------------------------------------------------------------


def test_assignment_by_plain_loops():
    places = grid([(8, 8), (4, 4), (2, 2)], (8, 16, 32))
    true, labels = np.array([[4.0, 4, 30, 28], [10, 8, 34, 30], [40, 40, 60, 60]]), np.array([1, 0, 1])
    boxes = np.concatenate([places[:, :2], places[:, :2] + places[:, 2:] * RANDOM.uniform(1, 4, (84, 2))], 1)
    scores = RANDOM.uniform(0.05, 0.95, (84, 2))
    overlap = tk.metrics.box_iou(boxes, true)
    price = np.full((84, 3), np.inf)
    for a in range(84):
        x, y = places[a, :2] + places[a, 2] / 2
        for m, (x1, y1, x2, y2) in enumerate(true):
            price[a, m] = -3 * math.log(overlap[a, m] + 1e-8)
            for c in range(2):
                price[a, m] -= math.log(scores[a, c] if c == labels[m] else 1 - scores[a, c])
            near = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < 2.5 * places[a, 2]
            price[a, m] += 0 if x1 < x < x2 and y1 < y < y2 and near else 1e5
    wanted = {}
    for m in range(3):
        k = max(1, int(np.sort(overlap[:, m])[-10:].sum()))
        for a in np.argsort(price[:, m])[:k]:
            if a not in wanted or price[a, m] < price[a, wanted[a]]:
                wanted[a] = m
    match = sim_ota(places, boxes, scores, true, labels)
    assert dict(zip(match.places.tolist(), match.truth.tolist(), strict=True)) == wanted
    assert len(wanted) > 5
    assert np.array_equal(match.overlaps, overlap[match.places, match.truth])
    nothing = sim_ota(places, boxes, scores, np.array([[900.0, 900, 901, 901]]), np.array([0]))
    assert nothing.places.size == 0


@pytest.mark.parametrize(
    ("cls", "options", "size"),
    [
        (models.YOLOX, SMALL_YOLOX, 64),
        (models.YOLOX, {**SMALL_YOLOX, "box_loss": "giou"}, 64),
        (models.EfficientDet, SMALL_DET, 32),
    ],
)
def test_a_step_downhill(cls, options, size, monkeypatch):
    """A small step along all gradients lowers the loss by rate * |gradient|^2, who answers for what being the same."""
    once = {}
    monkeypatch.setattr(yolox, "sim_ota", lambda *args: once.setdefault(args[3].tobytes(), sim_ota(*args)))
    net = cls(3, 1, tk.Generator(1), **options).double()
    for layer in net.modules():
        if isinstance(layer, nn.DropPath):
            layer.p = 0.0
    x = RANDOM.normal(size=(3, 1, size, size))
    true = [{"boxes": [[2, 3, 20, 24], [8, 6, 31, 30]], "labels": [0, 2]}, {"boxes": [], "labels": []}]
    targets = pad_targets([*true, {"boxes": [[1, 1, 17, 15]], "labels": [1]}])

    before = net.loss(net(x), targets)
    before.backward()
    parts = [float((parameter.grad.numpy() ** 2).sum()) for parameter in net.parameters()]
    rate = 1e-5 * before.item() / sum(parts)
    tk.optim.SGD(net.parameters(), lr=rate).step()
    fall = before.item() - net.loss(net(x), targets).item()
    assert 0.9 * rate * sum(parts) < fall < 1.1 * rate * sum(parts)


def test_what_a_right_answer_costs():
    """Next to nothing; and each wrong part what its formula says."""
    net = models.YOLOX(2, 1, **SMALL_YOLOX)
    places = grid([(4, 4), (2, 2), (1, 1)], (8, 16, 32))
    y = np.full((1, 21, 10), -50.0)
    y[0, :, :3] = places
    y[0, :, 3:7] = [0, 0, 1, 1]
    y[0, 5, 3:] = [8, 8, 16, 16, 50, -50, 50]
    targets = pad_targets([{"boxes": [[8, 8, 16, 16]], "labels": [1]}])
    assert net.loss(tk.tensor(y), targets).item() < 1e-12
    y[0, 5, 5] = 12  # half of the box: 5 (1 - 1/4), and the class is to have a probability of a half
    half = net.loss(tk.tensor(y), targets).item()
    assert half == pytest.approx(5 * 0.75 + 25)
    y[0, 9, 7] = 3.0
    assert net.loss(tk.tensor(y), targets).item() == pytest.approx(half + math.log1p(math.exp(3)))

    net = models.EfficientDet(2, 1, **SMALL_DET)
    where = anchors([(2, 2), (1, 1), (1, 1), (1, 1), (1, 1)])
    y = np.zeros((1, 72, 10))
    y[0, :, :4], y[..., 8:] = where, -50
    y[0, 0, 8:] = [50, -50]
    targets = pad_targets([{"boxes": where[:1], "labels": [0]}])
    own = int((tk.metrics.box_iou(where, where[:1]) >= 0.5).sum())
    assert own > 1
    y[0, :, 4:8] = encode(np.broadcast_to(where[:1], where.shape), where)
    assert net.loss(tk.tensor(y), targets).item() == pytest.approx(0.25 * 50 * (own - 1) / own)
    y[0, 0, 4] += 1  # beyond delta: 0.1 (1 - 0.05)
    assert net.loss(tk.tensor(y), targets).item() == pytest.approx((0.25 * 50 * (own - 1) + 12.5 * 0.095) / own)


def test_finds_are_the_best_of_their_class():
    net = models.YOLOX(2, 1, **SMALL_YOLOX)
    y = np.full((1, 4, 10), -50.0, np.float32)
    y[0, :, 3:7] = [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 9, 10], [-5, 20, 40, 30]]
    y[0, :, 7] = 50
    y[0, :, 8:] = [[0, -50], [1, -50], [-50, 2], [-50, -2]]
    net.forward = lambda x: tk.tensor(y)
    (found,) = net.detect(np.zeros((1, 1, 32, 32), np.float32), min_score=0.1)
    assert found["labels"].tolist() == [1, 0, 1]
    assert found["boxes"].tolist() == [[0, 0, 9, 10], [0, 0, 10, 9], [0, 20, 32, 30]]
    np.testing.assert_allclose(found["scores"], 1 / (1 + np.exp([-2.0, -1.0, 2.0])), rtol=1e-6)
    assert len(net.detect(np.zeros((1, 1, 32, 32)), 0.5)[0]["labels"]) == 2
    assert len(net.detect(np.zeros((1, 1, 32, 32)), 0.1, max_boxes=1)[0]["labels"]) == 1


def squares(count, seed):
    """Images with one square each, light (label 1) or dark."""
    random, x, truth = np.random.default_rng(seed), np.zeros((count, 1, 32, 32), np.float32), []
    for image in x[:, 0]:
        size, label = random.integers(9, 15), random.integers(2)
        left, top = random.integers(0, 32 - size, 2)
        image[top : top + size, left : left + size] = 1 if label else -1
        truth.append({"boxes": [[left, top, left + size, top + size]], "labels": [label]})
    return x, truth


@pytest.fixture
def one_thread():
    """As small as the network is, threads would wait for each other."""
    before = tk.get_num_threads()
    tk.set_num_threads(1)
    yield
    tk.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_squares_are_found():
    """Forty steps, then squares that it has not seen."""
    net = models.YOLOX(2, 1, tk.Generator(0), box_loss="giou", **SMALL_YOLOX)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.3
    x, truth = squares(160, 1)
    optimizer, losses = tk.optim.AdamW(net.parameters(), lr=1e-2), []
    for step in range(40):
        own = slice(step % 10 * 16, step % 10 * 16 + 16)
        loss = net.loss(net(x[own]), pad_targets(truth[own]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    x, truth = squares(24, 2)
    found = net.eval().detect(x, min_score=0.05)
    assert tk.metrics.mean_average_precision(found, truth, (0.5,))["map"] > 0.4


# What they refuse ------------------------------------------------------------------------------------------


def test_bad_arguments():
    net = models.YOLOX(2, 1, **SMALL_YOLOX)
    y = tk.tensor(np.zeros((1, 21, 10)))
    for call, message in [
        (lambda: models.YOLOX(box_loss="l2"), "YOLOX: box_loss: expected one of 'iou', 'giou', got 'l2'"),
        (lambda: net(np.zeros((1, 1, 32, 40), np.float32)), "YOLOX: x: expected .*multiples of 32, got shape"),
        (lambda: net.loss(y, np.zeros((2, 1, 5))), r"YOLOX: targets: expected \(1, M, 5\), got shape \(2, 1, 5\)"),
        (lambda: net.loss(y, np.full((1, 1, 5), 2)), "YOLOX: targets: expected labels below 2, got label 2"),
        (lambda: models.EfficientDet(backbone="resnet18"), "EfficientDet: backbone: expected one of 'efficientnet_b0'"),
        (lambda: BiFPN([4, 4], levels=1), "BiFPN: levels: expected two or more, .*got 1 for 2 features"),
        (lambda: nms([[0, 0, 1]], [1], 0.5), r"nms: boxes: expected \(N, 4\), got shape \(1, 3\)"),
        (lambda: nms([[0, 0, 1, 1]], [1, 2], 0.5), r"nms: scores: expected \(1,\), one per box, got shape \(2,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="YOLOX: targets: expected numbers"):
        net.loss(y, np.zeros((1, 1, 5), bool))
