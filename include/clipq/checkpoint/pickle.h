#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace clipq {

/// A value of a pickle. Calls and objects are described, never made.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInteger,
    kReal,
    kText,
    kSequence,   ///< a tuple or a list: `items`
    kMapping,    ///< a dict: `items` are key, value, key, value, …
    kGlobal,     ///< a class or function: `text` is "module name"
    kCall,       ///< `callee` called with `arguments`
    kObject,     ///< an instance of `callee`, whose state is `state`
    kPersistent  ///< something stored elsewhere (a tensor's storage), named by `arguments`
  };

  Kind kind = Kind::kNone;
  std::int64_t integer = 0;  ///< also a bool's
  double real = 0;
  std::string text = {};
  std::vector<const PickleValue*> items = {};
  const PickleValue* callee = nullptr;
  const PickleValue* arguments = nullptr;  ///< a sequence
  const PickleValue* state = nullptr;      ///< of an object; nullptr: never set

  bool is_text(std::string_view value) const { return kind == Kind::kText && text == value; }
  bool is_call_of(std::string_view global) const;
};

/// A pickle read as data: a stack machine that builds numbers, texts, tuples, lists and dicts, and
/// notes what would be imported and called without doing it. It knows the opcodes that torch.save
/// and torch.jit.save write, of protocols 2 to 4.
class Pickle {
 public:
  /// Throws InputError that names `where` and the byte if the pickle is damaged, has an opcode that
  /// neither writes, or holds values of more than 128 MiB and its own length.
  Pickle(std::string_view bytes, const std::string& where);

  /// May contain itself. Lives as long as the Pickle.
  const PickleValue& root() const { return *root_; }

  /// All values that are stored elsewhere.
  std::vector<const PickleValue*> persistent() const;

  /// Bytes up to the end of the pickle; more may follow.
  std::size_t length() const { return length_; }

 private:
  std::deque<PickleValue> values_;  ///< all that were made; pointers to them stay valid
  const PickleValue* root_ = nullptr;
  std::size_t length_ = 0;

  friend class PickleMachine;
};

}  // namespace clipq
