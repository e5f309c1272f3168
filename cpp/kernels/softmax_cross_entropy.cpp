// Softmax and cross-entropy in one: logits [n][classes][inner], labels [n][inner], 0 <= label < classes < 2^31.
//   log_probs = log_softmax(logits),  losses[n][i] = -log_probs[n][label][i]
//   dlogits   = (exp(log_probs) - (1 at the label, 0 elsewhere)) dlosses[n][i]
#include "kernels/softmax_lines.hpp"

namespace tk::TK_ISA {

namespace {

// Where the labels and losses of a line begin.
TK_INLINE int64_t first_row(int64_t start, const LossShape& s) {
    const int64_t sample = s.classes * s.inner;
    return start / sample * s.inner + start % sample;
}

}   // namespace

template <class T>
void softmax_cross_entropy_forward(T* losses, T* log_probs, const T* logits, const int64_t* labels,
                                   const LossShape& s) {
    log_softmax(log_probs, logits, {s.n, s.classes, s.inner}, [&](int64_t start, int64_t rows, int64_t apart) {
        const int64_t row = first_row(start, s);
        for (int64_t i = 0; i < rows; ++i)
            losses[row + i] = 0 - log_probs[start + labels[row + i] * s.inner + i * apart];
    });
}

template <class T>
void softmax_cross_entropy_backward(T* dlogits, const T* dlosses, const T* log_probs, const int64_t* labels,
                                    const LossShape& s) {
    constexpr int L = kLanes<T>;
    for_each_line<T>({s.n, s.classes, s.inner}, 12, [&](const Line<T>& line) {
        const int64_t row = first_row(line.start, s);
        // Distance from each lane's element to its row's label; it falls by `advance` from vector to vector.
        VecMask<T> distance{};
        if (line.joined) distance += static_cast<LaneInt<T>>(labels[row]) - lane_numbers<T>();
        else
            for (int64_t i = 0; i < L; ++i) distance[i] = i < line.lanes ? labels[row + i] : -1;
        const int advance = line.joined ? L : 1;
        const Vec<T> scale = line.joined ? broadcast(dlosses[row]) : load_first(dlosses + row, line.lanes);
        line.for_each([&](int64_t at, int64_t count) {
            const Vec<T> target = select<T>(distance == 0, broadcast(T{1}), Vec<T>{});
            store_first(dlogits + at, (exp<T>(load_first(log_probs + at, count)) - target) * scale, count);
            distance -= advance;
        });
    });
}

TK_EMIT(softmax_cross_entropy_forward)
TK_EMIT(softmax_cross_entropy_backward)

}   // namespace tk::TK_ISA
