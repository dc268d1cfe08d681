#include "clipq/text/sentencepiece_model.h"

#include <sentencepiece_processor.h>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/sentencepiece_proto.h"

namespace clipq {
namespace {

using Processor = sentencepiece::SentencePieceProcessor;

class SentencePieceEncoder final : public TokenEncoder {
 public:
  explicit SentencePieceEncoder(const Processor& processor) : processor_(processor) {}

  void encode(std::string_view cleaned, std::vector<std::int32_t>& ids) override {
    const std::vector<int> found = encode(cleaned);
    ids.insert(ids.end(), found.begin(), found.end());
  }

  /// As SiglipTokenizer does: with a text before it whose ids are then left out.
  void encode_rest(std::string_view cleaned, std::vector<std::int32_t>& ids) override {
    constexpr const char* kBefore = "<unk>";
    const std::size_t before = encode(kBefore).size();
    const std::vector<int> found = encode(cat(kBefore, cleaned));
    const bool is_longer = found.size() >= before;
    ids.insert(ids.end(), found.begin() + static_cast<std::ptrdiff_t>(is_longer ? before : 0),
               found.end());
  }

 private:
  std::vector<int> encode(std::string_view text) const {
    std::vector<int> ids;
    const auto status = processor_.Encode({text.data(), text.size()}, &ids);
    if (!status.ok()) throw InternalError(cat("SentencePiece: ", status.ToString()));
    return ids;
  }

  const Processor& processor_;
};

std::optional<std::int32_t> if_there(int id) {
  return id < 0 ? std::nullopt : std::optional<std::int32_t>(id);
}

/// Why the library doesn't load the model; empty: it did.
std::string load(Processor& processor, std::string_view model) {
  try {
    const auto status = processor.LoadFromSerializedProto({model.data(), model.size()});
    return status.ok() ? "" : status.ToString();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& failure) {
    return failure.what();
  }
}

}  // namespace

SentencePieceModel::SentencePieceModel(std::string_view model, const std::string& where)
    : model_(model), processor_(std::make_unique<Processor>()) {
  require_sound_sentencepiece(model, where);
  const std::string failure = load(*processor_, model);
  if (!failure.empty()) {
    throw InputError(cat(where, ": not a SentencePiece model that can be used (", failure,
                         "); download it again"));
  }
}

SentencePieceModel::~SentencePieceModel() = default;

std::int64_t SentencePieceModel::size() const { return processor_->GetPieceSize(); }

std::unique_ptr<TokenEncoder> SentencePieceModel::encoder() const {
  return std::make_unique<SentencePieceEncoder>(*processor_);
}

std::optional<std::int32_t> SentencePieceModel::end_id() const {
  return if_there(processor_->eos_id());
}

std::optional<std::int32_t> SentencePieceModel::pad_id() const {
  return if_there(processor_->pad_id());
}

std::optional<std::int32_t> SentencePieceModel::id_of(const std::string& piece) const {
  const int id = processor_->PieceToId(piece);
  const bool is_known = id >= 0 && processor_->IdToPiece(id) == piece;
  return is_known ? if_there(id) : std::nullopt;
}

}  // namespace clipq
