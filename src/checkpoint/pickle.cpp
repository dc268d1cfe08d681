#include "clipq/checkpoint/pickle.h"

#include <cstring>
#include <map>
#include <utility>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

using Kind = PickleValue::Kind;

namespace {

/// Far above what a model's modules need.
constexpr std::size_t kMostBytes = 64U << 20U;
constexpr std::size_t kLongestGlobal = 1024;

/// Memory that the values of a pickle may take beyond as many bytes as the pickle has: a byte can
/// make a value of a hundred.
constexpr std::size_t kMostMemory = 128U << 20U;

/// About what these take: a node of the memo, and a pointer in a vector that doubles when it is
/// full.
constexpr std::size_t kMemoBytes = 64;
constexpr std::size_t kPointerBytes = 2 * sizeof(void*);

}  // namespace

bool PickleValue::is_call_of(std::string_view global) const {
  return kind == Kind::kCall && callee->kind == Kind::kGlobal && callee->text == global;
}

/// Runs the opcodes of one pickle. What can't change (None, booleans, small integers, globals) is
/// made once.
class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, const std::string& where, std::deque<PickleValue>& values)
      : bytes_(bytes), where_(where), values_(values), memory_left_(kMostMemory + bytes.size()) {}

  std::size_t at() const { return at_; }

  const PickleValue* run() {
    if (bytes_.size() > kMostBytes) fail(cat("it has ", bytes_.size(), " bytes"));
    for (;;) {
      const auto opcode = static_cast<unsigned char>(take(1)[0]);
      if (opcode == '.') return pop();
      if (!number(opcode) && !text(opcode) && !container(opcode) && !memo(opcode) &&
          !object(opcode)) {
        fail(cat("opcode ", static_cast<int>(opcode), " is none that PyTorch writes"));
      }
    }
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw InputError(cat(where_, ": damaged pickle at byte ", at_, ": ", reason,
                         "; copy or export the file again"));
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("it ends early");
    const std::string_view part = bytes_.substr(at_, count);
    at_ += count;
    return part;
  }

  /// A little-endian integer of that many bytes, at most 8; signed ones are sign-extended.
  std::int64_t integer(std::size_t bytes, bool is_signed) {
    const std::string_view part = take(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    }
    const std::size_t unused = 64 - 8 * bytes;
    if (is_signed && bytes > 0 && bytes < 8) {
      return static_cast<std::int64_t>(value << unused) >> unused;
    }
    return static_cast<std::int64_t>(value);
  }

  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("a name without an end");
    const std::string_view text = take(end - at_);
    take(1);
    return text;
  }

  void charge(std::size_t bytes) {
    if (bytes > memory_left_) fail("it holds too many values");
    memory_left_ -= bytes;
  }

  void push_value(PickleValue* value) {
    charge(kPointerBytes);
    stack_.push_back(value);
  }

  PickleValue& push(Kind kind) {
    charge(sizeof(PickleValue));
    values_.push_back({kind});
    push_value(&values_.back());
    return values_.back();
  }

  void push_items(std::vector<const PickleValue*> items) {
    charge(items.size() * sizeof(void*));
    push(Kind::kSequence).items = std::move(items);
  }

  PickleValue* pop() {
    if (stack_.empty() || stack_.back() == nullptr) fail("nothing on the stack");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  PickleValue& top(Kind kind, const char* what) {
    if (stack_.empty() || stack_.back() == nullptr || stack_.back()->kind != kind) {
      fail(cat("expected ", what, " on the stack"));
    }
    return *stack_.back();
  }

  /// What stands above the last mark.
  std::vector<const PickleValue*> pop_to_mark() {
    std::size_t mark = stack_.size();
    while (mark > 0 && stack_[mark - 1] != nullptr) --mark;
    if (mark == 0) fail("no mark on the stack");
    std::vector<const PickleValue*> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark),
                                          stack_.end());
    stack_.resize(mark - 1);
    return items;
  }

  void push_last(std::size_t count) {
    std::vector<const PickleValue*> items(count);
    for (std::size_t i = count; i > 0; --i) items[i - 1] = pop();
    push_items(std::move(items));
  }

  void remember(std::int64_t key) {
    if (stack_.empty() || stack_.back() == nullptr) fail("nothing to remember");
    if (memo_.insert_or_assign(key, stack_.back()).second) charge(kMemoBytes);
  }

  void recall(std::int64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) fail(cat("nothing was remembered as ", key));
    push_value(found->second);
  }

  void push_integer(std::int64_t value) { push(Kind::kInteger).integer = value; }

  /// None, a boolean, or an integer from 0 to 255.
  void push_small(Kind kind, unsigned char value) {
    PickleValue*& known = small_[{kind, value}];
    if (known != nullptr) return push_value(known);
    push(kind).integer = value;
    known = stack_.back();
  }

  void push_long() {
    const std::int64_t bytes = integer(1, false);
    if (bytes > 8) fail(cat("an integer of ", bytes, " bytes"));
    push_integer(integer(static_cast<std::size_t>(bytes), true));
  }

  void push_real() {
    const std::string_view part = take(8);
    std::uint64_t bits = 0;
    for (const char byte : part) bits = bits << 8 | static_cast<unsigned char>(byte);
    std::memcpy(&push(Kind::kReal).real, &bits, sizeof(bits));
  }

  bool number(unsigned char opcode) {
    switch (opcode) {
      case 'J':
        push_integer(integer(4, true));
        return true;
      case 'K':
        push_small(Kind::kInteger, static_cast<unsigned char>(integer(1, false)));
        return true;
      case 'M':
        push_integer(integer(2, false));
        return true;
      case 0x8a:
        push_long();
        return true;
      case 'G':
        push_real();
        return true;
      case 0x88:
        push_small(Kind::kBool, 1);
        return true;
      case 0x89:
        push_small(Kind::kBool, 0);
        return true;
      case 'N':
        push_small(Kind::kNone, 0);
        return true;
      default:
        return false;
    }
  }

  bool text(unsigned char opcode) {
    const auto push_text = [this](std::size_t bytes_of_length) {
      const auto length = static_cast<std::uint64_t>(integer(bytes_of_length, false));
      const std::string_view characters = take(length);
      charge(characters.size());
      push(Kind::kText).text = characters;
    };
    switch (opcode) {
      case 'X':
      case 'T':
        push_text(4);
        return true;
      case 0x8c:
      case 'U':
        push_text(1);
        return true;
      case 0x8d:
        push_text(8);
        return true;
      default:
        return false;
    }
  }

  void append(std::vector<const PickleValue*> items) {
    PickleValue& list = top(Kind::kSequence, "a list");
    charge(items.size() * kPointerBytes);
    list.items.insert(list.items.end(), items.begin(), items.end());
  }

  void set_items(std::vector<const PickleValue*> items) {
    PickleValue& dict = top(Kind::kMapping, "a dict");
    if (items.size() % 2 != 0) fail("a key without a value");
    charge(items.size() * kPointerBytes);
    dict.items.insert(dict.items.end(), items.begin(), items.end());
  }

  bool container(unsigned char opcode) {
    switch (opcode) {
      case '(':
        push_value(nullptr);
        return true;
      case ')':
      case ']':
        push(Kind::kSequence);
        return true;
      case '}':
        push(Kind::kMapping);
        return true;
      case 't':
        push_items(pop_to_mark());
        return true;
      case 0x85:
      case 0x86:
      case 0x87:
        push_last(opcode - 0x84U);
        return true;
      case 'a':
        append({pop()});
        return true;
      case 'e':
        append(pop_to_mark());
        return true;
      case 's': {
        const PickleValue* value = pop();
        const PickleValue* key = pop();
        set_items({key, value});
        return true;
      }
      case 'u':
        set_items(pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool memo(unsigned char opcode) {
    switch (opcode) {
      case 0x80:
        take(1);
        return true;
      case 0x95:
        take(8);
        return true;
      case 'q':
        remember(integer(1, false));
        return true;
      case 'r':
        remember(integer(4, false));
        return true;
      case 0x94:
        remember(static_cast<std::int64_t>(memo_.size()));
        return true;
      case 'h':
        recall(integer(1, false));
        return true;
      case 'j':
        recall(integer(4, false));
        return true;
      default:
        return false;
    }
  }

  void push_global(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > kLongestGlobal) fail("a name that is too long");
    const auto [known, is_new] = globals_.try_emplace(cat(module, " ", name), nullptr);
    if (!is_new) return push_value(known->second);
    charge(2 * known->first.size() + kMemoBytes);
    push(Kind::kGlobal).text = known->first;
    known->second = stack_.back();
  }

  /// A call, or an object, from what lies on the stack: callee, then a tuple of arguments. An
  /// OrderedDict is the dict that it begins as.
  void push_made(Kind kind) {
    const PickleValue* arguments = pop();
    const PickleValue* callee = pop();
    if (arguments->kind != Kind::kSequence) fail("arguments that are no tuple");
    if (kind == Kind::kCall && callee->kind == Kind::kGlobal &&
        callee->text == "collections OrderedDict") {
      push(Kind::kMapping);
      return;
    }
    PickleValue& made = push(kind);
    made.callee = callee;
    made.arguments = arguments;
  }

  bool object(unsigned char opcode) {
    switch (opcode) {
      case 'c': {
        const std::string_view module = line();
        push_global(module, line());
        return true;
      }
      case 0x93: {
        const PickleValue* name = pop();
        const PickleValue* module = pop();
        if (name->kind != Kind::kText || module->kind != Kind::kText)
          fail("a name that is no text");
        push_global(module->text, name->text);
        return true;
      }
      case 'R':
        push_made(Kind::kCall);
        return true;
      case 0x81:
        push_made(Kind::kObject);
        return true;
      case 'b': {
        const PickleValue* state = pop();
        if (stack_.empty() || stack_.back() == nullptr) fail("nothing to give a state to");
        if (stack_.back()->kind == Kind::kObject) stack_.back()->state = state;
        return true;
      }
      case 'Q': {
        const PickleValue* id = pop();
        if (id->kind != Kind::kSequence) fail("an identity that is no tuple");
        push(Kind::kPersistent).arguments = id;
        return true;
      }
      default:
        return false;
    }
  }

  std::string_view bytes_;
  const std::string& where_;
  std::deque<PickleValue>& values_;
  std::size_t memory_left_;
  std::size_t at_ = 0;
  std::vector<PickleValue*> stack_;  ///< nullptr: a mark
  std::map<std::int64_t, PickleValue*> memo_;
  std::map<std::pair<Kind, unsigned char>, PickleValue*> small_;
  std::map<std::string, PickleValue*, std::less<>> globals_;
};

Pickle::Pickle(std::string_view bytes, const std::string& where) {
  PickleMachine machine(bytes, where, values_);
  root_ = machine.run();
  length_ = machine.at();
}

std::vector<const PickleValue*> Pickle::persistent() const {
  std::vector<const PickleValue*> found;
  for (const PickleValue& value : values_) {
    if (value.kind == Kind::kPersistent) found.push_back(&value);
  }
  return found;
}

}  // namespace clipq
