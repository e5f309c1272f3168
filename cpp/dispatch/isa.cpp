#include "dispatch/isa.hpp"

namespace tk {

namespace baseline {
extern const Kernels<float> single;
extern const Kernels<double> twice;
}   // namespace baseline
#ifdef TK_X86_LEVELS
namespace avx2 {
extern const Kernels<float> single;
extern const Kernels<double> twice;
}   // namespace avx2
namespace avx512 {
extern const Kernels<float> single;   // float64 runs AVX2's kernels, see docs/adr/0019
}   // namespace avx512
#endif
#ifdef TK_X86_BFLOAT16
namespace avx512_bf16 {
template <class T>
void linear_bfloat16(float* y, const uint16_t* x, const uint16_t* weight, const float* bias, const MatmulShape& s,
                     bool relu, float* workspace);
template <class T> int64_t linear_bfloat16_workspace(const MatmulShape& s, int threads);
}   // namespace avx512_bf16
#endif

namespace {

#ifdef TK_X86_LEVELS
bool runs_v3() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
bool runs_v4() {
#ifdef TK_EMULATE_AVX512
    return runs_v3();
#else
    return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
}
#endif
#ifdef TK_X86_BFLOAT16
bool runs_bfloat16() { return runs_v4() && __builtin_cpu_supports("avx512bf16"); }

// AVX-512's kernels but for those that have instructions for bfloat16
const Kernels<float>* with_bfloat16() {
    static const Kernels<float> table = [] {
        Kernels<float> kernels = avx512::single;
        kernels.linear_bfloat16 = &avx512_bf16::linear_bfloat16<float>;
        kernels.linear_bfloat16_workspace = &avx512_bf16::linear_bfloat16_workspace<float>;
        return kernels;
    }();
    return &table;
}
#endif

const Isa* active = nullptr;

}   // namespace

const std::vector<Isa>& isas() {
    static const std::vector<Isa> list = {
#ifdef TK_X86_BFLOAT16
        {"avx512_bf16", "x86-64-v4+bf16", runs_bfloat16(), with_bfloat16(), &avx2::twice},
#endif
#ifdef TK_X86_LEVELS
        {"avx512", "x86-64-v4", runs_v4(), &avx512::single, &avx2::twice},
        {"avx2", "x86-64-v3", runs_v3(), &avx2::single, &avx2::twice},
#endif
        {"baseline", "baseline", true, &baseline::single, &baseline::twice},
    };
    return list;
}

bool select_isa(const std::string& name) {
    for (const Isa& isa : isas()) {
        const bool meant = name.empty() || name == isa.name || name == isa.level;
        if (meant && isa.supported) {
            active = &isa;
            return true;
        }
    }
    return false;
}

const Isa& active_isa() {
    if (!active) select_isa("");
    return *active;
}

const std::vector<const char*>& kernel_names() {
    static const std::vector<const char*> names = {
#define KERNEL(result, name, arguments) #name,
#include "kernels/kernels.def"
#undef KERNEL
    };
    return names;
}

}   // namespace tk
