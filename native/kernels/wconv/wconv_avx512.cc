// Floats of packed weights, compiled for avx512. The loop is in generic.h.
#include "simd/avx512.h"

#include "kernels/wconv/generic.h"
