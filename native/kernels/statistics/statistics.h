// Sums down the rows of x [rows][C], one result a channel, f32: the statistics of a batch norm.
//
//   moments:   y[0][c] = mean over r of x[r][c];  y[1][c] = mean over r of (x[r][c] - y[0][c])^2
//   norm sums: y[0][c] = sum over r of dy[r][c];  y[1][c] = sum over r of dy[r][c] (x[r][c] - m[c])
//              y[2], y[3] = y[0], y[1] divided by rows
//
// Each is two instructions. The first cuts the rows into blocks, sums each block in floats and
// writes what it found as `parts`; the second joins the blocks in double, in order. The cut (Rows)
// depends on rows and C alone, and nothing is fused, so the bits are the same on every instruction
// set and for any number of threads. x is read from memory once.
//
// Moments of a block of n rows are taken about a shift s, the mean of its first p = ceil(n / 8)
// rows, as S1 = sum of (x - s) and S2 = sum of (x - s)^2. Then mean = s + S1 / n, and what the
// joining needs, M2 = sum of (x - mean)^2 = S2 - S1^2 / n, cancels little, whatever x holds:
// because p (s - mean)^2 <= sum over the first p rows of (x - mean)^2 <= M2,
//
//   S2 = M2 + n (mean - s)^2 <= (1 + n / p) M2 <= 9 M2.
//
// With u = 2^-24 and n <= kMostBlockRows = 256 a sum of floats, closed every 64 additions, is wrong
// by 64 + n / 64 = 68 u of the sum of sizes, and its terms by 3 u of themselves. So S2 is wrong by
// 9 * 71 u of M2 at most and S1^2 / n by 2 sqrt(8 * 9) * 68 u: the variance by 1.1e-4 of itself in
// the worst case. Random numbers leave 4e-7. The mean is wrong by u of itself and by 68 u of the
// mean of |x - s|. A large mean, |mean| = k std, adds what s is wrong by, some (u k)^2 of the
// variance: nothing below k = 10^6, where x itself holds no more of std. The joining is in double
// about the first s, which by the same bound cancels at most a factor 1 + 8 * rows of 2^53.
//
// A shift that is infinite or NaN is taken as 0, so that the mean of infinities is their sum's, and
// the variance NaN. (x - s)^2 beyond 3.4e38 / 256 may overflow where the variance alone would not.
#pragma once
#include "kernels/step.h"

namespace bitplane {

constexpr int kMostBlockRows = 256;

// How the rows are cut. Rows of few channels are taken `fold` at a time as one wide row of fold * C
// columns, so that vectors are full; column j is channel j mod C. The last rows, fewer than `fold`,
// are a block of one wide row that ends early.
struct Rows {
  int64_t rows;
  int channels, fold, blockRows;  // wide rows of a block

  int columns() const { return channels * fold; }
  // Floats from one row of parts to the next: vectors are written whole.
  int64_t pitch() const { return roundUp<int64_t>(columns(), 16); }
  int64_t wideRows() const { return rows / fold; }
  int64_t wholeBlocks() const { return ceilDiv<int64_t>(wideRows(), blockRows); }
  int64_t blocks() const { return wholeBlocks() + (rows % fold > 0 ? 1 : 0); }
  // Where vectors of 16 columns may straddle the end of a wide row only if it is one row, and sums
  // of the numbers above stay below 2^31.
  bool areSound() const {
    return blockRows <= kMostBlockRows && int64_t{channels} * fold < INT32_MAX / 2 &&
           (fold == 1 || columns() % 16 == 0);
  }
  // A block's first wide row, how many it has, and the columns that its last one has.
  int64_t firstOf(int64_t block) const {
    return block == wholeBlocks() ? wideRows() : block * blockRows;
  }
  int64_t rowsOf(int64_t block) const {
    if (block == wholeBlocks()) return 1;
    const int64_t left = wideRows() - block * blockRows;
    return left < blockRows ? left : blockRows;
  }
  int columnsOf(int64_t block) const {
    return block == wholeBlocks() ? static_cast<int>(rows % fold) * channels : columns();
  }
};

// Some columns of one block; whole vectors are read and written, so up to 15 more.
struct BlockPart {
  const float* x;     // at the first row and column
  const float* dy;    // likewise, of norm sums
  const float* mean;  // at the first column
  int64_t ld;         // of x and dy
  int64_t ahead;  // floats from here to the block that comes next, to be fetched beside this one
  int64_t rows;
  int columns;
  float* out;  // moments: rows s, S1, S2; norm sums: the two sums
  int64_t outPitch;
};
using BlockFn = void (*)(const BlockPart& part);

std::unique_ptr<Step> make_moments(const Instruction& instruction, BuildContext& context);
std::unique_ptr<Step> make_moments_join(const Instruction& instruction, BuildContext& context);
std::unique_ptr<Step> make_normsums(const Instruction& instruction, BuildContext& context);
std::unique_ptr<Step> make_normsums_join(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
