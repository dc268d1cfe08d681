#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// Whether `bytes` begin like a gzip file.
bool is_gzip(std::string_view bytes);

/// The bytes as a gzip file.
std::string gzip(std::string_view bytes);

/// The content of a gzip file. Throws InputError that names `where` if it is damaged or truncated,
/// or unpacks to more than 64 MiB.
std::string gunzip(std::string_view bytes, const std::string& where);

}  // namespace clipq
