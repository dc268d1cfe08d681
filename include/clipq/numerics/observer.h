#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "clipq/numerics/quantize.h"

namespace clipq {

/// Gathers the range statistics of one quantizer while calibration data runs through the model.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Takes in the values of `x` (float32, any shape). Values that aren't finite are passed over.
  virtual void observe(const at::Tensor& x) = 0;

  /// The range found so far, as scalars. Throws InternalError before the first value.
  virtual Range range() const = 0;
};

/// One row of the observer table.
struct ObserverInfo {
  const char* name;
  const char* comment;
  std::unique_ptr<Observer> (*make)();
};

/// All observers, for recipes and `clipq list observers`.
const std::vector<ObserverInfo>& observers();

/// A new observer of that name. Throws UsageError with a suggestion.
std::unique_ptr<Observer> make_observer(const std::string& name);

/// Throws UsageError unless there is an observer of that name; `where` says where it stood.
void require_observer(const std::string& name, const std::string& where);

std::unique_ptr<Observer> make_max_observer();

}  // namespace clipq
