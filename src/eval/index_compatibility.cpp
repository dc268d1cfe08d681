#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "captioned_features.h"
#include "clipq/core/error.h"
#include "clipq/core/progress.h"
#include "clipq/core/strings.h"
#include "clipq/eval/captions.h"
#include "clipq/eval/index_search.h"
#include "clipq/eval/index_verdict.h"
#include "clipq/eval/task.h"
#include "clipq/model/finite.h"
#include "comparable_models.h"
#include "recall.h"

namespace clipq {
namespace {

/// The embeddings of one model, normalized.
struct ModelRows {
  at::Tensor images;
  at::Tensor texts;
};

/// Searching images by texts, or texts by images.
struct Direction {
  std::string name;
  std::string words;
  at::Tensor ModelRows::*rows;
  at::Tensor ModelRows::*queries;
  RightAnswers answers = {};
  std::vector<std::int64_t> clusters = {};  ///< of queries
};

std::vector<Direction> directions_of(const Captions& captions, std::size_t images) {
  Direction image = {"image_retrieval", "images by texts", &ModelRows::images, &ModelRows::texts};
  Direction text = {"text_retrieval", "texts by images", &ModelRows::texts, &ModelRows::images};
  image.clusters.resize(images);
  text.answers.resize(images);
  for (std::size_t i = 0; i < captions.texts.size(); ++i) {
    const std::int64_t of = captions.image_of[i];
    image.answers.push_back({of});
    ++image.clusters[of];
    text.answers[of].push_back(static_cast<std::int64_t>(i));
  }
  return {image, text};
}

std::vector<const IndexFormat*> formats_of(const TaskOptions& options) {
  std::vector<const IndexFormat*> formats;
  for (const std::string& name : options.index_formats) {
    const IndexFormat* format = &find_index_format(name, "index formats");
    const auto same = std::find(formats.begin(), formats.end(), format);
    if (same == formats.end()) formats.push_back(format);
  }
  return formats;
}

/// All ways of searching; the first is that of embeddings as they are.
std::vector<SearchMethod> methods_of(const TaskOptions& options) {
  const IndexFormat& plain = index_formats().front();
  std::vector<SearchMethod> methods = {{plain}};
  for (const IndexFormat* format : formats_of(options)) {
    if (format != &plain) methods.push_back({*format});
    if (format->codes_queries && options.rescore > 0) methods.push_back({*format, options.rescore});
  }
  return methods;
}

/// Which model has embedded the index, and which the queries: the first or the one that is
/// measured.
struct Pairing {
  bool own_index = false;
  bool own_queries = false;
};

std::vector<Pairing> pairings_of(std::size_t model) {
  if (model == 0) return {{false, false}};
  return {{false, true}, {true, true}, {true, false}};
}

const char* name_of_side(bool own) { return own ? "own" : "first"; }

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// What a verdict means for an index of plain embeddings, and for one of codes.
/// @param own on an index that the model has embedded itself
std::string in_words(IndexVerdict verdict, bool plain, IndexVerdict own) {
  if (verdict == IndexVerdict::kUndecided) return "undecided, needs more data";
  if (!plain) return verdict == IndexVerdict::kCompatible ? "good enough" : "not good enough";
  if (verdict == IndexVerdict::kCompatible) return "no reindex needed";
  return own == IndexVerdict::kIncompatible ? "a new index doesn't help" : "reindex needed";
}

/// "an int8 index of clip (first 20 results rescored)"
std::string index_of(const SearchMethod& method, const std::string& model) {
  const std::string& format = method.format.name;
  const bool vowel = format.front() == 'i' || format.front() == 's';  // as they are spoken
  return cat(vowel ? "an " : "a ", format, " index of ", model,
             method.rescored > 0 ? cat(" (first ", method.rescored, " results rescored)") : "");
}

/// Searches with all models and compares what is found with the first model's plain search.
class Comparer {
 public:
  Comparer(const TaskInput& input, std::vector<ModelRows> models, std::vector<Direction> directions)
      : options_(input.options),
        models_(std::move(models)),
        directions_(std::move(directions)),
        methods_(methods_of(input.options)),
        measurements_(models_.size()) {
    for (const EvaluatedModel& each : input.encoder.models()) labels_.push_back(each.label);
    for (Measurement& each : measurements_) {
      each.details[kDetail] = {{"verdicts", Json::array()}, {"searches", Json::array()}};
    }
  }

  std::vector<Measurement> run() && {
    const std::size_t pairings = 1 + (models_.size() - 1) * pairings_of(1).size();
    Progress progress("searches",
                      static_cast<std::int64_t>(directions_.size() * methods_.size() * pairings));
    for (const Direction& direction : directions_) {
      Found base = search(data_of(direction, 0, {}), methods_.front(), direction.answers);
      base.overlap.assign(base.rank.size(), 1);  // with itself
      base.displacement.assign(base.rank.size(), 0);
      for (std::size_t model = 0; model < models_.size(); ++model) {
        for (const SearchMethod& method : methods_) {
          for (const Pairing& pairing : pairings_of(model)) {
            compare(direction, model, method, pairing, base);
            progress.advance(1);
          }
        }
      }
    }
    add_verdicts();
    return std::move(measurements_);
  }

 private:
  static constexpr const char* kDetail = "index_compatibility";

  bool is_plain(const SearchMethod& method) const { return &method.format == &methods_[0].format; }

  SearchData data_of(const Direction& direction, std::size_t model, const Pairing& pairing) const {
    return {models_[pairing.own_index ? model : 0].*direction.rows,
            models_[pairing.own_queries ? model : 0].*direction.queries};
  }

  void compare(const Direction& direction, std::size_t model, const SearchMethod& method,
               const Pairing& pairing, const Found& base) {
    const SearchData data = data_of(direction, model, pairing);
    const bool is_base = model == 0 && is_plain(method);
    const Found found = is_base ? base : search(data, method, direction.answers, &base);
    Json recall = Json::object();
    Json losses = Json::object();
    for (const std::int64_t k : options_.recall_k) {
      const Outcomes hits = hits_within(found.rank, k, direction.clusters);
      const RecallLoss loss = recall_loss(hits_within(base.rank, k, direction.clusters), hits);
      recall[std::to_string(k)] = share_of_hits(hits);
      losses[std::to_string(k)] = {{"value", loss.value}, {"low", loss.low}, {"high", loss.high}};
      if (is_plain(method) && is_mixed(model, pairing)) {
        add_recall(measurements_[model], cat("mixed_", direction.name, "_recall@", k), hits);
      }
      if (k == deciding_length(data.rows.size(0))) {
        losses_[{model, &method, pairing.own_index, pairing.own_queries}].push_back(
            {cat("recall@", k, " of ", direction.words), loss});
      }
    }
    Json record = {{"direction", direction.name},
                   {"format", method.format.name},
                   {"index", name_of_side(pairing.own_index)},
                   {"queries", name_of_side(pairing.own_queries)},
                   {"recall", recall},
                   {"loss", losses},
                   {"overlap", mean(found.overlap)},
                   {"displacement", mean(found.displacement)}};
    if (method.rescored > 0) record["rescored"] = method.rescored;
    measurements_[model].details[kDetail]["searches"].push_back(std::move(record));
  }

  /// Whether the first model's index is searched with this model's queries.
  static bool is_mixed(std::size_t model, const Pairing& pairing) {
    return !pairing.own_index && (model == 0 || pairing.own_queries);
  }

  /// The largest K at which there are rows to miss; 0: none.
  std::int64_t deciding_length(std::int64_t rows) const {
    std::int64_t longest = 0;
    for (const std::int64_t k : options_.recall_k) {
      if (k < rows) longest = std::max(longest, k);
    }
    return longest;
  }

  void add_verdicts() {
    for (std::size_t model = 0; model < models_.size(); ++model) {
      for (const SearchMethod& method : methods_) {
        if (model == 0 && is_plain(method)) continue;
        measurements_[model].details[kDetail]["verdicts"].push_back(verdict_on(model, method));
      }
    }
  }

  Json verdict_on(std::size_t model, const SearchMethod& method) {
    const double points = options_.largest_loss;
    const Judgement mixed = judge(losses_[{model, &method, false, model > 0}], points);
    const Judgement own = judge(losses_[{model, &method, model > 0, model > 0}], points);
    std::string text = cat(in_words(mixed.verdict, is_plain(method), own.verdict), ": ",
                           index_of(method, labels_[0]), " with queries of ", labels_[model], " ");
    if (mixed.decisive) {
      text += cat(loss_text(*mixed.decisive), "; a loss of ", points, " is allowed");
    } else {
      text += "was searched for as many results as it has";
    }
    if (model > 0 && mixed.verdict == IndexVerdict::kIncompatible) {
      text += cat(". On an index of its own, ", labels_[model], " ", loss_text(*own.decisive));
    }
    Json out = {
        {"format", method.format.name}, {"verdict", name_of(mixed.verdict)}, {"text", text}};
    if (model > 0) out["own_index"] = name_of(own.verdict);
    if (method.rescored > 0) out["rescored"] = method.rescored;
    return out;
  }

  const TaskOptions& options_;
  std::vector<ModelRows> models_;
  std::vector<std::string> labels_;
  std::vector<Direction> directions_;
  std::vector<SearchMethod> methods_;
  std::vector<Measurement> measurements_;
  /// By model, method, whether it has embedded the index, and the queries.
  std::map<std::tuple<std::size_t, const SearchMethod*, bool, bool>, std::vector<DirectedLoss>>
      losses_;
};

/// Throws InputError if a value isn't finite.
at::Tensor normalized(const at::Tensor& rows, const std::string& model, const char* what) {
  at::Tensor out = normalize_rows(rows.to(at::kDouble));
  if (all_finite(out)) return out;
  throw InputError(cat(model, " gives NaN or infinite embeddings of ", what,
                       "; what is found by them would be meaningless"));
}

TaskReport measure_searches(const TaskInput& input, const CaptionedFeatures& features) {
  const auto& [images, captions, texts] = features;
  std::vector<ModelRows> models;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string& label = input.encoder.models()[i].label;
    models.push_back(
        {normalized(images.rows[i], label, "images"), normalized(texts[i], label, "texts")});
  }
  TaskReport report;
  report.items = static_cast<std::int64_t>(images.items.size());
  report.skipped = images.skipped;
  report.settings = {{"captions", captions.texts.size()},
                     {"largest_loss", input.options.largest_loss}};
  report.models =
      Comparer(input, std::move(models), directions_of(captions, images.items.size())).run();
  return report;
}

}  // namespace

std::vector<TaskOption> index_compatibility_options() {
  std::vector<TaskOption> options = zeroshot_retrieval_options();
  std::vector<std::string> formats;
  for (const IndexFormat& format : index_formats()) formats.push_back(format.name);
  options.push_back({"index-formats", "how indexes store embeddings, separated by commas",
                     NamesOption{&TaskOptions::index_formats, formats}});
  options.push_back({"rescore",
                     "also with the first N results of int8 and binary searches ordered again by "
                     "the queries in float",
                     CountOption{&TaskOptions::rescore, kFirstResults}});
  options.push_back({"largest-loss",
                     "points of recall that may be lost without a new index: the verdict's limit",
                     NumberOption{&TaskOptions::largest_loss}});
  return options;
}

void check_index_compatibility(const TaskData& data) {
  const std::vector<const IndexFormat*> formats = formats_of(data.options);
  const bool codes_queries = std::any_of(formats.begin(), formats.end(),
                                         [](const auto* each) { return each->codes_queries; });
  if (data.options.rescore > 0 && !codes_queries) {
    throw UsageError(
        "rescore orders results of int8 and binary searches again; add one of them to the index "
        "formats");
  }
  check_zeroshot_retrieval(data);
}

Measure encode_index_compatibility(const TaskInput& input) {
  require_comparable(input.encoder.models(), "index_compatibility");
  return [input, features = encode_captioned(input)] { return measure_searches(input, features); };
}

}  // namespace clipq
