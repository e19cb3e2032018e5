// Binary convolution for armv8.0 NEON: eor + cnt + byte add, 128 multiply-adds in three
// instructions. A register holds one 64-bit word of two output channels; the preparation stores
// each activation word twice, so the loop duplicates nothing, and sums across lanes only once per
// flush. Not here: anything but the tile and its three ways to end.
//
// 4 pixels x 8 outputs keep 16 byte accumulators, 4 activations and 4 weights in registers: 48
// vector instructions and 8 loads per 2048 multiply-adds, 24 cycles on two vector pipes. (Sixteen
// outputs in the byte lanes would need activations stored sixteen times instead of twice, and two
// instructions per accumulator and flush instead of one and three quarters.) Overflow: cnt adds at
// most 8 to a byte, 31 words at most 248 <= 255; then the bytes are folded into one 16-bit sum per
// output. Those hold K <= 32767 as signed numbers, which the comparison with the thresholds needs;
// greater K is not for this kernel.
#include <arm_neon.h>

#include "kernels/bconv/kernel.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bconv {
namespace neon_cnt {
namespace {

constexpr int kOutputs = 8;      // of a tile
constexpr int V = kOutputs / 2;  // registers they take
constexpr int64_t kWordsPerFlush = 31;

// Keeps the instructions of one accumulator together: scheduled freely, g++ 12 overlaps so many
// that one of them lives in memory.
BITPLANE_INLINE void keep(uint8x16_t& value) { __asm__ volatile("" : "+w"(value)); }

enum class End { bits, dots, floats };

inline uint8x16_t load(const uint8_t* at) { return vld1q_u8(at); }

// One 64-bit word of the window. The first one starts the byte counters instead of adding to them.
template <bool first, int P>
BITPLANE_INLINE void step(const uint8_t* weights, const uint8_t* const (&input)[P], int64_t at,
                          uint8x16_t (&bytes)[P][V]) {
  uint8x16_t w[V];
  BITPLANE_UNROLL
  for (int v = 0; v < V; ++v) w[v] = load(weights + 16 * v);
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) {
    const uint8x16_t x = load(input[p] + at);
    BITPLANE_UNROLL
    for (int v = 0; v < V; ++v) {
      const uint8x16_t ones = vcntq_u8(veorq_u8(x, w[v]));
      bytes[p][v] = first ? ones : vaddq_u8(bytes[p][v], ones);
      keep(bytes[p][v]);
    }
  }
}

// Eight byte sums per output, two outputs a register, into one 16-bit sum per output.
BITPLANE_INLINE int16x8_t fold(const uint8x16_t (&bytes)[V]) {
  const uint16x8_t low = vpaddq_u16(vpaddlq_u8(bytes[0]), vpaddlq_u8(bytes[1]));
  const uint16x8_t high = vpaddq_u16(vpaddlq_u8(bytes[2]), vpaddlq_u8(bytes[3]));
  return vreinterpretq_s16_u16(vpaddq_u16(low, high));
}

// Bits of the eight outputs of one pixel.
BITPLANE_INLINE uint64_t bitsOf(const Segment& s, const Pixel& pixel, int lane, int16x8_t count) {
  alignas(16) static const uint16_t kPlaces[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  const int16x8_t threshold = vld1q_s16(
      reinterpret_cast<const int16_t*>(s.thresholds + 128 * int64_t{pixel.border}) + lane);
  return vaddvq_u16(vandq_u16(vcgtq_s16(count, threshold), vld1q_u16(kPlaces)));
}

template <End end>
BITPLANE_INLINE void store(const int32_t* base, void* block, int64_t at, int16x4_t count) {
  const int32x4_t dot = vsubq_s32(vld1q_s32(base), vshll_n_s16(count, 1));
  if (end == End::dots)
    vst1q_s32(static_cast<int32_t*>(block) + at, dot);
  else
    vst1q_f32(static_cast<float*>(block) + at, vcvtq_f32_s32(dot));
}

// P pixels x all lanes of the segment, eight at a time: the window stays in L1 while the segment's
// weights pass.
template <End end, int P>
BITPLANE_INLINE void tile(const Segment& s, int64_t row) {
  const uint8_t* input[P];
  uint64_t word[P] = {};
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) input[p] = s.input + s.pixels[row + p].input;
  const uint8_t* weights = s.weights;
  for (int lane = 0; lane < s.lanes; lane += kOutputs) {
    int16x8_t count[P];
    BITPLANE_UNROLL
    for (int p = 0; p < P; ++p) count[p] = vdupq_n_s16(0);
    const int32_t* offset = s.offsets;
    const int32_t* const end_of_window = s.offsets + s.words;
    do {
      const int64_t left = end_of_window - offset;
      const int32_t* const end_of_flush = offset + (left < kWordsPerFlush ? left : kWordsPerFlush);
      uint8x16_t bytes[P][V];
      step<true>(weights, input, *offset, bytes);
      weights += 16 * V;
      for (++offset; offset != end_of_flush; ++offset) {
        step<false>(weights, input, *offset, bytes);
        weights += 16 * V;
      }
      BITPLANE_UNROLL
      for (int p = 0; p < P; ++p) count[p] = vaddq_s16(count[p], fold(bytes[p]));
    } while (offset != end_of_window);
    BITPLANE_UNROLL
    for (int p = 0; p < P; ++p) {
      const Pixel& pixel = s.pixels[row + p];
      if (end == End::bits) {
        word[p] |= bitsOf(s, pixel, lane, count[p]) << lane;
        continue;
      }
      const int32_t* base = s.base + pixel.border * s.baseStride + lane;
      const int64_t at = (row + p) * s.blockStride + lane;
      store<end>(base, s.block, at, vget_low_s16(count[p]));
      store<end>(base + 4, s.block, at + 4, vget_high_s16(count[p]));
    }
  }
  if (end != End::bits) return;
  BITPLANE_UNROLL
  for (int p = 0; p < P; ++p) s.y[(row + p) * s.yStride] = word[p] ^ s.flip;
}

template <End end>
void run(const Segment& segment) {
  const Segment s = segment;  // a copy that no store can alias
  int64_t row = 0;
  for (; row + 4 <= s.pixelCount; row += 4) tile<end, 4>(s, row);
  for (; row < s.pixelCount; ++row) tile<end, 1>(s, row);
}

// [eight lanes][word][lane of eight] 64-bit words.
void pack(uint8_t* packed, int64_t word, int64_t words, int lane, int, uint64_t bits) {
  reinterpret_cast<uint64_t*>(
      packed)[(lane / kOutputs * words + word) * kOutputs + lane % kOutputs] = bits;
}

void packThresholds(const int32_t* natural, uint8_t* packed) {
  for (int i = 0; i < 64; ++i)
    reinterpret_cast<int16_t*>(packed)[i] = static_cast<int16_t>(natural[i]);
}

// Every word twice.
void expand(const uint64_t* words, uint8_t* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    vst1q_u8(out + 16 * i, vreinterpretq_u8_u64(vdupq_n_u64(words[i])));
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {kOutputs,
                       16,
                       1,
                       false,
                       32767,
                       128,
                       expand,
                       pack,
                       packThresholds,
                       run<End::bits>,
                       run<End::dots>,
                       run<End::floats>};

}  // namespace neon_cnt
}  // namespace bconv
}  // namespace bitplane
