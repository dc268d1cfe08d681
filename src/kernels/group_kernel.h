#pragma once

#include "tile_kernel.h"

namespace clipq {

/// A tile kernel for weights that are unpacked a group of k at a time, which on some processors
/// needs a state of the thread.
struct GroupKernel {
  TileKernel tile;          ///< of which up to `tile.rows` rows of codes can be read and written
  void (*begin)(int rows);  ///< before products of up to so many rows each
  void (*end)();
};

/// Groups have whole multiples of so many k.
inline constexpr std::int64_t kGroupStep = 64;

extern const GroupKernel kAmxGroupKernel;

}  // namespace clipq
