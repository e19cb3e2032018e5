// Binary operations, compiled for neon. The loop is in generic.h.
#include "simd/neon.h"

#include "kernels/binary/generic.h"
