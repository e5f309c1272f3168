#include <pybind11/stl.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "bindings/arrays.hpp"

namespace tk::bindings {
namespace {

using Arrays = List<py::array>;

std::vector<py::array> elements(const Arrays& arrays) {
    std::vector<py::array> result;
    for (const auto& one : arrays) result.push_back(py::reinterpret_borrow<py::array>(one));
    return result;
}

// Lists of arrays as kernels take them.
template <class T> struct Pointers {
    std::vector<T*> weights;
    std::vector<const T*> gradients;
    std::vector<std::vector<T*>> states;
    std::vector<int64_t> offsets{0};   // where array i begins in the concatenation of all; the last is the total

    Pointers(const std::vector<py::array>& params, const Arrays& grads, std::initializer_list<const Arrays*> kept) {
        for (const py::array& array : params) offsets.push_back(offsets.back() + array.size());
        weights = written(params);
        const auto given = elements(grads);
        if (given.size() != params.size()) throw std::logic_error(kUneven);
        for (size_t i = 0; i < given.size(); ++i) gradients.push_back(in<T>(given[i], params[i].size()));
        for (const Arrays* kind : kept) states.push_back(kind->empty() ? std::vector<T*>() : written(elements(*kind)));
    }

    T* const* params() const { return weights.data(); }
    const T* const* grads() const { return gradients.data(); }
    T* const* state(size_t kind) const { return states[kind].empty() ? nullptr : states[kind].data(); }
    const int64_t* starts() const { return offsets.data(); }
    int64_t arrays() const { return static_cast<int64_t>(weights.size()); }

private:
    static constexpr const char* kUneven = "kernels passed lists of different lengths";

    std::vector<T*> written(std::vector<py::array> list) const {
        if (list.size() + 1 != offsets.size()) throw std::logic_error(kUneven);
        std::vector<T*> result;
        for (size_t i = 0; i < list.size(); ++i) result.push_back(out<T>(list[i], offsets[i + 1] - offsets[i]));
        return result;
    }
};

// f(kernels, pointers) for the dtype of the parameters, without the GIL. A kind of state that is not in use is empty.
template <class F>
void stepping(const Arrays& params, const Arrays& grads, std::initializer_list<const Arrays*> states, F&& f) {
    if (params.empty()) return;
    const auto weights = elements(params);
    by_dtype(weights[0], [&](auto t) {
        using T = decltype(t);
        const Pointers<T> p(weights, grads, states);
        const py::gil_scoped_release unlocked;
        f(kernels<T>(), p);
    });
}

void sgd_step(const Arrays& params, const Arrays& grads, const Arrays& velocities, double lr, double momentum,
              double dampening, double weight_decay, bool nesterov, bool first, bool maximize) {
    stepping(params, grads, {&velocities}, [&](const auto& k, const auto& p) {
        k.sgd_step(p.params(), p.grads(), p.state(0), p.starts(), p.arrays(), lr, momentum, dampening, weight_decay,
                   nesterov, first, maximize);
    });
}

void adam_step(const Arrays& params, const Arrays& grads, const Arrays& exp_avgs, const Arrays& exp_avg_sqs,
               const Arrays& max_exp_avg_sqs, double rate, double mean_part, double grad_part, double beta1,
               double beta2, double unbias, double eps, double shrink, double weight_decay, bool maximize) {
    stepping(params, grads, {&exp_avgs, &exp_avg_sqs, &max_exp_avg_sqs}, [&](const auto& k, const auto& p) {
        k.adam_step(p.params(), p.grads(), p.state(0), p.state(1), p.state(2), p.starts(), p.arrays(), rate, mean_part,
                    grad_part, beta1, beta2, unbias, eps, shrink, weight_decay, maximize);
    });
}

void adamax_step(const Arrays& params, const Arrays& grads, const Arrays& exp_avgs, const Arrays& exp_infs, double rate,
                 double beta1, double beta2, double eps, double weight_decay, bool maximize) {
    stepping(params, grads, {&exp_avgs, &exp_infs}, [&](const auto& k, const auto& p) {
        k.adamax_step(p.params(), p.grads(), p.state(0), p.state(1), p.starts(), p.arrays(), rate, beta1, beta2, eps,
                      weight_decay, maximize);
    });
}

void lion_step(const Arrays& params, const Arrays& grads, const Arrays& exp_avgs, double lr, double beta1, double beta2,
               double weight_decay, bool maximize) {
    stepping(params, grads, {&exp_avgs}, [&](const auto& k, const auto& p) {
        k.lion_step(p.params(), p.grads(), p.state(0), p.starts(), p.arrays(), lr, beta1, beta2, weight_decay,
                    maximize);
    });
}

void adagrad_step(const Arrays& params, const Arrays& grads, const Arrays& sums, double lr, double eps,
                  double weight_decay, bool maximize) {
    stepping(params, grads, {&sums}, [&](const auto& k, const auto& p) {
        k.adagrad_step(p.params(), p.grads(), p.state(0), p.starts(), p.arrays(), lr, eps, weight_decay, maximize);
    });
}

void adadelta_step(const Arrays& params, const Arrays& grads, const Arrays& square_avgs, const Arrays& acc_deltas,
                   double lr, double rho, double eps, double weight_decay, bool maximize) {
    stepping(params, grads, {&square_avgs, &acc_deltas}, [&](const auto& k, const auto& p) {
        k.adadelta_step(p.params(), p.grads(), p.state(0), p.state(1), p.starts(), p.arrays(), lr, rho, eps,
                        weight_decay, maximize);
    });
}

void rmsprop_step(const Arrays& params, const Arrays& grads, const Arrays& square_avgs, const Arrays& momentum_buffers,
                  const Arrays& grad_avgs, double lr, double alpha, double eps, double weight_decay, double momentum,
                  bool maximize) {
    stepping(params, grads, {&square_avgs, &momentum_buffers, &grad_avgs}, [&](const auto& k, const auto& p) {
        k.rmsprop_step(p.params(), p.grads(), p.state(0), p.state(1), p.state(2), p.starts(), p.arrays(), lr, alpha,
                       eps, weight_decay, momentum, maximize);
    });
}

void lamb_step(const Arrays& params, const Arrays& grads, const Arrays& exp_avgs, const Arrays& exp_avg_sqs, double lr,
               double beta1, double beta2, double unbias1, double unbias2, double eps, double weight_decay,
               bool maximize) {
    std::vector<int64_t> sizes, whole{0};   // whole: offsets, were every array filled up to whole chunks
    for (const py::array& array : elements(params)) {
        sizes.push_back(array.size());
        whole.push_back(whole.back() + (array.size() + kElementGrain - 1) / kElementGrain * kElementGrain);
    }
    stepping(params, grads, {&exp_avgs, &exp_avg_sqs}, [&](const auto& k, const auto& p) {
        using T = std::remove_pointer_t<std::remove_reference_t<decltype(*p.params())>>;
        const Workspace<std::remove_const_t<T>> workspace(k.lamb_step_workspace(whole.data(), p.arrays()));
        k.lamb_step(p.params(), p.grads(), p.state(0), p.state(1), sizes.data(), whole.data(), p.arrays(), lr, beta1,
                    beta2, unbias1, unbias2, eps, weight_decay, maximize, workspace);
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
    for (const py::array& array : elements(written)) add(array);
    for (const py::array& array : elements(read)) add(array);
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
          py::arg("momentum"), py::arg("dampening"), py::arg("weight_decay"), py::arg("nesterov"), py::arg("first"),
          py::arg("maximize"));
    m.def("adam_step", &adam_step, py::arg("params"), py::arg("grads"), py::arg("exp_avgs"), py::arg("exp_avg_sqs"),
          py::arg("max_exp_avg_sqs"), py::arg("rate"), py::arg("mean_part"), py::arg("grad_part"), py::arg("beta1"),
          py::arg("beta2"), py::arg("unbias"), py::arg("eps"), py::arg("shrink"), py::arg("weight_decay"),
          py::arg("maximize"));
    m.def("adamax_step", &adamax_step, py::arg("params"), py::arg("grads"), py::arg("exp_avgs"), py::arg("exp_infs"),
          py::arg("rate"), py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"),
          py::arg("maximize"));
    m.def("lion_step", &lion_step, py::arg("params"), py::arg("grads"), py::arg("exp_avgs"), py::arg("lr"),
          py::arg("beta1"), py::arg("beta2"), py::arg("weight_decay"), py::arg("maximize"));
    m.def("adagrad_step", &adagrad_step, py::arg("params"), py::arg("grads"), py::arg("sums"), py::arg("lr"),
          py::arg("eps"), py::arg("weight_decay"), py::arg("maximize"));
    m.def("adadelta_step", &adadelta_step, py::arg("params"), py::arg("grads"), py::arg("square_avgs"),
          py::arg("acc_deltas"), py::arg("lr"), py::arg("rho"), py::arg("eps"), py::arg("weight_decay"),
          py::arg("maximize"));
    m.def("rmsprop_step", &rmsprop_step, py::arg("params"), py::arg("grads"), py::arg("square_avgs"),
          py::arg("momentum_buffers"), py::arg("grad_avgs"), py::arg("lr"), py::arg("alpha"), py::arg("eps"),
          py::arg("weight_decay"), py::arg("momentum"), py::arg("maximize"));
    m.def("lamb_step", &lamb_step, py::arg("params"), py::arg("grads"), py::arg("exp_avgs"), py::arg("exp_avg_sqs"),
          py::arg("lr"), py::arg("beta1"), py::arg("beta2"), py::arg("unbias1"), py::arg("unbias2"), py::arg("eps"),
          py::arg("weight_decay"), py::arg("maximize"));
    m.def("find_overlap", &find_overlap, py::arg("written"), py::arg("read"));
}

}   // namespace tk::bindings
