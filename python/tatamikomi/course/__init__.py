"""Drop-in modules for scripts of deep-learning lessons, on this package's kernels: change one import, keep the script.

    from tatamikomi.course.layers import Affine, Relu      instead of      from common.layers import Affine, Relu

Or `course.install("common")`, once, and no import changes. `with tk.backend("reference")` computes the same in NumPy.
Beside them `experiments` and `quiz`, which `tatamikomi course` runs.
"""

from tatamikomi.course import (
    dataset,
    functions,
    gradient,
    layers,
    multi_layer_net,
    multi_layer_net_extend,
    networks,
    optimizer,
    trainer,
    util,
)
from tatamikomi.course.dtypes import set_default_dtype
from tatamikomi.course.installing import install, uninstall
from tatamikomi.course.pickles import load_pickle
from tatamikomi.course.running import run_script

__all__ = [
    "dataset",
    "functions",
    "gradient",
    "install",
    "layers",
    "load_pickle",
    "multi_layer_net",
    "multi_layer_net_extend",
    "networks",
    "optimizer",
    "run_script",
    "set_default_dtype",
    "trainer",
    "uninstall",
    "util",
]
