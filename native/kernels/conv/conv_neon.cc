// The convolution tiles, compiled for neon. 32 registers: 20 sums, 4 weights and 5 activations,
// which gcc loads together; a sixth pixel was seen to spill three sums.
#include "simd/neon.h"

#define BITPLANE_CONV_PIXELS 8, 8, 6, 5
#include "kernels/conv/generic.h"
