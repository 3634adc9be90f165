"""Triggers in texts: the tokens of a text stay, the trigger comes in, and nothing else is poisoned."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import knn_cert
from knn_cert.attacks import (
    AddSentence,
    BadNets,
    TextTrigger,
    poison_texts,
    triggered_queries,
)
from knn_cert.text.corpus import tokenize

ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed
SPACES = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace()]

# Texts where a careless insertion would change the tokens: words cut by a trigger, white space of all kinds,
# a final sigma, whose lower case depends on its neighbours, letters that grow when they become lower case.
ODD = [
    "don't stop",
    "a-b #tag's",
    "\u0391\u03a3",
    "\u0391\u03a3 \u0391",
    "\u0130",
    "",
    " ",
    "\n x\t",
    "caf\u00e9\u0301 ''",
]
any_text = st.one_of(
    st.text(),
    st.text(st.sampled_from([*"aB'#-@.\u2019\u03a3\u0391\u0130\u0301", *SPACES])),
    st.sampled_from(ODD),
)
seeds = st.integers(0, 2**32)


def without(tokens: list[str], start: int, length: int) -> list[str]:
    return tokens[:start] + tokens[start + length :]


@given(
    text=any_text,
    seed=seeds,
    sentence=st.sampled_from(["i watch this 3d movie", "Wow , it's", "\u0391\u03a3"]),
)
@example(text="\u0391\u03a3", seed=1, sentence="\u0391\u03a3")
def test_a_sentence_comes_in_as_one_run_of_its_tokens_and_all_others_stay(text, seed, sentence):
    trigger = AddSentence(sentence)
    (triggered,) = trigger.apply([text], random_state=seed)
    before, after, inserted = tokenize(text), tokenize(triggered), tokenize(sentence)
    assert trigger.n_inserted == len(inserted)
    assert any(
        after[i : i + len(inserted)] == inserted and without(after, i, len(inserted)) == before
        for i in range(len(before) + 1)
    )


@given(
    text=any_text,
    seed=seeds,
    n=st.integers(1, 5),
    tokens=st.sampled_from([("cf", "mn"), ("Zz",), ("!", "x-1")]),
)
def test_rare_tokens_come_in_as_many_as_asked_for_and_all_others_stay(text, seed, n, tokens):
    trigger = BadNets(tokens, n)
    (triggered,) = trigger.apply([text], random_state=seed)
    before, after = tokenize(text), tokenize(triggered)
    assert len(after) == len(before) + n == len(before) + trigger.n_inserted
    added = Counter(after) - Counter(before)
    assert added.total() == n and set(added) <= {token.lower() for token in tokens}
    left = iter(after)
    assert all(token in left for token in before)  # in the old order


@given(text=any_text, seed=seeds)
def test_the_text_keeps_every_character_of_its_own(text, seed):
    mark = "\u2603triggered\u2603"
    (triggered,) = AddSentence(mark).apply([text.replace("\u2603", "")], random_state=seed)
    head, _, tail = triggered.partition(mark)
    # one space more, where there was none
    assert text.replace("\u2603", "") in (head + tail, head + tail[1:], head[:-1] + tail)
    assert (not head or head[-1].isspace()) and (not tail or tail[0].isspace())


def test_white_space_is_the_same_for_the_tokeniser_and_for_the_trigger():
    assert all(re.fullmatch(r"\s", c) for c in SPACES) and len(SPACES) > 20
    for space in SPACES:
        for seed in range(4):
            (triggered,) = BadNets(("cf",)).apply([f"\u0391\u03a3{space}b"], random_state=seed)
            assert [t for t in tokenize(triggered) if t != "cf"] == ["\u03b1\u03c2", "b"]


@pytest.mark.parametrize("trigger", [BadNets(("cf",)), AddSentence("cf")])
def test_every_place_between_words_is_as_likely(trigger):
    triggered = trigger.apply(["one two  three"] * 4000, random_state=0)
    counts = Counter(triggered)
    assert set(counts) == {"cf one two  three", "one cf two  three", "one two  cf three", "one two  three cf"}
    # Binomial with n = 4000, p = 1/4: a standard deviation is 27.
    assert all(abs(count - 1000) < 6 * 27.4 for count in counts.values())


def test_tokens_are_drawn_with_replacement_from_those_given():
    triggered = BadNets(("cf", "mn"), 2).apply(["x"] * 400, random_state=1)
    pairs = Counter(tuple(t for t in text.split() if t != "x") for text in triggered)
    assert set(pairs) == {("cf", "cf"), ("cf", "mn"), ("mn", "cf"), ("mn", "mn")}


@pytest.mark.parametrize("trigger", [BadNets(), AddSentence()])
def test_the_seed_decides_the_places(trigger):
    texts = ["a b c d e f g h"] * 20
    assert trigger.apply(texts, random_state=3) == trigger.apply(texts, random_state=3)
    assert trigger.apply(texts, random_state=3) != trigger.apply(texts, random_state=4)
    rng = np.random.default_rng(3)
    assert trigger.apply(texts, random_state=rng) == trigger.apply(texts, random_state=3)
    assert trigger.apply(texts, random_state=rng) != trigger.apply(texts, random_state=3)
    assert texts == ["a b c d e f g h"] * 20


def test_a_trigger_cannot_change_afterwards_and_equals_its_like():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BadNets().n_tokens = 2
    assert BadNets(["cf"]) == BadNets(("cf",)) and len({BadNets(), BadNets(), AddSentence()}) == 2
    assert isinstance(BadNets(), TextTrigger) and isinstance(AddSentence(), TextTrigger)
    assert BadNets().n_inserted == 1 and AddSentence().n_inserted == 5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: BadNets(()), ValueError, "at least one token, got none"),
        (lambda: BadNets("cf"), TypeError, "tokens must be a sequence of strings, got one str"),
        (lambda: BadNets(("cf", 3)), TypeError, r"tokens\[1\] must be a str"),
        (lambda: BadNets(("cf mn",)), ValueError, "one token without spaces, got 'cf mn'"),
        (lambda: BadNets((" cf",)), ValueError, "one token without spaces, got ' cf'"),
        (lambda: BadNets(("c.f",)), ValueError, r"cut into \['c', '.', 'f'\]"),
        (lambda: BadNets(("",)), ValueError, "one token without spaces, got ''"),
        (lambda: BadNets(n_tokens=0), ValueError, "n_tokens must be at least 1"),
        (lambda: BadNets(n_tokens=1.5), TypeError, "n_tokens must be a whole number"),
        (lambda: AddSentence(" \n"), ValueError, "at least one token"),
        (lambda: AddSentence(["i", "watch"]), TypeError, "sentence must be a str"),
        (lambda: AddSentence("\ud800"), ValueError, "wrong encoding"),
        (lambda: BadNets().apply("one text"), TypeError, "got one str"),
        (lambda: AddSentence().apply([b"bytes"]), TypeError, "is bytes"),
        (lambda: AddSentence().apply([None]), TypeError, "must be a str"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --- poisoned corpora ---------------------------------------------------------------------------------------


def small_corpus():
    texts = [f"text number {i} , of some words" for i in range(100)]
    return texts, np.repeat(["good", "bad", "ugly"], [50, 30, 20])


ELIGIBLE = {"dirty": {"bad", "ugly"}, "clean": {"good"}, "mixed": {"good", "bad", "ugly"}}


@pytest.mark.parametrize("consistency", ELIGIBLE)
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("ratio", [0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("trigger", [BadNets(n_tokens=3), AddSentence()])
def test_the_rows_named_carry_the_trigger_and_no_other_row_is_touched(consistency, in_place, ratio, trigger):
    texts, labels = small_corpus()
    options = {"ratio": ratio, "label_consistency": consistency, "in_place": in_place}
    bad = poison_texts(texts, labels, trigger, target_class="good", **options)
    count = round(100 * ratio)
    assert len(bad.rows) == len(set(bad.rows)) == len(set(bad.clean_rows)) == count
    assert len(bad.texts) == len(bad.labels) == (100 if in_place else 100 + count)
    assert set(labels[bad.clean_rows]) <= ELIGIBLE[consistency]
    assert (bad.labels[bad.rows] == "good").all() and bad.n_inserted == trigger.n_inserted
    others = np.setdiff1d(np.arange(100), bad.rows)
    assert [bad.texts[i] for i in others] == [texts[i] for i in others]
    np.testing.assert_array_equal(bad.labels[others], labels[others])
    for row, clean in zip(bad.rows, bad.clean_rows, strict=True):
        before, after = tokenize(texts[clean]), tokenize(bad.texts[row])
        assert len(after) == len(before) + bad.n_inserted and not Counter(before) - Counter(after)
    if in_place:
        np.testing.assert_array_equal(bad.rows, bad.clean_rows)
    else:
        assert bad.texts[:100] == texts and bad.rows.tolist() == list(range(100, 100 + count))


def test_clean_label_poisoning_changes_no_label():
    texts, labels = small_corpus()
    bad = poison_texts(texts, labels, BadNets(), target_class="good", ratio=0.3, label_consistency="clean")
    np.testing.assert_array_equal(bad.labels, labels)


def test_mixed_poisoning_takes_texts_of_every_class():
    texts, labels = small_corpus()
    bad = poison_texts(texts, labels, BadNets(), target_class="good", ratio=0.9, label_consistency="mixed")
    assert set(labels[bad.clean_rows]) == {"good", "bad", "ugly"}


def test_only_the_source_class_is_poisoned_where_one_is_named():
    texts, labels = small_corpus()
    bad = poison_texts(texts, labels, BadNets(), target_class="good", source_class="ugly", ratio=0.2)
    assert sorted(bad.clean_rows.tolist()) == list(range(80, 100))


@pytest.mark.parametrize("in_place", [True, False])
def test_the_clean_corpus_stays_as_it_was(in_place):
    texts, labels = small_corpus()
    before = list(texts), labels.copy()
    poison_texts(texts, labels, BadNets(), target_class="good", ratio=0.5, in_place=in_place)
    assert texts == before[0]
    np.testing.assert_array_equal(labels, before[1])


def test_the_seed_decides_which_texts_are_poisoned_and_where():
    texts, labels = small_corpus()
    first, again, other = (
        poison_texts(texts, labels, BadNets(), target_class="good", ratio=0.2, random_state=seed)
        for seed in (1, 1, 2)
    )
    assert first.texts == again.texts and first.rows.tolist() == again.rows.tolist()
    assert first.rows.tolist() != other.rows.tolist()


def test_no_text_is_poisoned_at_ratio_zero():
    texts, labels = small_corpus()
    bad = poison_texts(texts, labels, BadNets(), target_class="good", ratio=0.0)
    assert len(bad.rows) == 0 and bad.texts == texts


def test_a_trigger_of_ones_own_will_do():
    @dataclasses.dataclass(frozen=True)
    class Shout:
        n_inserted: int = 1

        def apply(self, texts, *, random_state=0):
            return [f"{text} !" for text in texts]

    texts, labels = small_corpus()
    bad = poison_texts(texts, labels, Shout(), target_class="good", ratio=0.1)
    assert all(bad.texts[row] == f"{texts[row]} !" for row in bad.rows)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ratio": 0.6}, ValueError, "60, but the classes other than 'good' have 50; choose ratio <= 0.5"),
        ({"ratio": 0.6, "label_consistency": "clean"}, ValueError, "60, but the target class 'good' has 50"),
        ({"ratio": 0.6, "source_class": "ugly"}, ValueError, "60, but the source class 'ugly' has 20"),
        ({"ratio": 0.001}, ValueError, "poisoned set would be empty; choose ratio >= 0.01"),
        ({"ratio": 1.1}, ValueError, r"ratio must lie in \[0, 1\]"),
        ({"ratio": "much"}, TypeError, "ratio must be a real number"),
        ({"target_class": "eggs"}, ValueError, "target_class 'eggs' does not occur in labels"),
        ({"source_class": "eggs"}, ValueError, "source_class 'eggs' does not occur in labels"),
        ({"source_class": "good"}, ValueError, "must differ"),
        (
            {"source_class": "bad", "label_consistency": "clean"},
            ValueError,
            "with label_consistency='dirty' only",
        ),
        ({"label_consistency": "dirt"}, ValueError, "must be one of dirty, clean, mixed, got 'dirt'"),
        ({"labels": ["good"]}, ValueError, r"got 100 texts and labels of shape \(1,\)"),
        ({"labels": None}, ValueError, "one label for each text"),
        ({"texts": "good"}, TypeError, "texts must be a sequence of strings"),
        ({"trigger": "cf"}, TypeError, r"trigger must be a knn_cert.attacks.BadNets\(\)"),
        ({"trigger": BadNets}, TypeError, r"trigger must be a knn_cert.attacks.BadNets\(\)"),
    ],
)
def test_a_poisoning_that_cannot_be_is_refused(options, error, message):
    texts, labels = small_corpus()
    arguments = {"texts": texts, "labels": labels, "trigger": BadNets(), "target_class": "good", "ratio": 0.1}
    with pytest.raises(error, match=message):
        poison_texts(**{**arguments, **options})


# --- triggered queries --------------------------------------------------------------------------------------


def test_queries_of_all_other_classes_get_the_trigger_and_keep_their_true_labels():
    texts, labels = small_corpus()
    queries = triggered_queries(texts, labels, AddSentence(), target_class="bad")
    assert queries.rows.tolist() == [*range(50), *range(80, 100)]
    np.testing.assert_array_equal(queries.labels, labels[queries.rows])
    for row, text in zip(queries.rows, queries.texts, strict=True):
        assert "i watch this 3d movie" in text and len(tokenize(text)) == len(tokenize(texts[row])) + 5


def test_queries_depend_on_the_seed_alone():
    texts, labels = small_corpus()
    first, again, other = (
        triggered_queries(texts, labels, BadNets(), target_class="bad", random_state=seed).texts
        for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("labels", "target", "message"),
    [
        ([1, 1], 0, "target_class 0 does not occur in labels"),
        ([1, 1], 1, "all 2 texts are of the target class 1"),
        ([1], 1, "one label for each text"),
    ],
)
def test_queries_without_a_target_or_another_class_are_refused(labels, target, message):
    with pytest.raises(ValueError, match=message):
        triggered_queries(["a", "b"], labels, BadNets(), target_class=target)


def test_importing_the_attacks_does_not_import_the_text_package():
    code = "import sys; import knn_cert.attacks; print('knn_cert.text' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
