#include "clipq/text/sentencepiece_proto.h"

#include <cmath>
#include <cstring>
#include <set>
#include <unordered_set>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"
#include "clipq/text/unicode.h"

namespace clipq {
namespace {

/// Numbers of fields and values in sentencepiece_model.proto.
constexpr std::uint32_t kPieces = 1;
constexpr std::uint32_t kTrainerSpec = 2;
constexpr std::uint32_t kNormalizerSpec = 3;
constexpr std::uint32_t kDenormalizerSpec = 5;
constexpr std::uint32_t kPieceText = 1;
constexpr std::uint32_t kPieceScore = 2;
constexpr std::uint32_t kPieceType = 3;
constexpr std::uint32_t kCharsmap = 2;
constexpr std::uint32_t kAddDummyPrefix = 3;
constexpr std::uint32_t kRemoveExtraSpaces = 4;
constexpr std::uint32_t kEscapeSpaces = 5;
constexpr std::uint32_t kModelType = 3;
constexpr std::uint32_t kSpaceAsSuffix = 24;
constexpr std::uint32_t kByteFallback = 35;
constexpr std::uint64_t kUnigram = 1;
constexpr std::uint64_t kNormalPiece = 1;
constexpr std::uint64_t kUnknownPiece = 2;
constexpr std::uint64_t kControlPiece = 3;
constexpr std::uint64_t kBytePiece = 6;

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint32_t number = 0;
  std::uint32_t type = 0;
  std::uint64_t value = 0;  ///< of a number
  std::string_view bytes;   ///< of a text or a message
};

/// Reads a message of protocol buffers field by field.
class MessageReader {
 public:
  MessageReader(std::string_view message, const std::string& where)
      : rest_(message), where_(where) {}

  bool next(Field& field) {
    if (rest_.empty()) return false;
    const std::uint64_t key = varint();
    field = {static_cast<std::uint32_t>(key >> 3), static_cast<std::uint32_t>(key & 7U), 0, {}};
    switch (field.type) {
      case kVarint:
        field.value = varint();
        break;
      case kFixed64:
      case kFixed32:
        field.bytes = take(field.type == kFixed64 ? 8 : 4);
        break;
      case kBytes:
        field.bytes = take(varint());
        break;
      default:
        throw_damaged();
    }
    return true;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    throw_damaged();
  }

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw_damaged();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  [[noreturn]] void throw_damaged() const {
    throw InputError(
        cat(where_, ": not a SentencePiece model, or a truncated one; download it ", "again"));
  }

  std::string_view rest_;
  const std::string& where_;
};

class ModelChecker {
 public:
  explicit ModelChecker(const std::string& where) : where_(where) {}

  void check(std::string_view model) {
    std::set<std::uint32_t> parts;
    MessageReader reader(model, where_);
    for (Field field; reader.next(field);) {
      if (field.type != kBytes) continue;
      parts.insert(field.number);
      if (field.number == kPieces) check_piece(field.bytes);
      if (field.number == kNormalizerSpec || field.number == kDenormalizerSpec) {
        check_normalizer(field.bytes);
      }
    }
    // The library takes defaults where a file that ends early lacks one.
    for (const std::uint32_t part : {kPieces, kTrainerSpec, kNormalizerSpec}) {
      if (parts.count(part) == 0) throw_wrong("it lacks its pieces or its settings");
    }
  }

 private:
  void check_piece(std::string_view piece) {
    std::string_view text;
    MessageReader reader(piece, where_);
    for (Field field; reader.next(field);) {
      if (field.number == kPieceText && field.type == kBytes) text = field.bytes;
      if (field.number != kPieceScore || field.type != kFixed32) continue;
      float score = 0;
      std::memcpy(&score, field.bytes.data(), sizeof(score));
      if (!std::isfinite(score)) throw_wrong(cat("piece ", texts_.size(), " has no finite score"));
    }
    const bool is_text = !text.empty() && text.find('\0') == std::string_view::npos &&
                         to_utf8(to_utf32(text)) == text;
    if (!is_text) throw_wrong(cat("piece ", texts_.size(), " is empty or not UTF-8"));
    if (!texts_.insert(text).second) throw_wrong(cat("piece \"", text, "\" is there twice"));
  }

  void check_normalizer(std::string_view normalizer) {
    MessageReader reader(normalizer, where_);
    for (Field field; reader.next(field);) {
      if (field.number == kCharsmap && field.type == kBytes) check_charsmap(field.bytes);
    }
  }

  /// The size of a double array in bytes, the array, and texts that end with zeros.
  void check_charsmap(std::string_view charsmap) {
    if (charsmap.empty()) return;
    std::uint32_t size = 0;
    if (charsmap.size() < sizeof(size)) throw_wrong_table();
    std::memcpy(&size, charsmap.data(), sizeof(size));
    charsmap.remove_prefix(sizeof(size));
    if (size > charsmap.size() || size % sizeof(std::uint32_t) != 0) throw_wrong_table();
    std::vector<std::uint32_t> units(size / sizeof(std::uint32_t));
    std::memcpy(units.data(), charsmap.data(), size);
    const std::string_view texts = charsmap.substr(size);
    if (units.empty() || texts.empty() || texts.back() != '\0') throw_wrong_table();
    check_units(units, texts.size());
  }

  /// No walk through the array leaves it: neither from a node to one of its 256 children nor from a
  /// value into the texts. The layout is that of darts-clone.
  void check_units(const std::vector<std::uint32_t>& units, std::size_t texts) const {
    constexpr std::uint32_t kValue = 1U << 31U;
    constexpr std::uint32_t kWideOffset = 1U << 9U;
    constexpr std::uint32_t kHasValue = 1U << 8U;
    for (std::size_t i = 0; i < units.size(); ++i) {
      const std::uint32_t unit = units[i];
      if ((unit & kValue) != 0) continue;
      const std::size_t offset = static_cast<std::size_t>(unit >> 10U)
                                 << ((unit & kWideOffset) >> 6U);
      const std::size_t children = i ^ offset;
      if ((children | 0xFFU) >= units.size()) throw_wrong_table();
      if ((unit & kHasValue) != 0 && (units[children] & ~kValue) >= texts) throw_wrong_table();
    }
  }

  [[noreturn]] void throw_wrong_table() const { throw_wrong("its normalization table is damaged"); }

  [[noreturn]] void throw_wrong(const std::string& what) const {
    throw InputError(cat(where_, ": ", what, "; download the SentencePiece model again"));
  }

  const std::string& where_;
  std::unordered_set<std::string_view> texts_;
};

void append_varint(std::string& message, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) message += static_cast<char>(value | 0x80U);
  message += static_cast<char>(value);
}

void append_number(std::string& message, std::uint32_t number, std::uint64_t value) {
  append_varint(message, static_cast<std::uint64_t>(number) << 3U | kVarint);
  append_varint(message, value);
}

void append_bytes(std::string& message, std::uint32_t number, std::string_view bytes) {
  append_varint(message, static_cast<std::uint64_t>(number) << 3U | kBytes);
  append_varint(message, bytes.size());
  message += bytes;
}

void append_float(std::string& message, std::uint32_t number, float value) {
  append_varint(message, static_cast<std::uint64_t>(number) << 3U | kFixed32);
  message.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

bool is_byte_piece(const std::string& text) {
  return text.size() == 6 && text.starts_with("<0x") && text.back() == '>';
}

/// Reads what to_sentencepiece() writes, and what the library's own training does.
class UnigramReader {
 public:
  explicit UnigramReader(const std::string& where) : where_(where) {}

  UnigramPieces read(std::string_view model) {
    MessageReader reader(model, where_);
    for (Field field; reader.next(field);) {
      if (field.type != kBytes) continue;
      if (field.number == kPieces) read_piece(field.bytes);
      if (field.number == kTrainerSpec) read_trainer(field.bytes);
      if (field.number == kNormalizerSpec) read_normalizer(field.bytes);
    }
    return std::move(pieces_);
  }

 private:
  void read_piece(std::string_view message) {
    UnigramPieces::Piece piece;
    std::uint64_t type = kNormalPiece;
    MessageReader reader(message, where_);
    for (Field field; reader.next(field);) {
      if (field.number == kPieceText && field.type == kBytes) piece.text = field.bytes;
      if (field.number == kPieceScore && field.type == kFixed32) {
        std::memcpy(&piece.score, field.bytes.data(), sizeof(piece.score));
      }
      if (field.number == kPieceType && field.type == kVarint) type = field.value;
    }
    if (type == kUnknownPiece) pieces_.unknown = static_cast<std::int64_t>(pieces_.pieces.size());
    piece.is_control = type == kControlPiece;
    if (type != kNormalPiece && type != kUnknownPiece && type != kControlPiece &&
        type != kBytePiece) {
      throw_unsupported(cat("the piece \"", piece.text, "\" is user-defined or unused"));
    }
    pieces_.pieces.push_back(std::move(piece));
  }

  void read_trainer(std::string_view message) {
    MessageReader reader(message, where_);
    for (Field field; reader.next(field);) {
      if (field.type != kVarint) continue;
      if (field.number == kByteFallback) pieces_.byte_fallback = field.value != 0;
      if (field.number == kModelType && field.value != kUnigram) {
        throw_unsupported("it isn't a unigram model");
      }
      if (field.number == kSpaceAsSuffix && field.value != 0) {
        throw_unsupported("its blanks are at the ends of words");
      }
    }
  }

  void read_normalizer(std::string_view message) {
    MessageReader reader(message, where_);
    for (Field field; reader.next(field);) {
      if (field.number == kCharsmap && field.type == kBytes) pieces_.charsmap = field.bytes;
      if (field.type != kVarint) continue;
      if (field.number == kAddDummyPrefix) pieces_.adds_prefix = field.value != 0;
      if (field.number == kRemoveExtraSpaces) pieces_.collapses_spaces = field.value != 0;
      if (field.number == kEscapeSpaces && field.value == 0) {
        throw_unsupported("its blanks aren't written as U+2581");
      }
    }
  }

  [[noreturn]] void throw_unsupported(const std::string& what) const {
    throw UsageError(cat(
        where_, ": only a plain unigram model can be written for other libraries, ", "but ", what));
  }

  const std::string& where_;
  UnigramPieces pieces_;
};

}  // namespace

void require_sound_sentencepiece(std::string_view model, const std::string& where) {
  ModelChecker(where).check(model);
}

bool looks_like_sentencepiece(std::string_view bytes) {
  return bytes.starts_with(static_cast<char>(kPieces << 3U | kBytes)) && bytes.size() > 2 &&
         bytes[2] == static_cast<char>(kPieceText << 3U | kBytes);
}

bool is_unigram(std::string_view model, const std::string& where) {
  std::uint64_t type = kUnigram;
  MessageReader reader(model, where);
  for (Field field; reader.next(field);) {
    if (field.number != kTrainerSpec || field.type != kBytes) continue;
    MessageReader trainer(field.bytes, where);
    for (Field setting; trainer.next(setting);) {
      if (setting.number == kModelType && setting.type == kVarint) type = setting.value;
    }
  }
  return type == kUnigram;
}

std::string to_sentencepiece(const UnigramPieces& model) {
  std::string out;
  std::int64_t index = 0;
  for (const auto& [text, score, is_control] : model.pieces) {
    std::string piece;
    append_bytes(piece, kPieceText, text);
    append_float(piece, kPieceScore, score);
    const bool is_byte = model.byte_fallback && is_byte_piece(text);
    append_number(piece, kPieceType,
                  index++ == model.unknown ? kUnknownPiece
                  : is_control             ? kControlPiece
                  : is_byte                ? kBytePiece
                                           : kNormalPiece);
    append_bytes(out, kPieces, piece);
  }
  std::string trainer;
  append_number(trainer, kModelType, kUnigram);
  append_number(trainer, kByteFallback, model.byte_fallback ? 1 : 0);
  append_bytes(out, kTrainerSpec, trainer);
  std::string normalizer;
  append_bytes(normalizer, kCharsmap, model.charsmap);
  append_number(normalizer, kAddDummyPrefix, model.adds_prefix ? 1 : 0);
  append_number(normalizer, kRemoveExtraSpaces, model.collapses_spaces ? 1 : 0);
  append_bytes(out, kNormalizerSpec, normalizer);
  return out;
}

UnigramPieces unigram_pieces(std::string_view model, const std::string& where) {
  return UnigramReader(where).read(model);
}

}  // namespace clipq
