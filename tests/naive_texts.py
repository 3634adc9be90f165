"""Smoothed Naive Bayes on tiny texts, all outcomes of the noise enumerated; never imports the package.

A text is a tuple of words, a training set a tuple of (text, label) pairs, labels count from 0. A law is a
dictionary: "drop", "flip", "mask", "delete" are probabilities, "words" maps a word to its distribution.
"""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

MASK = "<masked>"


def text_outcomes(text, law):
    """Distribution of a noised text: {text: probability}."""
    outcomes = {(): Fraction(1)}
    mask, delete = law.get("mask", 0), law.get("delete", 0)
    for word in text:
        one = {}
        for drawn, p in law.get("words", {}).get(word, {word: 1}).items():
            for place, q in (
                ((drawn,), (1 - mask) * (1 - delete)),
                ((MASK,), mask * (1 - delete)),
                ((), delete),
            ):
                if p * q:
                    one[place] = one.get(place, 0) + Fraction(p) * q
        outcomes = _convolved(outcomes, one)
    return outcomes


def row_outcomes(row, law, n_classes=2):
    """Distribution of a noised row: {(text, label) or None: probability}."""
    text, label = row
    drop, flip = law.get("drop", 0), law.get("flip", 0)
    outcomes = {None: Fraction(drop)} if drop else {}
    for noised, p in text_outcomes(text, law).items():
        for final in range(n_classes):
            q = 1 - flip if final == label else Fraction(flip) / (n_classes - 1)
            if q:
                outcomes[noised, final] = outcomes.get((noised, final), 0) + (1 - drop) * p * q
    return outcomes


def probability_of_one(rows, query, law, *, query_noise=False):
    """P(the model trained on the noised rows says 1 of the query), for two classes."""
    return probabilities(rows, query, law, 2, query_noise=query_noise)[1]


def set_outcomes(rows, law, n_classes=2):
    """Distribution of a noised training set, as a sorted tuple of the rows that are left."""
    sets, whole = _set_weights(rows, law, n_classes)
    return {kept: Fraction(weight, whole) for kept, weight in sets.items()}


def _set_weights(rows, law, n_classes):
    """The same as whole numbers and what they add up to: sums of fractions would take most of the time."""
    sets, whole = {(): 1}, 1
    for row in rows:
        outcomes, parts = _weights(row_outcomes(row, law, n_classes))
        whole *= parts
        grown = {}
        for kept, weight in sets.items():
            for outcome, part in outcomes.items():
                key = kept if outcome is None else tuple(sorted([*kept, outcome]))
                grown[key] = grown.get(key, 0) + weight * part
        sets = grown
    return sets, whole


def _weights(outcomes):
    """Probabilities as whole numbers, and the denominator that they have in common."""
    whole = math.lcm(*(p.denominator for p in outcomes.values()))
    return {outcome: p.numerator * (whole // p.denominator) for outcome, p in outcomes.items()}, whole


def probabilities(rows, query, law, n_classes, *, query_noise=False):
    """P(the model trained on the noised rows says c of the query) of each class c.

    The model is unigram Naive Bayes: a function of the counts of each noised set, so the order of rows is
    nothing to it.
    """
    queries, parts = _weights(text_outcomes(query, law) if query_noise else {tuple(query): Fraction(1)})
    sets, whole = _set_weights(rows, law, n_classes)
    found = [0] * n_classes
    for noised, weight in sets.items():
        for asked, part in queries.items():
            found[naive_bayes(noised, asked, n_classes)] += weight * part
    return [Fraction(weight, whole * parts) for weight in found]


def least_other_probability(null, alternative, p):
    """min {P1(phi): P0(phi) >= p} over all tests, by filling up P0 where the ratio P1 / P0 is least."""
    least = Fraction(0)
    for outcome in sorted(null, key=lambda z: alternative.get(z, 0) / null[z]):
        taken = min(p, null[outcome])
        least += taken * alternative.get(outcome, 0) / null[outcome]
        p -= taken
    return least


@functools.lru_cache(2**16)  # the same noised sets come up with most of the other training sets
def naive_bayes(rows, query, n_classes=2):
    """The label of multinomial Naive Bayes with add-one smoothing, the lowest of equals, in rationals."""
    if not rows:
        return 0
    words = {word for text, _ in rows for word in text}
    scores = []
    for label in range(n_classes):
        texts = [text for text, other in rows if other == label]
        counts = {}
        for text in texts:
            for word in text:
                counts[word] = counts.get(word, 0) + 1
        total = sum(counts.values()) + len(words)
        known = [word for word in query if word in words]
        likelihood = math.prod(counts.get(word, 0) + 1 for word in known)
        scores.append(Fraction((len(texts) + 1) * likelihood, max(total, 1) ** len(known)))
    return scores.index(max(scores))


# --- what the other texts may be, one edited text or row at a time ---


def with_words_out(text, number):
    """Texts that lack up to so many of the words."""
    return {
        tuple(text[i] for i in kept)
        for size in range(max(len(text) - number, 0), len(text) + 1)
        for kept in itertools.combinations(range(len(text)), size)
    }


def with_words_in(text, number, vocabulary):
    """Texts that have up to so many words more."""
    found = {tuple(text)}
    for _ in range(number):
        found |= {
            (*other[:i], word, *other[i:])
            for other in found
            for i in range(len(other) + 1)
            for word in vocabulary
        }
    return found


def with_words_replaced(text, number, choices):
    """Texts with up to so many words replaced by one of ``choices(word)``."""
    found = {tuple(text)}
    for places in itertools.combinations(range(len(text)), min(number, len(text))):
        for words in itertools.product(*([text[i], *choices(text[i])] for i in places)):
            other = list(text)
            for i, word in zip(places, words, strict=True):
                other[i] = word
            found.add(tuple(other))
    return found


def with_any_edits(text, number, vocabulary):
    """Texts at most so many edits away."""
    found = {tuple(text)}
    for _ in range(number):
        found |= {
            edited
            for other in found
            for edited in (
                with_words_out(other, 1)
                | with_words_in(other, 1, vocabulary)
                | with_words_replaced(other, 1, lambda word: vocabulary)
            )
        }
    return found


def sets_with_rows_changed(rows, number, others):
    """Sets in which up to so many rows are replaced by one of the lists of rows ``others(row)``."""
    found = {tuple(rows)}
    for places in itertools.combinations(range(len(rows)), min(number, len(rows))):
        for changed in itertools.product(*([*others(rows[i])] for i in places)):
            new = []
            for i, row in enumerate(rows):
                new += changed[places.index(i)] if i in places else [row]
            found.add(tuple(new))
    return found


def _convolved(one, two):
    product = {}
    for a, p in one.items():
        for b, q in two.items():
            product[a + b] = product.get(a + b, 0) + p * q
    return product
