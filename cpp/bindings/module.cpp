// The extension module _native: configuration, memory, and one bind_<family> per family of kernels.
#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

py::array pool_empty(const py::tuple& shape, const py::dtype& dtype) {
    constexpr size_t kMost = 64;   // axes that NumPy knows
    const size_t axes = shape.size();
    if (axes > kMost) throw std::logic_error("kernels passed a shape of too many axes");
    py::ssize_t sizes[kMost];
    for (size_t i = 0; i < axes; ++i)
        sizes[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), i), nullptr);   // cut to the range of ssize_t
    if (PyErr_Occurred()) throw py::error_already_set();
    return new_array(dtype, static_cast<int>(axes), sizes);
}

Dict<py::str, py::int_> memory_stats() {
    const PoolStats stats = pool_stats();
    Dict<py::str, py::int_> d;
    d["in_use_bytes"] = stats.in_use_bytes;
    d["cached_bytes"] = stats.cached_bytes;
    d["peak_bytes"] = stats.peak_bytes;
    d["hits"] = stats.hits;
    d["misses"] = stats.misses;
    return d;
}

List<Tuple<py::str, py::str, py::bool_>> isa_list() {
    List<Tuple<py::str, py::str, py::bool_>> list;
    for (const Isa& isa : isas()) list.append(py::make_tuple(isa.name, isa.level, isa.supported));
    return list;
}

Dict<py::str, List<py::str>> shape_fields() {
#define TK_NAME(name) names.append(#name);
#define TK_FIELDS(key, fields)          \
    {                                   \
        py::list names;                 \
        fields(TK_NAME) d[key] = names; \
    }
    Dict<py::str, List<py::str>> d;
    TK_FIELDS("ConvShape", TK_CONV_SHAPE)
    TK_FIELDS("PoolShape", TK_POOL_SHAPE)
    TK_FIELDS("MatmulShape", TK_MATMUL_SHAPE)
    TK_FIELDS("NormShape", TK_NORM_SHAPE)
    TK_FIELDS("GroupNormShape", TK_GROUP_NORM_SHAPE)
    TK_FIELDS("SoftmaxShape", TK_SOFTMAX_SHAPE)
    TK_FIELDS("LossShape", TK_LOSS_SHAPE)
    TK_FIELDS("ResampleShape", TK_RESAMPLE_SHAPE)
    TK_FIELDS("SampleShape", TK_SAMPLE_SHAPE)
    TK_FIELDS("ImageShape", TK_IMAGE_SHAPE)
    return d;
}

}   // namespace

// The block's address is a capsule's pointer, its size that capsule's context. Not by py::array, which makes vectors of
// shape and strides first.
py::array new_array(const py::dtype& dtype, int axes, const py::ssize_t* sizes) {
    py::ssize_t bytes = dtype.itemsize();
    bool fits = true, none = false;
    for (int i = 0; i < axes; ++i) {
        fits = fits && !__builtin_mul_overflow(bytes, sizes[i] ? sizes[i] : 1, &bytes);
        none = none || sizes[i] == 0;
    }
    const Block block = fits ? pool_acquire(none ? 0 : static_cast<size_t>(bytes)) : Block{nullptr, 0};
    if (!block.address) throw NoMemory("no memory for an array");
    const auto release = [](PyObject* capsule) {
        pool_release({PyCapsule_GetPointer(capsule, nullptr), reinterpret_cast<size_t>(PyCapsule_GetContext(capsule))});
    };
    auto owner = py::reinterpret_steal<py::object>(PyCapsule_New(block.address, nullptr, release));
    if (!owner) {
        pool_release(block);
        throw py::error_already_set();
    }
    PyCapsule_SetContext(owner.ptr(), reinterpret_cast<void*>(block.size));
    using Api = py::detail::npy_api;
    const Api& numpy = Api::get();
    auto array = py::reinterpret_steal<py::array>(numpy.PyArray_NewFromDescr_(
        numpy.PyArray_Type_, py::dtype(dtype).release().ptr(), axes, sizes, nullptr, block.address,
        Api::NPY_ARRAY_WRITEABLE_ | Api::NPY_ARRAY_ALIGNED_ | Api::NPY_ARRAY_C_CONTIGUOUS_, nullptr));
    if (!array) throw py::error_already_set();
    numpy.PyArray_SetBaseObject_(array.ptr(), owner.release().ptr());
    return array;
}

}   // namespace tk::bindings

PYBIND11_MODULE(_native, m) {
    using namespace tk;
    namespace py = pybind11;
    m.doc() = "tatamikomi's C++ kernels; tatamikomi.kernels is their checked face.";
    m.attr("compiler") = __VERSION__;
    m.attr("openmp") = has_openmp();
    m.def("isas", &bindings::isa_list, "(name, x86-64 level, supported here), best first");
    m.def("active_isa", [] { return std::string(active_isa().name); });
    m.def("select_isa", &select_isa, py::arg("name"), "False when the name is unknown or unsupported here");
    m.def("kernel_names", [] {
        bindings::List<py::str> names;
        for (const char* name : kernel_names()) names.append(name);
        return names;
    });
    m.def("shape_fields", &bindings::shape_fields);
    m.def("max_threads", &max_threads);
    m.def("default_threads", &default_threads);
    m.def("set_max_threads", &set_max_threads, py::arg("count"));
    m.def("compute_alone", &compute_alone);
    m.def(
        "is_plain",
        [](const py::handle& value) { return bindings::plain<float>(value) || bindings::plain<double>(value); },
        py::arg("value"), "a contiguous, aligned, native ndarray of float32 or float64");
    m.def("empty", &bindings::pool_empty, py::arg("shape"), py::arg("dtype"));
    m.def(
        "empty_like",
        [](const py::array& array) {
            return bindings::new_array(array.dtype(), static_cast<int>(array.ndim()), array.shape());
        },
        py::arg("array"));
    m.def("memory_stats", &bindings::memory_stats);
    m.def("empty_cache", &pool_trim);
    m.def("workspace_limit", &workspace_limit);
    m.def("set_workspace_limit", &set_workspace_limit, py::arg("bytes"));
    bindings::bind_conv(m);
    bindings::bind_linear(m);
    bindings::bind_activation(m);
    bindings::bind_dropout(m);
    bindings::bind_half(m);
    bindings::bind_loss(m);
    bindings::bind_optimizer(m);
    bindings::bind_pool(m);
    bindings::bind_resize(m);
    bindings::bind_sample(m);
    bindings::bind_norm(m);
}
