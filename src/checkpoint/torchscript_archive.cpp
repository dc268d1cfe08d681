#include "clipq/checkpoint/torchscript_archive.h"

#include <fstream>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "clipq/checkpoint/pickle.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/strings.h"
#include "clipq/core/zip_archive.h"
#include "pickled_tensors.h"
#include "torch_zip.h"
#include "walk_bounds.h"

namespace clipq {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostClasses = 100'000;

void require_zip(const std::filesystem::path& file) {
  require_file(file, "checkpoint");
  char magic[2] = {};
  std::ifstream(file, std::ios::binary).read(magic, sizeof(magic));
  if (std::string_view(magic, sizeof(magic)) != "PK") {
    throw InputError(cat(file.string(),
                         ": not a TorchScript archive (it doesn't begin like a zip file); expected "
                         "what torch.jit.save writes"));
  }
}

/// "__torch__.torch.nn Linear" as the code has it, "__torch__.torch.nn.Linear".
std::string class_name(const PickleValue& object) {
  if (object.callee->kind != Kind::kGlobal) return "";
  std::string name = object.callee->text;
  const std::size_t blank = name.find(' ');
  if (blank != std::string::npos) name[blank] = '.';
  return name;
}

/// What a tree of pickled modules holds, by path.
struct ModuleTree {
  std::map<std::string, const PickleValue*> tensors;
  std::map<std::string, std::string> classes;
};

class TreeWalk {
 public:
  TreeWalk(ModuleTree& tree, const std::string& where)
      : tree_(tree),
        bounds_(cat(where, ": its modules are nested without end; copy or export the file again")) {
  }

  void visit(const PickleValue& module, const std::string& path, int depth) {
    bounds_.count(path, depth);
    tree_.classes[path] = class_name(module);
    if (module.state == nullptr || module.state->kind != Kind::kMapping) return;
    const auto& items = module.state->items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i]->kind != Kind::kText) continue;
      const std::string name = path.empty() ? items[i]->text : cat(path, ".", items[i]->text);
      if (PickledTensors::is_tensor(*items[i + 1])) {
        bounds_.count(name, depth);
        tree_.tensors[name] = items[i + 1];
      } else if (items[i + 1]->kind == Kind::kObject) {
        visit(*items[i + 1], name, depth + 1);
      }
    }
  }

 private:
  ModuleTree& tree_;
  WalkBounds bounds_;
};

/// A file of code, cut into its classes.
class CodeFile {
 public:
  explicit CodeFile(std::string text) : text_(std::move(text)) {
    constexpr std::string_view kHead = "class ";
    const std::string_view code = text_;
    std::size_t begin = code.starts_with(kHead) ? 0 : next_class(0);
    while (begin < code.size() && classes_.size() < kMostClasses) {
      const std::size_t end = next_class(begin);
      const std::string_view source = code.substr(begin, end - begin);
      const std::size_t name_end = source.find('(');
      if (name_end != std::string_view::npos) {
        classes_.emplace(source.substr(kHead.size(), name_end - kHead.size()), source);
      }
      begin = end;
    }
  }
  CodeFile(const CodeFile&) = delete;

  /// The source of the class of that name; empty if it isn't there.
  std::string_view source_of(std::string_view name) const {
    const auto found = classes_.find(name);
    return found == classes_.end() ? std::string_view() : found->second;
  }

 private:
  /// Where the next class after `at` begins, or the end.
  std::size_t next_class(std::size_t at) const {
    const std::size_t found = text_.find("\nclass ", at);
    return found == std::string::npos ? text_.size() : found + 1;
  }

  std::string text_;
  std::map<std::string_view, std::string_view> classes_;
};

}  // namespace

struct TorchScriptArchive::Impl {
  explicit Impl(const std::filesystem::path& path) : file(path), zip(path) {}

  std::filesystem::path file;
  ZipArchive zip;
  std::string folder;
  ModuleTree tree;
  StateDict state;
  std::vector<std::optional<double>> constants;

  void read_modules(const std::string& where) {
    const Pickle pickle(zip.read(folder + "data.pkl"), where + ": data.pkl");
    if (pickle.root().kind != Kind::kObject) {
      throw InputError(cat(where,
                           ": its data.pkl holds no module; expected what torch.jit.save "
                           "writes"));
    }
    TreeWalk(tree, where).visit(pickle.root(), "", 0);
    const ZipStorages storages(zip, folder + "data/");
    PickledTensors tensors(storages, where);
    for (const auto& [name, value] : tree.tensors) state[name] = tensors.make(*value, name);
    tree.tensors.clear();
  }

  void read_constants(const std::string& where) {
    const Pickle pickle(zip.read(folder + "constants.pkl"), where + ": constants.pkl");
    const ZipStorages storages(zip, folder + "constants/");
    PickledTensors tensors(storages, where);
    for (const PickleValue* value : pickle.root().items) {
      std::optional<double> number;
      if (PickledTensors::is_tensor(*value)) {
        const at::Tensor tensor = tensors.make(*value, cat("CONSTANTS.c", constants.size()));
        if (tensor.numel() == 1) number = tensor.item<double>();
      }
      constants.push_back(number);
    }
  }
};

TorchScriptArchive::TorchScriptArchive(const std::filesystem::path& file) {
  require_zip(file);
  impl_ = std::make_unique<Impl>(file);
  const std::string where = file.string();
  impl_->folder = top_folder(impl_->zip);
  if (!impl_->zip.contains(impl_->folder + "data.pkl")) {
    throw InputError(cat(where,
                         ": a zip file, but not a TorchScript archive (it has no data.pkl); "
                         "expected what torch.jit.save writes"));
  }
  if (!impl_->zip.contains(impl_->folder + "constants.pkl")) {
    throw InputError(cat(where,
                         ": a zip file, but not a TorchScript archive: it has no code (a "
                         "plain torch.save?); expected what torch.jit.save writes"));
  }
  require_little_endian(impl_->zip, impl_->folder, where);
  impl_->read_modules(where);
  impl_->read_constants(where);
  impl_->zip.check_unread();
  if (impl_->state.empty() && !impl_->constants.empty()) {
    throw InputError(cat(where,
                         ": a frozen archive (torch.jit.freeze): its weights have become "
                         "constants without names; export it without freezing"));
  }
}

TorchScriptArchive::~TorchScriptArchive() = default;
TorchScriptArchive::TorchScriptArchive(TorchScriptArchive&&) noexcept = default;

const std::filesystem::path& TorchScriptArchive::file() const { return impl_->file; }

const StateDict& TorchScriptArchive::state_dict() const { return impl_->state; }

std::optional<std::string> TorchScriptArchive::extra(const std::string& name) const {
  return extra_file(impl_->zip, impl_->folder, name);
}

std::string TorchScriptArchive::code_of(const std::vector<std::string>& prefixes) const {
  std::set<std::string> classes;
  for (const auto& [path, name] : impl_->tree.classes) {
    for (const std::string& prefix : prefixes) {
      if (path == prefix || (!prefix.empty() && path.starts_with(prefix + ".")))
        classes.insert(name);
    }
  }
  std::string code;
  std::map<std::string, CodeFile> files;  // one may define all of them
  for (const std::string& name : classes) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos) continue;
    std::string record = name.substr(0, dot);
    for (char& character : record) character = character == '.' ? '/' : character;
    record = cat(impl_->folder, "code/", record, ".py");
    if (!impl_->zip.contains(record)) continue;
    auto file = files.find(record);
    if (file == files.end()) file = files.try_emplace(record, impl_->zip.read(record)).first;
    code += file->second.source_of(std::string_view(name).substr(dot + 1));
  }
  return code;
}

std::optional<double> TorchScriptArchive::constant(std::size_t index) const {
  return index < impl_->constants.size() ? impl_->constants[index] : std::nullopt;
}

}  // namespace clipq
