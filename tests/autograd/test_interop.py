"""Arrays in every layout, NumPy's and Python's protocols, DLPack, pickle."""

from __future__ import annotations

import copy
import operator
import pickle

import numpy as np
import pytest

import tatamikomi as tk

VALUES = np.arange(12, dtype=np.float64).reshape(3, 4)


def unaligned(array):
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    shifted = buffer[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def read_only(array):
    fixed = array.copy()
    fixed.flags.writeable = False
    return fixed


HOSTILE = {
    "plain": VALUES,
    "Fortran": np.asfortranarray(VALUES),
    "negative strides": VALUES[::-1, ::-1].copy()[::-1, ::-1],
    "gaps": np.repeat(np.repeat(VALUES, 2, 0), 3, 1)[::2, ::3],
    "zero strides": np.broadcast_to(VALUES[:1], (3, 4)),
    "byte-swapped": VALUES.astype(VALUES.dtype.newbyteorder()),
    "unaligned": unaligned(VALUES),
    "read-only": read_only(VALUES),
    "float32": VALUES.astype(np.float32),
    "empty": VALUES[:0],
    "0-d": np.array(2.0),
}


@pytest.mark.parametrize("make", [tk.tensor, tk.Tensor, tk.autograd.Parameter])
@pytest.mark.parametrize("layout", HOSTILE)
def test_any_layout_comes_in_and_is_never_written(layout, make):
    array = HOSTILE[layout]
    before = array.copy()
    x = make(array, requires_grad=True)
    assert x.data.dtype == array.dtype.newbyteorder("=")
    assert x.data.dtype.isnative
    assert x.data.flags.aligned
    assert x.tolist() == before.tolist()
    y = (x * array.astype(x.dtype) + array).sum()
    y.backward()
    assert x.grad.tolist() == before.tolist()
    assert x.grad.shape == array.shape
    assert array.tolist() == before.tolist()


@pytest.mark.parametrize("make", [tk.tensor, tk.autograd.Parameter])
def test_copies_share_nothing_and_are_contiguous(make):
    for array in HOSTILE.values():
        x = make(array)
        assert not np.shares_memory(x.data, array)
        assert x.data.flags.carray
        x.data[...] = 7
        x.bump()


def test_tensor_shares_what_it_can():
    assert np.shares_memory(tk.Tensor(VALUES).data, VALUES)
    assert np.shares_memory(tk.autograd.as_tensor(VALUES.T).data, VALUES)
    x = tk.tensor(VALUES)
    assert tk.autograd.as_tensor(x) is x


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2.0], "float32"),
        ([[1], [2.5]], "float32"),
        ([], "float32"),
        ([np.float64(1.0)], "float64"),
        (np.float64(1.0), "float64"),
        ([np.ones(2), np.ones(2)], "float64"),
        ([1, 2], "int64"),
        (True, "bool"),
        ([np.uint8(1)], "uint8"),
        (range(3), "int64"),
        (memoryview(np.ones(2)), "float64"),
    ],
)
def test_dtypes_of_data(data, dtype):
    assert tk.tensor(data).dtype == dtype
    assert tk.tensor(data, np.float64).dtype == np.float64
    assert tk.tensor(tk.tensor(data)).dtype == dtype


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (None, TypeError, "tensor: data: expected float32, float64, an integer type or bool .*got NoneType"),
        ([1.0, None], TypeError, "tensor: data: .* got list"),
        ("abc", TypeError, "tensor: data: .* got str"),
        (1j, TypeError, "tensor: data: .* got complex128"),
        (np.ones(2, complex), TypeError, "got complex128"),
        (np.ones(2, "S3"), TypeError, "got bytes24"),
        (np.ones(2, np.longdouble), TypeError, "got (longdouble|float128)"),
        (np.array([object()]), TypeError, "tensor: data"),
        ([[1.0, 2.0], [3.0]], ValueError, "tensor: data: expected rows of equal length, got a ragged sequence"),
        (np.array(["2020-01-01"], "datetime64[D]"), TypeError, "tensor: data"),
    ],
)
def test_data_that_is_no_array_of_numbers(data, error, message):
    with pytest.raises(error, match=message):
        tk.tensor(data)


def test_integers_have_no_gradient():
    with pytest.raises(TypeError, match="Tensor: requires_grad: expected float32 or float64"):
        tk.tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="requires_grad"):
        tk.tensor([1, 2]).requires_grad = True
    with pytest.raises(TypeError, match="requires_grad"):
        tk.autograd.Parameter([1, 2])


def test_only_leaves_can_be_switched_off():
    x = tk.tensor([1.0], requires_grad=True)
    x.requires_grad_(False)
    assert not (x * 2).requires_grad
    x.requires_grad = True
    with pytest.raises(RuntimeError, match=r"cannot be switched off; detach\(\) it"):
        (x * 2).requires_grad_(False)


def test_numpy_sees_a_read_only_view():
    x = tk.tensor(VALUES)
    for view in (x.numpy(), np.asarray(x)):
        assert np.shares_memory(view, x.data)
        assert not view.flags.writeable
    for copied in (np.array(x), np.asarray(x, np.float32), np.array(x, copy=True)):
        assert not np.shares_memory(copied, x.data)
        copied += 1
    assert np.asarray(x, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy=False"):
        x.__array__(np.float32, copy=False)
    assert x.data.flags.writeable
    assert np.concatenate([x, x]).shape == (6, 4)


def test_numpy_functions_do_not_lose_the_tape_silently():
    x = tk.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError):
        np.exp(x)
    array = np.ones(2, np.float32)
    with pytest.raises(TypeError):
        array += x
    assert (np.ones(2, np.float32) + x).requires_grad


def test_python_protocols():
    x = tk.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert (float(x[0, 0]), int(x[1, 1]), bool(x[0, 1])) == (1.0, 4, True)
    assert list(range(3))[tk.tensor(1)] == 1
    assert operator.index(tk.tensor([2])) == 2
    assert x.item is not None
    assert (x.shape, x.ndim, x.dim(), x.numel(), x.is_leaf) == ((2, 2), 2, 2, 4, True)
    assert hash(x) == hash(x)
    assert len({x, tk.tensor(x)}) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.item(), ValueError, r"Tensor.item: self: expected a single element, got shape \(3, 4\)"),
        (bool, ValueError, "a single element"),
        (float, ValueError, "a single element"),
        (lambda x: len(x[0, 0]), TypeError, "len"),
        (lambda x: iter(x[0, 0]), TypeError, "iteration over a 0-d"),
        (lambda x: [1, 2][x[0, 0]], TypeError, "expected an integer Tensor, got float64"),
        (lambda x: operator.setitem(x, 0, 1), TypeError, "item assignment"),
        (lambda x: x.copy_([1.0]), ValueError, r"Tensor.copy_: source: expected shape \(3, 4\), got \(1,\)"),
        (lambda x: (x.requires_grad_() * 2).copy_(x), RuntimeError, "cannot be overwritten"),
        (lambda x: setattr(x, "grad", [1.0]), TypeError, "Tensor.grad: value: expected float64, got float32"),
        (lambda x: setattr(x, "grad", np.ones(2)), ValueError, "Tensor.grad: value"),
    ],
)
def test_protocol_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(tk.tensor(VALUES))


def test_writers_are_counted():
    p = tk.autograd.Parameter([1.0, 2.0])
    assert p.version == 0
    p.data -= 1
    assert (p.version, p.tolist()) == (1, [0.0, 1.0])
    array = p.data
    p.data = [5.0, 6.0]
    assert (p.version, array.tolist()) == (2, [5.0, 6.0])
    p.copy_(np.array([7, 8]))
    p.detach().bump()
    assert (p.version, p.reshape(2, 1).version, p[1:].version, p.clone().version) == (4, 4, 4, 0)
    p.grad = [1.0, 1.0]
    assert p.grad.tolist() == [1.0, 1.0]


def test_repr():
    assert repr(tk.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(tk.tensor(VALUES[:1])) == "tensor([[0., 1., 2., 3.]], dtype=float64)"
    assert repr(tk.autograd.Parameter([1.0])) == "Parameter([1.], requires_grad=True)"
    assert repr(tk.tensor(True)) == "tensor(True)"
    assert repr(tk.tensor(np.zeros((0, 3)))) == "tensor([], shape=(0, 3), dtype=float64)"


@pytest.mark.parametrize("through", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
@pytest.mark.parametrize("make", [tk.tensor, tk.autograd.Parameter])
def test_pickle_and_deepcopy(through, make):
    x = make([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = through(x)
    assert type(y) is type(x)
    assert (y.tolist(), y.grad.tolist(), y.requires_grad) == ([1.0, 2.0], [2.0, 4.0], True)
    assert not np.shares_memory(x.data, y.data)
    y.data += 1
    assert x.tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="cannot be pickled or deep-copied"):
        through(x * 2)


def test_deepcopy_keeps_shared_parameters_shared():
    p = tk.autograd.Parameter([1.0])
    a, b = copy.deepcopy([p, p])
    assert a is b


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, bool])
def test_dlpack_round_trip(dtype):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)[:, ::2]
    x = tk.from_dlpack(array)
    assert np.shares_memory(x.data, array)
    back = np.from_dlpack(tk.tensor(array))
    assert back.tolist() == x.tolist() == array.tolist()
    assert back.dtype == dtype
    assert tk.tensor(array).__dlpack_device__() == (1, 0)


def test_a_writable_export_is_marked():
    p = tk.autograd.Parameter([1.0, 2.0])
    assert not p.exported
    outside = np.from_dlpack(p.detach())
    assert np.shares_memory(outside, p.data)
    assert p.exported
    assert p[1:].exported
    assert not p.clone().exported
    assert not copy.deepcopy(p).exported


def test_a_copied_export_is_not_marked():
    p = tk.autograd.Parameter([1.0, 2.0])
    try:
        p.__dlpack__(copy=True)
    except TypeError:
        pytest.skip("this NumPy exports no copies")
    assert not p.exported


def test_negative_strides_are_exported_as_a_copy():
    x = tk.tensor([1.0, 2.0, 3.0])[::-1]
    outside = np.from_dlpack(x)
    assert outside.tolist() == [3.0, 2.0, 1.0]
    assert outside.flags.c_contiguous
    assert not np.shares_memory(outside, x.data)
    assert not x.exported
    with pytest.raises(BufferError, match="negative strides need a copy"):
        x.__dlpack__(copy=False)
    torch = pytest.importorskip("torch")
    assert torch.from_dlpack(x).tolist() == [3.0, 2.0, 1.0]


def test_dlpack_errors():
    with pytest.raises(BufferError, match=r"detach\(\) it"):
        (tk.autograd.Parameter([1.0]) * 2).__dlpack__()
    with pytest.raises(TypeError, match="from_dlpack: source: expected an object with __dlpack__, got list"):
        tk.from_dlpack([1.0])
    with pytest.raises(TypeError, match=r"from_dlpack: source: .* got complex128"):
        tk.from_dlpack(np.ones(2, complex))


def test_torch_both_ways():
    torch = pytest.importorskip("torch")
    theirs = torch.arange(4.0)
    ours = tk.from_dlpack(theirs)
    theirs[0] = 9
    assert ours.tolist() == [9.0, 1.0, 2.0, 3.0]
    p = tk.autograd.Parameter([1.0, 2.0])
    torch.from_dlpack(p)[0] = 5
    assert p.tolist() == [5.0, 2.0]
    assert p.exported
    assert tk.tensor(theirs).dtype == np.float32
