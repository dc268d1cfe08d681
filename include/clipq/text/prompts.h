#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace clipq {

/// Class names in the order of the labels, from a JSON list, or from CLIP_benchmark's JSON object
/// of such lists keyed by data set. Throws InputError if the file holds neither, UsageError that
/// names the keys if `dataset_name` isn't among them.
std::vector<std::string> read_class_names(const std::filesystem::path& file,
                                          const std::string& dataset_name);

/// Prompt templates, likewise. Each must hold the placeholder "{c}", or it is an InputError.
std::vector<std::string> read_templates(const std::filesystem::path& file,
                                        const std::string& dataset_name);

/// CLIP_benchmark's English class names and templates, which are compiled into the program.
/// Throw UsageError that names the data sets there are and the option to give instead.
std::vector<std::string> builtin_class_names(const std::string& dataset_name);
std::vector<std::string> builtin_templates(const std::string& dataset_name);

/// `prompt_template` with every "{c}" replaced by the class name.
std::string fill_template(const std::string& prompt_template, const std::string& class_name);

}  // namespace clipq
