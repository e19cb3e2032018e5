// Binary convolution for AVX2, which has no popcount: a table lookup instead. Four activation bits
// choose one row of a constant table, row[w] = popcount(nibble xor w), and 32 weight nibbles (one a
// byte lane, lanes are output channels) index it with one vpshufb. So 128 multiply-adds are a
// shuffle and a byte add; counting bits of xor by two shuffles per byte costs twice as much. Not
// here: anything but the tile and its three ways to end.
//
// Activations are prepared as row offsets (nibble * 16, one byte each), so the inner loop is: load
// offset, broadcast the row, shuffle, add. Overflow: a lookup adds at most 4 to a byte, 48 lookups
// (three words) at most 192 <= 255; then bytes are added to 16-bit sums. Those hold K <= 32767 as
// signed numbers, which the comparison with the thresholds needs; greater K is not for this kernel.
#include <immintrin.h>

#include "kernels/bconv/kernel.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bconv {
namespace avx2_lookup {
namespace {

constexpr int kNibbles = 16;  // per 64-bit word
constexpr int kWordsPerFlush = 3;

#define P(x) (((x)&1) + ((x) >> 1 & 1) + ((x) >> 2 & 1) + ((x) >> 3 & 1))
#define BITPLANE_FOUR(a, w) P(a ^ w), P(a ^ (w + 1)), P(a ^ (w + 2)), P(a ^ (w + 3))
#define BITPLANE_ROW(a) \
  BITPLANE_FOUR(a, 0), BITPLANE_FOUR(a, 4), BITPLANE_FOUR(a, 8), BITPLANE_FOUR(a, 12)
alignas(64) const uint8_t kTable[256] = {
    BITPLANE_ROW(0),  BITPLANE_ROW(1),  BITPLANE_ROW(2),  BITPLANE_ROW(3),
    BITPLANE_ROW(4),  BITPLANE_ROW(5),  BITPLANE_ROW(6),  BITPLANE_ROW(7),
    BITPLANE_ROW(8),  BITPLANE_ROW(9),  BITPLANE_ROW(10), BITPLANE_ROW(11),
    BITPLANE_ROW(12), BITPLANE_ROW(13), BITPLANE_ROW(14), BITPLANE_ROW(15)};
#undef BITPLANE_FOUR
#undef P
#undef BITPLANE_ROW

enum class End { bits, dots, floats };

// Sums of bytes, kept as two 16-bit sums that cost three operations to update: of the raw byte
// pairs (low + 256 high, modulo 65536) and of the high bytes. The low bytes' sum is raw - 256 high.
struct Sums {
  __m256i raw, high;
};

BITPLANE_INLINE void flush(Sums& sums, __m256i bytes) {
  sums.raw = _mm256_add_epi16(sums.raw, bytes);
  sums.high = _mm256_add_epi16(sums.high, _mm256_srli_epi16(bytes, 8));
}

BITPLANE_INLINE __m256i lowOf(const Sums& sums) {
  return _mm256_sub_epi16(sums.raw, _mm256_slli_epi16(sums.high, 8));
}

template <int V>
BITPLANE_INLINE void finishBits(const Segment& s, const Pixel& pixel, int64_t row,
                                const Sums (&sums)[V]) {
  const __m256i* threshold = reinterpret_cast<const __m256i*>(s.thresholds + 128 * pixel.border);
  uint64_t word = 0;
  BITPLANE_UNROLL
  for (int v = 0; v < V; ++v) {
    const __m256i even = _mm256_cmpgt_epi16(lowOf(sums[v]), _mm256_loadu_si256(threshold + 2 * v));
    const __m256i odd = _mm256_cmpgt_epi16(sums[v].high, _mm256_loadu_si256(threshold + 2 * v + 1));
    const __m256i mask =
        _mm256_blendv_epi8(even, odd, _mm256_set1_epi16(static_cast<int16_t>(0xff00)));
    word |= static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(mask))) << (32 * v);
  }
  s.y[row * s.yStride] = word ^ s.flip;
}

template <End end>
BITPLANE_INLINE void store(const Segment& s, const int32_t* base, int64_t at, __m128i count16) {
  const __m256i count = _mm256_cvtepu16_epi32(count16);
  const __m256i dot = _mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(base)),
                                       _mm256_add_epi32(count, count));
  if (end == End::dots)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(static_cast<int32_t*>(s.block) + at), dot);
  else
    _mm256_storeu_ps(static_cast<float*>(s.block) + at, _mm256_cvtepi32_ps(dot));
}

template <End end, int V>
BITPLANE_INLINE void finish(const Segment& s, const Pixel& pixel, int64_t row,
                            const Sums (&sums)[V]) {
  if (end == End::bits) return finishBits(s, pixel, row, sums);
  BITPLANE_UNROLL
  for (int v = 0; v < V; ++v) {
    const int32_t* base = s.base + pixel.border * s.baseStride + 32 * v;
    const int64_t at = row * s.blockStride + 32 * v;
    const __m256i low = lowOf(sums[v]);
    const __m256i first = _mm256_unpacklo_epi16(low, sums[v].high),
                  second = _mm256_unpackhi_epi16(low, sums[v].high);
    store<end>(s, base, at, _mm256_castsi256_si128(first));
    store<end>(s, base + 8, at + 8, _mm256_castsi256_si128(second));
    store<end>(s, base + 16, at + 16, _mm256_extracti128_si256(first, 1));
    store<end>(s, base + 24, at + 24, _mm256_extracti128_si256(second, 1));
  }
}

template <End end, int P, int V>
BITPLANE_INLINE void tile(const Segment& s, int64_t row) {
  const uint8_t* input[P];
  Sums sums[P][V];
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) {
    input[p] = s.input + s.pixels[row + p].input;
    BITPLANE_UNROLL
    for (int v = 0; v < V; ++v) sums[p][v].raw = sums[p][v].high = _mm256_setzero_si256();
  }
  const uint8_t* weights = s.weights;
  for (int64_t done = 0; done < s.words; done += kWordsPerFlush) {
    const int64_t end_of_flush = done + kWordsPerFlush < s.words ? done + kWordsPerFlush : s.words;
    __m256i bytes[P][V];
    BITPLANE_UNROLL
    for (int p = 0; p < P; ++p) {
      BITPLANE_UNROLL
      for (int v = 0; v < V; ++v) bytes[p][v] = _mm256_setzero_si256();
    }
    for (int64_t word = done; word < end_of_flush; ++word) {
      const int64_t at = s.offsets[word];
      BITPLANE_UNROLL
      for (int i = 0; i < kNibbles; ++i) {
        __m256i w[V];
        BITPLANE_UNROLL
        for (int v = 0; v < V; ++v)
          w[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights) + i * V + v);
        BITPLANE_UNROLL
        for (int p = 0; p < P; ++p) {
          const __m256i table = _mm256_broadcastsi128_si256(
              *reinterpret_cast<const __m128i*>(kTable + input[p][at + i]));
          BITPLANE_UNROLL
          for (int v = 0; v < V; ++v) {
            bytes[p][v] = _mm256_add_epi8(bytes[p][v], _mm256_shuffle_epi8(table, w[v]));
            __asm__("" : "+x"(bytes[p][v]));
          }
        }
      }
      weights += 32 * V * kNibbles;
    }
    BITPLANE_UNROLL
    for (int p = 0; p < P; ++p) {
      BITPLANE_UNROLL
      for (int v = 0; v < V; ++v) flush(sums[p][v], bytes[p][v]);
    }
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) finish<end, V>(s, s.pixels[row + p], row + p, sums[p]);
}

template <End end, int P, int V>
void sweep(const Segment& segment) {
  const Segment s = segment;  // a copy that no store can alias
  int64_t row = 0;
  for (; row + P <= s.pixelCount; row += P) tile<end, P, V>(s, row);
  for (; row < s.pixelCount; ++row) tile<end, 1, V>(s, row);
}

template <End end>
void run(const Segment& s) {
  s.lanes == 32 ? sweep<end, 6, 1>(s) : sweep<end, 4, 2>(s);
}

// [word][nibble][lane], one nibble a byte.
void pack(uint8_t* packed, int64_t word, int64_t, int lane, int lanes, uint64_t bits) {
  for (int i = 0; i < kNibbles; ++i)
    packed[(word * kNibbles + i) * lanes + lane] = bits >> (4 * i) & 15;
}

// Per 32 channels: the 16 even ones, then the 16 odd ones, as the sums hold them.
void packThresholds(const int32_t* natural, uint8_t* packed) {
  int16_t* out = reinterpret_cast<int16_t*>(packed);
  for (int i = 0; i < 64; ++i)
    out[i / 32 * 32 + i % 2 * 16 + i % 32 / 2] = static_cast<int16_t>(natural[i]);
}

// The nibbles of bytes held in 16-bit lanes as two bytes each: their rows' offsets in the table.
BITPLANE_INLINE __m256i offsetsOf(__m256i bytes) {
  const __m256i low = _mm256_and_si256(_mm256_slli_epi16(bytes, 4), _mm256_set1_epi16(0x00f0));
  const __m256i high = _mm256_and_si256(_mm256_slli_epi16(bytes, 8),
                                        _mm256_set1_epi16(static_cast<int16_t>(0xf000)));
  return _mm256_or_si256(low, high);
}

void expand(const uint64_t* words, uint8_t* out, int64_t count) {
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    const __m128i two = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 16 * i),
                        offsetsOf(_mm256_cvtepu8_epi16(two)));
  }
  if (i == count) return;
  const __m128i one = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(words + i));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * i),
                   _mm256_castsi256_si128(offsetsOf(_mm256_cvtepu8_epi16(one))));
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {32,
                       16,
                       2,
                       false,
                       32767,
                       128,
                       expand,
                       pack,
                       packThresholds,
                       run<End::bits>,
                       run<End::dots>,
                       run<End::floats>};

}  // namespace avx2_lookup
}  // namespace bconv
}  // namespace bitplane
