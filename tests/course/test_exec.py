"""`tatamikomi course exec` runs unchanged scripts; install puts modules in place, and nothing stays behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import course
from tatamikomi.cli import main
from tatamikomi.course.dtypes import default_dtype

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *words):
    """(exit code, lines printed, stderr)."""
    code = main(["course", "exec", *map(str, words)])
    done = capsys.readouterr()
    return code, done.out.splitlines(), done.err


def numbers(line):
    return [float(one) for one in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)]


def test_train_convnet(capsys, place):
    pytest.importorskip("matplotlib")
    code, lines, err = run(capsys, SCRIPTS / "train_convnet.py", 7)
    assert code == 0, err
    losses = [float(line.split(":")[1]) for line in lines if line.startswith("train loss:")]
    assert len(losses) == 30
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
    assert len([line for line in lines if re.match(r"=== epoch:\d, train acc:[\d.]+, test acc:[\d.]+ ===$", line)]) == 3
    assert lines[-1] == "same predictions: True"
    assert (place / "figures" / "train_convnet-1.png").stat().st_size > 5000
    assert "figure: figures/train_convnet-1.png" in err
    assert course.load_pickle(place / "params.pkl")["W1"].shape == (6, 1, 5, 5)
    with tk.backend("reference"):
        _, plain, _ = run(capsys, "--figures", "plain", SCRIPTS / "train_convnet.py", 7)
    others = [float(line.split(":")[1]) for line in plain if line.startswith("train loss:")]
    np.testing.assert_allclose(losses, others, rtol=1e-7)
    assert (place / "plain" / "train_convnet-1.png").exists()


def test_gradient_check(capsys):
    code, lines, _ = run(capsys, SCRIPTS / "gradient_check.py")
    assert code == 0
    found = {line.split(":")[0]: float(line.split(":")[1]) for line in lines}
    assert list(found) == ["W1", "b1", "W2", "b2"]
    assert all(0 < difference < 1e-6 for difference in found.values())


def test_optimizer_compare(capsys, place):
    pytest.importorskip("matplotlib")
    code, lines, err = run(capsys, SCRIPTS / "optimizer_compare.py")
    assert code == 0, err
    assert len(lines) == 10
    for line in lines[:6]:  # from (-7, 2): down x^2 / 20 + y^2
        x, y = numbers(line)
        assert x**2 / 20 + y**2 < 0.1 * (49 / 20 + 4)
    for line in lines[7:]:
        first, last = numbers(line)
        assert last < 0.8 * first
    assert len(list((place / "figures").iterdir())) == 2


def test_overfit_weight_decay(capsys):
    code, (without, decayed), _ = run(capsys, SCRIPTS / "overfit_weight_decay.py")
    assert code == 0
    (_, train, _, size), (_, train_l2, _, size_l2) = numbers(without), numbers(decayed)
    assert train == 1 > train_l2 > 0.5
    assert size_l2 < 0.5 * size


def test_batch_norm(capsys):
    code, (without, normalised), _ = run(capsys, SCRIPTS / "batch_norm_compare.py")
    assert code == 0
    assert numbers(without)[0] < 0.3
    assert numbers(normalised)[0] > 0.5


def test_own_network(capsys):
    code, lines, err = run(capsys, SCRIPTS / "own_network.py")
    assert code == 0, err
    expected = [*(f"{key} True" for key in ("W1", "b1", "W2", "b2")), "col (180, 9) mask [0 2]", "either order True"]
    assert lines == [*expected, "learned True 0.5 True"]


def script(place, text, name="script.py"):
    (place / "chapter").mkdir(exist_ok=True)
    path = place / "chapter" / name
    path.write_text(text)
    return path


def test_a_script_sees_what_python_shows_it_and_leaves_nothing(capsys, place):
    path = script(
        place,
        "import sys, os, beside, simple_convnet\n"
        "print(__name__, __file__, sys.argv, sys.path[0], beside.HERE)\n"
        "print(simple_convnet.SimpleConvNet().params['W1'].dtype)\n"
        "sys.path.append('..')\n",
    )
    script(place, "HERE = 1\n", "beside.py")
    before = list(sys.path), list(sys.argv), os.environ.get("MPLBACKEND"), set(sys.modules)
    code, lines, _ = run(capsys, "--dtype", "float32", path, "--figures", "x", "-1")
    assert code == 0
    assert lines == [f"__main__ {path} {[str(path), '--figures', 'x', '-1']} {path.parent} 1", "float32"]
    assert before[:3] == (sys.path, sys.argv, os.environ.get("MPLBACKEND"))
    assert not {name for name in set(sys.modules) - before[3] if name.partition(".")[0] in ("common", "beside")}
    assert default_dtype() == np.float64


def test_exit_codes_and_tracebacks(capsys, place):
    assert run(capsys, script(place, "raise SystemExit(3)"))[0] == 3
    assert run(capsys, script(place, "import sys\nsys.exit()"))[0] == 0
    code, _, err = run(capsys, script(place, "import sys\nsys.exit('no data')"))
    assert (code, err) == (1, "no data\n")
    path = script(place, "from common.layers import Relu\nRelu().forward(1j)\n")
    code, _, err = run(capsys, path)
    assert code == 1
    assert err.splitlines()[:2] == ["Traceback (most recent call last):", f'  File "{path}", line 2, in <module>']
    assert "running.py" not in err
    code, _, err = run(capsys, script(place, "1 +\n"))
    assert code == 1
    assert "SyntaxError" in err
    assert run(capsys, place / "none.py") == (2, [], f"tatamikomi course: {place / 'none.py'}: no such script\n")
    code, _, err = run(capsys, "--dtype", "float16", path)
    assert code == 2
    assert "expected float32 or float64, got float16" in err


def test_a_scripts_own_chapter_modules_are_its_own(capsys, place):
    path = script(place, "from two_layer_net import Net\nprint(Net.forward([-1.0, 2.0]))\n")
    script(place, "from common.layers import *\nNet = Relu()\n", "two_layer_net.py")
    assert run(capsys, path)[:2] == (0, ["[0. 2.]"])


def test_a_package_that_is_there_is_not_hidden_unless_told(capsys, place):
    path = script(place, "from common.layers import *\nprint(Relu)\n")
    (place / "chapter" / "common").mkdir()
    (place / "chapter" / "dataset").mkdir()
    script(place, "Relu = 'theirs'\n", "common/layers.py")
    code, lines, err = run(capsys, path)
    assert (code, lines) == (2, [])
    assert re.search(
        "install: name: expected a free name, or shadow=True, got 'common', which is .*chapter/common", err
    )
    assert run(capsys, "--shadow", path)[1] == ["<class 'tatamikomi.course.layers.Relu'>"]
    (place / "chapter" / "common" / "layers.py").unlink()  # a folder without Python is no package
    assert run(capsys, path)[:2] == (0, ["<class 'tatamikomi.course.layers.Relu'>"])


def test_install_and_uninstall():
    names = course.install("lessons")
    assert {"lessons", "lessons.util", "dataset.mnist", "deep_convnet"} <= set(names)
    import lessons.util
    from dataset.mnist import load_mnist
    from deep_convnet import DeepConvNet
    from lessons import layers

    assert lessons.util is course.util
    assert layers is course.layers
    assert load_mnist is course.dataset.load_mnist
    assert DeepConvNet is course.networks.DeepConvNet
    course.uninstall()
    assert not set(names) & set(sys.modules)
    with pytest.raises(ModuleNotFoundError):
        import lessons.layers
    with pytest.raises(ValueError, match=r"'numpy', which is .*numpy"):
        course.install("numpy")
    assert sys.modules["numpy"] is np
    course.install("numpy", shadow=True)
    course.uninstall()
    assert sys.modules["numpy"] is np


def test_matplotlib_is_not_waited_for(place):
    """A process of its own: here it has been imported already."""
    path = script(place, "import sys, common.layers\nprint('matplotlib' in sys.modules)\n")
    command = [sys.executable, "-m", "tatamikomi", "course", "exec", str(path)]
    root = SCRIPTS.parents[2]  # PYTHONPATH may be relative to it
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "False\n"
