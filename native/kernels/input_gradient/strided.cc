// See strided.h. A task is a strip of cells; a cell is one pixel of every phase. A block is some
// rows of cells and one residue of rows: every phase of that residue computes its pixels of the
// block, they are put where they belong in the block's rows, and the epilogue runs over these.
#include "kernels/input_gradient/strided.h"

#include <algorithm>

#include "kernels/conv/walk.h"

namespace bitplane {
namespace input_gradient {

namespace {

constexpr int64_t kBlockFloats = 1 << 14;  // of sums: part of an L2
constexpr int64_t kMostAhead = 1 << 12;    // pixels

class StridedStep final : public Step {
 public:
  StridedStep(const Instruction& instruction, std::shared_ptr<Phases> phases,
              const ConvTiles& tiles, PackedWeights weights, const char* name, Isa isa)
      : phases_(std::move(phases)),
        cover_(phases_->cover),
        s_(phases_->shape),
        tiles_(tiles),
        weights_(std::move(weights)),
        name_(name),
        x_(instruction.field(0)),
        epilogue_(isa, decodeEpilogue(instruction), s_.o, int64_t{s_.oh} * s_.ow) {
    const int64_t pixels = std::clamp<int64_t>(kBlockFloats / cover_.ld, 64, 256);
    columns_ = static_cast<int>(std::clamp<int64_t>(pixels / s_.sw, 1, cover_.shape.ow));
    int rows = 1;
    for (const ConvStrip& strip : cover_.strips) rows = std::max(rows, strip.rows * strip.images);
    width_ = static_cast<int>(std::min<int64_t>(s_.ow, int64_t{columns_} * s_.sw));
    rows_ = static_cast<int>(std::clamp<int64_t>(pixels / width_, 1, rows));
    const size_t cells = static_cast<size_t>(rows_) * columns_;
    pointerBytes_ = roundUp(cells * (sizeof(float*) + sizeof(int)), kAlign);
    rowBytes_ = roundUp(rows_ * sizeof(Row), kAlign);
    phaseBytes_ = roundUp(cells * cover_.ld * 4 + kSlack, kAlign);
    sumBytes_ = roundUp(static_cast<size_t>(rows_) * width_ * cover_.ld * 4 + kSlack, kAlign);
  }

  int tasks() const override { return static_cast<int>(cover_.strips.size()) * cover_.chunkTasks; }
  const char* kernelName() const override { return name_; }
  size_t scratchBytes() const override {
    return pointerBytes_ + rowBytes_ + phaseBytes_ + sumBytes_ +
           (cover_.padded ? static_cast<size_t>(cover_.stripImages * cover_.imagePitch) * 4 : 0);
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const ConvStrip& strip = cover_.strips[task / cover_.chunkTasks];
    char* memory = static_cast<char*>(scratch);
    Block block = {};
    block.chunks = chunksOf(cover_, task);
    block.pointers = reinterpret_cast<const float**>(memory);
    block.targets = reinterpret_cast<int*>(block.pointers + int64_t{rows_} * columns_);
    block.rows = reinterpret_cast<Row*>(memory + pointerBytes_);
    block.phaseSums = reinterpret_cast<float*>(memory + pointerBytes_ + rowBytes_);
    block.sums = reinterpret_cast<float*>(memory + pointerBytes_ + rowBytes_ + phaseBytes_);
    const float* x = buffers.get<const float>(x_);
    const float* origin = x + stripOrigin(cover_, strip);
    if (cover_.padded) {
      float* copy =
          reinterpret_cast<float*>(memory + pointerBytes_ + rowBytes_ + phaseBytes_ + sumBytes_);
      copyStrip(cover_, strip, x, copy, 0.0f, std::copy_n<const float*, int64_t, float*>);
      origin = copy;
    }
    const int all = strip.rows * strip.images;
    for (int first = 0; first < all; first += rows_) {
      const int count = std::min(rows_, all - first);
      const Span residues = residuesOf(strip);
      block.asks = true;
      for (int residue = residues.from; residue < residues.to; residue++) {
        block.rowCount = findRows(strip, origin, first, count, residue, block.rows);
        if (block.rowCount == 0) continue;
        for (int c = 0; c < cover_.shape.ow; c += columns_)
          runBlock(block, residue, c, std::min(columns_, cover_.shape.ow - c), buffers);
        block.asks = false;
      }
    }
  }

 private:
  struct Row {
    const float* window;  // of the row's first cell
    int64_t pixel;        // the first of the row in dx
  };
  struct Block {
    ChunkRange chunks;
    const float** pointers;
    int* targets;
    Row* rows;
    int rowCount;
    bool asks;  // ahead, for the rows of all residues
    float *phaseSums, *sums;
  };

  // Residues that a row of the strip may have.
  Span residuesOf(const ConvStrip& strip) const {
    const int first = phases_->rows.firstCell + strip.oy, last = first + strip.rows - 1;
    return {std::max(0, s_.pt - s_.sh * last), std::min(s_.sh, s_.oh + s_.pt - s_.sh * first)};
  }

  // Rows of dx of this residue among `count` rows of cells from `first` on.
  int findRows(const ConvStrip& strip, const float* origin, int first, int count, int residue,
               Row* rows) const {
    int found = 0;
    for (int r = first; r < first + count; r++) {
      const int image = r / strip.rows, y = r % strip.rows;
      const int i = s_.sh * (phases_->rows.firstCell + strip.oy + y) + residue - s_.pt;
      if (i < 0 || i >= s_.oh) continue;
      rows[found++] = {origin + image * cover_.imagePitch + y * cover_.pitch,
                       (int64_t{strip.image + image} * s_.oh + i) * s_.ow};
    }
    return found;
  }

  // `count` columns of cells from `first` on, of the rows of a block.
  void runBlock(const Block& block, int residue, int first, int count,
                const Buffers& buffers) const {
    const int at = s_.sw * (phases_->columns.firstCell + first) - s_.pl;
    const int from = std::max(0, at), to = std::min(s_.ow, at + s_.sw * count);
    const int width = to - from;
    if (width <= 0) return;
    for (int c = block.chunks.first; c < block.chunks.end; c++) {
      const ConvChunk& chunk = cover_.chunks[c];
      int covered = 0;
      for (const Phase& phase : phases_->phases) covered += phase.rows->residue == residue;
      if (covered < s_.sw)
        std::fill_n(block.sums, int64_t{block.rowCount} * width * cover_.ld, 0.0f);
      AheadOf ahead = aheadOf(block, chunk, residue, from, width, count, buffers);
      for (const Phase& phase : phases_->phases) {
        if (phase.rows->residue != residue) continue;
        int cells = 0;
        for (int r = 0; r < block.rowCount; r++) {
          for (int x = 0; x < count; x++) {
            const int j = at + x * s_.sw + phase.columns->residue;
            if (j < from || j >= to) continue;
            block.pointers[cells] = block.rows[r].window + int64_t{first + x} * s_.c;
            block.targets[cells++] = r * width + (j - from);
          }
        }
        runPhase(block, phase, chunk, cells, buffers, ahead);
      }
      for (int r = 0; r < block.rowCount; r++) {
        epilogue_.run(buffers, {block.sums + int64_t{r} * width * cover_.ld, cover_.ld,
                                block.rows[r].pixel + from, width, chunk.c0, chunk.cn});
      }
    }
  }

  // What the epilogue needs of the rows of a block and those between them, in the time of the first
  // residue.
  AheadOf aheadOf(const Block& block, const ConvChunk& chunk, int residue, int from, int width,
                  int count, const Buffers& buffers) const {
    if (!block.asks) return AheadOf();
    int64_t tiles = 0;
    for (const Phase& phase : phases_->phases) {
      if (phase.rows->residue != residue) continue;
      for (int b = chunk.firstBlock; b < chunk.firstBlock + chunk.blocks; b++)
        tiles += tilesOf(tiles_, cover_.blocks[b], block.rowCount * count) *
                 static_cast<int64_t>(phase.cut.windows.size());
    }
    if (tiles == 0) return AheadOf();
    const int64_t first = block.rows[0].pixel + from;
    const int64_t rows = int64_t{block.rowCount} * s_.sh;
    return epilogue_.ahead(
        buffers, first,
        static_cast<int>(std::min<int64_t>(rows * s_.ow, kMostAhead)) - s_.ow + width, chunk.c0,
        chunk.cn, tiles);
  }

  void runPhase(const Block& block, const Phase& phase, const ConvChunk& chunk, int cells,
                const Buffers& buffers, AheadOf& ahead) const {
    if (cells == 0) return;
    for (int b = chunk.firstBlock; b < chunk.firstBlock + chunk.blocks; b++) {
      const ConvChannels& channels = cover_.blocks[b];
      const float* weights = weights_.at<float>(buffers) + phases_->floatsBefore(phase, b);
      float* out = block.phaseSums + (channels.first - chunk.c0);
      for (const ConvWindow& window : phase.cut.windows) {
        multiplyWindow(tiles_, channels, phase.cut.runs.data() + window.firstRun, window,
                       weights + int64_t{window.k} * phases_->width(b), block.pointers, cells, out,
                       cover_.ld, ahead);
      }
    }
    for (int i = 0; i < cells; i++)
      std::copy_n(block.phaseSums + i * cover_.ld, chunk.cn,
                  block.sums + block.targets[i] * cover_.ld);
  }

  const std::shared_ptr<const Phases> phases_;
  const ConvPlan& cover_;
  const ConvShape& s_;
  const ConvTiles tiles_;
  PackedWeights weights_;
  const char* name_;
  int x_;
  Epilogue epilogue_;
  int rows_, columns_;  // of cells in a block
  int width_;           // pixels of a block's row
  size_t pointerBytes_, rowBytes_, phaseBytes_, sumBytes_;
};

}  // namespace

std::unique_ptr<Step> makeStrided(const Instruction& instruction, std::shared_ptr<Phases> phases,
                                  const ConvTiles& tiles, PackedWeights weights, const char* name,
                                  Isa isa) {
  return std::make_unique<StridedStep>(instruction, std::move(phases), tiles, std::move(weights),
                                       name, isa);
}

}  // namespace input_gradient
}  // namespace bitplane
