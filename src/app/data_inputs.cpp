#include "data_inputs.h"

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {

Json described(const Dataset& dataset, std::int64_t count) {
  return described(dataset, count, content_hash(dataset, count));
}

Json described(const Dataset& dataset, std::int64_t count, const ContentHash& content) {
  return {{"name", dataset.name()},
          {"items", count},
          {"sha256", content.sha256},
          {"classes", sha256_of(join(dataset.class_keys(), "\n"))},
          {"templates", sha256_of(join(dataset.templates(), "\n"))}};
}

std::string digest_of_file(const std::filesystem::path& file) {
  return file.empty() ? "" : sha256_of_file(file);
}

void add_text_files(Json& json, const TaskOptions& options) {
  json["classnames"] = digest_of_file(options.classnames);
  const bool is_file = std::filesystem::is_regular_file(options.templates);
  json["templates"] = is_file ? digest_of_file(options.templates) : options.templates;
}

}  // namespace clipq
