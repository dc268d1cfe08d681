#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipq/app/search_command.h"
#include "clipq/library/open_model.h"
#include "clipq/library/quantize_opened.h"

namespace clipq {

/// A recipe that a search tries.
struct Candidate {
  std::string name;  ///< "all int8"
  Recipe recipe;
};

/// What was measured of one.
struct Trial {
  std::string name;
  Result floating;  ///< of the checkpoint, on the same data
  Result quantized;
};

/// A search's candidates quantized and measured as `quantize`, `eval` and `bench` would do it. What
/// has been measured is kept in the search's folder, and not measured again.
class SearchTrials {
 public:
  /// @param floating the checkpoint
  /// @param folder of the search's state
  /// All of them must outlive it.
  SearchTrials(const SearchCommandOptions& options, const OpenedModel& floating,
               std::filesystem::path folder);

  /// The checkpoint's Result.
  Result measure_float(const ImageSource& source) const;

  /// Measured on the search data.
  Trial measure(const Candidate& candidate, const ImageSource& source) const;

  /// All of them measured at once on the held-out data, and timed: not kept.
  std::vector<Trial> measure_held_out(const std::vector<Candidate>& candidates,
                                      const ImageSource& source) const;

  /// The file of the quantized model, made if it isn't there.
  std::filesystem::path artifact(const Candidate& candidate) const;

  /// Keeps the artifact of a candidate that has been quantized.
  void keep(const Candidate& candidate, const Artifact& artifact) const;

  /// Removes the artifact. It can be made again.
  void discard(const Candidate& candidate) const;

  /// A file or folder of the search's state that belongs to the candidate's recipe.
  std::filesystem::path file(const Candidate& candidate, const std::string& extension) const;

 private:
  /// Of the checkpoint, then of each candidate.
  std::vector<Result> results(const std::vector<Candidate>& candidates, const ImageSource& source,
                              bool times) const;

  const SearchCommandOptions& options_;
  const OpenedModel& floating_;
  std::filesystem::path folder_;
};

/// How models were quantized for a search.
struct SearchPlan {
  OpenedModel opened;  ///< float
  QuantizationPlan plan;
  CalibrationInput calibration;
};

/// The plan by which a search quantizes a checkpoint.
SearchPlan search_plan(const OpenedModel& floating, const Candidate& candidate,
                       const SearchCommandOptions& options);

/// Where a candidate's calibration keeps its state; saves it every half minute.
CalibrationState calibration_state(const std::filesystem::path& file, const SearchPlan& plan);

}  // namespace clipq
