#pragma once

#include <optional>
#include <string>
#include <vector>

#include "clipq/core/json.h"

namespace clipq {

/// Reads the members of a JSON object that came from a file; every failure is an InputError that
/// names the member by its path, for instance "r.json: results[2].model.size_bytes".
class JsonFields {
 public:
  /// @param where the object's own path. Throws InputError if `json` isn't an object.
  JsonFields(const Json& json, std::string where);

  /// A member that must be there; a number where null stands is NaN.
  std::string text(const char* key) const;
  std::int64_t integer(const char* key) const;
  double number(const char* key) const;
  JsonFields object(const char* key) const;

  /// A member that may be absent.
  std::string optional_text(const char* key) const;
  std::int64_t optional_integer(const char* key) const;
  std::optional<JsonFields> optional_object(const char* key) const;
  std::vector<std::string> optional_texts(const char* key) const;

  const Json& json() const { return json_; }

  /// Where the member `key` stands.
  std::string path(const std::string& key) const { return where_ + "." + key; }

 private:
  const Json& member(const char* key) const;

  const Json& json_;
  std::string where_;
};

}  // namespace clipq
