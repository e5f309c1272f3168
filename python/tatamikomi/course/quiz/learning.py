"""Questions on back-propagation, activations, initial values and optimizers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamikomi import data, nn, optim
from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, tensor
from tatamikomi.course.quiz.question import Sheet, only, slope

_sheet = Sheet()
_ask = _sheet.ask
QUESTIONS = _sheet.questions


def _walk(make: Callable[[list[Parameter]], Any], gradients: list[float]) -> list[float]:
    """The step of each gradient, of a weight that begins at 0."""
    w = Parameter(np.zeros(1))
    optimizer, places = make([w]), [0.0]
    for one in gradients:
        optimizer.zero_grad()
        (w * one).sum().backward()
        optimizer.step()
        places.append(float(w.numpy()[0]))
    return np.diff(places).tolist()


@_ask(
    "chain-rule",
    "foundations",
    ja="z = t²、t = x + y です。x = 1、y = 2 のとき dz/dx はいくつですか。",
    en="z = t^2 and t = x + y. What is dz/dx at x = 1, y = 2?",
    why_ja="dz/dx = dz/dt × dt/dx = 2t × 1 = 2(x + y) = 6 です。",
    why_en="dz/dx = dz/dt * dt/dx = 2t * 1 = 2(x + y) = 6.",
)
def _() -> float:
    x = tensor([1.0], requires_grad=True)
    ((x + 2.0) ** 2).sum().backward()
    return float(slope(x)[0])


@_ask(
    "descent-sign",
    "foundations",
    ja="勾配降下法で誤差 E を減らす更新はどちらですか（ε > 0）。",
    en="Which update lowers the loss E by gradient descent (ε > 0)?",
    why_ja="勾配は E が最も増える向きです。減らすには逆向きに進みます。",
    why_en="The gradient points to where E grows fastest; to lower E, go the other way.",
    choices=("w + ε ∇E", "w - ε ∇E"),
)
def _() -> str:
    step = _walk(lambda w: optim.SGD(w, lr=0.1), [3.0])[0]
    return "w - ε ∇E" if step < 0 else "w + ε ∇E"


@_ask(
    "shuffled-slice",
    "foundations",
    ja="shuffle_idx は 0..N−1 の並べ替え、i_end = i + batch_size です。順番を混ぜ、どの標本も 1 エポックに"
    "一度だけ使うミニバッチはどれですか。",
    en="shuffle_idx is a permutation of 0..N-1 and i_end = i + batch_size. Which mini-batches come in random order and"
    " use every sample once per epoch?",
    why_ja="並べ替えた番号を i から i_end の手前まで取ります。shuffle_idx を使わないと順番が毎回同じになります。",
    why_en="Take the permuted indices from i to before i_end. Without shuffle_idx the order is the same every time.",
    choices=("x[i:i_end]", "x[shuffle_idx[i:i_end]]", "x[shuffle_idx[i:]]", "x[i_end:i]"),
)
def _() -> str:
    x, size = np.arange(10), 4
    shuffle_idx = np.concatenate(
        [y for _, y in data.DataLoader(data.ArrayDataset(x[:, None] * 1.0, x), batch_size=10, shuffle=True, seed=1)]
    )
    rules: dict[str, Callable[[int], Any]] = {
        "x[i:i_end]": lambda i: x[i : i + size],
        "x[shuffle_idx[i:i_end]]": lambda i: x[shuffle_idx[i : i + size]],
        "x[shuffle_idx[i:]]": lambda i: x[shuffle_idx[i:]],
        "x[i_end:i]": lambda i: x[i + size : i],
    }
    seen = {key: np.concatenate([rule(i) for i in range(0, 10, size)]).tolist() for key, rule in rules.items()}
    return only({key: sorted(order) == x.tolist() != order for key, order in seen.items()})


@_ask(
    "sigmoid-slope",
    "activation",
    ja="シグモイド関数の微分の最大値はどれですか。",
    en="What is the largest value of the sigmoid's derivative?",
    why_ja="f'(u) = f(u)(1 − f(u)) は u = 0 で最大になり、f(0) = 1/2 なので 0.25 です。",
    why_en="f'(u) = f(u)(1 - f(u)) is largest at u = 0, where f = 1/2: 0.25.",
    choices=("0.15", "0.25", "0.35", "0.45"),
)
def _() -> str:
    u = tensor(np.linspace(-8, 8, 161), requires_grad=True)
    F.sigmoid(u).sum().backward()
    return f"{slope(u).max():.4g}"


@_ask(
    "relu-slope",
    "activation",
    ja="入力が 3 のとき、ReLU の微分はいくつですか。",
    en="What is the derivative of ReLU at 3?",
    why_ja="正の入力では 1、負の入力では 0 です。入力の値 x そのものにはなりません。",
    why_en="It is 1 for positive inputs and 0 for negative ones, never the input itself.",
    choices=("0", "1", "3"),
)
def _() -> str:
    u = tensor([3.0], requires_grad=True)
    F.relu(u).sum().backward()
    return f"{slope(u)[0]:g}"


@_ask(
    "he",
    "initialisation",
    ja="入力が 200 個の層を He の方法で初期化します。重みの標準偏差はいくつですか。",
    en="A layer has 200 inputs. What is the standard deviation of its weights after He?",
    why_ja="√(2/n) = √(2/200) = 0.1 です。ReLU が半分を 0 にする分を 2 で補います。",
    why_en="sqrt(2 / n) = sqrt(2 / 200) = 0.1. The 2 makes up for the half that ReLU sets to 0.",
    tolerance=1e-4,
)
def _() -> float:
    return nn.init.calculate_gain("relu") / math.sqrt(200)


@_ask(
    "equal-weights",
    "initialisation",
    ja="隠れユニット 4 個の重みを同じ値にして 5 回更新しました。互いに異なる隠れユニットは何種類ありますか。",
    en="Four hidden units start with equal weights and take 5 updates. How many different hidden units are there?",
    why_ja="どのユニットも同じ勾配を受け取るので、1 種類のままです。重みを多く持つ意味がなくなります。",
    why_en="All of them get the same gradient: one. Having many units is of no use then.",
)
def _() -> float:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.5)
    optimizer, x = optim.SGD(net.parameters(), lr=0.5), np.eye(3, dtype=np.float32)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(net(x), np.array([0, 1, 0])).backward()
        optimizer.step()
    return len(np.unique(net[0].weight.numpy(), axis=0))


@_ask(
    "velocity",
    "optimisation",
    ja="モメンタム v ← μv − ε∇E で、μ = 0.9、ε = 0.1、勾配はいつも 1、v は 0 から始めます。"
    "2 回目の更新量 v はいくつですか。",
    en="Momentum, v = mu v - lr grad, with mu = 0.9, lr = 0.1, a gradient of 1, v = 0 at first. What is v in step 2?",
    why_ja="v₁ = −0.1、v₂ = 0.9 × (−0.1) − 0.1 = −0.19 です。",
    why_en="v1 = -0.1, v2 = 0.9 * (-0.1) - 0.1 = -0.19.",
    tolerance=1e-6,
)
def _() -> float:
    return _walk(lambda w: optim.SGD(w, lr=0.1, momentum=0.9), [1.0, 1.0])[1]


@_ask(
    "fading-steps",
    "optimisation",
    ja="勾配がいつも 1 のとき、更新の大きさが 0 に向かって減り続けるものはどれですか。",
    en="The gradient stays 1. Whose steps go on shrinking towards 0?",
    why_ja="AdaGrad は勾配の二乗を足し続けるので、実効的な学習率が ε/√t で減ります。"
    "RMSProp は移動平均なので下げ止まります。",
    why_en="AdaGrad keeps adding squares, its rate falls like lr / sqrt(t). RMSProp's moving mean levels off.",
    choices=("SGD", "Momentum", "AdaGrad", "RMSProp"),
)
def _() -> str:
    makers: dict[str, Callable[[list[Parameter]], Any]] = {
        "SGD": lambda w: optim.SGD(w, lr=0.1),
        "Momentum": lambda w: optim.SGD(w, lr=0.1, momentum=0.9),
        "AdaGrad": lambda w: optim.Adagrad(w, lr=0.1),
        "RMSProp": lambda w: optim.RMSprop(w, lr=0.1, alpha=0.9),
    }
    steps = {name: _walk(make, [1.0] * 160) for name, make in makers.items()}
    return only({name: one[159] / one[39] < 0.6 for name, one in steps.items()})


@_ask(
    "divergence",
    "optimisation",
    ja="E = ½ × 4 × w² を SGD で最小化します。発散する学習率はどれですか。",
    en="SGD minimises E = 1/2 * 4 * w^2. Which learning rate diverges?",
    why_ja="1 回の更新で w は (1 − 4ε) 倍になります。|1 − 4ε| > 1、つまり ε > 0.5 で発散します。",
    why_en="A step multiplies w by 1 - 4 lr, which grows where lr > 0.5.",
    choices=("0.05", "0.25", "0.45", "0.55"),
)
def _() -> str:
    def end(lr: float) -> float:
        w = Parameter(np.ones(1))
        optimizer = optim.SGD([w], lr=lr)
        for _ in range(30):
            optimizer.zero_grad()
            (w * w * 2.0).sum().backward()
            optimizer.step()
        return abs(float(w.numpy()[0]))

    return only({key: end(float(key)) > 1 for key in ("0.05", "0.25", "0.45", "0.55")})
