// The convolution tiles, compiled for avx2. 16 registers: 12 sums, 2 weights, 1 broadcast. Three
// vectors, as of 24 channels, are 12 sums of 4 pixels: two and one would read more than they
// multiply.
#include "simd/avx2.h"

#define BITPLANE_CONV_PIXELS 8, 6, 4
#define BITPLANE_CONV_VECTORS 2
#include "kernels/conv/generic.h"
