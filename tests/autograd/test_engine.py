"""The tape: order, accumulation, freeing, versions, ownership, cycles. Values are small integers, so exact."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.autograd import Function, grad, is_grad_enabled, set_grad_enabled


def leaf(*values):
    return tk.tensor(list(values), requires_grad=True)


class Double(Function):
    """2 x, and a count of how often its backward runs."""

    runs = 0

    def forward(self, x):
        return x * 2

    def backward(self, dy):
        Double.runs += 1
        return dy * 2.0


def test_every_node_is_visited_once_after_all_its_users():
    x = leaf(1.0)
    Double.runs = 0
    y = Double()(x)
    z = y + y * y + Double()(y)  # y is used four times, from different depths
    z.backward()
    assert x.grad.item() == 2 * (1 + 2 * 2 + 2)
    assert Double.runs == 2


def test_exponentially_many_paths_take_linear_time():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


@pytest.mark.parametrize("depth", [10_000, 40_000])
def test_depth_is_no_limit(depth):
    x = leaf(3.0)
    y = x
    for _ in range(depth):
        y = -y
    y.backward()
    assert x.grad.item() == 1.0
    z = x
    for _ in range(depth):
        z = -z
    del z  # an unused tape of that depth goes away too


def test_second_derivative_of_a_deep_chain():
    x = tk.tensor([1.0], requires_grad=True)
    y = x * x
    for _ in range(2_000):
        y = -y
    (dx,) = grad(y, x, create_graph=True)
    assert grad(dx, x)[0].item() == 2.0


def test_gradients_of_leaves_accumulate_over_passes():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * 4).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]
    assert first.tolist() == [3.0, 3.0]  # nobody who holds the first gradient sees it change


def test_gradients_do_not_share_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    cotangent = np.array([5.0, 6.0], np.float32)
    (a + b).backward(cotangent)
    assert not np.shares_memory(a.grad.data, b.grad.data)
    assert not np.shares_memory(a.grad.data, cotangent)
    a.grad.data *= 0
    assert cotangent.tolist() == b.grad.tolist() == [5.0, 6.0]


def test_broadcast_gradients_are_writable_arrays_of_the_leaf():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.grad.data += 1
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_leaf_is_its_own_output():
    x = leaf(1.0)
    x.backward()
    x.backward([2.0])
    assert x.grad.tolist() == [3.0]


def test_tape_is_freed_unless_retained():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(RuntimeError, match=r"freed by an earlier backward pass; pass retain_graph=True"):
        y.backward()


def test_a_freed_node_inside_a_new_tape_is_noticed():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="freed by an earlier backward pass"):
        (y + x).backward()


def test_a_failing_pass_leaves_gradients_alone():
    class Broken(Function):
        def forward(self, x):
            return x + 0

        def backward(self, dy):
            raise ZeroDivisionError

    a, b = leaf(1.0), leaf(1.0)
    with pytest.raises(ZeroDivisionError):
        (a + Broken()(b)).backward()
    assert a.grad is None
    assert is_grad_enabled()


def test_saved_values_are_let_go_during_the_pass():
    x = leaf(0.0, 1.0, 2.0)
    held = (x * 2.0).exp()
    array = weakref.ref(held.data)
    y = held * held
    del held
    assert array() is not None
    y.sum().backward()
    assert array() is None


OPERATIONS = {
    "product": lambda w, d: w * d,
    "quotient": lambda w, d: w / d,
    "view": lambda w, d: w * tk.Tensor(d).reshape(1, 3)[0],
    "matmul": lambda w, d: w @ d,
    "linear": lambda w, d: tk.functional.linear(d, w.reshape(1, 3)),
    "conv": lambda w, d: tk.functional.conv1d(d.reshape(1, 1, 3), w.reshape(1, 1, 3)),
    "where": lambda w, d: tk.autograd.where(d > 1, w, 0.0) * d,
    "gather": lambda w, d: w.gather(0, tk.Tensor(d).to("int64") - 1) * d,
    "dlpack": lambda w, d: w * tk.from_dlpack(d),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_array_of_the_users_may_change_after_the_forward_pass(name):
    first, second = leaf(1.0, 2.0, 3.0), leaf(1.0, 2.0, 3.0)
    array = np.array([1.0, 2.0, 3.0], np.float32)
    OPERATIONS[name](first, array.copy()).sum().backward()
    y = OPERATIONS[name](second, array).sum()
    array[:] = 7
    y.backward()
    assert second.grad.tolist() == first.grad.tolist()


@pytest.mark.parametrize("share", [lambda a: tk.Tensor(a, requires_grad=True), lambda a: tk.Tensor(a).requires_grad_()])
def test_a_leaf_in_an_array_of_the_users_has_gradients_of_every_order(share):
    array = np.array([2.0, 3.0])
    x = share(array)
    (dx,) = grad((x * x * x).sum(), x, create_graph=True)
    array[:] = 7
    assert dx.tolist() == [12.0, 27.0]
    (ddx,) = grad(dx.sum(), x, create_graph=True)
    assert ddx.tolist() == [12.0, 18.0]
    assert grad(ddx.sum(), x)[0].tolist() == [6.0, 6.0]


def test_an_index_or_condition_of_the_users_may_change_too():
    x = leaf(1.0, 2.0)
    index, condition = np.array([0, 0]), np.array([True, False])
    y = x.gather(0, index).sum() + tk.autograd.where(condition, x, 0.0).sum()
    z = tk.autograd.scatter_add(tk.tensor([0.0, 0.0]), 0, index, x * leaf(1.0, 2.0))[0]
    index[:], condition[:] = 1, True
    (y + z).backward()
    assert x.grad.tolist() == [4.0, 2.0]


def test_only_memory_that_others_write_to_is_copied():
    w = leaf(1.0, 2.0)
    own, array = tk.tensor([1.0, 2.0]), np.ones(2, np.float32)
    assert (w * own)._node._kept[1][0] is own
    assert not np.shares_memory((w * array)._node._kept[1][0].data, array)
    assert (w + array)._node._kept == {}
    shared = tk.Tensor(array, requires_grad=True)
    assert np.shares_memory((shared * own)._node._kept[1][0].data, own.data)
    assert 0 not in (shared * own)._node._kept


def test_unneeded_values_are_not_kept():
    x = leaf(1.0, 2.0)
    first = x + 1.0
    array = weakref.ref(first.data)
    second = first + x
    del first
    assert array() is None  # addition needs no values
    second.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("run_backward", [False, True])
def test_no_reference_cycles(run_backward):
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (x.exp() * x).reshape(2, 1)[0] @ tk.tensor([[1.0]])
        z = tk.autograd.maximum(y, 0.5).sum().sqrt()
        watched = [weakref.ref(one) for one in (x, y, z, y._node, z._node)]
        if run_backward:
            (dx,) = grad(z, x, create_graph=True)
            watched += [weakref.ref(dx), weakref.ref(dx._node)]
            grad(dx.sum(), x)
            del dx
        del x, y, z
        assert [one() for one in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_backward_without_graph_leaves_no_cycle():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = x.exp()
        y.backward()
        watched = [weakref.ref(x), weakref.ref(x.grad), weakref.ref(y), weakref.ref(y._node)]
        del x, y
        assert [one() for one in watched] == [None] * 4
    finally:
        gc.enable()


def test_an_overwritten_input_is_noticed():
    w = tk.autograd.Parameter([2.0])
    x = leaf(3.0)
    y = x * w
    w.data *= 2
    with pytest.raises(RuntimeError, match=r"_Mul: input 1 was overwritten after the forward pass"):
        y.backward()


def test_an_overwritten_output_is_noticed():
    x = leaf(0.0)
    y = x.exp()
    y.detach().data[:] = 5
    y.bump()
    with pytest.raises(RuntimeError, match=r"_Exp: the output was overwritten"):
        y.backward()


def test_overwriting_through_a_view_is_noticed():
    w = tk.autograd.Parameter([[2.0, 3.0]])
    x = leaf(1.0, 1.0)
    y = x * w.reshape(2)
    w.copy_([[0.0, 0.0]])
    with pytest.raises(RuntimeError, match="overwritten"):
        y.sum().backward()


def test_overwriting_what_no_gradient_needs_is_fine():
    w = tk.autograd.Parameter([2.0])
    x = leaf(3.0)
    y = x + w
    w.data *= 2
    y.backward()
    assert x.grad.tolist() == w.grad.tolist() == [1.0]


def test_grad_of_leaves_and_inner_tensors():
    x, unused = leaf(2.0), leaf(1.0)
    y = x * x
    z = y * 3
    dy, dx, none = grad(z, [y, x, unused], allow_unused=True)
    assert (dy.item(), dx.item(), none) == (3.0, 12.0, None)
    assert x.grad is None
    with pytest.raises(ValueError, match=r"grad: inputs: expected an input that the outputs depend on, got input 1"):
        grad(x * 2, [x, unused])


def test_grad_of_several_outputs_adds_up():
    x = leaf(2.0, 3.0)
    (dx,) = grad([x * 2, x.sum()], x, [np.array([1, 10], np.float32), None])
    assert dx.tolist() == [3.0, 21.0]


def test_grad_wants_one_cotangent_per_output():
    x = leaf(2.0)
    with pytest.raises(ValueError, match=r"grad: grad_outputs: expected 2, one per output, got 1 arrays"):
        grad([x, x * 2], x, [None])


def test_wrong_cotangents():
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(ValueError, match=r"backward: gradient: expected an array of shape \(2,\), got None"):
        y.backward()
    with pytest.raises(ValueError, match=r"gradient: expected shape \(2,\), got \(1,\)"):
        y.backward([1.0])
    with pytest.raises(TypeError, match="gradient: expected float32, got float64"):
        y.backward(np.ones(2))
    with pytest.raises(ValueError, match="requires a gradient"):
        tk.tensor([1.0]).backward()


def test_a_gradient_of_another_shape_or_dtype_is_refused():
    class Wrong(Function):
        def __init__(self, answer):
            self.answer = answer

        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return self.answer

    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"Wrong: input 0 is float32 \(2,\), its gradient is float32 \(1,\)"):
        Wrong(tk.tensor([1.0]))(x).sum().backward()
    with pytest.raises(RuntimeError, match=r"its gradient is float64 \(2,\)"):
        Wrong(tk.tensor(np.ones(2)))(x).sum().backward()
    with pytest.raises(RuntimeError, match="1 inputs, but 2 gradients"):
        Wrong((None, None))(x).sum().backward()


def test_an_operation_object_serves_one_call():
    x = leaf(1.0)
    double = Double()
    double(x)
    with pytest.raises(RuntimeError, match="Double: one object serves one call"):
        double(x)


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with tk.no_grad():
        assert not (x * 2).requires_grad
        with tk.enable_grad():
            assert (x * 2).requires_grad
        assert not is_grad_enabled()
    assert is_grad_enabled()

    @tk.no_grad()
    def plain(x):
        return (x * 2).requires_grad

    assert plain(x) is False
    assert plain.__name__ == "plain"


def test_grad_mode_object_may_be_nested_and_survives_exceptions():
    mode = set_grad_enabled(False)
    with pytest.raises(KeyError), mode, mode:
        raise KeyError
    assert is_grad_enabled()


def test_generators_cannot_be_decorated():
    def numbers():
        yield 1

    with pytest.raises(TypeError, match="no_grad: function: expected a plain function"):
        tk.no_grad()(numbers)


def test_every_thread_has_its_own_grad_mode():
    seen = []
    with tk.no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_build_and_walk_tapes_of_their_own():
    def work(number, results):
        x = leaf(float(number))
        for _ in range(50):
            x.grad = None
            y = x
            for _ in range(20):
                y = y + x
            y.backward()
        results[number] = x.grad.item()

    results = {}
    threads = [threading.Thread(target=work, args=(n, results)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(4), 21.0)


def test_backward_records_nothing_unless_asked():
    x = leaf(2.0)
    (x * x).backward()
    assert not x.grad.requires_grad
    x.grad = None
    (x * x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    assert grad(x.grad, x)[0].item() == 12.0
