#include <vector>

#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

// (axis, offsets [out + 1], index [taps], weights [taps]) each; whoever made them has checked what they hold.
template <class T> std::vector<AxisTable<T>> tables_from(const py::tuple& tables, const ResampleShape& s) {
    const int64_t sizes[3] = {s.od, s.oh, s.ow};
    std::vector<AxisTable<T>> result;
    for (const py::handle& one : tables) {
        const auto [axis, offsets, index, weights] = one.cast<std::tuple<int64_t, py::array, py::array, py::array>>();
        if (axis < 0 || axis > 2) throw std::logic_error("kernels passed a table for an axis that is none of three");
        result.push_back({axis, in<int64_t>(offsets, sizes[axis] + 1), in<int64_t>(index, weights.size()),
                          in<T>(weights, weights.size())});
    }
    if (result.empty() || result.size() > 3) throw std::logic_error("kernels passed no tables, or more than three");
    return result;
}

void resample(py::array y, const py::array& x, const py::tuple& shape, const py::tuple& tables) {
    const auto s = shape_from<ResampleShape>(shape);
    by_dtype(x, [&](auto t) {
        using T = decltype(t);
        T* to = out<T>(y, s.planes * s.od * s.oh * s.ow);
        const T* from = in<T>(x, s.planes * s.id * s.ih * s.iw);
        const auto passes = tables_from<T>(tables, s);
        const int count = static_cast<int>(passes.size());
        const py::gil_scoped_release unlocked;
        const auto& k = kernels<T>();
        const Workspace<T> workspace(k.resample_workspace(s, passes.data(), count, max_threads()));
        k.resample(to, from, s, passes.data(), count, workspace);
    });
}

}   // namespace

void bind_resize(py::module_& m) {
    m.def("resample", &resample, py::arg("y"), py::arg("x"), py::arg("shape"), py::arg("tables"));
}

}   // namespace tk::bindings
