#include "torch_zip.h"

#include <utility>

#include "clipq/checkpoint/tokenizer_documents.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

std::string top_folder(const ZipArchive& zip) {
  for (const std::string& name : zip.names()) {
    const std::size_t slash = name.find('/');
    if (slash != std::string::npos) return name.substr(0, slash + 1);
  }
  return "";
}

void require_little_endian(const ZipArchive& zip, const std::string& folder,
                           const std::string& where) {
  const std::string record = folder + "byteorder";
  if (!zip.contains(record) || zip.read(record) == "little") return;
  throw InputError(
      cat(where, ": its numbers are big-endian; export it on a little-endian machine"));
}

std::vector<std::string> extra_document_names() {
  std::vector<std::string> names = tokenizer_document_names();
  names.insert(names.end(), {"bpe_vocab", "clipq_checkpoint.json"});
  return names;
}

std::optional<std::string> extra_file(const ZipArchive& zip, const std::string& folder,
                                      const std::string& name) {
  const std::string record = cat(folder, "extra/", name);
  if (!zip.contains(record)) return std::nullopt;
  std::string content = zip.read(record);
  return content.empty() ? std::nullopt : std::optional(std::move(content));
}

}  // namespace clipq
