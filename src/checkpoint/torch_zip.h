#pragma once

#include <array>
#include <optional>
#include <string>

#include "clipq/core/zip_archive.h"

namespace clipq {

/// The folder that all records of a zip file of torch's lie in, "archive/".
std::string top_folder(const ZipArchive& zip);

/// Throws InputError if the file was written on a big-endian machine.
void require_little_endian(const ZipArchive& zip, const std::string& folder,
                           const std::string& where);

/// Extra files that are documents of a checkpoint.
inline constexpr std::array<const char*, 2> kExtraDocuments = {"bpe_vocab",
                                                               "clipq_checkpoint.json"};

/// The content of the extra file of that name; nothing if it is absent or empty.
std::optional<std::string> extra_file(const ZipArchive& zip, const std::string& folder,
                                      const std::string& name);

}  // namespace clipq
