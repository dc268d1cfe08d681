#pragma once

#include <string>
#include <vector>

namespace clipq {

/// What stands before a family's names, "state_dict.module."; empty if nothing does, or no family
/// is recognised. Throws InputError if there are models below several prefixes.
std::string dialect_prefix(const std::vector<std::string>& names, const std::string& where);

/// Warns of names outside of the prefix, an optimizer's apart.
void warn_of_unused(const std::vector<std::string>& names, const std::string& prefix,
                    const std::string& where);

}  // namespace clipq
