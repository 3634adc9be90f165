// leaf_avx512.cpp: the leaf loops for the instruction set "avx512"; setup.py passes the compiler flags.
#include "knn_cert/leaf_loops.hpp"

namespace knn_cert {
extern const LeafLoops leaf_loops_avx512;
const LeafLoops leaf_loops_avx512 = make_leaf_loops("avx512");
}  // namespace knn_cert
