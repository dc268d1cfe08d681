#pragma once

#include <cstdint>
#include <filesystem>

namespace clipq {

/// Writes a float32 matrix as NumPy's .npy format, version 1.0, C order.
/// @param values rows * columns values, row-major
/// Throws InputError if the file can't be written.
void write_npy(const std::filesystem::path& file, const float* values, std::int64_t rows,
               std::int64_t columns);

}  // namespace clipq
