// Works out the geometry of a binary convolution. See plan.h for the layout; nothing here runs more
// than once per step.
#include "kernels/bconv/plan.h"

#include <algorithm>

namespace bitplane {
namespace bconv {
namespace {

// Which taps of each output coordinate lie inside, numbered by first appearance; all do where the
// border is not `tracked`.
void classify(const WindowAxis& axis, bool tracked, std::vector<Span>* classes,
              std::vector<int>* classOf) {
  for (int out = 0; out < axis.outputs; ++out) {
    const Span inside = tracked ? axis.tapsInside(out) : Span{0, axis.taps};
    const auto same = [&](const Span& other) {
      return other.from == inside.from && other.to == inside.to;
    };
    const auto found = std::find_if(classes->begin(), classes->end(), same);
    classOf->push_back(static_cast<int>(found - classes->begin()));
    if (found == classes->end()) classes->push_back(inside);
  }
}

bool isInside(const WindowAxis& axis) {
  return axis.before == 0 && axis.interior().count() == axis.outputs;
}

// What `words` words of `bits` bits each take.
int timeOf(const Kernel& kernel, int words, int bits) {
  return kernel.skipsHalves && bits > 32 ? 2 * words : words;
}

// Whether joined taps of a kernel row fill words better.
bool joins(const Problem& p, const Kernel& kernel) {
  const int channels = p.groupChannels();
  if (p.kw == 1 || channels >= 64 || p.kw > kMostJoinedWords) return false;
  return timeOf(kernel, bitWords(p.kw * channels), p.kw * channels) <
         timeOf(kernel, p.kw, channels);
}

void layOut(Plan* plan, const Kernel& kernel) {
  const Problem& p = plan->problem;
  const bool joined = joins(p, kernel);
  plan->taps = joined ? p.kw : 1;
  plan->pixelBits = plan->taps * p.groupChannels();
  plan->inPlace = !joined && isInside(p.rows()) && isInside(p.columns()) && p.g == 1 &&
                  kernel.expand == nullptr;
  const bool skipRows = p.kh == 1 && !plan->inPlace;
  const bool skipColumns = p.kw == 1 && !plan->inPlace;
  plan->rowStep = skipRows ? p.sh : 1;
  plan->columnStep = skipColumns ? p.sw : 1;
  plan->rowStride = skipRows ? 1 : p.sh;
  plan->columnStride = skipColumns || joined ? 1 : p.sw;
  plan->columns = plan->inPlace ? p.w
                  : joined      ? p.ow
                                : (p.ow - 1) * plan->columnStride + p.columns().reach();
  plan->wordBytes = kernel.expansion;
  plan->pixelBytes = plan->wordBytes * plan->pixelWords();
  plan->rowBytes = plan->pixelBytes * plan->columns;
}

// Bytes from the first image of a task to the last word that its windows read.
int64_t farthest(const Plan& plan) {
  const Problem& p = plan.problem;
  const int64_t rows = int64_t{p.oh - 1} * plan.rowStride + p.rows().reach();
  return (plan.images - 1) * plan.imageBytes + rows * plan.rowBytes;
}

void layOutWindow(Plan* plan) {
  const Problem& p = plan->problem;
  for (int ky = 0; ky < p.kh; ++ky) {
    for (int kx = 0; kx < p.kw; kx += plan->taps) {
      const int64_t tap = ky * p.dh * plan->rowBytes + kx * p.dw * plan->pixelBytes;
      for (int word = 0; word < plan->pixelWords(); ++word)
        plan->offsets.push_back(static_cast<int32_t>(tap + word * plan->wordBytes));
    }
  }
}

void cutOutputs(Plan* plan, const Kernel& kernel) {
  const Problem& p = plan->problem;
  plan->packedBytes = 0;
  for (int first = 0; first < p.o;) {
    if (first % 64 == 0) plan->firstSpan.push_back(static_cast<int>(plan->spans.size()));
    const int group = first / p.groupOutputs();
    const int end = std::min({(group + 1) * p.groupOutputs(), (first / 64 + 1) * 64, p.o});
    const int lanes = roundUp(end - first, static_cast<int>(kernel.laneMultiple));
    plan->spans.push_back({group, first, end - first, lanes, plan->packedBytes});
    plan->packedBytes +=
        roundUp<int64_t>(plan->words() * lanes * 8 * kernel.weightExpansion, kAlign);
    first = end;
  }
  plan->firstSpan.push_back(static_cast<int>(plan->spans.size()));
}

// As many images together as make a task worth its weights, fit L1, and leave every thread some.
void joinImages(Plan* plan, int threads) {
  const Problem& p = plan->problem;
  plan->imageBytes =
      plan->inPlace ? plan->rowBytes * p.h : p.g * plan->groupBytes(plan->rowCount());
  const int64_t worthwhile = ceilDiv(2 * kLeastPixels, p.pixels());
  const int64_t fitting = plan->inPlace ? p.n : kPreparedBytes / plan->imageBytes;
  plan->images = static_cast<int>(
      std::max<int64_t>(1, std::min({worthwhile, fitting, ceilDiv<int64_t>(p.n, threads)})));
}

}  // namespace

Plan planFor(const Problem& problem, const Kernel& kernel, int threads) {
  Plan plan{};
  plan.problem = problem;
  layOut(&plan, kernel);
  joinImages(&plan, threads);
  plan.fits = farthest(plan) <= INT32_MAX;
  if (!plan.fits) return plan;
  layOutWindow(&plan);
  cutOutputs(&plan, kernel);
  const Problem& p = problem;
  const bool tracked = p.padding == Padding::zero;
  std::vector<int> rowClassOf, columnClassOf;
  classify(p.rows(), tracked, &plan.rowClasses, &rowClassOf);
  classify(p.columns(), tracked, &plan.columnClasses, &columnClassOf);
  plan.pixels.reserve(plan.images * p.pixels());
  for (int image = 0; image < plan.images; ++image) {
    for (int oy = 0; oy < p.oh; ++oy) {
      for (int ox = 0; ox < p.ow; ++ox) {
        const int64_t input = image * plan.imageBytes + oy * plan.rowStride * plan.rowBytes +
                              ox * plan.columnStride * plan.pixelBytes;
        const int border =
            rowClassOf[oy] * static_cast<int>(plan.columnClasses.size()) + columnClassOf[ox];
        plan.pixels.push_back({static_cast<int32_t>(input), border});
      }
    }
  }
  return plan;
}

}  // namespace bconv
}  // namespace bitplane
