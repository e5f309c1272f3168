"""A chain of crops, mirrors and a normalisation is one pass, and gives what its links give."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from tatamikomi import _native
from tatamikomi.data import (
    CenterCrop,
    Compose,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
    cuts,
)
from tatamikomi.data.prefetch import prefetch

RNG = np.random.default_rng(4)
INDICES = np.arange(100, 117)
LINKS = {
    "pad": RandomCrop((9, 11), (3, 2), fill=0.25, seed=1),
    "reflect": RandomCrop((8, 9), (4, 12), padding_mode="reflect", seed=2),
    "part": RandomCrop(6, seed=3),
    "middle": CenterCrop((7, 6)),
    "mirror": RandomHorizontalFlip(seed=4),
    "upside down": RandomVerticalFlip(seed=5),
    "scale": Normalize([0.1, 0.5, 0.9], [0.3, 2.0, 0.7]),
}


def link_by_link(names, x):
    for name in names:
        x = LINKS[name](x, INDICES, 6)
    return x


@pytest.mark.parametrize("shape", [(17, 3, 10, 12), (17, 3, 2, 10, 12)])
def test_every_chain_of_three_gives_what_its_links_give(shape):
    for dtype in ("<f4", ">f8"):
        x = RNG.random(shape).astype(dtype)
        kept = x.copy()
        for names in itertools.product(LINKS, repeat=3):
            try:
                expected = link_by_link(names, x)
            except ValueError as error:  # a part larger than what is left
                with pytest.raises(ValueError, match=str(error).split(":")[0]):
                    Compose([LINKS[name] for name in names])(x, INDICES, 6)
                continue
            found = Compose([LINKS[name] for name in names])(x, INDICES, 6)
            assert found.dtype == expected.dtype
            assert found.tobytes() == expected.tobytes(), names
        assert np.array_equal(x, kept)


def passes(*names):
    return [[type(one).__name__ for one in run] for run in Compose([LINKS[name] for name in names])._runs()]


def test_what_one_pass_makes(monkeypatch):
    assert passes("pad", "mirror", "scale") == [["RandomCrop", "RandomHorizontalFlip", "Normalize"]]
    assert passes("mirror", "upside down", "pad", "part", "middle", "mirror") == [
        ["RandomHorizontalFlip", "RandomVerticalFlip", "RandomCrop", "RandomCrop", "CenterCrop", "RandomHorizontalFlip"]
    ]
    assert passes("pad", "reflect") == [["RandomCrop"], ["RandomCrop"]]  # beyond the first part lie pixels
    assert passes("scale", "scale", "mirror", "scale", "scale") == [
        *(["Normalize"], ["Normalize"], ["RandomHorizontalFlip", "Normalize"], ["Normalize"])
    ]
    calls = []
    monkeypatch.setattr(cuts, "crop", lambda *args, **options: calls.append(args) or args[0])
    Compose([LINKS["part"], LINKS["mirror"], LINKS["scale"]])(np.zeros((2, 3, 6, 6)))
    assert len(calls) == 1


def test_a_subclass_may_do_something_else():
    class Twice(RandomHorizontalFlip):
        def _apply(self, x, indices, epoch):
            return 2 * x

    assert (
        Compose([LINKS["mirror"], Twice(), LINKS["mirror"]])(np.ones((2, 1, 3, 3))).tolist() == [[[[2.0] * 3] * 3]] * 2
    )


def test_a_chain_refuses_what_its_links_refuse():
    chain = Compose([LINKS["pad"], LINKS["mirror"], LINKS["scale"]])
    with pytest.raises(TypeError, match="RandomCrop: x: expected float32 or float64, got uint8"):
        chain(np.zeros((2, 3, 10, 12), np.uint8))
    with pytest.raises(ValueError, match="RandomCrop: indices: expected as many as images, 2, got 3"):
        chain(np.zeros((2, 3, 10, 12)), np.arange(3))
    with pytest.raises(TypeError, match="RandomCrop: indices: expected integers, got float64"):
        chain(np.zeros((2, 3, 10, 12)), np.zeros(2))
    with pytest.raises(ValueError, match="Normalize: mean: expected one per channel, got 3 for x"):
        chain(np.zeros((2, 2, 10, 12)))
    with pytest.raises(ValueError, match=r"RandomCrop: epoch: expected 0 <= value"):
        chain(np.zeros((2, 3, 10, 12)), None, -1)


def test_a_loaders_thread_computes_alone():
    before = _native.max_threads()
    _native.set_max_threads(3)
    try:
        assert list(prefetch(lambda: iter([_native.max_threads(), threading.current_thread().name]))) == [
            *(1, "tatamikomi-prefetch")
        ]
        assert _native.max_threads() == 3
    finally:
        _native.set_max_threads(before)
