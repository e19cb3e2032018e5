// The table of an instruction set's tiles, of every size. For ISA files only. Not here: the tiles.
#pragma once
#include "kernels/qconv/tile.h"

namespace bitplane {
namespace qconv {
namespace {

// Fills tiles of V vectors x P pixels in, and all smaller ones. T::of<V, P> is one; T::kPixels[v]
// pixels are the most of v + 1 vectors.
template <typename T, int V, int P>
constexpr void listTiles(Dot* dot) {
  dot->run[V - 1][P - 1] = T::template of<V, P>;
  if constexpr (P > 1)
    listTiles<T, V, P - 1>(dot);
  else if constexpr (V > 1)
    listTiles<T, V - 1, T::kPixels[V - 2]>(dot);
}

template <typename T>
constexpr void listAllTiles(Dot* dot) {
  for (int v = 0; v < dot->vectors; v++) dot->pixels[v] = T::kPixels[v];
  constexpr int kVectors = sizeof(T::kPixels) / sizeof(int);
  listTiles<T, kVectors, T::kPixels[kVectors - 1]>(dot);
}

}  // namespace
}  // namespace qconv
}  // namespace bitplane
