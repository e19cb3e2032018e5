// The convolution tiles, compiled for neon. 32 registers: 24 sums, 4 weights, 1 broadcast.
#include "simd/neon.h"

#define BITPLANE_CONV_PIXELS 8, 8, 8, 6
#include "kernels/conv/generic.h"
