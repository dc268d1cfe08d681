#pragma once

#include <string>

#include "clipq/core/zip_archive.h"

namespace clipq {

/// The folder that all records of a zip file of torch's lie in, "archive/".
std::string top_folder(const ZipArchive& zip);

/// Throws InputError if the file was written on a big-endian machine.
void require_little_endian(const ZipArchive& zip, const std::string& folder,
                           const std::string& where);

}  // namespace clipq
