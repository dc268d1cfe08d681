#pragma once

namespace clipq::cli {

/// The program: sets up what belongs to the process, runs a command and reports errors. Returns the
/// exit code.
int run_program(int argc, char** argv);

}  // namespace clipq::cli
