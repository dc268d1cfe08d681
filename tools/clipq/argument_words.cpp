#include "argument_words.h"

#include <algorithm>
#include <cstddef>

namespace clipq::cli {
namespace {

/// The option of the command, or of the program, that `name` is ("--limit", "-o"); null: there is
/// none.
const CLI::Option* find_option(const CLI::App& command, const CLI::App& app,
                               const std::string& name) {
  const CLI::Option* own = command.get_option_no_throw(name);
  return own != nullptr ? own : app.get_option_no_throw(name);
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* each : app.get_subcommands({})) {
    if (each->check_name(name)) return each;
  }
  return nullptr;
}

/// How many of the words after it an option takes whatever they look like.
std::size_t values_after(const CLI::Option& option, bool has_value) {
  const int least = std::min(option.get_type_size_min(), option.get_items_expected_min());
  return has_value || least < 1 ? 0 : static_cast<std::size_t>(least);
}

}  // namespace

std::vector<std::string> with_hyphens(const CLI::App& app, std::vector<std::string> words) {
  const CLI::App* command = &app;
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    std::string& word = words[i];
    if (command == &app && word[0] != '-') {
      const CLI::App* found = find_command(app, word);
      if (found != nullptr) command = found;
      continue;
    }
    if (word.size() < 2 || word[0] != '-') continue;
    const bool is_long = word[1] == '-';
    const std::size_t end = is_long ? std::min(word.find('='), word.size()) : 2;
    const std::string name = word.substr(0, end);
    const CLI::Option* option = find_option(*command, app, name);
    if (option == nullptr && is_long) {
      std::string hyphens = name;
      std::replace(hyphens.begin(), hyphens.end(), '_', '-');
      option = find_option(*command, app, hyphens);
      if (option != nullptr) word.replace(0, end, hyphens);
    }
    // As CLI11 has it, "--limit=" takes the next word.
    const bool has_value = is_long ? word.size() > end + 1 : word.size() > end;
    if (option != nullptr) i += values_after(*option, has_value);
  }
  return words;
}

}  // namespace clipq::cli
