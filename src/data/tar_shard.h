#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clipq/core/temporary_file.h"

namespace clipq {

/// A file in a tar archive.
struct TarMember {
  std::string name;
  std::int64_t offset;  ///< of its bytes, where they are read from
  std::int64_t size;
};

/// A temporary file that is made when it is first written to.
using Spool = std::unique_ptr<TemporaryFile>;

/// A tar archive whose members can be read in any order, by several threads. Of one that lies on
/// disk uncompressed only the headers are read at first; of another one, or the output of a
/// command, the members are copied to a temporary file.
class TarShard {
 public:
  /// @param shard as list_shards() has them
  /// @param spool for copies, of several shards; must live as long as this
  /// Throws InputError if it can't be opened or isn't a tar archive, or if the command fails.
  TarShard(std::string shard, Spool& spool);

  /// For messages.
  const std::string& name() const { return name_; }

  /// The files, in order. Those that are cut off aren't among them.
  const std::vector<TarMember>& members() const { return members_; }

  /// What is wrong with what comes behind the last member, in words; empty: nothing.
  const std::string& damage() const { return damage_; }

  /// Whether the mark is missing that writers put at the end: the archive may be cut off between
  /// two members.
  bool lacks_end_mark() const { return lacks_end_mark_; }

  /// Throws InputError if the file has become shorter.
  std::string read(const TarMember& member) const;

 private:
  void index_stream(int descriptor, Spool& spool);
  void index(int descriptor, bool in_place, Spool& spool);

  std::string name_;
  const TemporaryFile* copy_ = nullptr;  ///< null: the file itself is read
  std::vector<TarMember> members_;
  std::string damage_;
  bool lacks_end_mark_ = false;
};

}  // namespace clipq
