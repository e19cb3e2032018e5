// Binary convolution for AVX-512 with VPOPCNTDQ: 16 output channels in the 32-bit lanes of a
// register, one 32-bit activation word broadcast, so 512 multiply-adds are xor + vpopcntd + add.
// Not here: anything but the tile and its three ways to end.
//
// 4 pixels x 64 outputs keep 16 accumulators, 4 weights and a broadcast in registers; per 48 vector
// operations the tile loads 4 weight vectors and 4 broadcasts. The adds are the only loop-carried
// epilogue (latency 1), so the one-pixel tail runs at the same rate and a 7 x 7 map wastes nothing.
// The weights of one segment stay in L1 (64 * K / 8 bytes: 18 KiB for 256 channels, 3 x 3) while
// the pixels stream.
//
// Carry-save adders popcount only every second word and take 5 operations instead of 6, but
// measured no faster: a second register for each sum halves the tile, and so doubles the loads.
#include <immintrin.h>

#include "kernels/bconv/kernel.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bconv {
namespace avx512_vpopcnt {
namespace {

// A barrier after each step: without it g++ 12 sums the two halves of a word before it adds them to
// the accumulator, and spills six accumulators.
BITPLANE_INLINE void keep(__m512i& value) { __asm__("" : "+v"(value)); }

enum class End { bits, dots, floats };

template <End end, int V>
BITPLANE_INLINE void finish(const Segment& s, const Pixel& pixel, int64_t row,
                            const __m512i (&count)[V]) {
  if (end == End::bits) {
    const int32_t* threshold = reinterpret_cast<const int32_t*>(s.thresholds) + pixel.border * 64;
    __mmask16 k[4] = {};
    BITPLANE_UNROLL
    for (int v = 0; v < V; ++v)
      k[v] = _mm512_cmpgt_epi32_mask(count[v], _mm512_loadu_si512(threshold + 16 * v));
    const __mmask32 low = _mm512_kunpackw(k[1], k[0]), high = _mm512_kunpackw(k[3], k[2]);
    const uint64_t word = _cvtmask64_u64(_mm512_kunpackd(high, low));
    s.y[row * s.yStride] = word ^ s.flip;
    return;
  }
  const int32_t* base = s.base + pixel.border * s.baseStride;
  BITPLANE_UNROLL
  for (int v = 0; v < V; ++v) {
    const __m512i dot =
        _mm512_sub_epi32(_mm512_loadu_si512(base + 16 * v), _mm512_add_epi32(count[v], count[v]));
    if (end == End::dots) {
      _mm512_storeu_si512(static_cast<int32_t*>(s.block) + row * s.blockStride + 16 * v, dot);
    } else {
      _mm512_storeu_ps(static_cast<float*>(s.block) + row * s.blockStride + 16 * v,
                       _mm512_maskz_cvtepi32_ps(0xffff, dot));
    }
  }
}

// One 64-bit word of the window: two steps of 32 terms, or one where no word has more. The first
// word of a window starts the counters instead of adding to them.
template <int halves, bool first, int P, int V>
BITPLANE_INLINE void step(const uint8_t* weights, const uint8_t* const (&input)[P], int64_t at,
                          __m512i (&count)[P][V]) {
  BITPLANE_UNROLL
  for (int half = 0; half < halves; ++half) {
    __m512i w[V];
    BITPLANE_UNROLL
    for (int v = 0; v < V; ++v) w[v] = _mm512_load_si512(weights + 64 * (half * V + v));
    BITPLANE_UNROLL
    for (int p = 0; p < P; ++p) {
      const __m512i x =
          _mm512_set1_epi32(*reinterpret_cast<const int32_t*>(input[p] + at + 4 * half));
      BITPLANE_UNROLL
      for (int v = 0; v < V; ++v) {
        const __m512i ones = _mm512_popcnt_epi32(_mm512_xor_si512(x, w[v]));
        count[p][v] = first && half == 0 ? ones : _mm512_add_epi32(count[p][v], ones);
        keep(count[p][v]);
      }
    }
  }
}

template <End end, int halves, int P, int V>
BITPLANE_INLINE void tile(const Segment& s, int64_t row) {
  const uint8_t* input[P];
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) input[p] = s.input + s.pixels[row + p].input;
  const uint8_t* weights = s.weights;
  __m512i count[P][V];
  step<halves, true>(weights, input, 0, count);
  for (int64_t word = 1; word < s.words; ++word) {
    weights += 128 * V;
    step<halves, false>(weights, input, s.offsets[word], count);
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) finish<end, V>(s, s.pixels[row + p], row + p, count[p]);
}

template <End end, int halves, int P, int V>
void sweepWith(const Segment& segment) {
  const Segment s = segment;  // a copy that no store can alias
  int64_t row = 0;
  for (; row + P <= s.pixelCount; row += P) tile<end, halves, P, V>(s, row);
  for (; row < s.pixelCount; ++row) tile<end, halves, 1, V>(s, row);
}

template <End end, int P, int V>
void sweep(const Segment& segment) {
  segment.halves ? sweepWith<end, 1, P, V>(segment) : sweepWith<end, 2, P, V>(segment);
}

template <End end>
void run(const Segment& s) {
  switch (s.lanes / 16) {
    case 1:
      return sweep<end, 8, 1>(s);
    case 2:
      return sweep<end, 6, 2>(s);
    case 3:
      return sweep<end, 4, 3>(s);
    default:
      return sweep<end, 4, 4>(s);
  }
}

// [position][half][lane] 32-bit words.
void pack(uint8_t* packed, int64_t position, int64_t, int lane, int lanes, uint64_t bits) {
  uint32_t* words = reinterpret_cast<uint32_t*>(packed) + 2 * position * lanes + lane;
  words[0] = static_cast<uint32_t>(bits);
  words[lanes] = static_cast<uint32_t>(bits >> 32);
}

void packThresholds(const int32_t* natural, uint8_t* packed) {
  for (int i = 0; i < 64; ++i) reinterpret_cast<int32_t*>(packed)[i] = natural[i];
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {16,
                       8,
                       1,
                       true,
                       int64_t{1} << 30,
                       256,
                       nullptr,
                       pack,
                       packThresholds,
                       run<End::bits>,
                       run<End::dots>,
                       run<End::floats>};

}  // namespace avx512_vpopcnt
}  // namespace bconv
}  // namespace bitplane
