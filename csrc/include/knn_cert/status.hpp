// status.hpp: the errors that the kernel reports and the hook by which a caller stops it. No Python, no threads.
#pragma once

#include <stdexcept>
#include <string>

namespace knn_cert {

// The request itself is wrong (a value, a shape): the caller can mend it.
struct InvalidInput : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

// The request is fine but this kernel cannot answer it to its stated accuracy.
struct NotComputable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Called from the calling thread a few times a second in long calls; it stops the work by throwing.
using Checkpoint = void (*)();

inline void no_checkpoint() {}

}  // namespace knn_cert
