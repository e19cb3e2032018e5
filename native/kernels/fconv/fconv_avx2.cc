// Floats of fields of words, compiled for avx2. The loop is in generic.h.
#include "simd/avx2.h"

#include "kernels/fconv/generic.h"
