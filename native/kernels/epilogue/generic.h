// The epilogue over a SIMD vocabulary, which the including file has chosen. A tile stays in
// registers through all steps; a step costs its operand loads and one predicted jump, so a tile is
// as large as the registers allow: on AVX-512 16 vectors, 4 pixels x 64 channels (with one pixel
// the jumps took three quarters of the time), elsewhere 64 values. Not here: what the steps mean
// (epilogue.h).
//
// x is [rows][C]. A tile is R pixels x V vectors: 1 or 4 pixels x 64 channels (one sign word each),
// or, where C leaves fewer than 64 channels, 4 or 16 pixels x a piece of 16, the last of them
// partial. Operand loads of a partial piece run past the row's end, at most 60 bytes past a
// buffer's (kSlack allows it); stores never do. What they find there may be another thread's pixel
// in the making: those lanes are dropped.
#pragma once
#include "kernels/epilogue/epilogue.h"
#include "kernels/epilogue/pieces.h"
#include "kernels/epilogue/whole.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

constexpr int kPiece = 16;
constexpr int kWholeRows = kLanes >= 16 ? 4 : 1;             // pixels of a tile of 64 channels
constexpr int kPieceRows = kLanes >= 16 ? 16 : 64 / kPiece;  // pixels of a tile of fewer
constexpr int kMaxSteps = 32;  // longer epilogues run in several passes over the block

struct ReadyStep {
  EpilogueOp op;
  OperandType type;
  bool isPixel;  // one element a pixel
  // Whether its vectors must be made first, in memory: an element a pixel, or no floats.
  bool isSpread;
  const float* operand;  // for the first pixel, channel 0, whatever its type
  const float* second;   // likewise; of a step of one operand, that operand
  int64_t stride;        // of operand, from pixel to pixel
  int64_t period;        // of operand: it repeats after so many channels
  int count;             // multithreshold
  // multithreshold: from threshold to threshold; stores: from pixel to pixel of the target
  int64_t channels;
  int64_t words;  // store_bits: likewise, in words
  void* target;   // stores: the first pixel, the epilogue's channel 0
  float a, b;
};

// Steps of many instructions go through memory, so that they cost the others no registers.
__attribute__((noinline)) void runSlow(EpilogueOp op, float* tile, int vectors) {
  for (int i = 0; i < vectors; i++) {
    const F32 v = load(tile + i * kLanes);
    F32 r;
    switch (op) {
      case EpilogueOp::tanh:
        r = hyperbolicTangent(v);
        break;
      case EpilogueOp::sigmoid:
        r = logistic(v);
        break;
      case EpilogueOp::exp:
        r = exponential(v);
        break;
      case EpilogueOp::erf:
        r = errorFunction(v);
        break;
      default:
        r = logarithm(v);
        break;
    }
    store(tile + i * kLanes, r);
  }
}

__attribute__((noinline)) void runMultithreshold(const ReadyStep& s, const float* thresholds,
                                                 float* tile, int vectors) {
  for (int i = 0; i < vectors; i++) {
    const F32 v = load(tile + i * kLanes);
    F32 reached = set1(0.0f);
    for (int t = 0; t < s.count; t++) {
      const F32 threshold = load(thresholds + t * s.channels + i * kLanes);
      reached = add(reached, select(lessEqual(threshold, v), set1(1.0f), set1(0.0f)));
    }
    store(tile + i * kLanes, add(mul(set1(s.a), reached), set1(s.b)));
  }
}

// Elements [i, i + kLanes) of an operand, as floats. For bits i is a multiple of kLanes or, if that
// is less, of 8.
BITPLANE_INLINE F32 loadAs(OperandType type, const void* operand, int64_t i) {
  switch (type) {
    case OperandType::i32:
      return toFloat(loadInt(static_cast<const int32_t*>(operand) + i));
    case OperandType::i8:
      return toFloat(loadI8(static_cast<const int8_t*>(operand) + i));
    case OperandType::u8:
      return toFloat(loadU8(static_cast<const uint8_t*>(operand) + i));
    case OperandType::b1: {
      const uint8_t* bytes = static_cast<const uint8_t*>(operand) + i / 8;
      return bipolar(kLanes > 8 ? bytes[0] | unsigned{bytes[1]} << 8 : unsigned{bytes[0]} >> i % 8);
    }
    default:
      return load(static_cast<const float*>(operand) + i);
  }
}

// One element in every lane.
BITPLANE_INLINE F32 splatAs(OperandType type, const void* operand, int64_t i) {
  switch (type) {
    case OperandType::i32:
      return set1(static_cast<float>(static_cast<const int32_t*>(operand)[i]));
    case OperandType::i8:
      return set1(static_cast<const int8_t*>(operand)[i]);
    case OperandType::u8:
      return set1(static_cast<const uint8_t*>(operand)[i]);
    default:
      return set1(static_cast<const float*>(operand)[i]);
  }
}

// The operand of a tile of `rows` pixels of `vectors` vectors, made in memory: pixel r and after,
// elements from `offset` on.
__attribute__((noinline)) void spreadOperand(const ReadyStep& s, const float* operand, int64_t r,
                                             int64_t offset, int rows, int vectors, float* out) {
  for (int row = 0; row < rows; row++) {
    for (int i = 0; i < vectors; i++, out += kLanes) {
      store(out, s.isPixel ? splatAs(s.type, operand, r + row)
                           : loadAs(s.type, operand, offset + row * s.stride + i * kLanes));
    }
  }
}

// Vector i of a pixel with n channels.
template <bool Partial>
BITPLANE_INLINE void storeVector(float* y, F32 v, int i, int n) {
  const int left = n - i * kLanes;
  if (!Partial || left >= kLanes)
    store(y + i * kLanes, v);
  else if (left > 0)
    storeN(y + i * kLanes, v, left);
}

// One tile: R pixels from r on, V vectors from channel c on, the first `n` channels of which exist.
template <int R, int V, bool Partial>
BITPLANE_INLINE void runTile(const ReadyStep* steps, int length, float* block, int64_t ld,
                             int64_t r, int64_t c, int n, bool keep) {
#define BITPLANE_EACH BITPLANE_UNROLL for (int i = 0; i < R * V; i++)
#define BITPLANE_OP(name, expression) \
  case EpilogueOp::name: \
    BITPLANE_EACH { \
      const F32 b = load(p + i / V * stride + i % V * kLanes); \
      v[i] = expression; \
    } \
    break;
#define BITPLANE_TERNARY(name, expression) \
  case EpilogueOp::name: \
    BITPLANE_EACH { \
      const F32 b = load(p + i / V * stride + i % V * kLanes); \
      const F32 c = load(second + i / V * stride + i % V * kLanes); \
      v[i] = expression; \
    } \
    break;
#define BITPLANE_UNARY(name, expression) \
  case EpilogueOp::name: \
    BITPLANE_EACH { v[i] = expression; } \
    break;
  const F32 zero = set1(0.0f);
  alignas(64) float spread[R * V * kLanes], secondSpread[R * V * kLanes];
  F32 v[R * V];
  BITPLANE_EACH v[i] = load(block + i / V * ld + i % V * kLanes);
  for (int k = 0; k < length; k++) {
    const ReadyStep& s = steps[k];
    int64_t stride = s.stride;
    const int64_t offset = r * stride + (__builtin_expect(c < s.period, 1) ? c : c % s.period);
    const float* p = s.operand + offset;
    const float* second = s.second + offset;
    if (__builtin_expect(s.isSpread, 0)) {
      spreadOperand(s, s.operand, r, offset, R, V, spread);
      if (s.second != s.operand) spreadOperand(s, s.second, r, offset, R, V, secondSpread);
      p = spread;
      second = secondSpread;
      stride = V * kLanes;
    }
    switch (s.op) {
      BITPLANE_OP(add, add(v[i], b))
      BITPLANE_OP(sub, sub(v[i], b))
      BITPLANE_OP(rsub, sub(b, v[i]))
      BITPLANE_OP(mul, mul(v[i], b))
      BITPLANE_OP(div, div(v[i], b))
      BITPLANE_OP(rdiv, div(b, v[i]))
      BITPLANE_OP(max, maximum(v[i], b))
      BITPLANE_OP(min, minimum(v[i], b))
      BITPLANE_OP(prelu, select(less(v[i], zero), mul(v[i], b), v[i]))
      BITPLANE_TERNARY(submul, mul(sub(v[i], b), c))
      BITPLANE_OP(addscaled, add(v[i], mul(sub(b, set1(s.a)), set1(s.b))))
      BITPLANE_OP(gate, gated(b, set1(s.a), set1(s.b), v[i]))
      BITPLANE_OP(rgate, gated(v[i], set1(s.a), set1(s.b), b))
      BITPLANE_UNARY(poszero, add(v[i], zero))
      BITPLANE_UNARY(relu, larger(zero, v[i]))
      BITPLANE_UNARY(leaky, select(less(v[i], zero), mul(v[i], set1(s.a)), v[i]))
      BITPLANE_UNARY(clip, select(less(v[i], set1(s.a)), set1(s.a), lesser(set1(s.b), v[i])))
      BITPLANE_UNARY(abs, absolute(v[i]))
      BITPLANE_UNARY(neg, negate(v[i]))
      BITPLANE_UNARY(sqrt, sqrt(v[i]))
      BITPLANE_UNARY(floor, floor(v[i]))
      BITPLANE_UNARY(ceil, ceil(v[i]))
      BITPLANE_UNARY(round, roundEven(v[i]))
      BITPLANE_UNARY(
          signum, select(less(v[i], zero), set1(-1.0f), select(less(zero, v[i]), set1(1.0f), v[i])))
      case EpilogueOp::tanh:
      case EpilogueOp::sigmoid:
      case EpilogueOp::exp:
      case EpilogueOp::log:
      case EpilogueOp::erf:
        BITPLANE_EACH store(spread + i * kLanes, v[i]);
        runSlow(s.op, spread, R * V);
        BITPLANE_EACH v[i] = load(spread + i * kLanes);
        break;
      case EpilogueOp::multithreshold:
        BITPLANE_EACH store(spread + i * kLanes, v[i]);
        for (int i = 0; i < R; i++) runMultithreshold(s, p, spread + i * V * kLanes, V);
        BITPLANE_EACH v[i] = load(spread + i * kLanes);
        break;
      case EpilogueOp::store_f32: {
        float* y = static_cast<float*>(s.target) + r * s.channels + c;
        BITPLANE_EACH storeVector<Partial>(y + i / V * s.channels, v[i], i % V, n);
        break;
      }
      case EpilogueOp::store_planes:  // a piece of its own
        break;
      case EpilogueOp::store_i32: {
        int* y = static_cast<int*>(s.target) + r * s.channels + c;
        BITPLANE_EACH {
          const int left = n - i % V * kLanes;
          if (left > 0)
            storeIntN(y + i / V * s.channels + i % V * kLanes, truncateSaturating(v[i]),
                      left < kLanes ? left : kLanes);
        }
        break;
      }
      case EpilogueOp::store_i8:
      case EpilogueOp::store_u8: {
        char* y = static_cast<char*>(s.target) + r * s.channels + c;
        const float least = leastByte(s.op), most = mostByte(s.op);
        BITPLANE_EACH {
          const int left = n - i % V * kLanes;
          if (left > 0)
            storeBytesN(y + i / V * s.channels + i % V * kLanes, truncateByte(v[i], least, most),
                        left < kLanes ? left : kLanes);
        }
        break;
      }
      case EpilogueOp::store_bits: {
        // Words are little-endian bytes: a piece owns the bytes of its channels, the last piece
        // clears the rest of its own.
        char* y = static_cast<char*>(s.target) + r * s.words * 8 + c / 8;
        const uint64_t exist = Partial ? (uint64_t{1} << n) - 1 : ~uint64_t{0};
        // whose signs fill one mask word
        constexpr int kPixels = R * V * kLanes > 64 ? 64 / (V * kLanes) : R;
        BITPLANE_UNROLL
        for (int from = 0; from < R; from += kPixels) {
          Mask negative[kPixels * V];
          BITPLANE_UNROLL
          for (int i = 0; i < kPixels * V; i++) negative[i] = less(v[from * V + i], zero);
          const uint64_t word = maskWord(negative);
          BITPLANE_UNROLL
          for (int j = 0; j < kPixels; j++) {
            const uint64_t bits = word >> (j * V * kLanes) & exist;
            __builtin_memcpy(y + (from + j) * s.words * 8, &bits, V * kLanes / 8);
          }
        }
        break;
      }
    }
  }
  if (keep) BITPLANE_EACH storeVector<Partial>(block + i / V * ld, v[i], i % V, n);
#undef BITPLANE_EACH
#undef BITPLANE_OP
#undef BITPLANE_TERNARY
#undef BITPLANE_UNARY
}

// All pixels of channels [c, c + n), as tiles of R pixels, then of 4, then single ones.
template <int R, int V, bool Partial>
void runColumn(const ReadyStep* steps, int length, float* block, int64_t ld, int rows, int64_t c,
               int n, bool keep) {
  int r = 0;
  for (; r + R <= rows; r += R)
    runTile<R, V, Partial>(steps, length, block + r * ld, ld, r, c, n, keep);
  if constexpr (R > 4) {
    for (; r + 4 <= rows; r += 4)
      runTile<4, V, Partial>(steps, length, block + r * ld, ld, r, c, n, keep);
  }
  if constexpr (R > 1) {
    for (; r < rows; r++) runTile<1, V, Partial>(steps, length, block + r * ld, ld, r, c, n, keep);
  }
}

void runColumns(const ReadyStep* steps, int length, float* block, int64_t ld, int rows, int c0,
                int cn, bool keep) {
  // A tile of 64 channels may not straddle the end of an operand that repeats.
  bool pieces = false;
  for (int k = 0; k < length; k++)
    pieces |= steps[k].target == nullptr && steps[k].period < steps[k].channels &&
              steps[k].period % 64 != 0;
  const int whole = pieces ? 0 : cn / 64 * 64;
  for (int c = 0; c < whole; c += 64) {
    runColumn<kWholeRows, 64 / kLanes, false>(steps, length, block + c, ld, rows, c0 + c, 64, keep);
  }
  for (int c = whole; c < cn; c += kPiece) {
    const int n = cn - c < kPiece ? cn - c : kPiece;
    const auto column = n == kPiece ? runColumn<kPieceRows, kPiece / kLanes, false>
                                    : runColumn<kPieceRows, kPiece / kLanes, true>;
    column(steps, length, block + c, ld, rows, c0 + c, n, keep);
  }
}

// The bytes of the epilogue's last sign word behind its last piece.
void clearTails(const ReadyStep* steps, int length, int rows, int channels) {
  const int used = (channels + kPiece - 1) / kPiece * (kPiece / 8);
  const int whole = (channels + 63) / 64 * 8;
  if (used == whole) return;
  for (int k = 0; k < length; k++) {
    if (steps[k].op != EpilogueOp::store_bits) continue;
    char* y = static_cast<char*>(steps[k].target) + used;
    for (int r = 0; r < rows; r++)
      __builtin_memset(y + 8 * steps[k].words * r, 0, static_cast<size_t>(whole - used));
  }
}

// Pixels of one image, at most kMaxSteps steps.
void runImage(const EpilogueView& epilogue, int first, int length, const Buffers& buffers,
              float* block, int64_t ld, int64_t pixel, int rows, int c0, int cn, bool keep) {
  ReadyStep ready[kMaxSteps];
  const int64_t channels = epilogue.channels;
  for (int k = 0; k < length; k++) {
    const EpilogueStep& step = epilogue.steps[first + k];
    ReadyStep& s = ready[k];
    // Steps without an operand still form addresses, so they must be ones that arithmetic on is
    // defined: the block's.
    s = {step.op,  step.type,  false,    false, block,   block,  0,
         channels, step.count, channels, 0,     nullptr, step.a, step.b};
    void* at = step.buffer >= 0 ? buffers.at[step.buffer] : nullptr;
    const int64_t pitch = step.pitch > 0 ? step.pitch : channels;
    if (step.op == EpilogueOp::store_bits) {
      s.words = (pitch + 63) / 64;
      s.target = static_cast<uint64_t*>(at) + pixel * s.words + step.first / 64;
    } else if (isStore(step.op)) {
      const bool bytes = step.op == EpilogueOp::store_i8 || step.op == EpilogueOp::store_u8;
      s.channels = pitch;
      s.target = static_cast<char*>(at) + (pixel * pitch + step.first) * (bytes ? 1 : 4);
    } else if (at) {
      int64_t start = 0;
      if (step.kind == OperandKind::tensor) {
        s.period = pitch;
        s.stride = rowElements(step.type, pitch);
        start = pixel * s.stride;
      }
      if (step.kind == OperandKind::image_channel)
        start = pixel / epilogue.hw * rowElements(step.type, channels);
      if (step.kind == OperandKind::pixel) start = pixel;
      s.isPixel = step.kind == OperandKind::pixel;
      s.isSpread = s.isPixel || step.type != OperandType::f32;
      const int64_t before = elementBytes(step.type, start);
      s.operand = reinterpret_cast<const float*>(static_cast<const char*>(at) + before);
      s.second = s.operand;
      if (step.second >= 0)
        s.second = reinterpret_cast<const float*>(buffers.get<const char>(step.second) + before);
    }
  }
  runColumns(ready, length, block, ld, rows, c0, cn, keep);
  if (c0 + cn == epilogue.channels) clearTails(ready, length, rows, epilogue.channels);
}

void interpret(const Piece& piece, const EpilogueView& epilogue, const Buffers& buffers,
               const EpilogueBlock& b) {
  const int end = piece.first + piece.length;
  // Only an operand per image and channel changes where an image ends; without one the rows are one
  // run.
  bool perImage = false;
  for (int k = piece.first; k < end; k++)
    perImage |= epilogue.steps[k].kind == OperandKind::image_channel;
  for (int done = 0; done < b.rows;) {
    const int64_t left = perImage ? epilogue.hw - (b.pixel + done) % epilogue.hw : int64_t{b.rows};
    const int count = left < b.rows - done ? static_cast<int>(left) : b.rows - done;
    for (int first = piece.first; first < end; first += kMaxSteps) {
      const int length = end - first < kMaxSteps ? end - first : kMaxSteps;
      runImage(epilogue, first, length, buffers, b.values + done * b.ld, b.ld, b.pixel + done,
               count, b.c0, b.cn, first + length < end || piece.keeps);
    }
    done += count;
  }
}

}  // namespace

int cut(const EpilogueStep* steps, int length, int channels, Piece* pieces) {
  return cut(steps, length, channels, interpret, pieces);
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
