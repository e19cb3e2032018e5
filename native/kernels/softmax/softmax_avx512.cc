// Softmax, compiled for avx512. The loop is in generic.h.
#include "simd/avx512.h"

#include "kernels/softmax/generic.h"
