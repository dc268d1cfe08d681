#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "clipq/numerics/observer_state.h"
#include "clipq/numerics/quantize.h"

namespace clipq {

/// Gathers the range statistics of one quantizer while calibration data runs through the model.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Takes in the values of `x` (float32, any shape). Values that aren't finite are passed over.
  virtual void observe(const at::Tensor& x) = 0;

  /// Whether it has seen no finite value yet.
  virtual bool empty() const = 0;

  /// The range found so far, as scalars. Throws InternalError before the first finite value.
  virtual Range range() const = 0;

  /// All that restore() needs to go on bit for bit.
  virtual ObserverState state() const = 0;

  /// Goes on where the observer stood whose state it is. Throws InputError if it isn't the state
  /// of such an observer.
  virtual void restore(const ObserverState& state) = 0;

  /// Takes in all that the observer has seen whose state it is. Throws InputError if it isn't the
  /// state of such an observer, InternalError if the order of what is seen matters.
  virtual void merge(const ObserverState& state) = 0;
};

/// One row of the observer table.
struct ObserverInfo {
  const char* name;
  const char* comment;
  bool integers_only;        ///< can't calibrate float8 formats
  bool depends_on_order;     ///< of the inputs, so that states can't be merged
  double parameter;          ///< default of the parameter in "name:parameter"; 0: takes none
  double parameter_above;    ///< parameters are larger than this
  double parameter_at_most;  ///< and no larger than this
  std::unique_ptr<Observer> (*make)(const QuantizerSpec& spec, double parameter);
};

/// All observers, for recipes and `clipq list observers`.
const std::vector<ObserverInfo>& observers();

/// A new observer for a quantizer; `name` is, for instance, "percentile" or "percentile:99.9".
/// Throws UsageError as require_observer and require_observer_for do.
std::unique_ptr<Observer> make_observer(const std::string& name, const QuantizerSpec& spec);

/// The row of the table for "name" or "name:parameter". Throws UsageError as require_observer does.
const ObserverInfo& observer_info(const std::string& name, const std::string& where);

/// Throws UsageError, with a suggestion, unless there is an observer of that name and its parameter
/// is valid; `where` says where it stood.
void require_observer(const std::string& name, const std::string& where);

/// Throws UsageError if require_observer does, or if the observer can't calibrate such a quantizer.
void require_observer_for(const std::string& name, const QuantizerSpec& spec,
                          const std::string& where);

std::unique_ptr<Observer> make_max_observer(const QuantizerSpec& spec, double parameter);
std::unique_ptr<Observer> make_moving_average_observer(const QuantizerSpec& spec, double parameter);
std::unique_ptr<Observer> make_percentile_observer(const QuantizerSpec& spec, double parameter);
std::unique_ptr<Observer> make_entropy_observer(const QuantizerSpec& spec, double parameter);
std::unique_ptr<Observer> make_mse_observer(const QuantizerSpec& spec, double parameter);

}  // namespace clipq
