// Floats of packed weights, compiled for neon. The loop is in generic.h.
#include "simd/neon.h"

#include "kernels/wconv/generic.h"
