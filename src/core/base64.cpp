#include "clipq/core/base64.h"

#include <openssl/evp.h>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3), '\0');
  // EVP_EncodeBlock ends the text with a zero, for which std::string has room.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return text;
}

std::string from_base64(std::string_view text, const std::string& where) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int decoded = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
  if (decoded < 0 || static_cast<std::size_t>(decoded) != bytes.size()) {
    throw InputError(cat(where, ": not base64"));
  }
  // The padding counts as zeros.
  for (const char* end : {"=", "=="}) bytes.resize(bytes.size() - (text.ends_with(end) ? 1 : 0));
  return bytes;
}

}  // namespace clipq
