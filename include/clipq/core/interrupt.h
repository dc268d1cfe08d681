#pragma once

namespace clipq {

/// Makes Ctrl-C (SIGINT), SIGTERM and the loss of the terminal (SIGHUP, unless it is ignored, as
/// under nohup) set a flag instead of ending the program, so that work is saved on the way out; a
/// second one ends it at once. A write beyond the file-size limit becomes an ordinary error
/// (SIGXFSZ is ignored).
void install_signal_handlers();

/// Throws Interrupted if a signal has come.
void throw_if_interrupted();

}  // namespace clipq
