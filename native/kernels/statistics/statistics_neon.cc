// The sums of a block, compiled for neon. The loops are in generic.h.
#include "simd/neon.h"

#include "kernels/statistics/generic.h"
