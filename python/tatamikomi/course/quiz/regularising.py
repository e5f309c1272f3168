"""Questions on normalisation, regularisation and augmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamikomi import data, nn, optim
from tatamikomi import functional as F
from tatamikomi.autograd import Parameter
from tatamikomi.course.quiz.question import Sheet, only, slope
from tatamikomi.random import Generator

_sheet = Sheet()
_ask = _sheet.ask
QUESTIONS = _sheet.questions


def _images(*shape: int) -> Any:
    return Generator(1).numpy().standard_normal(shape)


@_ask(
    "bn-values",
    "normalisation",
    ja="形 (32, 64, 56, 56) の特徴マップをバッチ正規化します。1 チャネルの平均は何個の値から求めますか。",
    en="Batch normalisation of maps (32, 64, 56, 56): over how many values runs the mean of one channel?",
    why_ja="チャネルごとに N × H × W = 32 × 56 × 56 = 100,352 個です。",
    why_en="N * H * W = 32 * 56 * 56 = 100,352, for each channel.",
)
def _() -> float:
    bias = Parameter(np.zeros(64, np.float32))
    maps = np.zeros((32, 64, 56, 56), np.float32)
    F.batch_norm(maps, None, None, None, bias, True).sum().backward()  # dE/dbias adds 1 for each value
    return float(slope(bias)[0])


@_ask(
    "bn-output",
    "normalisation",
    ja="ミニバッチ (1, 3, 5, 7) を γ = 2、β = 1 でバッチ正規化します。7 の出力はいくつですか（小数第 2 位まで）。",
    en="Batch normalisation of (1, 3, 5, 7) with gamma = 2, beta = 1: what becomes of 7? Two decimals.",
    why_ja="平均 4、分散 5 なので、2 × (7 − 4)/√5 + 1 ≈ 3.68 です。γ は x ではなく正規化した値に掛けます。",
    why_en="Mean 4, variance 5: 2 * (7 - 4) / sqrt(5) + 1 = 3.68. Gamma multiplies the normalised value, not x.",
    tolerance=0.006,
)
def _() -> float:
    x = np.array([[1.0], [3.0], [5.0], [7.0]])
    return float(F.batch_norm(x, None, None, np.array([2.0]), np.array([1.0]), True)[3, 0].item())


@_ask(
    "batch-dependent",
    "normalisation",
    ja="学習時の出力が、同じミニバッチの他の画像に左右されるものはどれですか。",
    en="Whose output for an image depends, in training, on the other images of the batch?",
    why_ja="バッチ正規化だけがバッチ方向に平均を取ります。ほかは画像 1 枚の中で計算します。",
    why_en="Batch normalisation alone averages over the batch. The others stay within an image.",
    choices=("BatchNorm", "LayerNorm", "InstanceNorm", "GroupNorm"),
)
def _() -> str:
    x = _images(4, 4, 3, 3).astype(np.float32)
    layers = {
        "BatchNorm": nn.BatchNorm2d(4),
        "LayerNorm": nn.LayerNorm((4, 3, 3)),
        "InstanceNorm": nn.InstanceNorm2d(4),
        "GroupNorm": nn.GroupNorm(2, 4),
    }
    return only({name: not np.allclose(layer(x)[0], layer(x[:2])[0], atol=1e-5) for name, layer in layers.items()})


@_ask(
    "bn-momentum",
    "normalisation",
    ja="Keras でのモメンタム 0.99（古い値の重み）は、PyTorch 式のモメンタムではいくつですか。",
    en="Keras' momentum of 0.99, the weight of the old value: what is it in PyTorch's sense?",
    why_ja="PyTorch では新しい値の重みなので、1 − 0.99 = 0.01 です。",
    why_en="PyTorch's is the weight of the new value: 1 - 0.99 = 0.01.",
    tolerance=1e-6,
)
def _() -> float:
    momentum = nn.BatchNorm2d(1, decay=0.99).momentum
    assert momentum is not None
    return momentum


def _penalty_gradient(penalty: optim.ElasticNet, expressions: dict[str, Callable[[Any], Any]]) -> str:
    """Which expression of the weights is the penalty's gradient."""
    w = Parameter(np.array([2.0, -3.0, 0.5]))
    penalty.penalty([w]).backward()
    return only({key: np.allclose(slope(w), one(w.numpy())) for key, one in expressions.items()})


@_ask(
    "ridge",
    "regularisation",
    ja="誤差に ½ rate Σ param² を加えます。grad += rate * (?) の ? はどれですか。",
    en="The loss gains 1/2 rate sum param^2. What stands for ? in grad += rate * (?)",
    why_ja="½ w² の微分は w です。",
    why_en="The derivative of w^2 / 2 is w.",
    choices=("np.sum(param**2)", "np.sum(param)", "param**2", "param"),
)
def _() -> str:
    rules: dict[str, Callable[[Any], Any]] = {
        "np.sum(param**2)": lambda w: np.sum(w**2),
        "np.sum(param)": np.sum,
        "param**2": lambda w: w**2,
        "param": lambda w: w,
    }
    return _penalty_gradient(optim.L2(0.5), rules)


@_ask(
    "lasso",
    "regularisation",
    ja="誤差に rate Σ |param| を加えます。grad += rate * (?) の ? はどれですか。",
    en="The loss gains rate sum |param|. What stands for ? in grad += rate * (?)",
    why_ja="|w| の微分は、w の符号です（0 では 0 とします）。",
    why_en="The derivative of |w| is the sign of w, at 0 taken as 0.",
    choices=("np.maximum(param, 0)", "np.minimum(param, 0)", "np.sign(param)", "np.abs(param)"),
)
def _() -> str:
    rules: dict[str, Callable[[Any], Any]] = {
        "np.maximum(param, 0)": lambda w: np.maximum(w, 0),
        "np.minimum(param, 0)": lambda w: np.minimum(w, 0),
        "np.sign(param)": np.sign,
        "np.abs(param)": np.abs,
    }
    return _penalty_gradient(optim.L1(1.0), rules)


@_ask(
    "sparse",
    "regularisation",
    ja="小さな重みをちょうど 0 にするのはどちらですか。",
    en="Which one sets small weights to exactly 0?",
    why_ja="L1 は小さな重みも一定量ずつ 0 へ近づけ、0 で止まります。L2 は割合で縮めるので 0 にはなりません。",
    why_en="L1 moves every weight by the same amount and stops at 0; L2 shrinks by a factor and never arrives.",
    choices=("L1 (lasso)", "L2 (ridge)"),
)
def _() -> str:
    def zeros(penalty: optim.ElasticNet) -> int:
        w = Parameter(np.array([[0.05, 2.0]]))
        penalty.prox_([w], lr=0.1)
        return int((w.numpy() == 0).sum())

    return only({"L1 (lasso)": zeros(optim.L1(1.0, True)) == 1, "L2 (ridge)": zeros(optim.L2(1.0, True)) == 1})


@_ask(
    "dropout-shape",
    "regularisation",
    ja="4096 個の値にドロップアウト（p = 0.5）をかけます。出力の要素数はいくつですか。",
    en="Dropout with p = 0.5 takes 4096 values. How many come out?",
    why_ja="要素数は 4096 のままです。一部が 0 になるだけで、数を変えるのは全結合層です。",
    why_en="4096 still: some of them are 0. It is the dense layer that changes how many there are.",
)
def _() -> float:
    return int(np.prod(nn.Dropout(0.5)(np.ones((1, 4096), np.float32)).shape))


@_ask(
    "crop-slice",
    "augmentation",
    ja="形が (縦, 横, チャネル) の画像 image から一部を切り取る式はどれですか。",
    en="image has the shape (height, width, channel). Which expression cuts a part out?",
    why_ja="最初の軸が縦、次が横です。始点は終点より小さくなければ空になります。",
    why_en="The first axis runs down, the second across; a start behind its end gives nothing.",
    choices=(
        "image[:, top:bottom, left:right]",
        "image[bottom:top, right:left, :]",
        "image[bottom:top, left:right, :]",
        "image[top:bottom, left:right, :]",
    ),
)
def _() -> str:
    chw = np.arange(2 * 5 * 6.0).reshape(2, 5, 6)
    wanted = data.CenterCrop((3, 4))(chw[None])[0].transpose(1, 2, 0)
    image, top, left, bottom, right = chw.transpose(1, 2, 0), 1, 1, 4, 5
    cuts = {
        "image[:, top:bottom, left:right]": image[:, top:bottom, left:right],
        "image[bottom:top, right:left, :]": image[bottom:top, right:left, :],
        "image[bottom:top, left:right, :]": image[bottom:top, left:right, :],
        "image[top:bottom, left:right, :]": image[top:bottom, left:right, :],
    }
    return only({key: np.array_equal(cut, wanted) for key, cut in cuts.items()})


@_ask(
    "crop-offsets",
    "augmentation",
    ja="高さ 5 の画像から高さ 3 をランダムに切り取ります。縦の位置は何通りありますか。",
    en="Random crops of height 3 are cut from images of height 5. How many vertical positions are there?",
    why_ja="5 − 3 + 1 = 3 通りです。NumPy の randint(0, 5 - 3) では上限が含まれず、最後の 1 通りを取り逃がします。",
    why_en="5 - 3 + 1 = 3. NumPy's randint(0, 5 - 3) leaves its upper end out, and so the last position.",
)
def _() -> float:
    images = np.broadcast_to(np.arange(5.0)[None, None, :, None], (64, 1, 5, 3))
    return len(np.unique(data.RandomCrop(3, seed=0)(images, np.arange(64), 0)[:, 0, 0, 0]))
