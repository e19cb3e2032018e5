// Pooling: y = epilogue(maximum or average of the window). x is of floats, for averages also of
// bytes that stand for (x - zero) * scale. Padding never wins and is never added; kind says whether
// it is counted. A window with no tap inside gives -inf (maximum) or 0 (average). All results are
// the same bits on every ISA.
#pragma once
#include <memory>

#include "kernels/window/step.h"

namespace bitplane {

enum class PoolKind : int32_t { maximum, average, averageWithPadding };
std::unique_ptr<Step> makeReferencePool(const Instruction& instruction, PoolKind kind, int images,
                                        const Window& window, const Elements& elements);
std::unique_ptr<Step> make_pool(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
