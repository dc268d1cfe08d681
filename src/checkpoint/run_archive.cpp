#include "run_archive.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones_like.h>
#include <torch/script.h>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "clipq/core/error.h"
#include "clipq/core/memory.h"
#include "clipq/core/strings.h"
#include "clipq/model/tower.h"

namespace clipq {
namespace {

constexpr c10::ScalarType kOtherPrecisions[] = {c10::ScalarType::Half, c10::ScalarType::BFloat16,
                                                c10::ScalarType::Double};
constexpr const char* kForward = "its own forward";
constexpr std::int64_t kFloatCode = static_cast<std::int64_t>(c10::ScalarType::Float);

bool is_other_precision(const c10::IValue& value) {
  return std::any_of(std::begin(kOtherPrecisions), std::end(kOtherPrecisions), [&](auto type) {
    return value.isInt() && value.toInt() == static_cast<std::int64_t>(type);
  });
}

template <typename Visitor>
void visit_nodes(torch::jit::Block* block, const Visitor& visit) {
  for (torch::jit::Node* node : block->nodes()) {
    visit(node);
    for (torch::jit::Block* inner : node->blocks()) visit_nodes(inner, visit);
  }
}

/// Visits every node of every method of a module and its submodules.
template <typename Visitor>
void visit_graphs(const torch::jit::Module& module, const Visitor& visit) {
  for (const torch::jit::Module& part : module.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      visit_nodes(torch::jit::toGraphFunction(method.function()).graph()->block(), visit);
    }
  }
}

bool is_other_precision(const at::Tensor& tensor) {
  return std::find(std::begin(kOtherPrecisions), std::end(kOtherPrecisions),
                   tensor.scalar_type()) != std::end(kOtherPrecisions);
}

/// Makes weights and buffers of other precisions float32; integers stay (positions, codes).
void widen_tensors(const torch::jit::Module& module) {
  const auto widen = [](at::Tensor tensor) {
    if (is_other_precision(tensor)) tensor.set_data(tensor.to(at::kFloat));
  };
  for (const auto& parameter : module.named_parameters()) widen(parameter.value);
  for (const auto& buffer : module.named_buffers()) widen(buffer.value);
}

/// Puts constants on the CPU and into float32.
void replace_constant(torch::jit::Node* node) {
  if (node->kind() != c10::prim::Constant) return;
  const auto value = torch::jit::toIValue(node->output());
  if (!value) return;
  std::optional<c10::IValue> better;
  if (value->isDevice() && !value->toDevice().is_cpu()) better = c10::Device(c10::kCPU);
  if (value->isTensor() && is_other_precision(value->toTensor())) {
    better = value->toTensor().to(at::kFloat);
  }
  if (!better) return;
  const torch::jit::WithInsertPoint here(node);
  node->output()->replaceAllUsesWith(node->owningGraph()->insertConstant(*better));
}

/// Makes operators that are asked for another precision (casts, factories) give float32.
void replace_dtype(torch::jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (schema == nullptr) return;
  const std::size_t named = std::min(node->inputs().size(), schema->arguments().size());
  for (std::size_t i = 0; i < named; ++i) {
    if (schema->arguments()[i].name() != "dtype") continue;
    const auto value = torch::jit::toIValue(node->input(i));
    if (!value || !is_other_precision(*value)) continue;
    const torch::jit::WithInsertPoint here(node);
    node->replaceInput(i, node->owningGraph()->insertConstant(kFloatCode));
  }
}

/// The sentence at the end of Torch's traceback.
std::string sentence_of(const std::string& reason) {
  std::string last;
  for (std::size_t begin = 0; begin < reason.size();) {
    const std::size_t end = std::min(reason.find('\n', begin), reason.size());
    const std::string line = reason.substr(begin, end - begin);
    const std::size_t text = line.find_first_not_of(" \t");
    const bool is_drawing = line.find("<--- HERE") != std::string::npos;
    if (text != std::string::npos && !is_drawing) last = line.substr(text);
    if (last.starts_with("RuntimeError: ") || last.starts_with("torch.jit.Error: ")) break;
    begin = end + 1;
  }
  for (const char* defect : {"INTERNAL ASSERT", "PytorchStreamReader"}) {
    if (last.find(defect) != std::string::npos)
      return "LibTorch can't read it; the file is damaged";
  }
  const std::size_t colon = last.find("Error: ");
  return colon == std::string::npos ? last : last.substr(colon + std::string("Error: ").size());
}

/// Calls `run`, and turns what Torch throws into one sentence about `what`.
template <typename Run>
auto in_one_sentence(const std::string& what, const Run& run) -> decltype(run()) {
  try {
    return run();
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) throw std::bad_alloc();
    const auto* torch = dynamic_cast<const c10::Error*>(&failure);
    throw InputError(
        cat(what, " fails: ",
            sentence_of(torch != nullptr ? torch->what_without_backtrace() : failure.what())));
  }
}

torch::jit::Module load(const std::filesystem::path& file) {
  return in_one_sentence("loading the archive with its code", [&] {
    torch::jit::Module module = torch::jit::load(file.string(), c10::Device(c10::kCPU));
    module.eval();
    widen_tensors(module);
    visit_graphs(module, replace_constant);
    visit_graphs(module, replace_dtype);
    return module;
  });
}

/// Rows that `what` gave one by one, as one tensor.
at::Tensor joined(const std::string& what, const std::vector<at::Tensor>& rows) {
  return in_one_sentence(cat(what, ", run row by row,"), [&] { return at::cat(rows); });
}

/// What `run` gives for all rows at once, else what it gives row by row.
template <typename Run>
auto at_once_or_one_by_one(const std::string& what, std::int64_t rows, const Run& run)
    -> decltype(run(0, rows)) {
  try {
    return run(0, rows);
  } catch (const InputError&) {
    std::vector<at::Tensor> parts;
    for (std::int64_t row = 0; row < rows; ++row) parts.push_back(run(row, 1));
    return joined(what, parts);
  }
}

/// The tensors of a tuple or a dict of strings, in order, without names.
std::vector<at::Tensor> tensors_of(const c10::IValue& value) {
  std::vector<at::Tensor> out;
  const auto add = [&out](const c10::IValue& item) {
    if (item.isTensor()) out.push_back(item.toTensor());
  };
  if (value.isTuple()) {
    for (const c10::IValue& item : value.toTupleRef().elements()) add(item);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) add(entry.value());
  } else {
    add(value);
  }
  return out;
}

/// Embeddings of one tower, of all rows at once or row by row.
/// @param call the code, from some rows of the input to what it returns
template <typename Call>
at::Tensor embeddings_of(const std::string& what, const at::Tensor& input, std::int64_t embed_dim,
                         const Call& call) {
  return at_once_or_one_by_one(what, input.size(0), [&](std::int64_t first, std::int64_t count) {
    const std::vector<at::Tensor> outputs =
        in_one_sentence(what, [&] { return tensors_of(call(input.narrow(0, first, count))); });
    const auto find = [&](bool of_any_width) {
      return std::find_if(outputs.begin(), outputs.end(), [&](const at::Tensor& output) {
        return output.dim() == 2 && output.size(0) == count &&
               (of_any_width || output.size(1) == embed_dim);
      });
    };
    auto found = find(/*of_any_width=*/false);
    if (found == outputs.end()) found = find(/*of_any_width=*/true);
    if (found != outputs.end()) return found->to(at::kFloat);
    throw InputError(cat(
        what, " gives ",
        outputs.empty() ? cat("no tensor") : cat("embeddings of shape ", outputs.front().sizes()),
        ", expected [", count, ", ", embed_dim, "]"));
  });
}

const char* method_of(Tower tower) {
  return tower == Tower::kImage ? "encode_image" : "encode_text";
}

using Inputs = std::vector<c10::IValue>;

/// Ways in which forward may take images and texts: images first as open_clip has it, or texts
/// first as Hugging Face has it, with or without a mask.
std::vector<Inputs> arguments_of(const at::Tensor& pixels, const at::Tensor& tokens,
                                 bool text_first) {
  if (!text_first) return {{pixels, tokens}};
  return {{tokens, pixels}, {tokens, pixels, at::ones_like(tokens)}};
}

/// Features are the first two outputs of [rows, width]: in the order of the inputs, both in
/// open_clip's (image, text, scale) and in Hugging Face's (logits, logits, text, image).
/// @param rows images and texts
std::optional<ArchiveAnswer> answer_of(const std::vector<at::Tensor>& outputs, std::int64_t rows,
                                       bool text_first) {
  std::vector<at::Tensor> features;
  std::vector<at::Tensor> logits;
  for (const at::Tensor& output : outputs) {
    if (output.dim() != 2 || output.size(0) != rows) continue;
    (output.size(1) == rows ? logits : features).push_back(output.to(at::kFloat));
  }
  if (features.size() >= 2) {
    return ArchiveAnswer{ArchiveAnswer::Kind::kFeatures, features[text_first ? 1 : 0],
                         features[text_first ? 0 : 1]};
  }
  if (logits.empty()) return std::nullopt;
  return ArchiveAnswer{ArchiveAnswer::Kind::kSimilarities, logits.front(), at::Tensor()};
}

ArchiveAnswer answer_of_forward(torch::jit::Module& module, const at::Tensor& pixels,
                                const at::Tensor& tokens) {
  std::string failure;
  for (const bool text_first : {false, true}) {
    for (const Inputs& inputs : arguments_of(pixels, tokens, text_first)) {
      try {
        const auto outputs =
            in_one_sentence(kForward, [&] { return tensors_of(module.forward(inputs)); });
        auto answer = answer_of(outputs, pixels.size(0), text_first);
        if (answer) return *answer;
        failure = "its own forward returns neither features nor logits";
      } catch (const InputError& error) {
        if (failure.empty()) failure = error.what();
      }
    }
  }
  throw InputError(failure);
}

/// The same one pair at a time, for code that was traced for one.
ArchiveAnswer answer_one_by_one(torch::jit::Module& module, const at::Tensor& pixels,
                                const at::Tensor& tokens) {
  std::vector<at::Tensor> image;
  std::vector<at::Tensor> text;
  for (std::int64_t row = 0; row < pixels.size(0); ++row) {
    const ArchiveAnswer answer =
        answer_of_forward(module, pixels.narrow(0, row, 1), tokens.narrow(0, row, 1));
    if (answer.kind != ArchiveAnswer::Kind::kFeatures) {
      throw InputError("its own forward gives logits, of one image and one text at a time");
    }
    image.push_back(answer.image);
    text.push_back(answer.text);
  }
  return {ArchiveAnswer::Kind::kFeatures, joined(kForward, image), joined(kForward, text)};
}

ArchiveAnswer answer_of_pairs(torch::jit::Module& module, const at::Tensor& pixels,
                              const at::Tensor& tokens) {
  try {
    return answer_of_forward(module, pixels, tokens);
  } catch (const InputError&) {
    return answer_one_by_one(module, pixels, tokens);
  }
}

/// How many inputs forward needs, or may be given; 0: there is no forward.
std::size_t inputs_of_forward(const torch::jit::Module& module) {
  const auto forward = module.find_method("forward");
  return forward ? forward->function().getSchema().arguments().size() - 1 : 0;
}

/// What code that takes one kind of input makes of it.
class OneTower {
 public:
  OneTower(torch::jit::Module& module, std::int64_t embed_dim)
      : module_(module), embed_dim_(embed_dim) {}

  /// Embeddings by the archive's own method, else by a forward that takes nothing else. Undefined
  /// if it has neither; then reason() may say why.
  at::Tensor embed(const at::Tensor& input, Tower tower) {
    if (!input.defined()) return {};
    const char* method = method_of(tower);
    if (!module_.find_method(method)) return forward(input, tower);
    has_method_ = true;
    return embeddings_of(
        "its own " + std::string(method), input, embed_dim_,
        [&](const at::Tensor& rows) { return module_.get_method(method)({rows}); });
  }

  bool has_method() const { return has_method_; }
  const std::string& reason() const { return reason_; }

 private:
  /// forward of images, or of texts and perhaps their mask.
  at::Tensor forward(const at::Tensor& input, Tower tower) {
    const std::size_t inputs = inputs_of_forward(module_);
    const bool takes_mask = tower == Tower::kText && inputs == 2;
    if (inputs != 1 && !takes_mask) return {};
    try {
      return embeddings_of(kForward, input, embed_dim_, [&](const at::Tensor& rows) {
        return takes_mask ? module_.forward({rows, at::ones_like(rows)}) : module_.forward({rows});
      });
    } catch (const InputError& failure) {
      reason_ = failure.what();
      return {};
    }
  }

  torch::jit::Module& module_;
  std::int64_t embed_dim_;
  bool has_method_ = false;
  std::string reason_;
};

/// Embeddings of those towers that the archive's code embeds by themselves. Throws InputError if
/// that is none.
/// @param reason why it gives none of pairs; empty: it wasn't asked for any
ArchiveAnswer answer_of_towers(torch::jit::Module& module, const at::Tensor& pixels,
                               const at::Tensor& tokens, std::int64_t embed_dim,
                               std::string reason) {
  OneTower code(module, embed_dim);
  const at::Tensor image = code.embed(pixels, Tower::kImage);
  const at::Tensor text = code.embed(tokens, Tower::kText);
  if (image.defined() || text.defined()) {
    return {code.has_method() ? ArchiveAnswer::Kind::kEmbeddings
                              : ArchiveAnswer::Kind::kForwardEmbeddings,
            image, text};
  }
  if (reason.empty()) reason = code.reason();
  if (!reason.empty()) throw InputError(reason);
  throw InputError(inputs_of_forward(module) > 0
                       ? "its own forward takes something else than images or token ids"
                       : "it has no encode_image or encode_text, and no forward");
}

}  // namespace

ArchiveAnswer run_archive(const std::filesystem::path& file, const at::Tensor& pixels,
                          const at::Tensor& tokens, std::int64_t embed_dim) {
  const at::NoGradGuard no_grad;
  torch::jit::Module module = load(file);
  std::string reason;
  const bool has_methods = module.find_method(method_of(Tower::kImage)).has_value() &&
                           module.find_method(method_of(Tower::kText)).has_value();
  const bool needs_pairs = pixels.defined() && tokens.defined() && !has_methods;
  if (needs_pairs && inputs_of_forward(module) > 0) {
    try {
      return answer_of_pairs(module, pixels, tokens);
    } catch (const InputError& failure) {
      reason = failure.what();
    }
  }
  return answer_of_towers(module, pixels, tokens, embed_dim, reason);
}

}  // namespace clipq
