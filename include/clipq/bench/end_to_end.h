#pragma once

#include <vector>

#include "clipq/bench/latency.h"
#include "clipq/core/json.h"
#include "clipq/eval/encode.h"

namespace clipq {

/// How embedding image files is timed.
struct EndToEndOptions {
  std::int64_t batch_size = 32;
  std::int64_t images = 0;  ///< the first so many of the data set; at least 1
  int decode_threads = 1;   ///< beside the forward pass
  LatencyOptions repeats;   ///< of passes over all images; batch_sizes and towers don't matter
};

/// What it takes to turn image files into embeddings. Times of passes are of all images.
struct EndToEnd {
  std::int64_t images = 0;
  int threads = 1;           ///< LibTorch's
  LatencyStats preparation;  ///< reading, decoding, resizing and normalizing alone, on all threads
  LatencyStats forward;      ///< forward passes alone, on all threads
  LatencyStats whole;        ///< all of it, overlapped, as `embed` and `eval` do it
  double decode_share = 0;   ///< of the preparation: reading and decoding

  /// Of the median pass.
  double images_per_second() const;

  /// If the threads were never idle and cost nothing: what preparation and forward pass take
  /// alone, one after the other.
  double possible_images_per_second() const;
};

/// Times every model in turn, again and again. Throws UsageError if a model has no image tower,
/// InputError if an image can't be decoded.
/// @return one EndToEnd per model
std::vector<EndToEnd> measure_end_to_end(const std::vector<EvaluatedModel>& models,
                                         const Dataset& dataset, const EndToEndOptions& options);

/// Images a second, what would be possible, milliseconds an image of one core by stage and their
/// shares, and the passes that they follow from.
Json to_json(const EndToEnd& measured);

}  // namespace clipq
