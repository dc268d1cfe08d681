#pragma once

#include "clipq/result/json_fields.h"
#include "clipq/result/result.h"

namespace clipq {

/// {"hits": "0110…", "strata": "3 0 1 …", "clusters": "5 5 6 …"}: lists of numbers are one string
/// each, so that an indented document doesn't need one line per item. Empty lists are absent.
Json outcomes_json(const Outcomes& outcomes);

/// Reads the output of outcomes_json(). Throws InputError that names the member if there are no
/// hits or characters other than 0 and 1 among them, if the strata aren't as many or one is
/// negative, or if the clusters aren't positive or don't sum to the number of hits.
Outcomes read_outcomes(const JsonFields& fields);

}  // namespace clipq
