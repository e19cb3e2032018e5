// The sums of a block, compiled for scalar. The loops are in generic.h.
#include "simd/scalar.h"

#include "kernels/statistics/generic.h"
