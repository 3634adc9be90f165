// vote_costs.hpp: what tampered rows among the nearest may cost class A against each rival, tally by tally. No Python, no threads.
//
// Let w be the winner of the tally v of the K nearest rows, a the number of its tampered rows there and o of all others that are. Flips
// leave the same K rows: v_w - v_c falls by 2 a + o at most, so c passes w only where 2 a + o >= g_c = v_w - v_c + 1, without the 1 where c
// comes before w and takes ties; rows of c itself need not be counted. Deletions let in as many rows as went; one is the next row, of
// class z, if that is not deleted itself. Count it among the nearest: if it is deleted it is one more of a or o, and if not, it is
// a vote for z in the place of one for c. So c passes only where 2 a + o >= g_c + 1 - [z = c] + [z = w], of the K + 1 nearest rows.
//
// No more than r rows are tampered with, and 1{2 a + o >= g} <= alpha a + beta o: (2, 1) / g for an even g, (1, 1) / T for an odd one, T =
// (g + 1) / 2; none where T > r, as g then takes more rows. With D = 1{A wins} - 1{b wins}, D falls by 1 where a third class passes A,
// by 2 where b does, and by 1 where b passes a third class that had won. So it falls by no more than the sum of these costs over the
// tampered rows among the nearest, and E[D] by no more than the sum over the r largest of what each row costs on average.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace knn_cert {

// The contest that costs are asked for. Lists are the classes that have rows, in the order of their index.
struct CostContest {
    int n_classes = 0, n_neighbors = 1, target = 0;
    std::vector<std::int32_t> class_of;  // of each list
    bool deletions = false;              // else flips
    int cap = 1;                         // r

    [[nodiscard]] int n_lists() const { return static_cast<int>(class_of.size()); }
    // Lists that the next row is told apart by.
    [[nodiscard]] int n_next() const { return deletions ? n_lists() : 1; }
};

// All tallies of K rows over some lists, and their winners: ties go to the lowest.
struct AllTallies {
    std::vector<std::uint8_t> votes, winners;

    void set(int n_lists, int n_neighbors) {
        votes.clear();
        winners.clear();
        std::vector<std::uint8_t> tally(static_cast<std::size_t>(n_lists), 0);
        extend(tally, 0, n_neighbors);
    }
    [[nodiscard]] std::size_t size() const { return winners.size(); }

private:
    void extend(std::vector<std::uint8_t>& tally, std::size_t list, int left) {
        if (list + 1 < tally.size()) {
            for (int k = 0; k <= left; ++k) {
                tally[list] = static_cast<std::uint8_t>(k);
                extend(tally, list + 1, left - k);
            }
            return;
        }
        tally[list] = static_cast<std::uint8_t>(left);
        votes.insert(votes.end(), tally.begin(), tally.end());
        winners.push_back(static_cast<std::uint8_t>(std::max_element(tally.begin(), tally.end()) - tally.begin()));
    }
};

// alpha and beta of the lemma.
struct CostPair {
    double of_winner = 0.0, of_other = 0.0;

    CostPair(int g, int r) {
        const int rows = (g + 1) / 2;
        if (rows > r) return;
        of_winner = g % 2 == 0 ? 2.0 / g : 1.0 / rows;
        of_other = 1.0 / (g % 2 == 0 ? g : rows);
    }
};

// The tallies of a contest, and what tampered rows cost in them.
class VoteCosts {
public:
    // [n_tallies][n_classes][3][n_next], see CostTask.
    static void fill(const CostContest& contest, const AllTallies& tallies, std::vector<double>& costs) {
        VoteCosts one(contest);
        const std::size_t n = static_cast<std::size_t>(contest.n_lists());
        const std::size_t n_next = static_cast<std::size_t>(contest.n_next());
        const std::size_t of_tally = static_cast<std::size_t>(contest.n_classes) * 3 * n_next;
        costs.assign(tallies.size() * of_tally, 0.0);
        for (std::size_t v = 0; v < tallies.size(); ++v) {
            one.take(tallies.votes.data() + v * n, contest.class_of[tallies.winners[v]]);
            for (std::size_t z = 0; z < n_next; ++z) {
                one.set_gaps(contest.class_of[z]);
                for (int b = 0; b < contest.n_classes; ++b)
                    if (b != contest.target && b != one.winner_)
                        one.write(b, costs.data() + v * of_tally + static_cast<std::size_t>(b) * 3 * n_next + z, n_next);
            }
        }
    }

private:
    explicit VoteCosts(const CostContest& contest)
        : contest_(contest), votes_(static_cast<std::size_t>(contest.n_classes)), gap_(votes_.size()) {}

    void take(const std::uint8_t* votes, int winner) {
        std::fill(votes_.begin(), votes_.end(), 0);
        for (std::size_t c = 0; c < contest_.class_of.size(); ++c) votes_[static_cast<std::size_t>(contest_.class_of[c])] = votes[c];
        winner_ = winner;
    }

    // g of each class if the next row is of class `next`
    void set_gaps(int next) {
        const int lead = votes_[static_cast<std::size_t>(winner_)];
        for (int c = 0; c < contest_.n_classes; ++c) {
            int g = lead - votes_[static_cast<std::size_t>(c)] + (c > winner_ ? 1 : 0);
            if (contest_.deletions) g += 1 - (next == c ? 1 : 0) + (next == winner_ ? 1 : 0);
            gap_[static_cast<std::size_t>(c)] = g;
        }
    }

    // What a row of the winner, of another class and of the rival costs against it, n_next apart.
    void write(int rival, double* to, std::size_t n_next) const {
        const CostPair of_rival(gap_[static_cast<std::size_t>(rival)], contest_.cap);
        if (winner_ != contest_.target) {
            to[0] = of_rival.of_winner;
            to[n_next] = of_rival.of_other;
            return;
        }
        int least = std::numeric_limits<int>::max() - 1;  // of third classes
        for (int c = 0; c < contest_.n_classes; ++c)
            if (c != winner_ && c != rival) least = std::min(least, gap_[static_cast<std::size_t>(c)]);
        const CostPair of_third(least, contest_.cap);
        to[0] = std::max(of_third.of_winner, 2.0 * of_rival.of_winner);
        to[n_next] = std::max(of_third.of_other, 2.0 * of_rival.of_other);
        to[2 * n_next] = of_third.of_other;
    }

    const CostContest& contest_;
    std::vector<int> votes_, gap_;
    int winner_ = 0;
};

}  // namespace knn_cert
