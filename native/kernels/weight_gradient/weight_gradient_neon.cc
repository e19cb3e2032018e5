// The weight gradient's loops, compiled for neon. 32 registers: 20 sums, 4 of dy, 5 broadcasts.
#include "simd/neon.h"

#define BITPLANE_GRADIENT_ELEMENTS 8, 8, 6, 5
#include "kernels/weight_gradient/generic.h"
