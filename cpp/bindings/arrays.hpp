// Arrays to pointers. Python's kernels/ floor has checked and coerced everything; what is asserted here only
// keeps a mistake in that floor from becoming a wild pointer.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/buffer_pool.hpp"
#include "common/parallel.hpp"
#include "common/shapes.hpp"
#include "dispatch/isa.hpp"

namespace tk::bindings {

namespace py = pybind11;
using py::typing::Dict;   // containers whose elements the stubs can name
using py::typing::List;
using py::typing::Tuple;

template <class T> bool holds(const py::array& array) {
    const py::dtype dtype = array.dtype();
    return dtype.normalized_num() == py::dtype::num_of<T>() && dtype.byteorder() == '=';
}

// Whether there is nothing to coerce: an ndarray itself, contiguous and aligned, of T.
template <class T> bool plain(const py::handle& value) {
    constexpr int wanted = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    if (Py_TYPE(value.ptr()) != py::detail::npy_api::get().PyArray_Type_) return false;
    const auto array = py::reinterpret_borrow<py::array>(value);
    return (array.flags() & wanted) == wanted && holds<T>(array);
}

template <class T> bool plain(const py::handle& value, py::ssize_t axes) {
    return plain<T>(value) && py::reinterpret_borrow<py::array>(value).ndim() == axes;
}
// Whether an activation is ReLU, where there is nothing to complain of: it is "relu" or None.
inline std::optional<bool> plain_relu(const py::handle& activation) {
    if (activation.is_none()) return false;
    if (PyUnicode_Check(activation.ptr()) && !PyUnicode_CompareWithASCIIString(activation.ptr(), "relu")) return true;
    return std::nullopt;
}

// Pointer to `count` contiguous elements of T.
template <class T> const T* in(const py::array& array, int64_t count) {
    if (!holds<T>(array) || !(array.flags() & py::array::c_style) || array.size() != count)
        throw std::logic_error("kernels passed an unchecked array: expected " + std::to_string(count) +
                               " contiguous elements of one dtype, got " + std::to_string(array.size()));
    return static_cast<const T*>(array.data());
}
template <class T> T* out(py::array& array, int64_t count) {
    in<T>(array, count);
    return static_cast<T*>(array.mutable_data());   // throws when read-only
}
template <class T> const T* optional_in(const py::object& array, int64_t count) {
    return array.is_none() ? nullptr : in<T>(array.cast<py::array>(), count);
}
template <class T> T* optional_out(py::object& array, int64_t count) {
    if (array.is_none()) return nullptr;
    auto borrowed = array.cast<py::array>();
    return out<T>(borrowed, count);
}

// A shape struct from the NamedTuple of the same fields (geometry/shapes.py).
template <class Shape> Shape shape_from(const py::tuple& fields) {
    constexpr size_t count = sizeof(Shape) / sizeof(int64_t);
    if (fields.size() != count) throw std::logic_error("kernels passed a shape with the wrong number of fields");
    Shape shape;
    auto* values = reinterpret_cast<int64_t*>(&shape);
    for (size_t i = 0; i < count; ++i) values[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(fields.ptr(), i));
    if (PyErr_Occurred()) throw py::error_already_set();
    return shape;
}

// Calls f(T{}) for the dtype of `array`.
template <class F> void by_dtype(const py::array& array, F&& f) {
    if (holds<float>(array)) return f(float{});
    if (holds<double>(array)) return f(double{});
    throw std::logic_error("kernels passed an array that is neither float32 nor float64");
}

// Python's MemoryError, thrown with or without the GIL: pybind11 makes one of every std::bad_alloc.
class NoMemory : public std::bad_alloc {
public:
    explicit NoMemory(const std::string& message) : message_(message) {}
    const char* what() const noexcept override { return message_.c_str(); }

private:
    std::string message_;
};

[[noreturn, gnu::noinline]] inline void no_workspace(int64_t bytes) {
    throw NoMemory("workspace: no memory for " + std::to_string(bytes) + " bytes");
}

// Workspace of `elements` of T from the pool.
template <class T> class Workspace {
public:
    explicit Workspace(int64_t elements) : lease_(static_cast<size_t>(elements) * sizeof(T)) {
        if (lease_.failed()) no_workspace(elements * static_cast<int64_t>(sizeof(T)));
    }
    operator T*() const { return lease_.template as<T>(); }

private:
    Lease lease_;
};

// A C-contiguous array whose memory belongs to the pool and goes back there when the array dies. A shape that passes
// 2**63 bytes is out of memory as well; a dimension of 0 counts as 1 there, as NumPy has it.
py::array new_array(const py::dtype& dtype, int axes, const py::ssize_t* sizes);

void bind_conv(py::module_& m);
void bind_linear(py::module_& m);
void bind_pool(py::module_& m);
void bind_norm(py::module_& m);
void bind_resize(py::module_& m);
void bind_sample(py::module_& m);
void bind_activation(py::module_& m);
void bind_dropout(py::module_& m);
void bind_half(py::module_& m);
void bind_loss(py::module_& m);
void bind_optimizer(py::module_& m);

}   // namespace tk::bindings
