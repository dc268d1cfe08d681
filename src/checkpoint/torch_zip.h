#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/core/zip_archive.h"

namespace clipq {

/// The folder that all records of a zip file of torch's lie in, "archive/".
std::string top_folder(const ZipArchive& zip);

/// Throws InputError if the file was written on a big-endian machine.
void require_little_endian(const ZipArchive& zip, const std::string& folder,
                           const std::string& where);

/// The names of extra files that are documents of a checkpoint.
std::vector<std::string> extra_document_names();

/// The content of the extra file of that name; nothing if it is absent or empty.
std::optional<std::string> extra_file(const ZipArchive& zip, const std::string& folder,
                                      const std::string& name);

}  // namespace clipq
