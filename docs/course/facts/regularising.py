"""Penalties, dropout, augmentation, ensembles."""

import numpy as np

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def norms_of_three_four():
    """L1 and L2 norm of (3, 4): what normalising divides by."""
    v = np.array([[3.0, 4.0]])
    return [round(3 / F.normalize(v, p=p).numpy()[0, 0]) for p in (1.0, 2.0)]


def penalty_gradients():
    """Gradients at w = (2, -3, 0) of 1/2 sum w^2 and of sum |w|."""
    rows = []
    for penalty in (tk.optim.L2(0.5), tk.optim.L1(1.0)):
        w = nn.Parameter(np.array([2.0, -3.0, 0.0]))
        penalty.penalty([w]).backward()
        rows.append(w.grad.tolist())
    return rows


def three_l2_terms():
    """Gradient at w = (3, 4), lambda = 1, of 1/2 |w|^2, of |w|, and of |w| / 2: only the first is lambda w."""
    rows = []
    for term in (
        lambda w: (w * w).sum() * 0.5,
        lambda w: (w * w).sum().sqrt(),
        lambda w: (w * w).sum().sqrt() * 0.5,
    ):
        w = nn.Parameter(np.array([3.0, 4.0]))
        term(w).backward()
        rows.append(w.grad.numpy().round(4).tolist())
    return rows


def norm_and_penalised_loss():
    """w = (1, -2), lambda = 0.1, a loss of 5: the norm sum |w| alone, and loss + lambda sum |w|."""
    w = nn.Parameter(np.array([[1.0, -2.0]]))
    norm = tk.optim.L1(1.0).penalty([w]).item()
    return [norm, round(5.0 + tk.optim.L1(0.1).penalty([w]).item(), 6)]


def ridge_weight(rate):
    """The w that minimises (w - 3)^2 / 2 + rate w^2 / 2, by gradient descent."""

    def goal(p):
        return ((p - 3.0) ** 2).sum() * 0.5 + (p * p).sum() * (0.5 * rate)

    path = tk.interpret.descend(goal, [1.0], lambda p: tk.optim.SGD(p, lr=1.0 / (1.0 + rate)), 50)
    return round(float(path[-1, 0]), 4)


def ridge_extremes():
    """Rate 0 leaves the solution as it is, a huge rate drives it to 0: both statements about ridge are true."""
    return [ridge_weight(0.0), ridge_weight(1.0), ridge_weight(1e6)]


def soft_threshold():
    """One step of L1 and of L2 on (0.05, -0.3, 2) with lr = 0.1 and rate 1: L1 gives an exact 0."""
    rows = []
    for penalty in (tk.optim.L1(1.0, proximal=True), tk.optim.L2(1.0, proximal=True)):
        w = nn.Parameter(np.array([[0.05, -0.3, 2.0]]))
        penalty.prox_([w], lr=0.1)
        rows.append(w.numpy()[0].round(4).tolist())
    return rows


def bias_is_not_decayed():
    """Weights and biases of a network that `no_decay_groups` decays, and that it leaves alone."""
    groups = tk.optim.no_decay_groups(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), weight_decay=0.1)
    return [[len(group["params"]), group["weight_decay"]] for group in groups]


def dropout_keeps_the_shape():
    """4096 values through dropout, and through a dense layer to 1000."""
    x = np.ones((1, 4096), np.float32)
    return [nn.Dropout(0.5)(x).shape[1], nn.Linear(4096, 1000)(x).shape[1]]


def dropout_means():
    """Mean of ones after dropout of 0.2: 1 in training, where what stays is divided by 0.8, and 1 at inference."""
    layer, x = nn.Dropout(0.2, generator=tk.Generator(0)), np.ones(100_000, np.float32)
    trained = layer(x).numpy()
    return [round(float(trained.mean()), 2), round(float(trained.max()), 2), float(layer.eval()(x).numpy().mean())]


def what_dropout_drops():
    """Share of zeros in ones (2, 8, 4, 4), and how many of the 16 channels are wholly 0, at p = 0.5."""
    rows = []
    for name, layer in (("Dropout", nn.Dropout), ("Dropout2d", nn.Dropout2d)):
        y = layer(0.5, generator=tk.Generator(3))(np.ones((2, 8, 4, 4), np.float32)).numpy()
        whole = int((y.reshape(16, 16) == 0).all(1).sum())
        rows.append([f"`nn.{name}`", f"{(y == 0).mean():.2f}", whole])
    return rows


def models_with_dropout():
    """Which of these networks take a rate of dropout: it is no part of convolutional networks as such."""
    names = ("lenet5", "alexnet", "vgg16", "resnet18")
    return {name: "dropout" in tk.models.options(name) for name in names}


def reported_gaps():
    """Reported accuracies without anything, with L2, with dropout: training, test, gap."""
    return [
        [name, train, test, round(train - test, 4)]
        for name, train, test in (("-", 1.0, 0.7732), ("L2", 0.8633, 0.6759), ("dropout", 0.92, 0.7261))
    ]


def dropout_between_the_others():
    """Is dropout's reported test accuracy above that of L2, and above that of nothing?"""
    nothing, l2, dropout = (row[2] for row in reported_gaps())
    return [dropout > l2, dropout > nothing]


def whole_images_right():
    """0.8633 = 259/300 and so on: the over-fitting runs had 300 training images. 0.1135 is the share of ones."""
    return [round(259 / 300, 4), round(276 / 300, 4), round(260 / 300, 4), 1135 / 10000]


def crop_offsets():
    """Rows at which random crops of height 3 from images of height 5 begin, over 64 crops."""
    images = np.broadcast_to(np.arange(5.0)[None, None, :, None], (64, 1, 5, 3))
    crops = tk.data.RandomCrop(3, seed=0)(images, np.arange(64), 0)
    return sorted({int(row) for row in crops[:, 0, 0, 0]})


def exclusive_randint():
    """Offsets that randint(0, 5 - 3) gives, and whether randint(0, 0), a crop of the whole image, raises."""
    draw = np.random.RandomState(0)
    offsets = sorted({int(draw.randint(0, 5 - 3)) for _ in range(64)})
    try:
        draw.randint(0, 5 - 5)
    except ValueError:
        return [offsets, True]
    return [offsets, False]


def crop_of_the_whole():
    """A crop as large as the image is the image."""
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    return bool(np.array_equal(tk.data.RandomCrop(3, seed=0)(x, np.arange(1), 0), x))


def flipped():
    """[[1, 2, 3], [4, 5, 6]], mirrored."""
    x = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    return tk.data.RandomHorizontalFlip(1.0, seed=0)(x, np.arange(1), 0)[0, 0].tolist()


def picture():
    return [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def ten_crops():
    """Shapes: an image (3, 256, 256), and its ten crops of 224."""
    return list(tk.data.TenCrop(224)(np.zeros((1, 3, 256, 256), np.float32)).shape)


def bias_and_variance():
    """Predictions 1, 2, 3, 6 of a truth 2: bias^2, variance, and the mean squared error, their sum."""
    predictions, truth = np.array([1.0, 2.0, 3.0, 6.0]), 2.0
    error = F.mse_loss(predictions, np.full(4, truth)).item()
    return [float((predictions.mean() - truth) ** 2), float(predictions.var()), error]


def averaging_lowers_the_variance():
    """Variance of a mean of m independent predictions of variance 1, beside 1 / m."""
    draw = tk.Generator(0).numpy()
    return [[m, f"{draw.standard_normal((20_000, m)).mean(1).var():.2f}", f"{1 / m:.2f}"] for m in (1, 2, 5, 10)]


def vote_of_three():
    """Three classifiers that are each right with 0.7, independently: how often the majority is right."""
    return round(0.7**3 + 3 * 0.7**2 * 0.3, 3)


def dropout_as_an_ensemble():
    """Deviation of one output of a network with dropout left on, over 200 calls; 0 when it is off."""
    start = tk.Generator(0)
    dropout = nn.Dropout(0.5, generator=start)
    net = nn.Sequential(nn.Linear(8, 16, generator=start), nn.ReLU(), dropout, nn.Linear(16, 1, generator=start))
    x = np.ones((200, 8), np.float32)
    on, off = net(x).numpy().std(), net.eval()(x).numpy().std()
    return [bool(on > 0.01), bool(off < 1e-6)]
