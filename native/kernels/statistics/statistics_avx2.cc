// The sums of a block, compiled for avx2. The loops are in generic.h.
#include "simd/avx2.h"

#include "kernels/statistics/generic.h"
