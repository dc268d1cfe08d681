#include <iostream>

#include "clipq/app/doctor_command.h"
#include "subcommands.h"

namespace clipq::cli {

void add_doctor(CLI::App& app, const CommonOptions& common) {
  auto* command =
      app.add_subcommand("doctor", "show what this machine and this program support, with advice");
  auto quick = std::make_shared<bool>(false);
  command->add_flag("--quick", *quick, "don't measure GEMM peaks");
  command->callback([quick, &common] {
    const DoctorReport report = doctor({.measure = !*quick});
    std::cout << (common.json ? json_text(to_json(report)) : to_text(report));
  });
}

}  // namespace clipq::cli
