#include <iostream>

#include "clipq/core/assets.h"
#include "clipq/core/strings.h"
#include "clipq/data/dataset.h"
#include "clipq/report/add_once.h"
#include "subcommands.h"

namespace clipq::cli {
namespace {

constexpr std::string_view kPlaceholder = "@OFFER@";

/// What an option's value or an argument may be.
struct Offer {
  std::vector<std::string> choices;
  bool files = false;
};

/// Derived from the type's name: "{image,text}", a word that listed_names() knows, or FILE and
/// FOLDER.
Offer offer_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (open != std::string::npos && close != std::string::npos) {
    return {CLI::detail::split(type.substr(open + 1, close - open - 1), ','), false};
  }
  if (type == kSpecType) {
    Offer offer;
    for (const DatasetKind& kind : dataset_kinds()) offer.choices.push_back(kind.name + ":");
    return offer;
  }
  const std::string word = type.substr(0, type.find(':'));
  const ListedNames listed = listed_names(word);
  return {listed.names, listed.or_file || word == kFileType || word == kFolderType};
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// Every way to write an option: "-o", "--output".
std::vector<std::string> spellings(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

/// A branch of the script's case: what may follow `place`.
std::string branch(const std::string& pattern, const Offer& offer) {
  return cat("    ", pattern, ")\n      choices='", join(offer.choices, " "),
             "' files=", offer.files ? "yes" : "''", "\n      ;;\n");
}

/// The branches of a command's own options and arguments; adds the options' names to `options`.
std::string branches_of(const CLI::App& command, const std::string& name,
                        std::vector<std::string>& options) {
  std::string branches;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // hidden from --help
    const std::vector<std::string> names = spellings(*option);
    if (names.empty()) {
      branches += branch(cat("'", name, " arguments'"), offer_of(*option));
      continue;
    }
    for (const std::string& each : names) add_once(each, options);
    if (!takes_value(*option)) continue;
    std::vector<std::string> patterns;
    for (const std::string& each : names) patterns.push_back(cat("'", name, " ", each, "'"));
    branches += branch(join(patterns, "|"), offer_of(*option));
  }
  return branches;
}

/// The functions that know the program: _clipq_is_command WORD, and _clipq_offer COMMAND PLACE,
/// which sets `choices` and `files` for what may follow an option, or as "options" or "arguments"
/// of the command, and fails if there is nothing to offer.
std::string offer_functions(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string branches;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  for (const CLI::App* command : app.get_subcommands({})) {
    std::vector<std::string> options;
    branches += branches_of(*command, command->get_name(), options);
    branches += branches_of(app, command->get_name(), options);
    branches += branch(cat("'", command->get_name(), " options'"), {options, false});
  }
  std::vector<std::string> options;
  branches += branches_of(app, "", options);
  branches += branch("' options'", {options, false}) + branch("' arguments'", {commands, false});
  return cat("_clipq_is_command() {\n  case \"$1\" in\n    ", join(commands, "|"),
             ") return 0 ;;\n  esac\n  return 1\n}\n\n_clipq_offer() {\n  case \"$1 $2\" in\n",
             branches, "    *) return 1 ;;\n  esac\n}\n");
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  std::string script(asset(cat("completion/", shell, ".sh")));
  return script.replace(script.find(kPlaceholder), kPlaceholder.size(), offer_functions(app));
}

void add_completion(CLI::App& app) {
  auto* command = app.add_subcommand("completion", "print the shell completion script for clipq");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "the shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([&app, shell] { std::cout << completion_script(app, *shell); });
}

}  // namespace clipq::cli
