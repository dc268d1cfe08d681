#pragma once

namespace clipq {

/// Makes Ctrl-C (SIGINT) and SIGTERM set a flag instead of ending the program, so that temporary
/// files are removed on the way out; a second Ctrl-C ends it at once. A write beyond the file-size
/// limit becomes an ordinary error (SIGXFSZ is ignored).
void install_signal_handlers();

/// Throws Interrupted if a signal has come.
void throw_if_interrupted();

}  // namespace clipq
