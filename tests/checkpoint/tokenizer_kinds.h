#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/files.h"

namespace clipq {

inline constexpr std::int64_t kContext = 24;  ///< of the golden rows
inline constexpr const char* kMerges = "#version: small\nc a\nca t</w>\n";

/// The documents of one of the golden kinds of tokenizers.
inline Documents documents_of(const std::string& kind) {
  Documents documents;
  for (const auto& entry :
       std::filesystem::directory_iterator(CLIPQ_TEST_DATA "/tokenizers/" + kind)) {
    documents[entry.path().filename().string()] = read_file(entry.path());
  }
  return documents;
}

}  // namespace clipq
