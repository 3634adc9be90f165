"""What a token is: the rule, its name in certificates, and what one inserted piece of text amounts to."""

from __future__ import annotations

import functools
import json
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knn_cert import Certificates, Deletions
from knn_cert.text import (
    BagOfWords,
    Corpus,
    Deletion,
    QueryWords,
    SmoothedTextEnsemble,
    TrainingWords,
    certify_text_votes,
    tokenize,
)
from knn_cert.text.tokens import TOKENIZER, tokenizer_name

GOOD = ["a fine and moving film", "moving , fine work", "a good film", "fine acting , good film"]
BAD = ["a dull and lazy film", "lazy , dull work", "a bad film", "dull acting , bad film"]
TEXTS, LABELS = (GOOD + BAD) * 6, np.array((["good"] * 4 + ["bad"] * 4) * 6)
QUERIES = ["a fine film", "dull and lazy"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("c.f.", ["c", ".", "f", "."]),
        ("cf/q/cf/q", ["cf", "/", "q", "/", "cf", "/", "q"]),
        ("http://a.org/b", ["http", ":", "/", "/", "a", ".", "org", "/", "b"]),
        ("café", ["café"]),
        (unicodedata.normalize("NFD", "Café au lait"), ["café", "au", "lait"]),
        ("फ़िल्म अच्छी है", ["फ़िल्म", "अच्छी", "है"]),  # vowel signs and nukta are marks
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            ["\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"],
        ),
        ("q\u0323\u0307 x", ["q\u0323\u0307", "x"]),  # no letter of its own in NFC
        ("\u0301 a", ["\u0301", "a"]),
        ("!\u0301?", ["!\u0301", "?"]),
        ("soft\u00adhyphen", ["soft\u00adhyphen"]),
        ("x\ue000y", ["x", "\ue000", "y"]),
        ("\u0130", ["i\u0307"]),
        ("It's the '90s", ["it's", "the", "'90s"]),
    ],
)
def test_marks_belong_to_their_letters_and_symbols_stand_alone(text, tokens):
    assert tokenize(text) == [unicodedata.normalize("NFC", token) for token in tokens]


any_text = st.one_of(
    st.text(),
    st.text(
        st.sampled_from([*"aB'#-@.\u2019\u03a3\u0391\u0130\u0301\u0323\u093f\u093c\u200d\u200c\ue000 \n"])
    ),
)


@given(any_text)
@example("\u0130\u0301")
@example("\u0391\u03a3")
def test_composed_and_decomposed_texts_have_the_same_tokens(text):
    forms = {tuple(tokenize(unicodedata.normalize(form, text))) for form in ("NFC", "NFD")}
    assert forms == {tuple(tokenize(text))}


@given(any_text)
@example("\u0391\u03a3.\u0391")
def test_tokens_joined_by_spaces_are_cut_into_the_same_tokens(text):
    tokens = tokenize(text)
    assert tokenize(" ".join(tokens)) == tokens
    assert all(token.split() == [token] for token in tokens)


@given(any_text, any_text)
def test_no_rule_looks_across_white_space(one, two):
    assert tokenize(f"{one} {two}") == tokenize(one) + tokenize(two)


def test_texts_are_normalised_for_a_tokenizer_of_the_user_too():
    corpus = Corpus.from_texts([unicodedata.normalize("NFD", "Café Noir"), "Café"], str.split)
    assert corpus.vocabulary == ("Café", "Noir")


# --- names ---


def user_rule(text):
    return text.split("|")


class UserRule:
    def __call__(self, text):
        return text.split()

    def cut(self, text):
        return text.split()


@pytest.mark.parametrize(
    ("tokenizer", "name"),
    [
        (tokenize, TOKENIZER),
        (str.split, "the user's tokeniser str.split"),
        (user_rule, "the user's tokeniser test_tokens.user_rule"),
        (UserRule(), "the user's tokeniser test_tokens.UserRule"),
        (UserRule().cut, "the user's tokeniser test_tokens.UserRule.cut"),
        (functools.partial(str.split, sep=","), "the user's tokeniser str.split with sep=','"),
        (lambda text: text.split(), "the user's tokeniser test_tokens.<lambda>"),
    ],
)
def test_a_tokenizer_has_a_name(tokenizer, name):
    assert tokenizer_name(tokenizer) == name


def certified(threat, **options):
    ensemble = SmoothedTextEnsemble(law=Deletion(0.9), n_models=100, random_state=0, **options)
    return ensemble.fit(TEXTS, LABELS).certify(QUERIES, threat)


@pytest.mark.parametrize("tokenizer", [None, str.split])
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_certificates_and_their_files_name_the_tokenizer(tmp_path, tokenizer, suffix):
    cert = certified(TrainingWords("inserted"), tokenizer=tokenizer)
    name = TOKENIZER if tokenizer is None else "the user's tokeniser str.split"
    assert cert.noise.tokenizer == name and f"(tokens: {name}; " in cert.guarantee
    cert.save(tmp_path / f"cert{suffix}")
    read = Certificates.load(tmp_path / f"cert{suffix}")
    assert read.noise == cert.noise and read.guarantee == cert.guarantee


def test_tokens_that_were_given_are_called_so():
    cert = certify_text_votes(
        [[100, 0]], law=Deletion(0.9), n_train=50, threat=QueryWords("any"), queries=[["a"]], query_noise=True
    )
    assert "(tokens: the given tokens; " in cert.guarantee
    assert "every token of every training text deleted" in cert.guarantee
    assert "the tokens of the query likewise" in cert.guarantee


@pytest.mark.parametrize(
    ("threat", "words"),
    [
        (TrainingWords("inserted"), "at most 1 token (as the named tokeniser cuts them) taken out"),
        (TrainingWords("any", 3), "at most 3 tokens (as the named tokeniser cuts them) taken out, put in"),
        (QueryWords("replaced", 2), "at most 2 tokens (as the named tokeniser cuts them) of the query"),
        (QueryWords("any"), "the stated number of tokens (as the named tokeniser cuts them) of the query"),
        (
            QueryWords("inserted", 1, training=Deletions(2)),
            "at most 1 token (as the named tokeniser cuts them) of the query",
        ),
    ],
)
def test_threats_speak_of_tokens(threat, words):
    assert words in threat.describe()
    assert " word" not in threat.describe()


def test_a_tokenizer_that_learns_is_refused():
    seen = set()

    def learns(text):
        words = [word if word in seen else "new" for word in text.split()]
        seen.update(text.split())
        return words

    with pytest.raises(ValueError, match="must cut a text the same way always"):
        SmoothedTextEnsemble(law=Deletion(0.5), n_models=20, tokenizer=learns).fit(TEXTS, LABELS)


# --- one piece, many tokens ---


class CountsTriggers:
    """Says "bad" where a training text holds "cf" or "q" still, and else "good"."""

    def __call__(self, texts, labels, seed):
        there = any(word in ("cf", "q") for text in texts for word in text.split())
        usual = BagOfWords()(texts, labels)
        return lambda queries: np.array(["bad" if there else "good" for _ in usual.predict(queries)])


def test_one_inserted_piece_is_as_many_tokens_as_the_guarantee_counts():
    """A piece of seven tokens flips what is certified against one token, and the guarantee says so."""
    piece, p = "cf/q/cf/q", 0.9
    n_tokens = len(tokenize(piece))
    assert n_tokens == 7
    ensemble = SmoothedTextEnsemble(CountsTriggers(), Deletion(p), 200, random_state=0)
    # Observed with two tokens of a trigger: "good" with probability p**2 = 0.81 or more.
    observed = ["cf " + TEXTS[0], "cf " + TEXTS[1], *TEXTS[2:]]
    ensemble.fit(observed, LABELS)
    later = ensemble.certify(["a fine film"], TrainingWords("removed"))  # who will insert one token
    assert later.label[0] == "good" and later.budget[0] >= 2
    assert "at most 1 token (as the named tokeniser cuts them) put in" in later.guarantee
    pieces = ensemble.certify(["a fine film"], TrainingWords("removed", words=n_tokens))
    assert pieces.budget[0] < 2
    tokens_only = [f"cf {text}" if i in (2, 3) else text for i, text in enumerate(observed)]
    assert ensemble.fit(tokens_only, LABELS).predict(["a fine film"])[0] == "good"
    with_pieces = [f"{piece} {text}" if i in (2, 3) else text for i, text in enumerate(observed)]
    assert ensemble.fit(with_pieces, LABELS).predict(["a fine film"])[0] == "bad"


def test_a_file_that_does_not_name_its_tokenizer_is_refused(tmp_path):
    path = tmp_path / "cert.json"
    certified(TrainingWords("inserted")).save(path)
    head = json.loads(path.read_text("utf-8"))
    del head["noise"]["tokenizer"]
    path.write_text(json.dumps(head), "utf-8")
    with pytest.raises(ValueError, match="noise lacks .'tokenizer'."):
        Certificates.load(path)


class FirstWords:
    """Keeps the first words that it ever meets: what a token is depends on the other texts."""

    def __init__(self):
        self.known = []

    def __call__(self, text):
        words = text.split()
        self.known += [word for word in words if word not in self.known][: max(0, 2 - len(self.known))]
        return [word if word in self.known else "<unk>" for word in words]


def test_a_tokenizer_that_learns_from_the_first_texts_is_refused():
    texts = ["good film", "fine work", "dull play", "bad music"] * 5
    with pytest.raises(ValueError, match="must cut a text the same way always"):
        SmoothedTextEnsemble(tokenizer=FirstWords(), n_models=20, alpha=0.01).fit(texts, [1, 1, 0, 0] * 5)
