#include "clipq/checkpoint/torchscript_archive.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"

namespace clipq {
namespace {

constexpr const char* kExtraFiles[] = {"clipq.json", "clipq_checkpoint.json", "bpe_vocab"};
constexpr std::int64_t kHalfCode = static_cast<std::int64_t>(c10::ScalarType::Half);
constexpr std::int64_t kFloatCode = static_cast<std::int64_t>(c10::ScalarType::Float);
constexpr double kQuickGeluFactor = 1.702;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// What is wrong with a file that Torch could not load.
std::string diagnose(const std::filesystem::path& file, const std::string& reason) {
  char magic[4] = {};
  std::ifstream(file, std::ios::binary).read(magic, sizeof(magic));
  if (std::string_view(magic, 2) != "PK") {
    return "not a TorchScript archive (it doesn't begin like a zip file); expected what "
           "torch.jit.save writes";
  }
  if (reason.find("constants.pkl") != std::string::npos) {
    return "a zip file, but not a TorchScript archive: it has no code (a plain torch.save?); "
           "expected what torch.jit.save writes";
  }
  const bool unreadable = reason.find("PytorchStreamReader") != std::string::npos ||
                          reason.find("miniz") != std::string::npos;
  return unreadable ? cat("damaged or truncated TorchScript archive (", first_line(reason),
                          "); copy or export it anew")
                    : cat("this LibTorch cannot load the archive (", first_line(reason),
                          "); export it with plain PyTorch operators");
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

void replace_cuda_device(torch::jit::Node* node) {
  if (node->kind() != c10::prim::Constant) return;
  const auto value = torch::jit::toIValue(node->output());
  if (!value || !value->isDevice() || value->toDevice().is_cpu()) return;
  const torch::jit::WithInsertPoint here(node);
  node->output()->replaceAllUsesWith(node->owningGraph()->insertConstant(c10::Device(c10::kCPU)));
}

/// Makes operators that are asked for float16 (casts, factories) give float32.
void replace_half_dtype(torch::jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (schema == nullptr) return;
  const std::size_t named = std::min(node->inputs().size(), schema->arguments().size());
  for (std::size_t i = 0; i < named; ++i) {
    if (schema->arguments()[i].name() != "dtype") continue;
    const auto value = torch::jit::toIValue(node->input(i));
    if (!value || !value->isInt() || value->toInt() != kHalfCode) continue;
    const torch::jit::WithInsertPoint here(node);
    node->replaceInput(i, node->owningGraph()->insertConstant(kFloatCode));
  }
}

}  // namespace

struct TorchScriptArchive::Impl {
  std::string where;
  torch::jit::Module module;
  torch::jit::ExtraFilesMap extra;

  at::Tensor run(const char* method, const at::Tensor& input) const {
    const auto found = module.find_method(method);
    if (!found) throw InputError(cat(where, ": the archive has no method ", method));
    try {
      const at::NoGradGuard no_grad;
      return (*found)({input}).toTensor().to(at::kFloat);
    } catch (const std::exception& failure) {
      throw InputError(
          cat(where, ": the archive's own ", method, " fails: ", first_line(failure.what())));
    }
  }
};

TorchScriptArchive::TorchScriptArchive(const std::filesystem::path& file)
    : impl_(std::make_unique<Impl>()) {
  require_file(file, "checkpoint");
  impl_->where = file.string();
  for (const char* name : kExtraFiles) impl_->extra[name] = "";
  try {
    impl_->module = torch::jit::load(file.string(), c10::Device(c10::kCPU), impl_->extra);
  } catch (const c10::Error& failure) {
    throw InputError(cat(file.string(), ": ", diagnose(file, failure.what_without_backtrace())));
  } catch (const std::exception& failure) {
    throw InputError(cat(file.string(), ": ", diagnose(file, failure.what())));
  }
  impl_->module.eval();
}

TorchScriptArchive::~TorchScriptArchive() = default;
TorchScriptArchive::TorchScriptArchive(TorchScriptArchive&&) noexcept = default;

StateDict TorchScriptArchive::state_dict() const {
  StateDict state;
  const auto add = [&state](const std::string& name, const at::Tensor& tensor) {
    state[name] = tensor.detach();
  };
  for (const auto& item : impl_->module.named_parameters()) add(item.name, item.value);
  for (const auto& item : impl_->module.named_buffers()) add(item.name, item.value);
  return state;
}

std::optional<std::string> TorchScriptArchive::extra(const std::string& name) const {
  const auto found = impl_->extra.find(name);
  if (found == impl_->extra.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<Activation> TorchScriptArchive::activation_in_graph() const {
  bool gelu = false;
  bool gelu_tanh = false;
  bool sigmoid = false;
  bool factor = false;
  visit_graphs(impl_->module, [&](torch::jit::Node* node) {
    if (node->kind() == c10::aten::sigmoid) sigmoid = true;
    if (node->kind() == c10::aten::gelu) {
      const auto value =
          node->inputs().size() > 1 ? torch::jit::toIValue(node->input(1)) : std::nullopt;
      (value && value->isString() && value->toStringRef() == "tanh" ? gelu_tanh : gelu) = true;
    }
    if (node->kind() == c10::prim::Constant && !node->outputs().empty()) {
      const auto value = torch::jit::toIValue(node->output());
      if (value && value->isDouble())
        factor |= std::abs(value->toDouble() - kQuickGeluFactor) < 1e-3;
      if (value && value->isTensor() && value->toTensor().numel() == 1) {
        factor |= std::abs(value->toTensor().item<double>() - kQuickGeluFactor) < 1e-3;
      }
    }
  });
  const bool quick_gelu = sigmoid && factor;
  if (quick_gelu + gelu + gelu_tanh != 1) return std::nullopt;
  if (quick_gelu) return Activation::kQuickGelu;
  return gelu ? Activation::kGelu : Activation::kGeluTanh;
}

void TorchScriptArchive::prepare_to_run() {
  impl_->module.to(at::kFloat);
  visit_graphs(impl_->module, replace_cuda_device);
  visit_graphs(impl_->module, replace_half_dtype);
}

at::Tensor TorchScriptArchive::encode_image(const at::Tensor& pixels) const {
  return impl_->run("encode_image", pixels);
}

at::Tensor TorchScriptArchive::encode_text(const at::Tensor& tokens) const {
  return impl_->run("encode_text", tokens);
}

}  // namespace clipq
