#include <iostream>

#include "clipq/bench/environment.h"
#include "clipq/core/json.h"
#include "clipq/core/strings.h"
#include "clipq/kernels/integer_path.h"
#include "clipq/quant/recipe.h"
#include "clipq/report/table.h"
#include "clipq/text/tokenizer.h"
#include "subcommands.h"

namespace clipq::cli {

void add_doctor(CLI::App& app, const CommonOptions& common) {
  auto* command = app.add_subcommand("doctor", "what this machine and this program offer");
  command->callback([&common] {
    auto facts = machine_facts();
    std::vector<std::string> kernels;
    for (const IntegerPath& path : integer_paths()) {
      if (path.supported()) kernels.emplace_back(path.name);
    }
    facts.emplace_back("integer kernels", join(kernels, ", "));
    facts.emplace_back("recipes compiled in", join(recipe_names(), ", "));
    facts.emplace_back("standard tokenizer",
                       cat(Tokenizer::standard().vocabulary_size(), " entries"));
    Json json = Json::object();
    Table table({{"fact"}, {"value"}});
    for (const auto& [name, value] : facts) {
      json[name] = value;
      table.add_row({name, value});
    }
    std::cout << (common.json ? json_text(json) : table.text());
  });
}

}  // namespace clipq::cli
