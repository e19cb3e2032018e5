// Floats of packed weights, compiled for avx2. The loop is in generic.h.
#include "simd/avx2.h"

#include "kernels/wconv/generic.h"
