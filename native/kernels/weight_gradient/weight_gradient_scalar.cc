// The weight gradient's loops, compiled for scalar. 16 registers: 8 sums, 2 of dy, 1 broadcast and
// 1 product, for there is no FMA.
#include "simd/scalar.h"

#define BITPLANE_GRADIENT_ELEMENTS 6, 4
#include "kernels/weight_gradient/generic.h"
