#pragma once

#include <string>
#include <string_view>

namespace clipq {

/// Whether `bytes` begin as a gzip file does.
bool is_gzip(std::string_view bytes);

/// What a gzip file holds. Throws InputError that names `where` if it is damaged or cut off.
std::string gunzip(std::string_view bytes, const std::string& where);

}  // namespace clipq
