// The sliding window, compiled for neon. The loop is in generic.h.
#include "simd/neon.h"

#include "kernels/window/generic.h"
