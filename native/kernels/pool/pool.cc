// See pool.h.
#include "kernels/pool/pool.h"

namespace bitplane {

std::unique_ptr<Step> make_pool(const Instruction& in, BuildContext& context) {
  const PoolKind kind = static_cast<PoolKind>(in.field(1));
  const int images = in.field(2);
  const Window w = {in.field(3),  in.field(4),  in.field(5),  in.field(6),  in.field(7),
                    in.field(8),  in.field(9),  in.field(10), in.field(11), in.field(12),
                    in.field(13), in.field(14), in.field(15)};
  const Elements elements = Elements::of(in.field(16), in.field(17), in.field(18));
  if (!elements.known()) return nullptr;
  if (kind == PoolKind::maximum && elements.type != ElementType::f32) return nullptr;
  if (context.isa() == Isa::reference) return makeReferencePool(in, kind, images, w, elements);
  const Fold fold = kind == PoolKind::maximum ? Fold::maximum : Fold::sum;
  const int divisor = kind == PoolKind::averageWithPadding ? w.kh * w.kw : 0;
  return makeWindowStep(in, {fold, images, w, divisor, PackedWeights(), 0, elements}, context);
}

}  // namespace bitplane
