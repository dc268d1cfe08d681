#include "clipq/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "clipq/core/error.h"
#include "clipq/core/strings.h"

namespace clipq {

MappedFile::MappedFile(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  bool readable = descriptor >= 0 && fstat(descriptor, &status) == 0;
  if (readable && status.st_size > 0) {
    size_ = static_cast<std::size_t>(status.st_size);
    data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    readable = data_ != MAP_FAILED;
  }
  const int reason = errno;
  if (descriptor >= 0) close(descriptor);
  if (!readable) throw InputError(cat(file.string(), ": cannot read: ", std::strerror(reason)));
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(data_, size_);
}

}  // namespace clipq
