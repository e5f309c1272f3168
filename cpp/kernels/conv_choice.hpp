// The choice among algorithms of convolution.
//
// A list is tried from its head; the first entry that neither cannot nor declines runs. By default entries are asked
// about the layer's shape with a nominal batch, never about the true one or about threads: one sample's bits are the
// same in any batch. The plain loops end every list: they take any shape and need no workspace.
#pragma once
#include "kernels/conv_algorithms.hpp"
#include "kernels/conv_live_taps.hpp"

namespace tk::TK_ISA {
namespace {

template <class Entry, int Count> struct List {
    const Entry* entries[Count];
};
template <class Entry, class... Others>
List<Entry, 1 + sizeof...(Others)> in_order(const Entry& first, const Others&... others) {
    return {{&first, &others...}};
}

const char* const kNames[] = {
#define TK_ID(name) #name,
    TK_CONV_ALGORITHMS(TK_ID)
#undef TK_ID
};

constexpr int64_t kNominalBatch = 16, kLargestBatch = 4096;

bool preferred(const AlgorithmTraits& entry, const ConvPolicy& policy) {
    return policy.preferred >> static_cast<int>(entry.id) & 1;
}

// Why `entry` is beyond this shape, or nullptr. Only the plain loops are asked about an input without elements.
const char* barred(const AlgorithmTraits& entry, const ConvShape& s) {
    if (in_plane(s) == 0 && entry.id != ConvAlgorithm::plain) return "the input has no elements";
    return entry.cannot(s);
}

// Elements of the copy of the live weights that `entry` works on, or 0: it takes them all, where they lie.
int64_t copy_size(const AlgorithmTraits& entry, const LiveTaps& live) {
    return entry.id == ConvAlgorithm::plain ? 0 : live.copy;
}
const ConvShape& shape_for(const AlgorithmTraits& entry, const LiveTaps& live, const ConvShape& whole) {
    return entry.id == ConvAlgorithm::plain ? whole : live.shape;
}

// Elements that a thread wants, the most of a batch of any size: what a limit leaves may not follow the batch.
int64_t workspace_of_any_batch(const AlgorithmTraits& entry, ConvShape s) {
    int64_t most = 0;
    for (s.n = 1; s.n <= kLargestBatch; s.n *= 2) most = larger(most, entry.workspace(s, 1, false));
    return most;
}

// Why `entry` does not run, or nullptr. One that is preferred runs where it can.
template <class T> const char* reason(const AlgorithmTraits& entry, const LiveTaps& live, const ConvPolicy& policy) {
    if (const char* why = barred(entry, live.shape)) return why;
    if (policy.exact && !entry.exact) return "exact: it adds products of sums, not of the factors themselves";
    if (policy.limit < INT64_MAX) {
        const int64_t workspace =
            policy.fastest ? entry.workspace(live.shape, 1, false) : workspace_of_any_batch(entry, live.shape);
        if ((workspace + copy_size(entry, live)) * static_cast<int64_t>(sizeof(T)) > policy.limit)
            return "its workspace passes the limit";
    }
    if (preferred(entry, policy)) return nullptr;
    ConvShape nominal = live.shape;
    if (!policy.fastest) nominal.n = kNominalBatch;
    return entry.declines(nominal);
}

// The entry that runs: the first preferred one that can, else the first that does not decline.
template <class T, class Entry, int Count>
const Entry& choose(const List<Entry, Count>& list, const LiveTaps& live, const ConvPolicy& policy) {
    if (policy.preferred)
        for (const Entry* entry : list.entries)
            if (preferred(*entry, policy) && !reason<T>(*entry, live, policy)) return *entry;
    for (const Entry* entry : list.entries)
        if (!reason<T>(*entry, live, policy)) return *entry;
    return *list.entries[Count - 1];
}

template <class Entry> struct Choice {
    LiveTaps live;
    const Entry* entry;
};
// The same for a whole shape, remembered: a call asks for its workspace and then to run, and the next may be like it.
template <class T, class Entry, int Count>
Choice<Entry> chosen(List<Entry, Count> (*list)(), const ConvShape& s, const ConvPolicy& policy) {
    struct Answer {
        ConvShape shape;
        ConvPolicy policy;
        Choice<Entry> choice;
    };
    static thread_local Answer last;   // zeros: no entry
    const ConvPolicy& p = last.policy;
    if (!last.choice.entry || __builtin_memcmp(&last.shape, &s, sizeof s) || p.exact != policy.exact ||
        p.fastest != policy.fastest || p.preferred != policy.preferred || p.limit != policy.limit) {
        const LiveTaps live = live_taps(s);
        last = {s, policy, {live, &choose<T>(list(), live, policy)}};
    }
    return last.choice;
}

template <class T, class Entry, int Count>
AlgorithmReport report(const List<Entry, Count>& list, int index, const LiveTaps& live, const ConvPolicy& policy,
                       int threads) {
    if (index >= Count) return {};
    const Entry& entry = *list.entries[index];
    const char* why = reason<T>(entry, live, policy);
    if (!why && &choose<T>(list, live, policy) != &entry) why = "another one comes first";
    AlgorithmReport r{kNames[static_cast<int>(entry.id)], why, 0, 0, 0, taps_of(live.shape)};
    if (barred(entry, live.shape)) return r;
    r.workspace = entry.workspace(live.shape, threads, false) + copy_size(entry, live);
    r.error = entry.error(live.shape, sizeof(T) == 4 ? 0x1p-24 : 0x1p-53);
    return r;
}

}   // namespace
}   // namespace tk::TK_ISA
