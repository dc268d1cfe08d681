#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace clipq {

/// Writes an array in NumPy's .npy format, version 1.0, C order.
/// @param values as many as the shape has, row-major
/// Throws InputError if the file can't be written.
void write_npy(const std::filesystem::path& file, const float* values,
               const std::vector<std::int64_t>& shape);
void write_npy(const std::filesystem::path& file, const std::int64_t* values,
               const std::vector<std::int64_t>& shape);

}  // namespace clipq
