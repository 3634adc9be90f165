// queries.hpp: all entry points of the kernel but the distances alone. No Python.
#pragma once

#include "moves.hpp"
#include "pairs.hpp"
#include "races.hpp"
#include "scores.hpp"
#include "summaries.hpp"
#include "votes.hpp"
