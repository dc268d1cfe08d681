#include "instruction_sets.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace clipq {

#ifdef __x86_64__

namespace {

/// Bits of CPUID 7.0 EDX. __builtin_cpu_supports doesn't know AMX with every compiler.
constexpr unsigned kAmxBfloat16Bit = 1U << 22;
constexpr unsigned kAmxTilesBit = 1U << 24;
constexpr unsigned kAmxInt8Bit = 1U << 25;

bool ask_for_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool has_amx(unsigned unit) {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kAmxTilesBit) == 0 || (edx & unit) == 0) return false;
  static const bool allowed = ask_for_tiles();
  return allowed;
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace

bool supports(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2");
    case InstructionSet::kAvx512:
      return has_avx512();
    case InstructionSet::kAvx512Vnni:
      return has_avx512() && __builtin_cpu_supports("avx512vnni");
    case InstructionSet::kAvx512Bfloat16:
      return has_avx512() && __builtin_cpu_supports("avx512bf16");
    case InstructionSet::kAmxInt8:
      return has_amx(kAmxInt8Bit);
    case InstructionSet::kAmxBfloat16:
      return has_amx(kAmxBfloat16Bit);
  }
  return false;
}

#else

bool supports(InstructionSet /*set*/) { return false; }

#endif

}  // namespace clipq
