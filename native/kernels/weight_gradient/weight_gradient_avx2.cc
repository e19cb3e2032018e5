// The weight gradient's loops, compiled for avx2. 16 registers: 12 sums, 2 of dy, 1 broadcast.
#include "simd/avx2.h"

#define BITPLANE_GRADIENT_ELEMENTS 8, 6
#include "kernels/weight_gradient/generic.h"
