// The weight gradient's loops, compiled for avx512. 32 registers: 24 sums, 4 of dy, 1 broadcast.
#include "simd/avx512.h"

#define BITPLANE_GRADIENT_ELEMENTS 8, 8, 8, 6
#include "kernels/weight_gradient/generic.h"
