#pragma once

#include <memory>

#include "clipq/app/search_command.h"
#include "clipq/data/dataset_part.h"
#include "clipq/eval/encode.h"

namespace clipq {

/// What a search looks at, and what it is judged on, which has no picture in common with that.
class SearchData {
 public:
  /// Throws UsageError if one of them would be empty, InputError that names a picture that is in
  /// both, and what open_dataset() throws.
  explicit SearchData(const SearchCommandOptions& options);

  const ImageSource& search() const { return *search_; }
  const ImageSource& held_out() const { return *held_out_; }

  /// A sample of the search data, on which groups are measured alone.
  const ImageSource& sensitivity() const { return *sensitivity_; }

 private:
  void divide(const std::vector<std::string>& images, std::uint64_t seed);
  void open_held_out(const SearchCommandOptions& options);

  std::unique_ptr<Dataset> whole_;
  std::unique_ptr<Dataset> held_out_whole_;
  std::unique_ptr<DatasetPart> search_part_;
  std::unique_ptr<DatasetPart> held_out_part_;
  std::unique_ptr<DatasetPart> sensitivity_part_;
  std::unique_ptr<ImageSource> search_;
  std::unique_ptr<ImageSource> held_out_;
  std::unique_ptr<ImageSource> sensitivity_;
};

}  // namespace clipq
