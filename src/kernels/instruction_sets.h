#pragma once

namespace clipq {

/// What kernels are compiled for.
enum class InstructionSet {
  kAvx2,
  kAvx512,  ///< F, BW, VL and DQ
  kAvx512Vnni,
  kAvx512Bfloat16,
  kAmxInt8,
  kAmxBfloat16
};

/// Whether the processor has it and the operating system lets this process use it. Of AMX's tiles
/// the system is asked for permission once.
bool supports(InstructionSet set);

/// The same as a function for tables of paths.
template <InstructionSet kSet>
bool has() {
  return supports(kSet);
}

}  // namespace clipq
