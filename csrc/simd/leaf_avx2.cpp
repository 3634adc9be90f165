// leaf_avx2.cpp: the leaf loops for the instruction set "avx2"; setup.py passes the compiler flags.
#include "knn_cert/leaf_loops.hpp"

namespace knn_cert {
extern const LeafLoops leaf_loops_avx2;
const LeafLoops leaf_loops_avx2 = make_leaf_loops("avx2");
}  // namespace knn_cert
