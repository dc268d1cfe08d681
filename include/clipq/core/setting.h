#pragma once

namespace clipq {

/// A setting that an error may suggest changing.
enum class Setting : int {
  kActivation,           ///< of the towers
  kCalibrationCaptions,  ///< the file with the captions of the calibration data
  kCalibrationData,      ///< what ranges are calibrated on
  kCaptions,             ///< the file with the captions of a data set
  kClassNames,           ///< the file with the names of the classes
  kComponent,            ///< which tower is quantized
  kHeads,                ///< attention heads of the towers
  kMerges,               ///< the tokenizer's merges
  kMode,                 ///< native or simulate
  kOverrides,            ///< changes to a recipe, or to what a checkpoint's documents say
  kParity,               ///< how a checkpoint is compared with its own code
  kResume,               ///< whether an interrupted calibration is continued
  kSizeReference,        ///< what sizes are compared with
  kStatistics,           ///< whether a worker only gathers statistics
  kSkipBad,              ///< how many undecodable images are skipped
  kTemplates,            ///< of prompts
  kTimeout,              ///< how long other processes are waited for
  kTrainData,            ///< what a probe is trained on
  kCount                 ///< how many there are
};

}  // namespace clipq
