// What a segment does behind its last move: it stores the values as floats, sign bits and bytes,
// and keeps them for the next piece. Over a SIMD vocabulary, which the including file has chosen.
// Not here: integers of 32 bits, which are stored from the kept block (whole.h).
#pragma once
#include "kernels/epilogue/access.h"
#include "kernels/epilogue/whole.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// Where a segment's values go at the end of a row: memory at row 0, null where they do not, and
// from there to the next row in bytes. `keep` is the block itself, for whoever comes next.
struct Ends {
  char* real;
  int64_t realStride;
  char* bits;
  int64_t bitsStride;
  char* bytes;
  int64_t bytesStride;
  float least, most;  // of a byte
  float* keep;
  int64_t keepStride;  // floats
};

// Which of them there are, where that is known when the loop is compiled: the commonest, for which
// asking at every row takes a third of the time.
enum class EndKind { any, real, realAndBits };

inline bool storesBytes(const EpilogueView& epilogue, const Piece& piece) {
  return piece.whole >= 0 && epilogue.steps[piece.whole].op != EpilogueOp::store_i32;
}
inline bool storesInts(const EpilogueView& epilogue, const Piece& piece) {
  return piece.whole >= 0 && !storesBytes(epilogue, piece);
}

// Fills in the ends of a piece, all null before, for a block `values` [rows][ld] from `pixel` on:
// at channel 0, but `keep` at the block's first.
BITPLANE_INLINE void resolveEnds(const EpilogueView& epilogue, const Piece& piece,
                                 const Buffers& buffers, float* values, int64_t ld, int64_t pixel,
                                 Ends* ends) {
  if (piece.real >= 0) {
    ends->real = target(epilogue, epilogue.steps[piece.real], buffers, pixel);
    ends->realStride = targetStride(epilogue, epilogue.steps[piece.real]);
  }
  if (piece.bits >= 0) {
    ends->bits = target(epilogue, epilogue.steps[piece.bits], buffers, pixel);
    ends->bitsStride = targetStride(epilogue, epilogue.steps[piece.bits]);
  }
  if (storesBytes(epilogue, piece)) {
    const EpilogueStep& step = epilogue.steps[piece.whole];
    ends->bytesStride = step.pitch > 0 ? step.pitch : epilogue.channels;
    ends->bytes = buffers.get<char>(step.buffer) + pixel * ends->bytesStride + step.first;
    ends->least = leastByte(step.op);
    ends->most = mostByte(step.op);
  }
  if (piece.keeps || storesInts(epilogue, piece)) ends->keep = values, ends->keepStride = ld;
}

// The first column of a word clears the rest, so that channels that do not exist are 0.
template <int V>
BITPLANE_INLINE void storeBits(char* at, const Mask (&negative)[V], bool first) {
  const uint64_t bits = maskWord(negative);
  if (first)
    __builtin_memcpy(at, &bits, 8);
  else
    __builtin_memcpy(at, &bits, V * kLanes / 8);
}

template <int V, EndKind E>
BITPLANE_INLINE void finish(const Ends& ends, int64_t r, bool first, const F32 (&v)[V]) {
  if (E != EndKind::any || ends.real != nullptr) {
    float* map = reinterpret_cast<float*>(ends.real + r * ends.realStride);
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) store(map + i * kLanes, v[i]);
  }
  if (E == EndKind::realAndBits || (E == EndKind::any && ends.bits != nullptr)) {
    Mask negative[V];
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) negative[i] = less(v[i], set1(0.0f));
    storeBits<V>(ends.bits + r * ends.bitsStride, negative, first);
  }
  if (E != EndKind::any) return;
  if (ends.bytes != nullptr) {
    char* map = ends.bytes + r * ends.bytesStride;
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++)
      storeBytesN(map + i * kLanes, truncateByte(v[i], ends.least, ends.most), kLanes);
  }
  if (ends.keep != nullptr) {
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) store(ends.keep + r * ends.keepStride + i * kLanes, v[i]);
  }
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
