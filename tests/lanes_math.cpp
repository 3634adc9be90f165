// lanes_math.cpp: exp, log, sine and cosine of the C++ kernel's lanes for test_lanes_math.py, which compiles and runs this.
#define KNN_CERT_HEADER_ONLY
#include <cstdio>
#include <knn_cert/lanes_math.hpp>
#include <vector>
using namespace knn_cert;

// Reads numbers; for each eight of them writes lines "number exp log sine cosine", log for positive numbers alone.
int main() {
    std::vector<double> numbers;
    for (double x = 0.0; std::scanf("%lf", &x) == 1;) numbers.push_back(x);
    for (std::size_t i = 0; i + kLanes <= numbers.size(); i += kLanes) {
        double out[4][kLanes];
        double positive[kLanes];
        for (int l = 0; l < kLanes; ++l) positive[l] = numbers[i + l] > 0.0 ? numbers[i + l] : 1.0;
        const Lanes x = Lanes::load(numbers.data() + i);
        Lanes sine;
        Lanes cosine;
        exp_of(x).store(out[0]);
        log_of(Lanes::load(positive)).store(out[1]);
        sine_and_cosine_of(x, sine, cosine);
        sine.store(out[2]);
        cosine.store(out[3]);
        for (int l = 0; l < kLanes; ++l)
            std::printf("%.17g %.17g %.17g %.17g %.17g\n", numbers[i + l], out[0][l], out[1][l], out[2][l], out[3][l]);
    }
    return 0;
}
