#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// Throws InputError that names `where` unless the bytes are a sentencepiece.ModelProto whose
/// pieces and tables the library can follow: it checks neither the tables of its normalizer nor
/// some pieces, and reads out of bounds or ends the program where they are wrong.
void require_sound_sentencepiece(std::string_view model, const std::string& where);

/// Whether the bytes begin as a serialized sentencepiece.ModelProto does: with a piece.
bool looks_like_sentencepiece(std::string_view bytes);

/// Whether it is a unigram model rather than BPE or another one. Throws InputError that names
/// `where` if the bytes are no sentencepiece.ModelProto.
bool is_unigram(std::string_view model, const std::string& where);

/// A unigram model in the terms of sentencepiece.ModelProto.
struct UnigramPieces {
  struct Piece {
    std::string text;
    float score = 0;
    bool is_control = false;  ///< never found in texts
  };
  std::vector<Piece> pieces;
  std::int64_t unknown = 0;  ///< index of the piece for what has none
  std::string charsmap;      ///< compiled normalization; empty: none
  bool adds_prefix = true;   ///< puts a blank before the text
  bool collapses_spaces = true;
  bool byte_fallback = false;
};

/// The model as SentencePieceModel takes it.
std::string to_sentencepiece(const UnigramPieces& model);

/// The inverse. Throws InputError that names `where` if the bytes are no sentencepiece.ModelProto,
/// UsageError if it isn't a unigram model or has what UnigramPieces lacks: pieces that a user
/// defined, blanks at the ends of words.
UnigramPieces unigram_pieces(std::string_view model, const std::string& where);

}  // namespace clipq
