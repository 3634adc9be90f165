// leaf_baseline.cpp: the leaf loops for the instruction set "baseline"; setup.py passes the compiler flags.
#include "knn_cert/leaf_loops.hpp"

namespace knn_cert {
extern const LeafLoops leaf_loops_baseline;
const LeafLoops leaf_loops_baseline = make_leaf_loops("baseline");
}  // namespace knn_cert
