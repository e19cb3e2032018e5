// The reduction, compiled for neon. The loop is in generic.h.
#include "simd/neon.h"

#include "kernels/reduce/generic.h"
