// Bit pooling, eight words at a time, the last ones by mask. See window.h for the contract.
#include <immintrin.h>

#include "kernels/bpool/window.h"

namespace bitplane {
namespace bpool {
namespace avx512 {

void window(const Window& w) {
  for (int64_t i = 0; i < w.words; i += 8) {
    const int64_t left = w.words - i;
    const __mmask8 lanes = static_cast<__mmask8>(left >= 8 ? 0xff : (1 << left) - 1);
    __m512i all = _mm512_set1_epi64(-1);
    for (int64_t r = 0; r < w.rows; ++r) {
      for (int64_t c = 0; c < w.columns; ++c) {
        all = _mm512_and_si512(all, _mm512_maskz_loadu_epi64(lanes, w.x + r * w.rowStride + c * w.columnStride + i));
      }
    }
    _mm512_mask_storeu_epi64(w.y + i, lanes, all);
  }
}

}  // namespace avx512
}  // namespace bpool
}  // namespace bitplane
