// Floats of fields of words, compiled for neon. The loop is in generic.h.
#include "simd/neon.h"

#include "kernels/fconv/generic.h"
