#include "clipq/report/gate_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "clipq/report/add_once.h"

namespace clipq {
namespace {

/// Error of float64 after a subtraction and a division: 0.625 - 0.62 is a drop of 0.5
/// points and doesn't break a limit of 0.5.
constexpr double kRounding = 1e-9;

constexpr double kPoints = 100;

/// Begins the names of index_compatibility's recalls.
constexpr const char* kMixed = "mixed_";

/// True for NaN too: an unknown value isn't within the limit.
bool exceeds(double value, double limit) { return !(value <= limit + kRounding); }

/// The two with as many digits, from 2 on, as needed to distinguish them.
std::pair<std::string, std::string> told_apart(double got, double limit) {
  constexpr int kMostDigits = 8;
  int digits = 2;
  const bool differ = std::abs(got - limit) > kRounding;
  while (differ && digits < kMostDigits && fixed(got, digits) == fixed(limit, digits)) ++digits;
  return {fixed(got, digits), fixed(limit, digits)};
}

std::string latency_name(const LatencyColumn& column) {
  return cat(column.tower, ".", column.batch_size);
}

/// "; did you mean …? Compared: a, b" for the end of a message about the unknown `name`.
std::string alternatives(const std::string& name, const std::vector<std::string>& names) {
  if (names.empty()) return "; compared: none";
  return cat(name.empty() ? "." : suggestion(name, names), " Compared: ", join(names, ", "));
}

/// Checks the gates on one new model.
class Checker {
 public:
  Checker(const ModelInfo& base, const Comparison& comparison, const Gates& gates,
          std::vector<GateOutcome>& outcomes)
      : base_(base), comparison_(comparison), gates_(gates), outcomes_(outcomes) {}

  void check() {
    for (const DropGate& gate : gates_.drops) check_drop("max-drop", gate);
    if (gates_.max_mixed_drop) check_mixed_drops(*gates_.max_mixed_drop);
    if (gates_.max_size_ratio) check_size(*gates_.max_size_ratio);
    for (const SpeedGate& gate : gates_.speeds) check_speed(gate);
  }

 private:
  GateOutcome outcome(const std::string& gate, double got, double limit) const {
    GateOutcome out;
    out.gate = gate;
    out.model = comparison_.model.path;
    out.got = got;
    out.limit = limit;
    return out;
  }

  /// @param name of the gate
  void check_drop(const std::string& name, const DropGate& gate) {
    std::vector<const MetricComparison*> metrics;
    std::vector<std::string> names;
    for (const MetricComparison& each : comparison_.metrics) {
      add_once(each.metric, names);
      if (each.metric == gate.metric) metrics.push_back(&each);
    }
    if (metrics.empty()) {
      throw UsageError(cat(name, " ", gate.metric, ": the base ", base_.path, " and ",
                           comparison_.model.path, " don't both have this metric on the same data",
                           alternatives(gate.metric, names)));
    }
    const auto& unpaired = comparison_.unpaired_metrics;
    if (std::find(unpaired.begin(), unpaired.end(), gate.metric) != unpaired.end()) {
      throw UsageError(cat(name, " ", gate.metric, ": the base ", base_.path, " and ",
                           comparison_.model.path, " weren't measured on the same data: ",
                           join(comparison_.warnings, "; "), "; measure both on all of them"));
    }
    for (const MetricComparison* metric : metrics) {
      outcomes_.push_back(drop_outcome(name, gate, *metric, metrics.size() > 1));
    }
  }

  /// An index of the base's embeddings, searched with the new model's queries.
  void check_mixed_drops(double points) {
    std::vector<std::string> metrics;
    for (const MetricComparison& each : comparison_.metrics) {
      if (each.metric.starts_with(kMixed)) add_once(each.metric, metrics);
    }
    if (metrics.empty()) {
      throw UsageError(cat("max-mixed-drop: the base ", base_.path, " and ", comparison_.model.path,
                           " don't both have mixed recalls on the same data; measure both with "
                           "the task index_compatibility"));
    }
    for (const std::string& metric : metrics) check_drop("max-mixed-drop", {metric, points});
  }

  GateOutcome drop_outcome(const std::string& name, const DropGate& gate,
                           const MetricComparison& metric, bool names_data) const {
    if (!std::isfinite(metric.base)) {
      throw UsageError(cat(name, " ", gate.metric, ": ", gate.metric, " of the base ", base_.path,
                           " is NaN or infinite, so no drop can be computed; remove ",
                           "this gate"));
    }
    GateOutcome out = outcome(cat(name, " ", gate.metric), kPoints * metric.drop(), gate.points);
    out.data = data_name(metric.data);
    const auto [got, limit] = told_apart(out.got, out.limit);
    out.text = cat(gate.metric, names_data ? " on " + out.data : "", " drop ", got,
                   " points, at most ", limit);
    if (const auto largest = metric.largest_drop()) out.interval_end = kPoints * *largest;
    judge_drop(metric.data.items, out);
    return out;
  }

  /// Sets the status of a drop and the text about certainty.
  void judge_drop(std::int64_t items, GateOutcome& out) const {
    if (exceeds(out.got, out.limit)) {
      out.status = GateStatus::kBroken;
      return;
    }
    const bool certain = out.interval_end && !exceeds(*out.interval_end, out.limit);
    if (certain || (!out.interval_end && !gates_.require_certain)) return;
    out.status = gates_.require_certain ? GateStatus::kBroken : GateStatus::kUncertain;
    const std::string sample = items > 0 ? cat(items, " items") : "an unknown number of items";
    if (!out.interval_end) {
      out.text +=
          cat(": uncertain, because the Results don't both have the outcomes of their ", sample);
    } else {
      out.text +=
          cat(": the 95 % interval reaches ", told_apart(*out.interval_end, out.limit).first,
              ", the sample of ", sample, " is too small to tell");
    }
  }

  void check_size(double limit) {
    const bool file = gates_.size_reference == SizeReference::kFile;
    const char* const reference = file ? "the base's file" : "float32";
    GateOutcome out = outcome("max-size-ratio",
                              size_ratio(base_, comparison_.model, gates_.size_reference), limit);
    if (!std::isfinite(out.got)) {
      const auto bytes = [](std::int64_t size) {
        return size > 0 ? cat(size, " bytes") : std::string("of unknown size");
      };
      throw UsageError(
          cat("max-size-ratio: ", comparison_.model.path, " is ",
              bytes(comparison_.model.size_bytes), ", ", reference, " is ",
              bytes(file ? base_.size_bytes
                         : std::max(comparison_.model.float32_bytes, base_.float32_bytes)),
              "; both sizes must be known; try the other size reference"),
          {{Setting::kSizeReference, file ? "float32" : "file"}});
    }
    if (exceeds(out.got, limit)) out.status = GateStatus::kBroken;
    const auto [got, most] = told_apart(out.got, limit);
    out.text = cat("size ", got, "x of ", reference, ", at most ", most, "x");
    outcomes_.push_back(out);
  }

  void check_speed(const SpeedGate& gate) {
    std::vector<std::string> names;
    const std::size_t before = outcomes_.size();
    for (const LatencyComparison& each : comparison_.latencies) {
      names.push_back(latency_name(each.column));
      const bool applies = (gate.tower.empty() || gate.tower == each.column.tower) &&
                           (gate.batch_size == 0 || gate.batch_size == each.column.batch_size);
      if (applies) outcomes_.push_back(speed_outcome(gate, each));
    }
    if (outcomes_.size() > before) return;
    const std::string wanted =
        gate.batch_size == 0 ? gate.tower : latency_name({gate.tower, gate.batch_size});
    throw UsageError(cat("min-speedup", wanted.empty() ? "" : " ", wanted, ": the base ",
                         base_.path, " and ", comparison_.model.path,
                         " don't both have such a latency on the same machine",
                         alternatives(wanted, names)));
  }

  GateOutcome speed_outcome(const SpeedGate& gate, const LatencyComparison& latency) const {
    const std::string name = latency_name(latency.column);
    GateOutcome out = outcome(cat("min-speedup ", name), latency.speed_up(), gate.speed_up);
    if (exceeds(out.limit, out.got)) out.status = GateStatus::kBroken;
    const auto [got, least] = told_apart(out.got, out.limit);
    out.text = cat(name, " speed-up ", got, "x, at least ", least, "x");
    return out;
  }

  const ModelInfo& base_;
  const Comparison& comparison_;
  const Gates& gates_;
  std::vector<GateOutcome>& outcomes_;
};

}  // namespace

std::string to_string(GateStatus status) {
  switch (status) {
    case GateStatus::kPass:
      return "pass";
    case GateStatus::kUncertain:
      return "uncertain";
    case GateStatus::kBroken:
      return "broken";
  }
  throw InternalError("unknown gate status");
}

std::vector<GateOutcome> check_gates(const ComparedModels& models, const Gates& gates) {
  std::vector<GateOutcome> outcomes;
  for (const Comparison& each : models.comparisons) {
    Checker(models.base, each, gates, outcomes).check();
  }
  return outcomes;
}

}  // namespace clipq
