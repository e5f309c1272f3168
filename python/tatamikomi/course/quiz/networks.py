"""Questions on light convolutions, well-known networks, scaling and measures."""

from __future__ import annotations

from tatamikomi import interpret, models, nn
from tatamikomi.autograd import Tensor, tensor
from tatamikomi.course.quiz.question import Sheet, only, slope

_sheet = Sheet()
_ask = _sheet.ask
QUESTIONS = _sheet.questions


def _macs(layer: nn.Module, channels: int, size: int) -> int:
    return sum(one.macs or 0 for one in interpret.summary(layer, (1, channels, size, size)).layers)


@_ask(
    "separable-ratio",
    "separable",
    ja="K = 3、出力 128 チャネルのとき、depthwise separable 畳み込みの積和は通常の何倍ですか（小数第 3 位まで）。",
    en="K = 3 and 128 output channels: what share of a convolution's multiply-adds has a separable one? 3 decimals.",
    why_ja="1/M + 1/K² = 1/128 + 1/9 ≈ 0.119 です。",
    why_en="1/M + 1/K^2 = 1/128 + 1/9 = 0.119.",
    tolerance=0.0006,
)
def _() -> float:
    light = _macs(nn.SeparableConv2d(64, 128, 3, padding=1, bias=False), 64, 56)
    return light / _macs(nn.Conv2d(64, 128, 3, padding=1, bias=False), 64, 56)


@_ask(
    "lightest",
    "separable",
    ja="64 チャネルから 128 チャネルへの 3×3 畳み込みのうち、積和が最も少ないものはどれですか。",
    en="Which 3x3 convolution from 64 to 128 channels has the fewest multiply-adds?",
    why_ja="MobileNet が使う depthwise separable です。ダイレーションは積和を減らしません。",
    why_en="The depthwise separable one, which MobileNet uses. Dilation saves none.",
    choices=(
        ("plain", "通常の畳み込み", "plain convolution"),
        ("dilated", "dilated 畳み込み（拡張率 2）", "dilated convolution, rate 2"),
        ("grouped", "グループ畳み込み（4 グループ）", "group convolution, 4 groups"),
        ("separable", "depthwise separable 畳み込み", "depthwise separable convolution"),
    ),
)
def _() -> str:
    layers = {
        "plain": nn.Conv2d(64, 128, 3, padding=1),
        "dilated": nn.Conv2d(64, 128, 3, padding=2, dilation=2),
        "grouped": nn.Conv2d(64, 128, 3, padding=1, groups=4),
        "separable": nn.SeparableConv2d(64, 128, 3, padding=1),
    }
    counts = {name: _macs(layer, 64, 14) for name, layer in layers.items()}
    return only({name: count == min(counts.values()) for name, count in counts.items()})


@_ask(
    "residual-slope",
    "architectures",
    ja="F(x) = 0.1x の残差ブロック y = x + F(x) を 3 個重ねます。出力の入力に対する微分はいくつですか。",
    en="Three residual blocks y = x + F(x) with F(x) = 0.1x follow each other. What is the derivative of the output?",
    why_ja="1.1³ = 1.331 です。近道がなければ 0.1³ = 0.001 まで小さくなります。",
    why_en="1.1^3 = 1.331. Without the shortcuts it is 0.1^3 = 0.001.",
    tolerance=1e-4,
)
def _() -> float:
    x = tensor([1.0], requires_grad=True)
    y: Tensor = x
    for _ in range(3):
        y = y + y * 0.1
    y.sum().backward()
    return float(slope(x)[0])


@_ask(
    "compound-parts",
    "scaling",
    ja="EfficientNet の複合係数 φ が一緒に大きくするものはどれですか。",
    en="What does EfficientNet's compound coefficient φ make larger together?",
    why_ja="深さ α^φ、幅 β^φ、解像度 γ^φ の 3 つです。",
    why_en="Depth alpha^phi, width beta^phi and resolution gamma^phi.",
    choices=(
        ("depth", "深さだけ", "depth alone"),
        ("depth+width", "深さと幅", "depth and width"),
        ("depth+width+resolution", "深さと幅と解像度", "depth, width and resolution"),
    ),
)
def _() -> str:
    scale = models.compound_scale(1)
    return "+".join(name for name in ("depth", "width", "resolution") if getattr(scale, name) > 1)
