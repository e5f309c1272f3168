// Which instruction sets were built, which this processor runs, which one is in use and why.
#pragma once
#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace tk {

struct Isa {
    const char* name;    // TATAMIKOMI_ISA's word, the namespace of its kernels
    const char* level;   // the x86-64 level it is compiled for
    bool supported;      // by this processor
    const Kernels<float>* single;
    const Kernels<double>* twice;
};

const std::vector<Isa>& isas();   // best first
const Isa& active_isa();
// "" chooses the first supported one. False, and nothing changes, when `name` is unknown or unsupported.
bool select_isa(const std::string& name);

template <class T> const Kernels<T>& kernels();
template <> inline const Kernels<float>& kernels<float>() { return *active_isa().single; }
template <> inline const Kernels<double>& kernels<double>() { return *active_isa().twice; }

// Every name of kernels.def.
const std::vector<const char*>& kernel_names();

}   // namespace tk
