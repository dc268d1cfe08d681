#include "confinement.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "clipq/core/strings.h"

namespace clipq {
namespace {

/// System calls needed to compute in memory and read files. Those of other architectures or kernels
/// are skipped.
constexpr const char* kAllowed[] = {"read",
                                    "pread64",
                                    "readv",
                                    "preadv",
                                    "close",
                                    "lseek",
                                    "fstat",
                                    "newfstatat",
                                    "fstatat64",
                                    "stat",
                                    "lstat",
                                    "statx",
                                    "statfs",
                                    "fstatfs",
                                    "access",
                                    "faccessat",
                                    "faccessat2",
                                    "readlink",
                                    "readlinkat",
                                    "getcwd",
                                    "getdents64",
                                    "mmap",
                                    "munmap",
                                    "mprotect",
                                    "mremap",
                                    "brk",
                                    "futex",
                                    "clock_gettime",
                                    "clock_getres",
                                    "gettimeofday",
                                    "time",
                                    "times",
                                    "getrusage",
                                    "nanosleep",
                                    "clock_nanosleep",
                                    "sched_yield",
                                    "sched_getaffinity",
                                    "getcpu",
                                    "getrandom",
                                    "getpid",
                                    "gettid",
                                    "getppid",
                                    "getuid",
                                    "geteuid",
                                    "getgid",
                                    "getegid",
                                    "uname",
                                    "sysinfo",
                                    "sigaltstack",
                                    "rt_sigaction",
                                    "rt_sigprocmask",
                                    "rt_sigreturn",
                                    "restart_syscall",
                                    "arch_prctl",
                                    "set_robust_list",
                                    "rseq",
                                    "membarrier",
                                    "exit",
                                    "exit_group"};

bool allow(scmp_filter_ctx filter, const char* name) {
  const int call = seccomp_syscall_resolve_name(name);
  return call == __NR_SCMP_ERROR || call < 0 ||
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
}

/// Lets files be opened for reading, but not written, created or truncated.
bool allow_opening_to_read(scmp_filter_ctx filter) {
  constexpr std::uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;
  const scmp_arg_cmp by_openat = SCMP_A2(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY);
  bool done = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, by_openat) == 0;
#ifdef __NR_open
  const scmp_arg_cmp by_open = SCMP_A1(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY);
  done = done && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, by_open) == 0;
#endif
  return done;
}

/// Advice on its own memory; the kernel reserves numbers from 100 on for what harms the machine.
bool allow_advice(scmp_filter_ctx filter) {
  const scmp_arg_cmp harmless = SCMP_A2(SCMP_CMP_LT, 100);
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1, harmless) == 0;
}

/// Lets it write to the descriptors that the parent left open, and kill itself with a signal.
bool allow_answering(scmp_filter_ctx filter) {
  const scmp_arg_cmp low = SCMP_A0(SCMP_CMP_LE, 3);
  const scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid()));
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, low) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1, low) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own) == 0;
}

/// Landlock in addition to the list of calls, so that a hole in one is covered by the other.
/// Skipped on kernels without it.
void forbid_writing_below_root() {
  landlock_ruleset_attr rules = {};
  rules.handled_access_fs =
      LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  const long ruleset = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
  if (ruleset < 0) return;
  syscall(SYS_landlock_restrict_self, ruleset, 0);
  close(static_cast<int>(ruleset));
}

}  // namespace

std::string confine_this_process() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return cat("can't drop privileges: ", std::strerror(errno));
  }
  forbid_writing_below_root();
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                seccomp_release);
  bool complete = filter != nullptr;
  for (const char* name : kAllowed) complete = complete && allow(filter.get(), name);
  if (!complete || !allow_opening_to_read(filter.get()) || !allow_advice(filter.get()) ||
      !allow_answering(filter.get())) {
    return "libseccomp can't create the filter";
  }
  const int failure = seccomp_load(filter.get());
  return failure == 0 ? ""
                      : cat("the kernel rejects the seccomp filter: ", std::strerror(-failure));
}

}  // namespace clipq
