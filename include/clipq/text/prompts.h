#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace clipq {

/// Keys for looking up a data set's words: its own name first, then the layout's. Templates that
/// come with the data take the place of CLIP_benchmark's.
struct DatasetKeys {
  DatasetKeys(std::string own, std::string of_layout, std::vector<std::string> own_templates = {})
      : name(std::move(own)), layout(std::move(of_layout)), templates(std::move(own_templates)) {}

  /// For a data set named like its layout.
  DatasetKeys(const char* both) : name(both), layout(both) {}  // NOLINT(*-explicit-*)

  std::string name;
  std::string layout;
  std::vector<std::string> templates;  ///< that come with the data; empty: none do
};

/// Class names from a file.
struct ClassNames {
  std::vector<std::string> names;  ///< in the order of the labels, or of the keys
  std::vector<std::string> keys;   ///< sorted, one per name; empty if the file is a plain list
};

/// Class names from a JSON list, a text with one name per line (or "n01440764 tench"), from
/// CLIP_benchmark's JSON object of lists keyed by data set, or from a JSON object of names keyed by
/// class ("n01440764": "tench"). Throws InputError if the file holds none of these, UsageError that
/// names the keys if the data set isn't among them.
ClassNames read_class_names(const std::filesystem::path& file, const DatasetKeys& data);

/// A template set that is compiled into the program.
struct TemplateSet {
  std::string name;
  std::string comment;
};
const std::vector<TemplateSet>& template_sets();

/// Prompt templates from a set's name or a file (a JSON list, a text with one template per line, or
/// CLIP_benchmark's object of lists keyed by data set). Each holds the placeholder "{c}". Throws
/// UsageError if it is neither or has nothing for the data set, InputError if the file is none of
/// templates.
std::vector<std::string> load_templates(const std::string& name_or_file, const DatasetKeys& data);

/// CLIP_benchmark's English class names, which are compiled into the program. Throws UsageError
/// that names the data sets there are and the option to give instead.
std::vector<std::string> builtin_class_names(const std::string& dataset_name);

/// The ids of ImageNet's 1,000 classes in label order, which is their alphabetical order.
std::vector<std::string> imagenet_wnids();

/// `prompt_template` with every "{c}" replaced by the class name.
std::string fill_template(const std::string& prompt_template, const std::string& class_name);

}  // namespace clipq
