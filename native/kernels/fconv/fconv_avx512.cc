// Floats of fields of words, compiled for avx512. The loop is in generic.h.
#include "simd/avx512.h"

#include "kernels/fconv/generic.h"
