#pragma once

#include <string>

#include "clipq/result/paired_difference.h"

namespace clipq {

/// What tables show for missing values.
inline constexpr const char* kNothing = "-";

/// The text, or kNothing if it is empty.
std::string or_nothing(const std::string& text);

/// Two digits after the point; "n/a" for NaN.
std::string number_text(double value);

/// Whether a metric is shown as it is, with five digits, rather than in percent: cosines,
/// correlations and calibration errors.
bool is_plain(const std::string& metric);

/// A metric's value, and its difference to another, as it is shown.
std::string metric_text(const std::string& metric, double value);
std::string difference_text(const std::string& metric, double difference);

/// A fraction in percent.
std::string percent_text(double fraction);

/// A difference of fractions in percentage points with its sign: "-0.12". Values that round to
/// zero have no sign.
std::string points_text(double difference);

/// The same with its 95 % interval: "-0.12 [-0.47, +0.23]".
std::string points_text(double difference, const PairedDifference& paired);

/// A ratio: "0.25x"; kNothing for NaN.
std::string ratio_text(double ratio);

/// Three digits, "<0.001" below; kNothing for NaN.
std::string p_value_text(double p_value);

}  // namespace clipq
