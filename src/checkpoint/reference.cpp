#include "clipq/checkpoint/reference.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <cstring>
#include <new>

#include "clipq/core/error.h"
#include "clipq/core/sandbox.h"
#include "clipq/core/setting.h"
#include "clipq/core/strings.h"
#include "run_archive.h"

namespace clipq {
namespace {

constexpr std::uint64_t kSeed = 20210226;
constexpr std::int64_t kBatch = 2;
constexpr double kLeastSeconds = 30;
constexpr double kBytesASecond = 8 << 20;
constexpr std::uint64_t kLeastMemory = std::uint64_t{2} << 30;
constexpr std::uint64_t kMemoryAByte = 6;

/// Texts of different lengths: start, random ids, end (the largest id, unless the config tells
/// one), padding.
at::Tensor random_tokens(const TextTowerConfig& config, const at::Generator& generator) {
  at::Tensor tokens = at::randint(1, config.vocab_size - 2, {kBatch, config.context_length},
                                  generator, at::TensorOptions(at::kLong));
  const std::int64_t end_id =
      config.pooling == TextPooling::kFirstEnd ? config.end_id : config.vocab_size - 1;
  for (std::int64_t i = 0; i < kBatch; ++i) {
    const std::int64_t end = (i + 1) * (config.context_length - 1) / kBatch;
    tokens[i][0] = config.vocab_size - 2;
    tokens[i][end] = end_id;
    tokens[i].narrow(0, end + 1, config.context_length - end - 1).zero_();
  }
  return tokens;
}

/// An answer as bytes: its kind, then columns and values of both tensors, which have kBatch rows,
/// or no columns if they aren't defined.
std::string to_bytes(const ArchiveAnswer& answer) {
  std::string bytes(1, static_cast<char>(answer.kind));
  for (const at::Tensor& tensor : {answer.image, answer.text}) {
    if (!tensor.defined()) {
      bytes.append(sizeof(std::int64_t), '\0');
      continue;
    }
    if (tensor.dim() != 2 || tensor.size(0) != kBatch) {
      throw InputError(cat("its own code gives embeddings of shape ", tensor.sizes(),
                           ", expected [", kBatch, ", embedding]"));
    }
    const at::Tensor values = tensor.to(at::kFloat).contiguous();
    const std::int64_t columns = values.size(1);
    bytes.append(reinterpret_cast<const char*>(&columns), sizeof(columns));
    bytes.append(reinterpret_cast<const char*>(values.const_data_ptr<float>()),
                 static_cast<std::size_t>(values.numel()) * sizeof(float));
  }
  return bytes;
}

/// Reads what to_bytes wrote, and trusts none of it.
class AnswerReader {
 public:
  explicit AnswerReader(const std::string& bytes) : bytes_(bytes) {}

  ArchiveAnswer read() {
    char kind = 0;
    take(&kind, 1);
    ArchiveAnswer answer;
    answer.kind = static_cast<ArchiveAnswer::Kind>(kind);
    if (kind < static_cast<char>(AnswerKind::kEmbeddings) ||
        kind > static_cast<char>(AnswerKind::kSimilarities)) {
      throw InputError("its own code gave an answer of the wrong kind");
    }
    answer.image = tensor();
    answer.text = tensor();
    if (!is_complete(answer)) throw InputError("its own code gave an answer of the wrong kind");
    return answer;
  }

 private:
  using AnswerKind = ArchiveAnswer::Kind;

  static bool is_complete(const ArchiveAnswer& answer) {
    const bool has_image = answer.image.defined();
    const bool has_text = answer.text.defined();
    switch (answer.kind) {
      case AnswerKind::kEmbeddings:
      case AnswerKind::kForwardEmbeddings:
        return has_image || has_text;
      case AnswerKind::kFeatures:
        return has_image && has_text;
      case AnswerKind::kSimilarities:
        return has_image && !has_text;
    }
    return false;
  }

  void take(void* target, std::size_t count) {
    if (count > bytes_.size() - at_) throw InputError("its own code gave an answer that is cut");
    std::memcpy(target, bytes_.data() + at_, count);
    at_ += count;
  }

  at::Tensor tensor() {
    std::int64_t columns = 0;
    take(&columns, sizeof(columns));
    if (columns == 0) return {};
    if (columns < 0 ||
        static_cast<std::size_t>(columns) > bytes_.size() / (kBatch * sizeof(float))) {
      throw InputError("its own code gave an answer that is cut");
    }
    at::Tensor values = at::empty({kBatch, columns}, at::TensorOptions(at::kFloat));
    take(values.mutable_data_ptr<float>(),
         static_cast<std::size_t>(values.numel()) * sizeof(float));
    return values;
  }

  const std::string& bytes_;
  std::size_t at_ = 0;
};

const char* method_of(const ArchiveAnswer& answer) {
  if (answer.kind != ArchiveAnswer::Kind::kEmbeddings) return "forward";
  if (!answer.text.defined()) return "encode_image";
  if (!answer.image.defined()) return "encode_text";
  return "encode_image and encode_text";
}

void fill(Reference& reference, const ArchiveAnswer& answer) {
  using AnswerKind = ArchiveAnswer::Kind;
  reference.source = cat("the archive's own ", method_of(answer));
  reference.has_lengths =
      answer.kind == AnswerKind::kEmbeddings || answer.kind == AnswerKind::kForwardEmbeddings;
  if (answer.kind == AnswerKind::kSimilarities && answer.image.size(1) != kBatch) {
    throw InputError("its own forward gave similarities that aren't square");
  }
  (answer.kind == AnswerKind::kSimilarities ? reference.similarities : reference.image) =
      answer.image;
  reference.text = answer.text;
}

}  // namespace

ParityMode parse_parity_mode(const std::string& name, const std::string& where) {
  for (const ParityMode mode : {ParityMode::kSandbox, ParityMode::kRun, ParityMode::kSkip}) {
    if (name == name_of(mode)) return mode;
  }
  throw UsageError(cat(where, " ", name, ": expected sandbox, run or skip"));
}

const char* name_of(ParityMode mode) {
  switch (mode) {
    case ParityMode::kSandbox:
      return "sandbox";
    case ParityMode::kRun:
      return "run";
    case ParityMode::kSkip:
      return "skip";
  }
  throw InternalError("a parity mode without a name");
}

ReferenceResult run_reference(const std::filesystem::path& file, const ClipConfig& config,
                              ParityMode mode) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(kSeed);
  Reference reference;
  if (config.image) {
    const std::int64_t side = config.image->resolution;
    reference.pixels = at::randn({kBatch, 3, side, side}, generator, at::TensorOptions(at::kFloat));
  }
  if (config.text) reference.tokens = random_tokens(*config.text, generator);
  const std::uint64_t bytes = std::filesystem::file_size(file);
  const SandboxLimits limits = {kLeastMemory + kMemoryAByte * bytes,
                                kLeastSeconds + static_cast<double>(bytes) / kBytesASecond,
                                mode == ParityMode::kSandbox};
  const SandboxOutcome outcome = run_in_sandbox(
      [&] {
        // The thread pool isn't there in a child process.
        at::set_num_threads(1);
        return to_bytes(run_archive(file, reference.pixels, reference.tokens, config.embed_dim()));
      },
      limits);
  switch (outcome.kind) {
    case SandboxOutcome::Kind::kDone:
      try {
        fill(reference, AnswerReader(outcome.output).read());
        return {std::move(reference), ""};
      } catch (const InputError& failure) {
        return {std::nullopt, failure.what()};
      }
    case SandboxOutcome::Kind::kNoSandbox:
      throw UsageError(cat(file.string(),
                           ": no sandbox can be set up here to run the archive's own "
                           "code in (",
                           outcome.reason,
                           "); run it with your own rights, or don't run it and take the model on "
                           "trust"),
                       {{Setting::kParity, "run"}, {Setting::kParity, "skip"}});
    case SandboxOutcome::Kind::kNoMemory:
      throw std::bad_alloc();
    case SandboxOutcome::Kind::kThrew:
      return {std::nullopt, outcome.reason};
    default:
      return {std::nullopt, cat("its own code failed: ", outcome.reason)};
  }
}

}  // namespace clipq
