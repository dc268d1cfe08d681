#include "legacy_torch_save.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <utility>

#include "clipq/checkpoint/pickle.h"
#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "pickled_state.h"
#include "stored_tensors.h"

namespace clipq {
namespace {

using Kind = PickleValue::Kind;

/// The first pickle: the integer 0x1950a86a20f9469cfc6c.
constexpr std::string_view kMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr std::int64_t kProtocol = 1001;

/// The pickles lie within the first so many bytes.
constexpr std::uint64_t kMostPickleBytes = 64U << 20;

class LegacyTorchSave : public StorageFile {
 public:
  explicit LegacyTorchSave(const std::filesystem::path& file)
      : where_(file.string()),
        stream_(file, std::ios::binary),
        file_bytes_(std::filesystem::file_size(file)) {}

  StateDict read_state() {
    std::string head(std::min(file_bytes_, kMostPickleBytes), '\0');
    read_bytes(0, head.data(), head.size());
    at_ = kMagic.size();
    const Pickle protocol = next_pickle(head, "protocol");
    if (protocol.root().kind != Kind::kInteger || protocol.root().integer != kProtocol) {
      throw InputError(cat(where_, ": a torch.save file of an unknown protocol; expected ",
                           kProtocol, "; load it in PyTorch and save it again"));
    }
    next_pickle(head, "system");
    const Pickle object = next_pickle(head, "object");
    {
      const Pickle names = next_pickle(head, "storages");
      std::string().swap(head);  // the storages may need the memory
      place_storages(object, names.root());
    }
    PickledTensors tensors(*this, where_);
    return read_pickled_state(object.root(), tensors, where_);
  }

  std::uint64_t size(const std::string& storage) const override { return place_of(storage).bytes; }

  void read(const std::string& storage, void* target) const override {
    const Place& place = place_of(storage);
    read_bytes(place.begin, target, place.bytes);
  }

 private:
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t bytes = 0;
  };

  [[noreturn]] void fail(const std::string& reason) const {
    throw InputError(cat(where_, ": a torch.save file that is damaged or truncated: ", reason,
                         "; copy or download it again"));
  }

  Pickle next_pickle(std::string_view head, const char* what) {
    Pickle pickle(head.substr(at_), cat(where_, ": pickle of its ", what));
    at_ += pickle.length();
    return pickle;
  }

  void read_bytes(std::uint64_t begin, void* target, std::uint64_t bytes) const {
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(begin));
    stream_.read(static_cast<char*>(target), static_cast<std::streamsize>(bytes));
    if (!stream_) fail(cat(bytes, " bytes at byte ", begin, " can't be read"));
  }

  /// Elements, as eight bytes before a storage tell.
  std::uint64_t read_count(std::uint64_t begin) const {
    std::array<unsigned char, 8> little_endian = {};
    read_bytes(begin, little_endian.data(), little_endian.size());
    std::uint64_t count = 0;
    for (std::size_t i = little_endian.size(); i-- > 0;) count = count << 8 | little_endian[i];
    return count;
  }

  /// Goes through the storages in the order of `names`. How long an element is stands with the
  /// object's tensors.
  void place_storages(const Pickle& object, const PickleValue& names) {
    std::map<std::string, at::ScalarType> types;
    for (const PickleValue* value : object.persistent()) {
      if (value->arguments->items.empty() || !value->arguments->items[0]->is_text("storage")) {
        continue;  // a module's source code
      }
      PickledStorage storage = PickledTensors::storage_of(*value, cat(where_, ": a tensor"));
      types.emplace(std::move(storage.name), storage.type);
    }
    for (const PickleValue* name : names.items) {
      const auto type = types.find(name->text);
      if (type == types.end()) fail(cat("no tensor has its storage \"", name->text, "\""));
      const std::uint64_t width = at::elementSize(type->second);
      const std::uint64_t count = read_count(at_);
      at_ += sizeof(count);
      if (count > (file_bytes_ - at_) / width) {
        fail(cat("storage \"", name->text, "\" claims ", count, " numbers of ", width,
                 " bytes, but the file has ", file_bytes_ - at_, " more"));
      }
      if (!places_.emplace(name->text, Place{at_, count * width}).second) {
        fail(cat("two storages are called \"", name->text, "\""));
      }
      at_ += count * width;
    }
  }

  const Place& place_of(const std::string& storage) const {
    const auto found = places_.find(storage);
    if (found == places_.end()) fail(cat("storage \"", storage, "\" is missing"));
    return found->second;
  }

  std::string where_;
  mutable std::ifstream stream_;
  std::uint64_t file_bytes_;
  std::uint64_t at_ = 0;
  std::map<std::string, Place> places_;
};

}  // namespace

bool is_legacy_torch_save(std::string_view head) { return head.starts_with(kMagic); }

CheckpointContents read_legacy_torch_save(const std::filesystem::path& file) {
  CheckpointContents contents;
  contents.container = "legacy torch.save file";
  contents.tensors = LegacyTorchSave(file).read_state();
  return contents;
}

}  // namespace clipq
