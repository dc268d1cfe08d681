#include "safetensors.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "clipq/core/bounded_json.h"
#include "clipq/core/error.h"
#include "clipq/core/files.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/core/text_file.h"
#include "safetensors_types.h"
#include "stored_tensors.h"

namespace clipq {
namespace {

/// The format's own limit.
constexpr std::uint64_t kLongestHeader = 100'000'000;

class SafetensorsReader {
 public:
  explicit SafetensorsReader(const std::filesystem::path& file) : where_(file.string()) {
    require_file(file, "checkpoint");
    bytes_ = std::filesystem::file_size(file);
    stream_.open(file, std::ios::binary);
    read_header();
  }

  void read_into(CheckpointContents& contents) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const auto& [name, entry] : header_.items()) {
      if (name == kSafetensorsMetadata) {
        read_documents(entry, contents);
      } else {
        ranges.push_back(range_of(name, entry));
      }
    }
    require_whole(std::move(ranges));
    for (const auto& [name, entry] : header_.items()) {
      if (name != kSafetensorsMetadata) read_tensor(name, entry, contents);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& reason) const {
    throw InputError(
        cat(where_, ": tensor \"", name, "\" ", reason, "; copy or download the file again"));
  }

  void read_header() {
    std::array<unsigned char, 8> little_endian = {};
    stream_.read(reinterpret_cast<char*>(little_endian.data()), little_endian.size());
    std::uint64_t length = 0;
    for (std::size_t i = little_endian.size(); i-- > 0;) length = length << 8 | little_endian[i];
    if (!stream_ || length > kLongestHeader || length > bytes_ - little_endian.size()) {
      throw InputError(cat(where_,
                           ": not a safetensors file, or a truncated one: its header claims ",
                           length, " bytes, the file has ", bytes_, "; download it again"));
    }
    std::string text(length, '\0');
    stream_.read(text.data(), static_cast<std::streamsize>(length));
    data_begin_ = little_endian.size() + length;
    header_ = parse_bounded_json(text, where_ + ": header");
    if (!header_.is_object()) throw InputError(where_ + ": its header is no JSON object");
  }

  static void read_documents(const Json& metadata, CheckpointContents& contents) {
    if (!metadata.is_object()) return;
    for (const auto& [name, value] : metadata.items()) {
      if (value.is_string()) contents.documents[name] = value.get<std::string>();
    }
  }

  std::pair<std::uint64_t, std::uint64_t> range_of(const std::string& name,
                                                   const Json& entry) const {
    if (!entry.is_object()) fail(name, "has no description");
    const std::vector<std::uint64_t> offsets = numbers(name, entry, "data_offsets", 2);
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > bytes_ - data_begin_) {
      fail(name, "lies outside of the file");
    }
    return {offsets[0], offsets[1]};
  }

  /// The format has neither holes nor tensors that share bytes.
  void require_whole(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges) const {
    std::sort(ranges.begin(), ranges.end());
    std::uint64_t end = 0;
    for (const auto& [begin, next] : ranges) {
      if (begin != end) {
        throw InputError(cat(where_, ": a damaged safetensors file: after byte ", end,
                             " of its data the next tensor begins at ", begin));
      }
      end = next;
    }
    if (end == bytes_ - data_begin_) return;
    throw InputError(cat(where_, ": holds ", bytes_ - data_begin_,
                         " bytes of tensors, its header says ", end,
                         "; copy or download the file again"));
  }

  void read_tensor(const std::string& name, const Json& entry, CheckpointContents& contents) {
    const auto type = type_of(name, entry);
    const std::vector<std::uint64_t> shape = numbers(name, entry, "shape", kMostDimensions);
    const auto [begin, end] = range_of(name, entry);
    std::uint64_t needed = at::elementSize(type);
    std::vector<std::int64_t> sizes;
    std::uint64_t product = needed;  // also of the sizes beside a 0
    for (const std::uint64_t size : shape) {
      if (__builtin_mul_overflow(product, std::max<std::uint64_t>(size, 1), &product) ||
          product > std::uint64_t{1} << 62) {
        fail(name, "has a shape that overflows");
      }
      needed *= size;
      sizes.push_back(static_cast<std::int64_t>(size));
    }
    if (needed != end - begin) {
      fail(name, cat("of shape ", at::IntArrayRef(sizes), " needs ", needed, " bytes, but ",
                     end - begin, " are stored"));
    }
    at::Tensor tensor = at::empty(sizes, at::TensorOptions(type));
    stream_.seekg(static_cast<std::streamoff>(data_begin_ + begin));
    stream_.read(static_cast<char*>(tensor.mutable_data_ptr()),
                 static_cast<std::streamsize>(needed));
    if (!stream_) fail(name, "can't be read");
    contents.tensors[name] = std::move(tensor);
  }

  at::ScalarType type_of(const std::string& name, const Json& entry) const {
    const bool has_type =
        entry.is_object() && entry.contains("dtype") && entry["dtype"].is_string();
    if (!has_type) fail(name, "has no dtype");
    const auto wanted = entry["dtype"].get<std::string>();
    const auto found =
        std::find_if(kSafetensorsTypes.begin(), kSafetensorsTypes.end(),
                     [&](const SafetensorsType& each) { return wanted == each.name; });
    if (found == kSafetensorsTypes.end()) {
      throw InputError(cat(where_, ": tensor \"", name, "\" is of type ", wanted,
                           ", which has no place in a CLIP"));
    }
    return found->type;
  }

  std::vector<std::uint64_t> numbers(const std::string& name, const Json& entry, const char* key,
                                     std::size_t most) const {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array() || found->size() > most) {
      fail(name, cat("has no valid ", key));
    }
    std::vector<std::uint64_t> out;
    for (const Json& each : *found) {
      const auto number = whole_number(each);
      if (!number || *number < 0) fail(name, cat("has no valid ", key));
      out.push_back(static_cast<std::uint64_t>(*number));
    }
    return out;
  }

  std::string where_;
  std::ifstream stream_;
  std::uint64_t bytes_ = 0;
  std::uint64_t data_begin_ = 0;
  Json header_;
};

/// What an index maps tensors to: names of files beside it.
std::map<std::string, std::string> shards_by_tensor(const std::filesystem::path& file) {
  const std::string where = file.string();
  const Json index = parse_bounded_json(read_text(file), where);
  const Json map = index.is_object() ? index.value("weight_map", Json()) : Json();
  if (!map.is_object() || map.empty()) {
    throw InputError(cat(where, ": not a safetensors index: it has no \"weight_map\""));
  }
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : map.items()) {
    const std::string value = shard.is_string() ? shard.get<std::string>() : "";
    if (value.find('/') != std::string::npos || !value.ends_with(".safetensors")) {
      throw InputError(cat(where, ": \"", name, "\" isn't mapped to a file beside it"));
    }
    shards[name] = value;
  }
  return shards;
}

/// The different shards, which lie beside the index.
std::vector<std::filesystem::path> shard_files(const std::filesystem::path& index,
                                               const std::map<std::string, std::string>& shards) {
  std::vector<std::filesystem::path> files;
  for (const auto& [name, shard] : shards) {
    const std::filesystem::path path = folder_of(index) / shard;
    if (std::find(files.begin(), files.end(), path) != files.end()) continue;
    require_file(path, cat("file of ", index.filename().string()));
    files.push_back(path);
  }
  return files;
}

}  // namespace

CheckpointContents read_safetensors(const std::filesystem::path& file) {
  CheckpointContents contents;
  contents.container = "safetensors";
  SafetensorsReader(file).read_into(contents);
  return contents;
}

bool is_safetensors_index(const std::filesystem::path& file) {
  return file.string().ends_with(".safetensors.index.json");
}

std::vector<std::filesystem::path> safetensors_index_files(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> files = shard_files(file, shards_by_tensor(file));
  files.insert(files.begin(), file);
  return files;
}

CheckpointContents read_safetensors_index(const std::filesystem::path& file) {
  const std::map<std::string, std::string> shard_of = shards_by_tensor(file);
  const std::vector<std::filesystem::path> shards = shard_files(file, shard_of);
  CheckpointContents contents;
  contents.container =
      cat("safetensors in ", shards.size(), shards.size() == 1 ? " file" : " files");
  for (const std::filesystem::path& shard : shards) SafetensorsReader(shard).read_into(contents);
  for (const auto& [name, shard] : shard_of) {
    if (contents.tensors.count(name) > 0) continue;
    throw InputError(
        cat(file.string(), ": \"", name, "\" isn't in ", shard, "; download the files again"));
  }
  return contents;
}

}  // namespace clipq
