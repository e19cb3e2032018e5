# Cross-compiles for 64-bit ARM Linux with the distribution's GNU toolchain. The target is armv8.0: newer instructions are chosen at
# run time. Not here: where Node's headers are (scripts/test-arm64.mjs passes them).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# Only programs come from the host; headers and libraries must be the target's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
