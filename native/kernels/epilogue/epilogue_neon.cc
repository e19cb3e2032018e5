// The epilogue, compiled for neon. The loop is in generic.h.
#include "simd/neon.h"

#include "kernels/epilogue/generic.h"
