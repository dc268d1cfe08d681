#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipq {

/// A program that this process talks to through its standard input and output; its standard error
/// is this process's, or nothing.
class ChildProcess {
 public:
  enum class Errors { kShown, kHidden };

  /// Starts `arguments[0]`, which is looked for on PATH.
  /// Throws InputError if it can't be started.
  explicit ChildProcess(const std::vector<std::string>& arguments, Errors errors = Errors::kShown);
  /// Ends it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Throws InputError if the program has ended, Interrupted if this process is.
  void write(const void* data, std::size_t bytes);
  void write(const std::string& text) { write(text.data(), text.size()); }

  /// Nothing more is written: the program reads the end of its standard input.
  void end_input();

  /// Reads exactly that many bytes. Throws as write() does.
  void read(void* data, std::size_t bytes);
  /// Up to `bytes` bytes, as soon as there are some; 0 if no more come. Throws Interrupted.
  std::size_t read_some(void* data, std::size_t bytes);
  /// Up to a line break, which is left out. Throws as write() does.
  std::string read_line();
  /// All that it still prints. Throws Interrupted.
  std::string read_all();

  /// Waits until it has ended: its exit code, or 128 + the signal that ended it. Throws
  /// Interrupted.
  int wait();

 private:
  bool has_ended(bool waits);
  [[noreturn]] void throw_ended() const;

  std::string name_;
  int socket_ = -1;
  int pid_ = -1;
  int status_ = 0;
};

}  // namespace clipq
