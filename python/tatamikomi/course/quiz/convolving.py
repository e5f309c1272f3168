"""Questions on convolution, padding, stride, dilation, pooling and global average pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi import functional as F
from tatamikomi import interpret, nn
from tatamikomi.course.quiz.question import Sheet, only

_sheet = Sheet()
_ask = _sheet.ask
QUESTIONS = _sheet.questions

_MAP = [[1, 3, 2, 4], [5, 6, 1, 2], [7, 8, 3, 5], [4, 2, 6, 7]]


def _plane(rows: Any) -> Any:
    return np.array(rows, np.float64)[None, None]


def _size(size: int, kernel: int, **options: Any) -> int:
    """How large the maps of a convolution are."""
    shape: tuple[int, ...] = nn.Conv2d(1, 1, kernel, **options)(np.zeros((1, 1, size, size), np.float32)).shape
    return shape[2]


def _parameters(layer: nn.Module) -> int:
    return sum(int(np.prod(one.shape)) for one in layer.parameters())


@_ask(
    "conv-value",
    "convolution",
    ja="I[i, j] = i + j + 1 の 5×5 画像に、[[1,0,1],[0,1,0],[1,0,1]] のフィルタをかけます"
    "（ストライド 1、パディング 0）。左上の出力はいくつですか。",
    en="The 5x5 image I[i, j] = i + j + 1 meets the kernel [[1,0,1],[0,1,0],[1,0,1]], stride 1, no padding."
    " What is the top left output?",
    why_ja="1 + 3 + 3 + 3 + 5 = 15 です。出力全体は [[15,20,25],[20,25,30],[25,30,35]] になります。",
    why_en="1 + 3 + 3 + 3 + 5 = 15; all of it is [[15,20,25],[20,25,30],[25,30,35]].",
)
def _() -> float:
    image, kernel = np.add.outer(np.arange(5), np.arange(5)) + 1, [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    return float(F.conv2d(_plane(image), _plane(kernel))[0, 0, 0, 0].item())


@_ask(
    "size-11-3-2-2",
    "convolution",
    ja="入力 11×11、フィルタ 3×3、パディング 2、ストライド 2 の出力の一辺はいくつですか。",
    en="Input 11x11, kernel 3x3, padding 2, stride 2: how long is a side of the output?",
    why_ja="⌊(11 + 2×2 − 3)/2⌋ + 1 = 7 です。最後の +1 と、パディングの 2 倍を忘れないでください。",
    why_en="floor((11 + 2*2 - 3) / 2) + 1 = 7. Mind the + 1, and that padding counts twice.",
)
def _() -> float:
    return _size(11, 3, padding=2, stride=2)


@_ask(
    "size-6-2-1-1",
    "convolution",
    ja="入力 6×6、フィルタ 2×2、パディング 1、ストライド 1 の出力の一辺はいくつですか。",
    en="Input 6x6, kernel 2x2, padding 1, stride 1: how long is a side of the output?",
    why_ja="(6 + 2×1 − 2)/1 + 1 = 7 です。",
    why_en="(6 + 2*1 - 2) / 1 + 1 = 7.",
)
def _() -> float:
    return _size(6, 2, padding=1)


@_ask(
    "alexnet-size",
    "convolution",
    ja="AlexNet の第 1 層はフィルタ 11×11、ストライド 4、パディング 2 です。入力 224×224 の出力の一辺はいくつですか。",
    en="AlexNet begins with 11x11 filters, stride 4, padding 2. How long is a side of the maps of a 224x224 image?",
    why_ja="⌊(224 + 4 − 11)/4⌋ + 1 = 55 です。パディングがなければ 54 になります。",
    why_en="floor((224 + 4 - 11) / 4) + 1 = 55. Without padding it is 54.",
)
def _() -> float:
    return _size(224, 11, padding=2, stride=4)


@_ask(
    "option-names",
    "convolution",
    ja="1 から 2 に変えると、12×12 の画像に 1×1 のフィルタをかけた出力の一辺が半分になるものはどれですか。",
    en="A 1x1 kernel goes over 12x12 images. Which option, at 2 in the place of 1, halves the side of the output?",
    why_ja="ストライドはフィルタを動かす幅です。パディングは入力を広げ、ダイレーションはフィルタの要素の間隔を広げます。",
    why_en="Stride is how far the kernel moves. Padding widens the input, dilation the gaps of the kernel.",
    choices=(
        ("stride", "ストライド", "stride"),
        ("padding", "パディング", "padding"),
        ("dilation", "ダイレーション（拡張率）", "dilation"),
    ),
)
def _() -> str:
    return only({name: _size(12, 1, **{name: 2}) == 6 for name in ("stride", "padding", "dilation")})


@_ask(
    "conv-parameters",
    "convolution",
    ja="入力 3 チャネル、出力 16 チャネル、5×5 の畳み込み層（バイアスあり）のパラメータは何個ですか。",
    en="A 5x5 convolution from 3 to 16 channels, with biases: how many parameters?",
    why_ja="(5 × 5 × 3 + 1) × 16 = 1,216 個です。画像の大きさには関係しません。",
    why_en="(5 * 5 * 3 + 1) * 16 = 1,216, whatever the size of the image.",
)
def _() -> float:
    return _parameters(nn.Conv2d(3, 16, 5))


@_ask(
    "conv-biases",
    "convolution",
    ja="フィルタが 8 枚の畳み込み層に、バイアスは何個ありますか。",
    en="How many biases has a convolution with 8 filters?",
    why_ja="出力チャネル（フィルタ）ごとに 1 個、合計 8 個です。全部で 1 個ではありません。",
    why_en="One for each output channel: 8, not one for all.",
)
def _() -> float:
    bias = nn.Conv2d(3, 8, 3).bias
    assert bias is not None
    return bias.shape[0]


@_ask(
    "max-pool",
    "pooling",
    ja="[[1,3,2,4],[5,6,1,2],[7,8,3,5],[4,2,6,7]] の 2×2 最大プーリング（ストライド 2）はどれですか。",
    en="What is 2x2 max pooling, stride 2, of [[1,3,2,4],[5,6,1,2],[7,8,3,5],[4,2,6,7]]?",
    why_ja="左上の窓は 1、3、5、6 なので 6 です。",
    why_en="The top left window holds 1, 3, 5, 6: it gives 6.",
    choices=("[[3, 4], [8, 7]]", "[[6, 4], [8, 7]]", "[[6, 4], [8, 5]]", "[[5, 6], [7, 8]]"),
)
def _() -> str:
    return str(F.max_pool2d(_plane(_MAP), 2).numpy()[0, 0].astype(int).tolist())


@_ask(
    "pool-parameters",
    "pooling",
    ja="2×2 の最大プーリング層に、学習するパラメータは何個ありますか。",
    en="How many trained parameters has 2x2 max pooling?",
    why_ja="0 個です。窓の中の最大値を選ぶだけです。",
    why_en="None: it chooses the largest value of a window.",
)
def _() -> float:
    return _parameters(nn.MaxPool2d(2))


@_ask(
    "gap-value",
    "gap",
    ja="[[2,3,1,4],[1,2,5,3],[4,1,2,1],[3,2,3,2]] の大域平均プーリング（GAP）はいくつですか。",
    en="What is the global average pooling of [[2,3,1,4],[1,2,5,3],[4,1,2,1],[3,2,3,2]]?",
    why_ja="合計 39 を 16 で割って 2.4375 です。チャネルごとに値が 1 個になります。",
    why_en="39 / 16 = 2.4375, one value for each channel.",
    tolerance=1e-4,
)
def _() -> float:
    return float(F.global_avg_pool(_plane([[2, 3, 1, 4], [1, 2, 5, 3], [4, 1, 2, 1], [3, 2, 3, 2]])).item())


@_ask(
    "dilated-size",
    "dilated",
    ja="3×3 のフィルタをダイレーション 4 で使うと、何ピクセルの幅を見ますか。",
    en="How wide is what a 3x3 kernel with dilation 4 sees?",
    why_ja="(3 − 1) × 4 + 1 = 9 です。重みは 9 個のままです。",
    why_en="(3 - 1) * 4 + 1 = 9, still with 9 weights.",
)
def _() -> float:
    return interpret.receptive_field([(3, 1, 0, 4)]).size[0]


@_ask(
    "dilated-stack",
    "dilated",
    ja="ダイレーション 1、2、4 の 3×3 畳み込みを重ねると、受容野の一辺はいくつですか。",
    en="3x3 convolutions with dilations 1, 2 and 4 follow each other. How wide is the receptive field?",
    why_ja="3、7、15 と広がります。1 層の 3 に対して 5 倍です。",
    why_en="3, 7, 15: five times that of one layer.",
)
def _() -> float:
    return interpret.receptive_field([(3, 1, 0, 1), (3, 1, 0, 2), (3, 1, 0, 4)]).size[0]


@_ask(
    "gridding",
    "dilated",
    ja="3×3 を 3 層重ねるとき、見落とすピクセルのないダイレーションの組はどれですか。",
    en="Three 3x3 layers. Which dilations miss no pixel within their field?",
    why_ja="同じ倍数だけを使うと格子状の穴が残ります。1、2、5 のように混ぜると埋まります。",
    why_en="Multiples of one number leave a grid of holes; a mixture such as 1, 2, 5 fills them.",
    choices=("2, 2, 2", "1, 2, 5", "2, 4, 4", "4, 4, 4"),
)
def _() -> str:
    rates = ("2, 2, 2", "1, 2, 5", "2, 4, 4", "4, 4, 4")
    return only({key: bool((interpret.coverage([3] * 3, [*map(int, key.split(","))]) > 0).all()) for key in rates})
