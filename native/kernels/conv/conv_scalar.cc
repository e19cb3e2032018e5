// The convolution tiles, compiled for scalar. 16 registers: 8 sums, 2 weights, 1 broadcast and 1
// product, for there is no FMA.
#include "simd/scalar.h"

#define BITPLANE_CONV_PIXELS 6, 4
#include "kernels/conv/generic.h"
