"""Optional packages: never imported before they are used, and asked for by the extra that brings them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tatamikomi.data.extras import extra_folder, extra_module

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PACKAGES = {"PIL", "nibabel", "pooch", "sklearn", "skimage", "pyts", "requests"}


def test_importing_the_room_imports_none_of_them():
    code = "import sys, tatamikomi.data; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    imported = set(done.stdout.split())
    assert "tatamikomi" in imported
    assert not imported & PACKAGES


@pytest.mark.parametrize(
    ("package", "extra"),
    [
        ("Pillow", "images"),
        ("nibabel", "nifti"),
        ("pooch", "download"),
        ("scikit-learn", "sklearn"),
        ("scikit-image", "skimage"),
        ("pyts", "pyts"),
    ],
)
def test_every_extra_that_is_asked_for_exists(package, extra):
    room = PYPROJECT.parent / "python" / "tatamikomi" / "data"
    assert any(f'"{package}", "{extra}"' in path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    lines = PYPROJECT.read_text(encoding="utf-8").splitlines()
    assert any(re.match(rf'{extra} = \["{package}>=', line) for line in lines), f"no extra {extra} brings {package}"


def test_a_broken_package_speaks_for_itself(tmp_path, monkeypatch):
    (tmp_path / "brokenpackage").mkdir()
    (tmp_path / "brokenpackage" / "__init__.py").write_text("import a_module_that_is_nowhere")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_nowhere"):
        extra_module("brokenpackage", "it", "broken-package", "none")
    assert extra_folder("brokenpackage", "it", "broken-package", "none") == str(tmp_path / "brokenpackage")


def test_a_missing_package_is_asked_for():
    for find in (extra_module, extra_folder):
        with pytest.raises(ImportError, match=r"it needs no-such: pip install 'tatamikomi\[none\]'"):
            find("no_such_package", "it", "no-such", "none")
