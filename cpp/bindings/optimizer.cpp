#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

using Arrays = std::vector<py::array>;

// offsets[i]: where array i begins in the concatenation of all; the last entry is the total.
std::vector<int64_t> offsets_of(const Arrays& arrays) {
    std::vector<int64_t> offsets{0};
    for (const py::array& array : arrays) offsets.push_back(offsets.back() + array.size());
    return offsets;
}

template <class T> std::vector<T*> pointers(Arrays& arrays, const Arrays& like) {
    if (arrays.size() != like.size()) throw std::logic_error("kernels passed lists of different lengths");
    std::vector<T*> result;
    for (size_t i = 0; i < arrays.size(); ++i) result.push_back(out<T>(arrays[i], like[i].size()));
    return result;
}
template <class T> std::vector<const T*> pointers_in(const Arrays& arrays, const Arrays& like) {
    if (arrays.size() != like.size()) throw std::logic_error("kernels passed lists of different lengths");
    std::vector<const T*> result;
    for (size_t i = 0; i < arrays.size(); ++i) result.push_back(in<T>(arrays[i], like[i].size()));
    return result;
}

void sgd_step(Arrays params, const Arrays& grads, Arrays velocities, double lr, double momentum, double dampening,
              double weight_decay, bool nesterov, bool first) {
    if (params.empty()) return;
    by_dtype(params[0], [&](auto t) {
        using T = decltype(t);
        const auto offsets = offsets_of(params);
        const auto w = pointers<T>(params, params);
        const auto g = pointers_in<T>(grads, params);
        const auto v = momentum != 0 ? pointers<T>(velocities, params) : std::vector<T*>();
        const py::gil_scoped_release unlocked;
        kernels<T>().sgd_step(w.data(), g.data(), v.data(), offsets.data(), static_cast<int64_t>(w.size()), lr,
                              momentum, dampening, weight_decay, nesterov, first);
    });
}

void adam_step(Arrays params, const Arrays& grads, Arrays exp_avgs, Arrays exp_avg_sqs, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, int64_t step) {
    if (params.empty()) return;
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(step));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(step));
    by_dtype(params[0], [&](auto t) {
        using T = decltype(t);
        const auto offsets = offsets_of(params);
        const auto w = pointers<T>(params, params), m = pointers<T>(exp_avgs, params);
        const auto v = pointers<T>(exp_avg_sqs, params);
        const auto g = pointers_in<T>(grads, params);
        const py::gil_scoped_release unlocked;
        kernels<T>().adam_step(w.data(), g.data(), m.data(), v.data(), offsets.data(), static_cast<int64_t>(w.size()),
                               lr, beta1, beta2, eps, weight_decay, decoupled, correction1, correction2);
    });
}

// Two arrays whose memory overlaps, one of them written, as (i, j) with i < j in written + read; else None.
// Contiguous arrays are intervals: in order of their beginnings, each needs to be held against the one that
// reaches furthest only.
std::optional<std::pair<size_t, size_t>> find_overlap(const Arrays& written, const Arrays& read) {
    struct Interval {
        uintptr_t begin, end;
        size_t index;
    };
    std::vector<Interval> intervals;
    const auto add = [&](const py::array& array) {
        const auto begin = reinterpret_cast<uintptr_t>(array.data());
        intervals.push_back({begin, begin + static_cast<size_t>(array.nbytes()), intervals.size()});
    };
    for (const py::array& array : written) add(array);
    for (const py::array& array : read) add(array);
    std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.index < b.index;
    });
    Interval furthest{0, 0, 0}, furthest_written{0, 0, 0};
    for (const Interval& one : intervals) {
        if (one.begin == one.end) continue;
        const bool writes = one.index < written.size();
        const Interval& other = writes ? furthest : furthest_written;
        if (one.begin < other.end)
            return std::make_pair(std::min(one.index, other.index), std::max(one.index, other.index));
        if (one.end > furthest.end) furthest = one;
        if (writes && one.end > furthest_written.end) furthest_written = one;
    }
    return std::nullopt;
}

}   // namespace

void bind_optimizer(py::module_& m) {
    m.def("sgd_step", &sgd_step, py::arg("params"), py::arg("grads"), py::arg("velocities"), py::arg("lr"),
          py::arg("momentum"), py::arg("dampening"), py::arg("weight_decay"), py::arg("nesterov"), py::arg("first"));
    m.def("adam_step", &adam_step, py::arg("params"), py::arg("grads"), py::arg("exp_avgs"), py::arg("exp_avg_sqs"),
          py::arg("lr"), py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"),
          py::arg("decoupled"), py::arg("step"));
    m.def("find_overlap", &find_overlap, py::arg("written"), py::arg("read"));
}

}   // namespace tk::bindings
