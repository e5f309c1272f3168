"""Back-propagation, activations and initial values."""

import numpy as np

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def chain_rule():
    """dz/dx of z = (x + y)^2 at x = 1, y = 2."""
    x = tk.tensor([1.0], requires_grad=True)
    ((x + 2.0) ** 2).sum().backward()
    return x.grad.item()


def six_steps():
    """One unit y = w x + b with the loss (y - d)^2 / 2, one update at learning rate 0.05."""
    w, b = nn.Parameter([2.0]), nn.Parameter([1.0])
    x, d = 3.0, 5.0
    y = w * x + b
    loss = ((y - d) ** 2).sum() * 0.5
    loss.backward()
    before = y.item(), loss.item(), w.grad.item(), b.grad.item()
    tk.optim.SGD([w, b], lr=0.05).step()
    after = w * x + b
    return [*before, *(round(one.item(), 4) for one in (w, b, after))]


def error_gradient():
    """dE/dy of E = |y - d|^2 / 2 is y - d."""
    y = tk.tensor([3.0, 1.0], requires_grad=True)
    (F.mse_loss(y, [1.0, 2.0], reduction="sum") * 0.5).backward()
    return y.grad.tolist()


def gradient_step_lowers_the_loss():
    """E = w^2 from w = 1: after w - lr dE/dw, and after w + lr dE/dw."""
    ends = []
    for maximize in (False, True):
        w = nn.Parameter([1.0])
        (w * w).sum().backward()
        tk.optim.SGD([w], lr=0.1, maximize=maximize).step()
        ends.append(round((w * w).item(), 4))
    return ends


def every_sample_once():
    """Batches of 4 of 10 samples: their sizes, and whether an epoch shows every sample once."""
    samples = tk.data.ArrayDataset(np.arange(10.0)[:, None], np.arange(10))
    batches = [labels for _, labels in tk.data.DataLoader(samples, batch_size=4, shuffle=True, seed=0)]
    seen = np.concatenate(batches)
    return [[len(one) for one in batches], sorted(seen.tolist()) == list(range(10)), seen.tolist() != list(range(10))]


def cross_entropy_from_logits():
    """Softmax of (2, 1, 0), and the loss where the first class is right."""
    logits = np.array([[2.0, 1.0, 0.0]])
    share = F.softmax(logits, 1).numpy()[0].round(4).tolist()
    return [share, round(F.cross_entropy(logits, np.array([0])).item(), 4)]


def slopes():
    """Value and derivative of sigmoid, tanh and ReLU at a few places."""
    rows = []
    for u in (-4.0, -1.0, 0.0, 1.0, 4.0):
        row = [f"{u:g}"]
        for function in (F.sigmoid, F.tanh, F.relu):
            x = tk.tensor([u], requires_grad=True)
            y = function(x)
            y.backward(np.ones(1, np.float32))
            row += [f"{y.item():.4f}", f"{x.grad.item():.4f}"]
        rows.append(row)
    return rows


def largest_sigmoid_slope():
    """The largest derivative of the sigmoid, and where it is."""
    u = tk.tensor(np.linspace(-8, 8, 1601), requires_grad=True)
    F.sigmoid(u).sum().backward()
    slope = u.grad.numpy()
    return [round(float(slope.max()), 6), round(float(u.numpy()[slope.argmax()]), 6)]


def sigmoid_slope_bounds():
    """What is left at most of a gradient after 1, 2, 4, 8 and 16 sigmoids."""
    largest = largest_sigmoid_slope()[0]
    return [[layers, f"{largest**layers:.3g}"] for layers in (1, 2, 4, 8, 16)]


def relu_slope():
    """The derivative of ReLU at -2, 0.5 and 3: 0 or 1, never the input."""
    x = tk.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    F.relu(x).sum().backward()
    return x.grad.tolist()


def first_to_last_gradient(activation, std):
    """Mean size of the first layer's weight gradient over the last one's, of 784-40-20-10 before training."""
    generator = tk.Generator(0)
    layers = []
    for n_in, n_out in ((784, 40), (40, 20), (20, 10)):
        linear = nn.Linear(n_in, n_out)
        scale = std or float(np.sqrt((2 if activation is nn.ReLU else 1) / n_in))
        nn.init.normal_(linear.weight, 0.0, scale, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
    net = nn.Sequential(*layers[:-1])
    x = tk.data.load("mnist-5k").train_x[:100].reshape(100, 784)
    labels = tk.data.load("mnist-5k").train_y[:100]
    F.cross_entropy(net(x), labels).backward()
    first, last = (float(np.abs(net[i].weight.grad.numpy()).mean()) for i in (0, 4))
    return first / last


def vanishing():
    """The ratio above, for three kinds of start."""
    starts = [("sigmoid, σ = 0.01", nn.Sigmoid, 0.01), ("sigmoid, 1/√n", nn.Sigmoid, None)]
    starts.append(("ReLU, √(2/n)", nn.ReLU, None))
    return [[name, f"{first_to_last_gradient(kind, std):.1e}"] for name, kind, std in starts]


def equal_start_stays_equal():
    """Different hidden units among four after 5 updates: from zeros, from halves, from random numbers."""
    counts = []
    for start in (0.0, 0.5, None):
        net = nn.Sequential(nn.Linear(3, 4, generator=tk.Generator(0)), nn.Sigmoid(), nn.Linear(4, 2))
        for parameter in net.parameters() if start is not None else ():
            nn.init.constant_(parameter, start)
        optimizer = tk.optim.SGD(net.parameters(), lr=0.5)
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(net(np.eye(3, dtype=np.float32)), np.array([0, 1, 0])).backward()
            optimizer.step()
        counts.append(len(np.unique(net[0].weight.numpy(), axis=0)))
    return counts


def drawn_deviations():
    """Deviation of drawn weights with 400 inputs and 100 outputs, beside the formula."""
    rows = []
    for name, draw, expected in (
        ("lecun_normal_", nn.init.lecun_normal_, (1 / 400) ** 0.5),
        ("xavier_normal_", nn.init.xavier_normal_, (2 / 500) ** 0.5),
        ("kaiming_normal_", nn.init.kaiming_normal_, (2 / 400) ** 0.5),
    ):
        weight = nn.Parameter(np.zeros((100, 400), np.float32))
        draw(weight, generator=tk.Generator(0))
        rows.append([f"`{name}`", f"{expected:.4f}", f"{weight.numpy().std():.4f}"])
    return rows


def deviation_after_layers(gain, layers=20):
    """Deviation of what comes out of 20 ReLU layers of 64 units with weights of deviation sqrt(gain / n)."""
    generator = tk.Generator(1)
    x = generator.numpy().standard_normal((64, 64)).astype(np.float32)
    for _ in range(layers):
        weight = nn.Parameter(np.zeros((64, 64), np.float32))
        nn.init.normal_(weight, 0.0, float(np.sqrt(gain / 64)), generator=generator)
        x = F.relu(F.linear(x, weight)).numpy()
    return float(x.std())


def he_keeps_the_scale():
    """20 ReLU layers: sqrt(2/n) keeps the deviation near 1, sqrt(1/n) loses a factor of about 2^10 = 1024."""
    he, xavier = deviation_after_layers(2.0), deviation_after_layers(1.0)
    return [0.4 < he < 2.0, xavier < 0.002, round(float(np.log2(he / xavier)))]
