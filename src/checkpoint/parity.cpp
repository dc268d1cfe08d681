#include "clipq/checkpoint/parity.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/strings.h"
#include "clipq/model/finite.h"

namespace clipq {
namespace {

/// Rounding anew, in another order of sums, moves an embedding about as far as noise of an ulp on
/// its positions does, times a factor; a floor where a tower hardly moves.
constexpr double kUlp = 1.0 / (1 << 23);
constexpr double kRoundings = 16;
constexpr double kLeastTolerance = 5e-6;

/// Differences up to this much that no setting explains are warned of, beyond it refused.
constexpr double kLargestUnexplained = 1e-3;

/// Lengths that agree to this much, relatively, are the same.
constexpr double kLengthTolerance = 1e-3;

constexpr std::int64_t kNarrowestHead = 8;
constexpr std::int64_t kWidestHead = 256;
constexpr double kUsualEps[] = {1e-5, 1e-6, 1e-12};
constexpr int kMostRounds = 5;  // as many as there are settings

at::Tensor encode(const ClipModel& model, Tower tower, const Reference& reference) {
  return model.encode(tower, tower == Tower::kImage ? reference.pixels : reference.tokens);
}

at::Tensor directions(const at::Tensor& rows) { return normalize_rows(rows.to(at::kDouble)); }

double largest_row(const at::Tensor& rows) { return rows.norm(2, -1).max().item<double>(); }

/// The values with noise of an ulp.
at::Tensor with_noise(const at::Tensor& values) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  return at::randn(values.sizes(), generator, values.options()).mul_(kUlp).add_(1).mul_(values);
}

/// How far noise of an ulp on its positions, or the weights of its convolutions, moves a tower's
/// embeddings.
double rounding_of(ClipModel model, Tower tower, const Reference& reference,
                   const at::Tensor& rows) {
  const ModelParts parts = parts_of(model);
  for (const TensorPart& part : parts.tensors) {
    if (part.tower != tower || part.use != TensorUse::kPositions) continue;
    *part.tensor = with_noise(*part.tensor);
  }
  for (const LinearPart& part : parts.linears) {
    if (part.tower != tower || !part.window) continue;
    const std::optional<LinearContents> contents = (*part.layer)->contents();
    if (!contents || !contents->is_float()) continue;
    *part.layer = std::make_shared<FloatLinear>(with_noise(contents->weight), contents->bias);
  }
  return largest_row(directions(encode(model, tower, reference)).sub(directions(rows)));
}

std::vector<std::int64_t> possible_heads(std::int64_t width) {
  std::vector<std::int64_t> heads;
  for (std::int64_t n = 1; n <= width; ++n) {
    if (width % n == 0 && width / n >= kNarrowestHead && width / n <= kWidestHead) {
      heads.push_back(n);
    }
  }
  return heads;
}

/// The tower's settings with one changed to each of its other possible values.
std::vector<TowerSettings> neighbours(const TowerConfig& config) {
  const TowerSettings& settings = config.settings;
  std::vector<TowerSettings> out;
  const auto add = [&](auto TowerSettings::*member, auto value) {
    if (settings.*member == value) return;
    out.push_back(settings);
    out.back().*member = value;
  };
  for (const std::int64_t heads : possible_heads(config.width)) {
    add(&TowerSettings::heads, heads);
  }
  if (!config.is_transformer()) return out;
  for (const Activation activation : activations()) add(&TowerSettings::activation, activation);
  for (const double eps : kUsualEps) add(&TowerSettings::layer_norm_eps, eps);
  return out;
}

/// The other ways to read texts that don't need an id to be known.
std::vector<TextReading> other_readings(const TextReading& reading) {
  std::vector<TextReading> others;
  for (const bool causal : {true, false}) {
    for (const TextPooling pooling : {TextPooling::kLargestId, TextPooling::kLast}) {
      const TextReading other = {pooling, 0, causal};
      if (other != reading) others.push_back(other);
    }
  }
  return others;
}

/// Our embeddings against a reference, under settings that vary.
class Comparison {
 public:
  Comparison(const ClipModel& model, const Reference& reference)
      : model_(model), reference_(reference) {
    for (const Tower tower : model_.towers()) rows_of(tower) = encode(model_, tower, reference_);
    for (const Tower tower : model_.towers()) {
      if (parity(tower).error > kLeastTolerance) measure_rounding(tower);
    }
  }

  /// Whether only products of both towers can be compared.
  bool together() const { return reference_.similarities.defined(); }

  TowerParity parity(Tower tower) const { return parity(tower, rows_of(tower)); }
  bool fits(Tower tower) const { return parity(tower).error <= parity(tower).tolerance; }
  const ClipModel& model() const { return model_; }

  /// The model's embeddings as they are: float32.
  const at::Tensor& rows_of(Tower tower) const { return tower == Tower::kImage ? image_ : text_; }

  /// Changes one setting at a time to what is nearest to the reference, until nothing gets nearer.
  void improve() {
    bool better = true;
    for (int round = 0; round < kMostRounds && better; ++round) {
      better = false;
      for (const Tower tower : model_.towers()) better = improve(tower) || better;
    }
  }

 private:
  at::Tensor& rows_of(Tower tower) { return tower == Tower::kImage ? image_ : text_; }

  void measure_rounding(Tower tower) {
    double& tolerance = tower == Tower::kImage ? image_tolerance_ : text_tolerance_;
    tolerance =
        kLeastTolerance + kRoundings * rounding_of(model_, tower, reference_, rows_of(tower));
  }

  TowerParity parity(Tower tower, const at::Tensor& rows) const {
    const bool visual = tower == Tower::kImage;
    const at::Tensor ours = directions(rows);
    if (together()) {
      const at::Tensor others = directions(rows_of(visual ? Tower::kText : Tower::kImage));
      const at::Tensor cosines = (visual ? ours : others).matmul((visual ? others : ours).t());
      const double scale = std::exp(model_.logit_scale.item<double>());
      const at::Tensor theirs = reference_.similarities.to(at::kDouble).div(scale);
      const double error = cosines.sub(theirs).abs().max().item<double>();
      return {1 - error, error, image_tolerance_ + text_tolerance_};
    }
    const at::Tensor theirs = directions(reference_.of(tower));
    return {ours.mul(theirs).sum(-1).min().item<double>(), largest_row(ours.sub(theirs)),
            visual ? image_tolerance_ : text_tolerance_};
  }

  bool improve(Tower tower) {
    if (fits(tower)) return false;
    const TowerConfig config = model_.tower(tower).config();
    std::vector<ClipModel> candidates;
    for (const TowerSettings& settings : neighbours(config)) {
      candidates.push_back(with_settings(model_, tower, settings));
    }
    if (tower == Tower::kText) {
      for (const TextReading& reading : other_readings(model_.text->config())) {
        candidates.push_back(with_reading(model_, reading));
      }
    }
    return take_nearest(tower, std::move(candidates));
  }

  bool take_nearest(Tower tower, std::vector<ClipModel> candidates) {
    bool better = false;
    double least = parity(tower).error;
    for (ClipModel& candidate : candidates) {
      at::Tensor rows = encode(candidate, tower, reference_);
      const double error = parity(tower, rows).error;
      if (!(error < least)) continue;
      least = error;
      model_ = std::move(candidate);
      rows_of(tower) = std::move(rows);
      better = true;
    }
    return better;
  }

  ClipModel model_;
  const Reference& reference_;
  at::Tensor image_;  ///< our embeddings
  at::Tensor text_;
  double image_tolerance_ = kLeastTolerance;
  double text_tolerance_ = kLeastTolerance;
};

std::string value_text(std::int64_t heads) { return cat(heads); }
std::string value_text(double eps) { return cat(eps); }
std::string value_text(Activation activation) { return name_of(activation); }
std::string value_text(TextPooling pooling) { return name_of(pooling); }
std::string value_text(bool is_true) { return is_true ? "true" : "false"; }

/// Takes over what fits, or throws if the user or the metadata said otherwise.
template <typename T>
void take_over(Settled<T>& settled, const T& fitting, const char* what, Tower tower,
               const std::string& where) {
  if (settled.value == fitting) {
    if (settled.origin == Origin::kAssumed) settled.origin = Origin::kTried;
    return;
  }
  const std::string found = cat(where, ": ", name_of(tower), " tower: ", what, ": ",
                                value_text(fitting), " fits, ", value_text(settled.value));
  if (settled.origin == Origin::kOption || settled.origin == Origin::kMetadata) {
    throw InputError(cat(found, " is what ", name_of(settled.origin), " says; correct it"));
  }
  log::info(
      cat(found, " was ", settled.origin == Origin::kAssumed ? "assumed" : "read off the code"));
  settled = {fitting, Origin::kTried};
}

void take_over(SettledTower& settled, const ClipModel& fitting, Tower tower,
               const std::string& where) {
  const TowerSettings& settings = fitting.tower(tower).config().settings;
  take_over(settled.heads, settings.heads, "heads", tower, where);
  take_over(settled.activation, settings.activation, "activation", tower, where);
  take_over(settled.layer_norm_eps, settings.layer_norm_eps, "LayerNorm eps", tower, where);
  if (tower != Tower::kText) return;
  const TextReading& reading = fitting.text->config();
  take_over(settled.pooling, reading.pooling, "pooling", tower, where);
  take_over(settled.causal, reading.causal, "causal", tower, where);
}

std::string difference_text(const TowerParity& parity) {
  return cat("relative error ", parity.error, ", but rounding explains at most ", parity.tolerance,
             " (cosine ", fixed(parity.cosine, 6), ")");
}

/// What no setting explains.
void judge_misfit(const TowerParity& parity, Tower tower, const ClipConfig& config,
                  const Reference& reference, const std::string& where) {
  const bool together = reference.similarities.defined();
  const std::string found = cat(
      where, ": the ",
      together ? "similarities of images and texts" : cat(name_of(tower), " tower's embeddings"),
      " aren't those of ", reference.source, ": ", difference_text(parity));
  if (parity.error <= kLargestUnexplained) {
    log::warn(cat(
        found, "; the difference is small, but check that this is the model you meant to export"));
    return;
  }
  const bool is_text = tower == Tower::kText || together;
  throw InputError(cat(
      found, ". No other number of heads",
      config.tower(tower).is_transformer() ? ", activation or LayerNorm eps" : "", " explains it",
      is_text ? ", nor another pooling or causality (a text tower that is pooled at its first "
                "end token needs \"text_pooling\" and \"text_end_id\")"
              : "",
      "; its architecture isn't what its names say: ",
      is_text ? cat("a text tower that is ", describe(*config.text))
              : cat("a ", config.image->is_resnet() ? "" : "pre-norm ", describe(*config.image))));
}

/// @param what of the reference the rows are, "image and text"
void require_finite(const at::Tensor& rows, const char* what, const Reference& reference,
                    const std::string& where) {
  if (!rows.defined() || all_finite(rows)) return;
  throw InputError(cat(where, ": the ", what, " embeddings of ", reference.source,
                       " aren't finite: activations overflow in float32; export the checkpoint "
                       "again from working weights"));
}

/// Has the model scale its embeddings to length 1 if the reference's have that length.
void settle_length(ClipModel& model, Tower tower, const at::Tensor& rows,
                   const Reference& reference, const std::string& where) {
  const at::Tensor ours = rows.norm(2, -1).to(at::kDouble);
  const at::Tensor theirs = reference.of(tower).norm(2, -1).to(at::kDouble);
  const auto within = [](const at::Tensor& ratio) {
    return ratio.sub(1).abs().max().item<double>() <= kLengthTolerance;
  };
  if (within(theirs.div(ours))) return;
  if (!within(theirs)) {
    throw InputError(cat(where, ": the ", name_of(tower),
                         " tower's embeddings have lengths such as ", ours[0].item<double>(),
                         ", those of ", reference.source, " ", theirs[0].item<double>(),
                         ", with the same directions; the original scales them in a way that "
                         "clipq doesn't know"));
  }
  TowerSettings settings = model.tower(tower).config().settings;
  settings.normalized = true;
  model.tower(tower).apply(settings);
  log::info(cat(where, ": the ", name_of(tower), " embeddings of ", reference.source,
                " have length 1; so will those of what is made from it"));
}

void require_width(Tower tower, const ClipConfig& config, const Reference& reference,
                   const std::string& where) {
  const std::int64_t width = reference.of(tower).size(1);
  if (width == config.embed_dim()) return;
  throw InputError(cat(where, ": the ", name_of(tower), " embeddings of ", reference.source,
                       " have ", width, " values, expected ", config.embed_dim()));
}

}  // namespace

Json to_json(const Parity& parity) {
  const auto tower = [](const TowerParity& each) {
    return Json{{"cosine", each.cosine}, {"error", each.error}, {"tolerance", each.tolerance}};
  };
  Json json = {{"source", parity.source}};
  for (const auto& [each, of_tower] : parity.towers) json[name_of(each)] = tower(of_tower);
  return json;
}

Parity require_parity(ClipModel& model, SettledTowers& towers, const Reference& reference,
                      const std::string& where) {
  require_finite(reference.similarities, "image and text", reference, where);
  for (const Tower tower : model.towers()) {
    require_finite(reference.of(tower), name_of(tower), reference, where);
    if (reference.of(tower).defined()) require_width(tower, model.config(), reference, where);
  }
  Comparison comparison(model, reference);
  const Comparison as_settled = comparison;
  comparison.improve();
  Parity parity = {{}, reference.source};
  for (const Tower tower : model.towers()) {
    const bool is_near = comparison.parity(tower).error <= kLargestUnexplained;
    const Comparison& taken = is_near ? comparison : as_settled;
    parity.towers[tower] = taken.parity(tower);
    const bool told_already = comparison.together() && tower == Tower::kText;
    if (!comparison.fits(tower) && !told_already) {
      judge_misfit(taken.parity(tower), tower, model.config(), reference, where);
    }
    take_over(towers[tower], taken.model(), tower, where);
    if (tower == Tower::kText) {
      model = with_reading(std::move(model), taken.model().text->config());
    }
    model = with_settings(std::move(model), tower, towers[tower].settings());
    if (reference.has_lengths) {
      settle_length(model, tower, taken.rows_of(tower), reference, where);
    }
  }
  return parity;
}

}  // namespace clipq
