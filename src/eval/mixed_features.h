#pragma once

#include <map>
#include <string>
#include <vector>

#include "clipq/eval/encode.h"
#include "clipq/eval/feature_store.h"
#include "clipq/eval/kept_prefixes.h"
#include "part_pass.h"
#include "text_rows.h"

namespace clipq {

/// Features of many models that have most layers in common, computed for all of them when those of
/// one are asked for first.
class MixedFeatures {
 public:
  /// @param models of each tower, with different names
  /// @param label what messages call them
  /// @param options of which batch size, decode threads and skip_bad are used
  /// @param most_kept_bytes of inputs and activations at a time
  MixedFeatures(std::map<Tower, std::vector<MixedModel>> models, const Tokenizer& tokenizer,
                std::string label, EncodeOptions options, FeatureStore store,
                std::int64_t most_kept_bytes);

  /// Those of the models of these names, as Encoder's functions return them.
  ImageFeatures images(const ImageSource& source, ImageFeature feature, const std::string& pass,
                       const std::vector<std::string>& names);
  std::vector<at::Tensor> texts(const std::vector<std::string>& texts, const std::string& pass,
                                const std::vector<std::string>& names);

 private:
  /// A pass of images through all models.
  struct ImageRun {
    PartPass pass;
    std::vector<std::int64_t> items;
    std::vector<std::string> skipped;
  };
  /// A pass of texts through the models that need the whole batch, or through those that don't.
  struct TextRun {
    PartPass pass;
    TextRows rows;
  };

  const ImageRun& image_run(const ImageSource& source, ImageFeature feature,
                            const std::string& pass);
  const std::vector<TextRun>& text_runs(const std::vector<std::string>& texts,
                                        const std::string& pass);
  TextRun run_texts(std::vector<MixedModel> models, const std::vector<std::string>& texts,
                    const std::string& pass);

  std::map<Tower, std::vector<MixedModel>> models_;
  const Tokenizer& tokenizer_;
  std::string label_;
  EncodeOptions options_;
  FeatureStore store_;
  std::int64_t most_kept_bytes_;
  std::map<std::string, ImageRun> image_runs_;             ///< by pass
  std::map<std::string, std::vector<TextRun>> text_runs_;  ///< likewise
};

}  // namespace clipq
