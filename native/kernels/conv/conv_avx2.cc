// The convolution tiles, compiled for avx2. 16 registers: 12 sums, 2 weights, 1 broadcast.
#include "simd/avx2.h"

#define BITPLANE_CONV_PIXELS 8, 6
#include "kernels/conv/generic.h"
