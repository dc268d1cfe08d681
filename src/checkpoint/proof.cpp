#include "proof.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/log.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// What is taken on trust where nothing can be compared.
std::string assumptions(const Checkpoint& checkpoint) {
  const ClipModel& model = checkpoint.model;
  std::vector<std::string> parts;
  for (const auto& [tower, settled] : checkpoint.towers) {
    const std::string assumed = settled.assumed();
    if (!assumed.empty()) parts.push_back(cat(name_of(tower), " tower: ", assumed));
  }
  if (model.text) parts.push_back(cat("text tower: ", describe(model.text->config())));
  parts.emplace_back("embeddings that aren't scaled to length 1");
  if (model.image && !checkpoint.knows_preprocess) {
    parts.push_back(cat("the usual preprocessing of images for ", checkpoint.dialect));
  }
  return join(parts, "; ");
}

/// An activation changes embeddings by a few points of accuracy without any error.
void require_known_activation(const SettledTowers& towers, const std::string& where) {
  const bool is_known = std::all_of(towers.begin(), towers.end(), [](const auto& entry) {
    return entry.second.activation.origin != Origin::kAssumed;
  });
  if (is_known) return;
  throw UsageError(
      cat(where,
          ": the activation can't be told from this file, and there is nothing to try it "
          "against; pass quick_gelu (OpenAI's models), gelu (most open_clip models) or gelu_tanh "
          "(Hugging Face's SigLIP)"),
      {{Setting::kActivation}});
}

/// A file with neither code nor samples: what its documents and options don't tell must be given.
void require_told(const SettledTowers& towers, const std::string& where) {
  for (const auto& [tower, settled] : towers) {
    if (settled.heads.origin != Origin::kAssumed) continue;
    throw UsageError(
        cat(where, ": neither a configuration nor samples give the number of heads of its ",
            name_of(tower), " tower; pass it, or pass the folder that holds config.json"),
        {{Setting::kHeads}});
  }
  require_known_activation(towers, where);
}

/// open_clip's text towers whose projection has a bias are those of SigLIP, or others that aren't
/// causal; names tell which only if the image tower is there, too.
void require_known_reading(const Checkpoint& checkpoint, const std::string& where) {
  const auto found = checkpoint.towers.find(Tower::kText);
  if (found == checkpoint.towers.end()) return;
  const auto& [tower, settled] = *found;
  if (!checkpoint.model.text->config().projection_bias) return;
  const bool guesses_causal = settled.causal.origin == Origin::kAssumed && settled.causal.value;
  const bool guesses_pooling =
      settled.pooling.origin == Origin::kAssumed && settled.pooling.value != TextPooling::kLast;
  if (!guesses_causal && !guesses_pooling) return;
  throw UsageError(cat(where,
                       ": whether its text tower is causal, and which token it is pooled at, can't "
                       "be told from this file; say so, or pass the folder with "
                       "open_clip_config.json. For SigLIP:"),
                   {{Setting::kOverrides, "checkpoint.text_causal=false"},
                    {Setting::kOverrides, "checkpoint.text_pooling=last"}});
}

void trust(Checkpoint& checkpoint, const std::string& reason, const std::string& where) {
  checkpoint.unchecked =
      cat("not compared with ", reason, "; taken on trust: ", assumptions(checkpoint));
  log::warn(cat(where, ": ", checkpoint.unchecked));
}

[[noreturn]] void throw_not_comparable(const Checkpoint& checkpoint, const std::string& failure,
                                       ParityMode mode, const std::string& where) {
  const bool forbidden =
      mode == ParityMode::kSandbox && failure.find(std::strerror(EPERM)) != std::string::npos;
  std::vector<Advice> advice = {{Setting::kParity, "skip"}};
  if (forbidden) advice.insert(advice.begin(), {Setting::kParity, "run"});
  throw InputError(
      cat(where, ": can't be compared with the archive's own embeddings: ", failure,
          forbidden ? " (the sandbox keeps an archive's code from writing files, opening sockets "
                      "and starting programs; if you trust it, run it without)"
                    : "",
          ". To continue, skip this check; these are then taken on trust: ",
          assumptions(checkpoint)),
      std::move(advice));
}

/// Leaves out the tower that the archive's code doesn't embed.
void leave_out_uncovered(Checkpoint& checkpoint, const Reference& reference,
                         const std::string& where) {
  for (const Tower tower : checkpoint.model.towers()) {
    if (reference.covers(tower)) continue;
    const Tower other = tower == Tower::kImage ? Tower::kText : Tower::kImage;
    log::info(cat(where, ": its code embeds only ", other == Tower::kImage ? "images" : "texts",
                  "; the ", name_of(tower), " tower is left out"));
    checkpoint.model = tower_alone(std::move(checkpoint.model), other);
    checkpoint.is_part_of_file = true;
    checkpoint.towers.erase(tower);
    std::erase_if(checkpoint.stored, [tower](const auto& entry) {
      return tower_of(entry.first) == tower || entry.first == "logit_scale";
    });
  }
}

}  // namespace

void prove(Checkpoint& checkpoint, const std::filesystem::path& archive,
           const std::optional<Reference>& samples, const std::string& where, ParityMode mode) {
  if (samples) {
    checkpoint.parity = require_parity(checkpoint.model, checkpoint.towers, *samples, where);
    return;
  }
  if (archive.empty()) {
    require_told(checkpoint.towers, where);
    require_known_reading(checkpoint, where);
    trust(checkpoint, "the original's embeddings (it has no code, and no samples)", where);
    return;
  }
  if (mode == ParityMode::kSkip) {
    require_known_activation(checkpoint.towers, where);
    require_known_reading(checkpoint, where);
    trust(checkpoint, "the archive's own embeddings", where);
    return;
  }
  const ReferenceResult result = run_reference(archive, checkpoint.model.config(), mode);
  if (!result.reference) throw_not_comparable(checkpoint, result.failure, mode, where);
  leave_out_uncovered(checkpoint, *result.reference, where);
  checkpoint.parity = require_parity(checkpoint.model, checkpoint.towers, *result.reference, where);
}

}  // namespace clipq
