// The store of planes: a block of pixels by channels, turned into [n, c, pixel]. Baseline code: the
// block is in L1, and what is written goes to as many places as it has channels. Not here: the
// steps before it.
#include "kernels/epilogue/epilogue.h"
#include "kernels/transpose.h"

namespace bitplane {

void storePlanes(const Piece& piece, const EpilogueView& epilogue, const Buffers& buffers,
                 const EpilogueBlock& b) {
  int32_t* y = buffers.get<int32_t>(epilogue.steps[piece.first].buffer);
  const int64_t hw = epilogue.hw;
  for (int done = 0; done < b.rows;) {
    const int64_t pixel = b.pixel + done, image = pixel / hw, at = pixel % hw;
    const int count = static_cast<int>(std::min<int64_t>(hw - at, b.rows - done));
    const auto* values = reinterpret_cast<const int32_t*>(b.values + done * b.ld);
    transposeWords(values, b.ld, y + (image * epilogue.channels + b.c0) * hw + at, hw, b.cn, count);
    done += count;
  }
}

}  // namespace bitplane
