#include "data_inputs.h"

#include "clipq/core/sha256.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// The value of an option; null for those that files or data tell better, and for choices.
struct OptionValue {
  const TaskOptions& options;

  Json operator()(const FlagOption& kind) const { return options.*kind.member; }
  Json operator()(const CountOption& kind) const { return options.*kind.member; }
  Json operator()(const CountsOption& kind) const { return options.*kind.member; }
  Json operator()(const NumberOption& kind) const { return options.*kind.member; }
  Json operator()(const NamesOption& kind) const { return options.*kind.member; }
  Json operator()(const TextOption& /*kind*/) const { return nullptr; }
  Json operator()(const FileOption& /*kind*/) const { return nullptr; }
  Json operator()(const ChoiceOption& /*kind*/) const { return nullptr; }
};

}  // namespace

Json option_values(const Task& task, const TaskOptions& options) {
  Json values = Json::object();
  for (const TaskOption& option : task.options) {
    values[option.name] = std::visit(OptionValue{options}, option.kind);
  }
  return values;
}

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
