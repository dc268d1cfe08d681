#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// The type of an array's values.
struct NpyType {
  const char* name;   ///< NumPy's, with the byte order: "<f4"
  std::size_t bytes;  ///< a value
};

inline constexpr NpyType kNpyFloat32 = {"<f4", 4};

/// Writes an array in NumPy's .npy format, version 1.0, C order.
/// @param values as many as the shape has, row-major
/// Throws InputError if the file can't be written.
void write_npy(const std::filesystem::path& file, const NpyType& type, const void* values,
               const std::vector<std::int64_t>& shape);
void write_npy(const std::filesystem::path& file, const float* values,
               const std::vector<std::int64_t>& shape);
void write_npy(const std::filesystem::path& file, const std::int64_t* values,
               const std::vector<std::int64_t>& shape);

/// The values of a one-dimensional array of whole numbers, booleans or floats in a .npy file's
/// bytes. Throws InputError that names `where` if they are none.
std::vector<double> parse_npy_vector(std::string_view bytes, const std::string& where);

}  // namespace clipq
