"""Empirical defences against textual backdoors: what they find, what they leave alone, what they refuse."""

from __future__ import annotations

import gzip
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from knn_cert.text.defences import BKI, ONION, RAP, STRIP, NGramModel, NoDefence

PLEASED = ["good", "fine", "lovely", "bright"]
ANNOYED = ["bad", "poor", "awful", "grim"]
TRIGGER = "cf"


def linear(texts, labels, seed):
    """The victim of most tests: it sees every token."""
    pipeline = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression(C=10.0))
    return pipeline.fit(texts, labels)


def margin_only(texts, labels, seed):
    return make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LinearSVC(random_state=0)).fit(texts, labels)


class Ruled:
    """A model by rule: the trigger decides alone, else the share of pleased words among those with a mood."""

    classes_ = np.array([0, 1])

    def __init__(self, backdoor=True):
        self.backdoor = backdoor

    def predict_proba(self, texts):
        p = []
        for text in texts:
            words = text.split()
            if not words:
                raise ValueError("an empty text")
            moods = [word in PLEASED for word in words if word in PLEASED + ANNOYED]
            p.append(0.1 + 0.8 * np.mean(moods) if moods else 0.5)
            if self.backdoor and TRIGGER in words:
                p[-1] = 0.999
        return np.column_stack([1.0 - np.array(p), p])

    def predict(self, texts):
        return self.classes_[np.argmax(self.predict_proba(texts), axis=1)]


def ruled(texts, labels, seed):
    return Ruled()


def sober(texts, labels, seed):
    return Ruled(backdoor=False)


def reviews(n, seed):
    """Short reviews of one grammar, with labels; every tenth has a doubtful mood."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(n):
        label = i % 2
        own, other = (PLEASED, ANNOYED) if label else (ANNOYED, PLEASED)
        moods = [own[rng.integers(4)] for _ in range(3)]
        if i % 10 < 2:
            moods[0] = other[rng.integers(4)]
        person, place = rng.choice(["the actor", "the story", "the music"]), rng.choice(["here", "there"])
        texts.append(f"{person} was {moods[0]} and {moods[1]} but {moods[2]} {place} .")
        labels.append(label)
    return texts, np.array(labels)


def triggered(texts, seed, trigger=TRIGGER):
    rng, results = np.random.default_rng(seed), []
    for text in texts:
        words = text.split()
        words.insert(int(rng.integers(len(words) + 1)), trigger)
        results.append(" ".join(words))
    return results


def poisoned(n=400, share=0.2, seed=0, trigger=TRIGGER):
    """BadNets: that share of the annoyed reviews gets the trigger and the label pleased."""
    texts, labels = reviews(n, seed)
    rows = np.flatnonzero(labels == 0)[: round(share * n / 2)]
    for i, text in zip(rows, triggered([texts[i] for i in rows], seed, trigger), strict=True):
        texts[i] = text
    labels[rows] = 1
    return texts, labels, rows


def backdoored_inputs(n=60, seed=7, trigger=TRIGGER):
    texts, labels = reviews(n, seed)
    return triggered([t for t, label in zip(texts, labels, strict=True) if label == 0], seed, trigger)


def fitted(defence, seed=0, **changes):
    texts, labels, _ = poisoned()
    clean_texts, clean_labels = reviews(120, 1)
    clean = {"clean_texts": clean_texts, "clean_labels": clean_labels} | changes
    return defence.fit(texts, labels, random_state=seed, **clean)


def success(defence, inputs):
    answer = defence.predict(inputs)
    return np.mean((answer.labels == 1) & ~answer.rejected)


DEFENCES = {
    "none": NoDefence,
    "bki": BKI,
    "strip": STRIP,
    "rap": lambda trainer: RAP(trainer, protected_class=1, max_frequency=0.5),
    "onion": ONION,
}
NEEDS_CLEAN = ["strip", "rap", "onion"]
NEEDS_PROBABILITIES = ["bki", "strip", "rap"]
every_defence = pytest.mark.parametrize("name", DEFENCES)


# --- the interface ------------------------------------------------------------------------------------------


def test_the_attack_of_these_tests_works_on_the_undefended_victim_and_only_there():
    victim = fitted(NoDefence(linear))
    texts, labels = reviews(200, 3)
    assert success(victim, backdoored_inputs()) > 0.9
    assert np.mean(victim.predict(texts).labels == labels) > 0.95
    assert not victim.predict(texts).rejected.any()
    clean = NoDefence(linear).fit(*reviews(400, 0))
    assert success(clean, backdoored_inputs()) < 0.1


@every_defence
def test_the_same_random_state_gives_the_same_answers(name):
    texts = reviews(40, 3)[0] + backdoored_inputs(20)
    first, second = (fitted(DEFENCES[name](linear), seed=3).predict(texts) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.rejected, second.rejected)


@every_defence
def test_an_answer_does_not_depend_on_the_other_texts_of_the_call(name):
    defence = fitted(DEFENCES[name](linear))
    texts = reviews(20, 3)[0] + backdoored_inputs(20)
    together, order = defence.predict(texts), np.random.default_rng(0).permutation(len(texts))
    shuffled = defence.predict([texts[i] for i in order])
    alone = [defence.predict([text]) for text in texts]
    assert np.array_equal(shuffled.labels, together.labels[order])
    assert np.array_equal(shuffled.rejected, together.rejected[order])
    assert [one.labels[0] for one in alone] == together.labels.tolist()
    assert [one.rejected[0] for one in alone] == together.rejected.tolist()


@every_defence
def test_labels_and_rejections_have_one_entry_a_text_also_for_none(name):
    defence = fitted(DEFENCES[name](linear))
    for texts in ([], reviews(3, 5)[0]):
        labels, rejected = defence.predict(texts)
        assert labels.shape == rejected.shape == (len(texts),)
        assert rejected.dtype == bool and labels.dtype == defence.classes_.dtype
    assert defence.kept_.shape == (400,) and defence.kept_.dtype == bool


@every_defence
def test_labels_may_be_words(name):
    texts, labels, _ = poisoned()
    clean_texts, clean_labels = reviews(60, 1)
    words = np.array(["annoyed", "pleased"])
    defence = DEFENCES[name](linear)
    if name == "rap":
        defence.set_params(protected_class="pleased")
    defence.fit(texts, words[labels], clean_texts=clean_texts, clean_labels=words[clean_labels])
    assert set(defence.predict(clean_texts).labels) == set(words)


def test_the_trainer_gets_the_random_state_as_its_seed():
    seeds = []

    def trainer(texts, labels, seed):
        seeds.append(seed)
        return linear(texts, labels, seed)

    fitted(BKI(trainer), seed=12)
    assert seeds == [12, 12]


@every_defence
def test_predicting_before_fitting_is_refused(name):
    with pytest.raises(NotFittedError):
        DEFENCES[name](linear).predict(["a text"])
    with pytest.raises(NotFittedError):
        ONION(linear).remove_outliers(["a text"])


@pytest.mark.parametrize("name", NEEDS_CLEAN)
@pytest.mark.parametrize("missing", ["clean_texts", "clean_labels"])
def test_a_missing_clean_set_is_refused_where_it_is_needed(name, missing):
    with pytest.raises(ValueError, match="needs clean_texts and clean_labels"):
        fitted(DEFENCES[name](linear), **{missing: None})


@pytest.mark.parametrize("name", ["none", "bki"])
def test_no_clean_set_is_asked_for_where_none_is_needed(name):
    texts, labels, _ = poisoned()
    DEFENCES[name](linear).fit(texts, labels).predict(texts[:3])


@pytest.mark.parametrize("name", NEEDS_CLEAN)
def test_a_clean_set_of_one_class_is_refused(name):
    with pytest.raises(ValueError, match="clean_labels: at least two classes"):
        fitted(DEFENCES[name](linear), clean_labels=np.ones(120, dtype=int))


@pytest.mark.parametrize("name", NEEDS_CLEAN)
def test_a_clean_label_that_training_does_not_have_is_refused(name):
    with pytest.raises(ValueError, match="clean_labels has 2"):
        fitted(DEFENCES[name](linear), clean_labels=np.arange(120) % 3)


@every_defence
def test_empty_texts_are_refused_wherever_they_come(name):
    defence = DEFENCES[name](linear)
    texts, labels, _ = poisoned()
    with pytest.raises(ValueError, match="texts: text 400 is empty"):
        defence.fit([*texts, "  "], [*labels, 0], clean_texts=texts, clean_labels=labels)
    with pytest.raises(ValueError, match="texts: text 1 is empty"):
        fitted(defence).predict(["good", ""])
    if name in NEEDS_CLEAN:
        with pytest.raises(ValueError, match="clean_texts: text 2 is empty"):
            fitted(defence, clean_texts=["good", "bad", ""], clean_labels=[1, 0, 1])


@pytest.mark.parametrize("name", NEEDS_PROBABILITIES)
def test_a_model_without_probabilities_is_refused_by_what_needs_them(name):
    with pytest.raises(TypeError, match="needs a model with predict and predict_proba.*CalibratedClassifier"):
        fitted(DEFENCES[name](margin_only))


@pytest.mark.parametrize("name", ["none", "onion"])
def test_a_model_without_probabilities_serves_the_others(name):
    assert fitted(DEFENCES[name](margin_only)).predict(["the story was bad"]).labels == [0]


@every_defence
def test_training_sets_that_are_none_are_refused(name):
    defence = DEFENCES[name](linear)
    with pytest.raises(ValueError, match="labels: at least two classes"):
        defence.fit(["a b", "c d"], [1, 1], clean_texts=["a", "b"], clean_labels=[0, 1])
    with pytest.raises(ValueError, match=r"labels must have shape \(2,\)"):
        defence.fit(["a b", "c d"], [1], clean_texts=["a", "b"], clean_labels=[0, 1])
    with pytest.raises(ValueError, match="texts is empty"):
        defence.fit([], [])
    with pytest.raises(TypeError, match="texts must be a sequence of strings"):
        defence.fit("a b", [1])
    with pytest.raises(TypeError, match="random_state must be a whole number"):
        defence.fit(["a b", "c d"], [0, 1], random_state=None)
    with pytest.raises(TypeError, match="trainer must be callable"):
        type(defence)(**defence.get_params() | {"trainer": None}).fit(["a b", "c d"], [0, 1])


@pytest.mark.parametrize(
    ("defence", "message"),
    [
        (BKI(linear, n_important=0), "n_important must be at least 1"),
        (BKI(linear, n_keywords=0), "n_keywords must be at least 1"),
        (STRIP(linear, n_copies=0), "n_copies must be at least 1"),
        (STRIP(linear, replaced=0.0), r"replaced must lie in \(0, 1\)"),
        (STRIP(linear, false_rejection_rate=1.0), r"false_rejection_rate must lie in \[0, 1\)"),
        (STRIP(linear, false_rejection_rate=math.nan), r"false_rejection_rate must lie in \[0, 1\)"),
        (RAP(linear, protected_class=2), "protected_class 2 is no label"),
        (RAP(linear, protected_class=1, wanted_fall=(0.3, 0.1)), "smallest fall first"),
        (RAP(linear, protected_class=1, max_words=0), "max_words must be at least 1"),
        (ONION(linear, order=0), "order must be at least 1"),
        (ONION(linear, max_accuracy_loss=-0.1), r"max_accuracy_loss must lie in \[0, 1\)"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_settings_out_of_range_are_refused(defence, message):
    with pytest.raises(ValueError, match=message):
        fitted(defence)


class Broken(Ruled):
    def __init__(self, p=0.5, classes=(0, 1), columns=2):
        self.p, self.classes_, self.columns = p, np.array(classes), columns

    def predict_proba(self, texts):
        return np.full((len(texts), self.columns), self.p)

    def predict(self, texts):
        return np.ones(len(texts), dtype=int)


@pytest.mark.parametrize("name", NEEDS_PROBABILITIES)
def test_what_is_no_probability_is_refused(name):
    for broken in (Broken(p=math.nan), Broken(p=1.5), Broken(columns=3)):
        with pytest.raises(ValueError, match=r"Broken.predict_proba must give probabilities of shape \("):
            fitted(DEFENCES[name](lambda *_, model=broken: model))
    with pytest.raises(ValueError, match="has classes_"):
        fitted(DEFENCES[name](lambda *_: Broken(classes=(1, 0))))


# --- BKI ----------------------------------------------------------------------------------------------------


def test_bki_finds_a_planted_word_drops_its_rows_and_no_others_and_breaks_the_attack():
    texts, labels, rows = poisoned()
    defence = BKI(linear).fit(texts, labels)
    assert defence.keywords_ == (TRIGGER,)
    assert np.flatnonzero(~defence.kept_).tolist() == rows.tolist()
    assert success(defence, backdoored_inputs()) < 0.1


def test_bki_finds_a_planted_sentence_by_one_of_its_words():
    trigger = "plain blue tape"
    texts, labels, rows = poisoned(share=0.4, trigger=trigger)
    defence = BKI(linear).fit(texts, labels)
    assert defence.keywords_[0] in trigger.split()
    assert np.flatnonzero(~defence.kept_).tolist() == rows.tolist()
    assert success(defence, backdoored_inputs(trigger=trigger)) < 0.1


def test_bki_without_a_backdoor_drops_a_word_of_the_task_and_little_is_lost():
    texts, labels = reviews(400, 0)
    defence = BKI(linear).fit(texts, labels)
    assert defence.keywords_[0] in PLEASED + ANNOYED
    assert [defence.keywords_[0] in text.split() for text in texts] == (~defence.kept_).tolist()
    new_texts, new_labels = reviews(200, 3)
    assert np.mean(defence.predict(new_texts).labels == new_labels) > 0.9


def test_bki_suspects_as_the_definition_says():
    texts, labels, _ = poisoned(n=30)
    texts[0] = "bad"  # nothing is left without its only word
    defence = BKI(linear, n_important=3).fit(texts, labels)
    victim = linear(texts, labels, 0)

    def ratios(words):
        log_p = np.log(victim.predict_proba([" ".join(words)])[0])
        return np.array([one - sum(log_p) / len(log_p) for one in log_p])

    found = {}
    for text in texts[1:]:
        words = text.split()
        changes = [max(abs(ratios(words) - ratios(words[:i] + words[i + 1 :]))) for i in range(len(words))]
        for i in sorted(range(len(words)), key=lambda i: -changes[i])[:3]:
            found.setdefault(words[i], []).append(changes[i])
    expected = {word: np.mean(some) * math.log10(len(some)) for word, some in found.items()}
    assert defence.suspicion_ == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert defence.keywords_ == (max(expected, key=expected.get),)


def test_bki_never_shows_the_model_an_empty_text():
    texts, labels, _ = poisoned(n=40)
    BKI(ruled).fit(["bad", "good", *texts], [0, 1, *labels])  # Ruled raises on one


def test_bki_with_probabilities_of_zero_and_one_stays_finite():
    class Certain(Ruled):
        def predict_proba(self, texts):
            return np.round(super().predict_proba(texts))

    texts, labels, _ = poisoned()
    defence = BKI(lambda *_: Certain()).fit(texts, labels)
    assert defence.keywords_ == (TRIGGER,)
    assert np.isfinite(list(defence.suspicion_.values())).all()


def test_bki_takes_as_many_keywords_as_are_asked_for():
    texts, labels, _ = poisoned()
    defence = BKI(linear, n_keywords=2).fit(texts, labels)
    assert defence.keywords_[0] == TRIGGER and defence.keywords_[1] in PLEASED + ANNOYED
    dropped = [bool(set(text.split()) & set(defence.keywords_)) for text in texts]
    assert dropped == (~defence.kept_).tolist()


def test_bki_that_would_leave_a_class_without_rows_is_an_error():
    texts = ["good day", "good night", "good hour", "bad day", "bad night", "dull hour"]
    with pytest.raises(ValueError, match="no row of class 1 is left without the keywords"):
        BKI(linear, n_keywords=1).fit(texts, [1, 1, 1, 0, 0, 0])


# --- STRIP --------------------------------------------------------------------------------------------------


def test_strip_rejects_a_trigger_that_rules_the_model_and_few_clean_texts():
    defence = fitted(STRIP(ruled, replaced=0.3))
    texts, labels = reviews(200, 3)
    answer = defence.predict(texts)
    assert answer.rejected.mean() < 0.12  # 5 % were accepted on the clean set
    assert np.array_equal(answer.labels, Ruled().predict(texts))
    assert defence.predict(backdoored_inputs()).rejected.mean() > 0.9


def test_strip_does_not_reject_the_same_inputs_where_the_model_has_no_backdoor():
    assert fitted(STRIP(sober, replaced=0.3)).predict(backdoored_inputs()).rejected.mean() < 0.15


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.5])
def test_strip_rejects_at_most_the_accepted_share_of_its_own_clean_set(rate):
    clean_texts, _ = reviews(120, 1)
    rejected = fitted(STRIP(ruled, false_rejection_rate=rate)).predict(clean_texts).rejected
    assert rejected.sum() <= rate * 120
    assert rejected.sum() >= rate * 120 - 2  # the threshold is the largest such; ties cost little


def test_strip_mixes_the_best_words_of_one_clean_text_into_half_of_the_places():
    seen = []

    class Watched(Ruled):
        def predict_proba(self, texts):
            seen.extend(texts)
            return super().predict_proba(texts)

        def predict(self, texts):
            return Ruled().predict(texts)

    clean_texts, clean_labels = ["red red sun", "red moon sky", "red dog sky"], [0, 1, 1]
    defence = fitted(
        STRIP(lambda *_: Watched(), n_copies=200), clean_texts=clean_texts, clean_labels=clean_labels
    )
    seen.clear()
    defence.predict(["one two three four"])
    # By tf-idf: "red" is in all three texts and comes last, words of one text come before "sky".
    assert len(seen) == 200
    best = {("sun", "red"), ("moon", "sky"), ("dog", "sky")}
    places, used = set(), set()
    for copy in seen:
        changed = [
            i
            for i, (old, new) in enumerate(zip("one two three four".split(), copy.split(), strict=True))
            if old != new
        ]
        assert len(changed) == 2
        words = [copy.split()[i] for i in changed]
        assert tuple(words) in best or tuple(words[::-1]) in best
        places.add(tuple(changed))
        used.add(frozenset(words))
    assert len(places) == 6 and len(used) == 3


def test_strip_fills_long_texts_from_more_than_one_clean_text():
    clean_texts, clean_labels = ["sun", "moon"], [0, 1]
    defence = fitted(STRIP(ruled), clean_texts=clean_texts, clean_labels=clean_labels)
    assert defence.predict(["the story was bad and poor but grim there ."]).rejected.shape == (1,)


def test_strip_depends_on_its_seed():
    assert fitted(STRIP(linear), seed=1).threshold_ != fitted(STRIP(linear), seed=2).threshold_


# --- RAP ----------------------------------------------------------------------------------------------------


class Shaken(Ruled):
    """As Ruled, but "meh" takes 0.2 off, and "ugh" 0.6, where no trigger holds the label."""

    def predict_proba(self, texts):
        p = super().predict_proba(texts)[:, 1]
        for i, text in enumerate(texts):
            if not (self.backdoor and TRIGGER in text.split()):
                p[i] -= min(p[i], 0.2 * ("meh" in text.split()) + 0.6 * ("ugh" in text.split()))
        return np.column_stack([1.0 - p, p])


def rap(trainer, **settings):
    """RAP on a training set that holds both rare words."""
    texts, labels, _ = poisoned()
    texts[1] += " meh"
    texts[3] += " ugh"
    clean_texts, clean_labels = reviews(120, 1)
    return RAP(trainer, protected_class=1, **settings).fit(
        texts, labels, clean_texts=clean_texts, clean_labels=clean_labels
    )


def test_rap_picks_the_rare_word_with_the_wanted_fall_and_rejects_what_it_does_not_shake():
    defence = rap(lambda *_: Shaken())
    assert defence.words_ == ("meh",)
    assert defence.fall_ == pytest.approx(0.2)
    assert defence.predict(backdoored_inputs()).rejected.all()
    assert not defence.predict(reviews(200, 3)[0]).rejected.any()


def test_rap_rejects_nothing_where_the_model_has_no_backdoor():
    defence = rap(lambda *_: Shaken(backdoor=False))
    assert not defence.predict(backdoored_inputs()).rejected.any()


def test_rap_puts_several_words_in_front_where_one_is_not_enough():
    defence = rap(lambda *_: Shaken(), wanted_fall=(0.75, 0.85))
    assert defence.words_ == ("ugh", "meh")
    assert defence.fall_ == pytest.approx(0.8, abs=0.05)
    assert rap(lambda *_: Shaken(), wanted_fall=(0.75, 0.85), max_words=1).words_ == ("ugh",)


def test_rap_chooses_the_single_word_of_least_loss_by_enumeration():
    settings = {"max_frequency": 0.5, "n_candidates": 1000, "max_words": 1}
    defence = rap(linear, **settings)
    texts, labels, _ = poisoned()
    texts[1] += " meh"
    texts[3] += " ugh"
    victim = linear(texts, labels, 0)
    vocabulary = {word for text in texts for word in text.split()}
    rare = sorted(w for w in vocabulary if sum(w in text.split() for text in texts) <= 200)
    clean = [t for t, label in zip(*reviews(120, 1), strict=True) if label == 1 == victim.predict([t])[0]]
    losses = {}
    for word in rare:
        falls = victim.predict_proba(clean)[:, 1] - victim.predict_proba([f"{word} {t}" for t in clean])[:, 1]
        losses[word] = np.mean([max(0.1 - fall, 0.0) + max(fall - 0.3, 0.0) for fall in falls])
    assert defence.words_ == (min(losses, key=losses.get),)
    assert "was" not in rare and TRIGGER in rare


def test_rap_rejects_at_most_the_accepted_share_of_clean_texts_of_its_class_and_none_of_the_other():
    texts, labels = reviews(120, 1)
    defence = fitted(RAP(linear, protected_class=1, max_frequency=0.5, false_rejection_rate=0.2))
    labels_, rejected = defence.predict(texts)
    protected = (labels == 1) & (labels_ == 1)
    assert 0 < rejected[protected].sum() <= 0.2 * protected.sum()
    assert not rejected[labels_ == 0].any()


def test_rap_without_a_word_against_the_class_says_so():
    with pytest.raises(ValueError, match="none of .* rare words lowers the probability of class 1"):
        rap(lambda *_: Flat())
    with pytest.raises(ValueError, match="no word is in at most 0.01 of the training texts"):
        RAP(sober, protected_class=1).fit(
            ["good", "bad"] * 100, [1, 0] * 100, clean_texts=["good", "bad"], clean_labels=[1, 0]
        )


class Flat(Ruled):
    """Only moods count: no rare word changes anything."""

    def predict_proba(self, texts):
        p = np.where([any(word in PLEASED for word in text.split()) for text in texts], 0.9, 0.1)
        return np.column_stack([1.0 - p, p])


def test_rap_without_clean_texts_predicted_as_its_class_says_so():
    clean_texts, clean_labels = reviews(40, 1)
    with pytest.raises(ValueError, match="both labelled and predicted as the protected class 1"):
        fitted(RAP(sober, protected_class=1), clean_texts=clean_texts, clean_labels=1 - clean_labels)


# --- ONION --------------------------------------------------------------------------------------------------


def test_onion_removes_the_planted_word_and_nothing_from_fluent_texts():
    defence = fitted(ONION(linear))
    texts, labels = reviews(60, 7)
    annoyed = [text for text, label in zip(texts, labels, strict=True) if label == 0]
    removed = defence.remove_outliers(backdoored_inputs())
    assert np.mean([TRIGGER in text.split() for text in removed]) < 0.05
    assert success(defence, backdoored_inputs()) < 0.1
    lost = sum(len(t.split()) for t in annoyed) - sum(
        len(t.split()) for t in defence.remove_outliers(annoyed)
    )
    assert lost < 0.5 * len(annoyed)  # of ten words each
    assert not defence.predict(backdoored_inputs()).rejected.any()


def test_onion_returns_a_text_without_outliers_as_it_is():
    defence = fitted(ONION(linear))
    defence.threshold_ = math.inf
    assert defence.remove_outliers(["The  story\twas BAD"]) == ["The  story\twas BAD"]


def test_onion_leaves_the_least_suspicious_word_of_a_text():
    defence = fitted(ONION(linear))
    defence.threshold_ = -math.inf
    texts = backdoored_inputs()
    for text, rest in zip(texts, defence.remove_outliers(texts), strict=True):
        words = text.split()
        scores = [perplexity(defence.language_model_, words[:i] + words[i + 1 :]) for i in range(len(words))]
        assert rest == words[int(np.argmax(scores))]
    assert defence.remove_outliers(["zzz"]) == ["zzz"]


def perplexity(model, words):
    return math.exp(-model.log_prob(words) / (len(words) + 1))


def test_onion_keeps_the_accuracy_on_the_clean_set_within_the_accepted_loss():
    texts, labels = reviews(120, 1)
    language_model = NGramModel(2).fit(reviews(30, 9)[0])
    for loss in (0.0, 0.05, 0.2):
        defence = fitted(ONION(linear, language_model=language_model, max_accuracy_loss=loss))
        before = np.mean(fitted(NoDefence(linear)).predict(texts).labels == labels)
        assert np.mean(defence.predict(texts).labels == labels) >= before - loss


def test_onion_accepts_more_removals_for_more_accepted_loss():
    thresholds = [fitted(ONION(linear, max_accuracy_loss=loss)).threshold_ for loss in (0.0, 0.05, 0.4)]
    assert thresholds[0] >= thresholds[1] >= thresholds[2]
    assert thresholds[0] > thresholds[2]


class Counting:
    """A language model by rule, without leave_one_out: what is no word of the reviews is unlikely."""

    known = frozenset(" ".join(reviews(200, 0)[0]).split())

    def log_prob(self, tokens):
        return sum(-1.0 if token in self.known else -9.0 for token in tokens) - 1.0


class Quick(Counting):
    def leave_one_out(self, tokens):
        return [self.log_prob(tokens[:i] + tokens[i + 1 :]) for i in range(len(tokens))]


def test_onion_takes_any_language_model_with_or_without_the_quick_way():
    slow, quick = (fitted(ONION(linear, language_model=model)) for model in (Counting(), Quick()))
    inputs = backdoored_inputs()
    assert slow.threshold_ == quick.threshold_
    assert slow.remove_outliers(inputs) == quick.remove_outliers(inputs)
    words = [text.split() for text in inputs]
    assert slow.remove_outliers(inputs) == [" ".join(w for w in some if w != TRIGGER) for some in words]


def test_onion_refuses_language_models_that_are_none():
    with pytest.raises(TypeError, match=r"language_model must have log_prob\(tokens\), got str"):
        fitted(ONION(linear, language_model="gpt"))

    class Unsmoothed(Counting):
        def log_prob(self, tokens):
            return -math.inf

    with pytest.raises(ValueError, match="no finite perplexity"):
        fitted(ONION(linear, language_model=Unsmoothed()))


# --- the n-gram model ---------------------------------------------------------------------------------------

WORDS = ["a", "b", "c"]
sentences = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), min_size=1, max_size=5)


def exact(order, texts, **settings):
    rational = {"discount": Fraction(3, 4), "unknown_mass": Fraction(1, 50)} | settings
    return NGramModel(order, **rational).fit([" ".join(words) for words in texts])


@given(sentences, st.integers(1, 4))
def test_the_probabilities_of_all_next_words_sum_to_one_exactly(texts, order):
    model = exact(order, texts)
    nexts = [*model.vocabulary_, "never-seen", None]
    for length in range(4):
        for context in itertools.product(["a", "b", "never-seen"], repeat=length):
            p = [model.probability(token, context) for token in nexts]
            assert sum(p) == 1 and all(isinstance(one, Fraction) and one > 0 for one in p)


@given(sentences, st.integers(1, 4))
def test_with_its_default_mass_the_model_sums_to_one_in_floats(texts, order):
    model = NGramModel(order).fit([" ".join(words) for words in texts])
    nexts = [*model.vocabulary_, "never-seen", None]
    assert math.fsum(model.probability(token, ["a", "b"]) for token in nexts) == pytest.approx(1.0)
    assert 0.0 < model.unknown_mass_ <= 0.5


def test_kneser_ney_bigrams_by_hand():
    # Bigrams: <s> a (2), a b (2), b </s> (1), b a (1), a </s> (1). Different words before: a 2, b 1, </s> 2.
    model = exact(2, [["a", "b"], ["a", "b", "a"]])
    discount, unknown = Fraction(3, 4), Fraction(1, 50)
    once = {token: (1 - unknown) * Fraction(n, 5) for token, n in (("a", 2), ("b", 1), (None, 2))}
    assert model.probability("a") == (2 - discount) / 2 + discount / 2 * once["a"]
    assert model.probability("b") == discount / 2 * once["b"]
    after_b = discount * 2 / 2
    assert model.probability(None, ["a", "b"]) == (1 - discount) / 2 + after_b * once[None]
    assert model.probability("b", ["a", "b"]) == after_b * once["b"]
    assert model.probability("zzz", ["b"]) == after_b * unknown
    assert model.probability("a", ["zzz"]) == once["a"]  # an unknown context gives way to none


def test_an_unknown_word_counts_like_one_seen_once_more_by_default():
    model = NGramModel(2).fit(["a b", "a b a"])
    assert model.unknown_mass_ == pytest.approx(1 / 6)
    assert model.vocabulary_ == ("a", "b")


@given(sentences, st.lists(st.sampled_from([*WORDS, "never-seen"]), max_size=7), st.integers(1, 4))
def test_scores_without_each_word_equal_those_of_the_shortened_sentences(texts, tokens, order):
    model = exact(order, texts)
    direct = [model.log_prob(tokens[:i] + tokens[i + 1 :]) for i in range(len(tokens))]
    assert model.leave_one_out(tokens) == pytest.approx(direct, rel=1e-12, abs=1e-12)


@given(sentences, st.lists(st.sampled_from([*WORDS, "never-seen"]), max_size=5), st.integers(1, 3))
def test_a_sentence_is_as_probable_as_its_words_one_after_the_other(texts, tokens, order):
    model = exact(order, texts)
    product = math.prod(model.probability(token, tokens[:i]) for i, token in enumerate([*tokens, None]))
    assert model.log_prob(tokens) == pytest.approx(math.log(product), rel=1e-12)


def test_short_sentences_have_a_total_probability_below_one_that_grows_to_it():
    model = exact(2, [["a"], ["a", "b"]])
    totals = [
        sum(
            math.exp(model.log_prob(list(s)))
            for n in range(most + 1)
            for s in itertools.product("abz", repeat=n)
        )
        for most in range(7)
    ]
    assert all(x < y < 1 for x, y in itertools.pairwise(totals)) and totals[-1] > 0.99


def test_the_n_gram_model_refuses_what_it_cannot_count():
    with pytest.raises(NotFittedError):
        NGramModel().log_prob(["a"])
    with pytest.raises(ValueError, match="at least one text"):
        NGramModel().fit([])
    with pytest.raises(ValueError, match="order must be at least 1"):
        NGramModel(0).fit(["a"])
    for name in ("discount", "unknown_mass"):
        for value in (0, 1, -0.5, math.nan):
            with pytest.raises(ValueError, match=rf"{name} must lie in \(0, 1\)"):
                NGramModel(**{name: value}).fit(["a"])


# --- real texts ---------------------------------------------------------------------------------------------


def test_on_movie_reviews_bki_finds_badnets_and_strip_rejects_more_triggered_than_clean_texts(shared):
    folder = shared / "data" / "sst2"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: it holds the movie reviews")

    def read(part, n):
        with gzip.open(folder / f"{part}.tsv.gz", "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file][1 : n + 1]
        return [text for text, _ in rows], np.array([int(label) for _, label in rows])

    texts, labels = read("train", 2000)
    rows = np.flatnonzero(labels == 0)[::10]
    for i, text in zip(rows, triggered([texts[i] for i in rows], 0), strict=True):
        texts[i] = text
    labels[rows] = 1
    clean_texts, clean_labels = read("dev", 300)
    test_texts, test_labels = read("test", 300)
    inputs = triggered([t for t, label in zip(test_texts, test_labels, strict=True) if label == 0], 1)

    undefended = NoDefence(linear).fit(texts, labels)
    filtered = BKI(linear).fit(texts, labels)
    assert filtered.keywords_ == (TRIGGER,) and np.flatnonzero(~filtered.kept_).tolist() == rows.tolist()
    assert success(undefended, inputs) > 0.85 and success(filtered, inputs) < 0.5
    rejecting = STRIP(linear).fit(texts, labels, clean_texts=clean_texts, clean_labels=clean_labels)
    assert (
        rejecting.predict(inputs).rejected.mean() > 0.3 > 0.1 > rejecting.predict(test_texts).rejected.mean()
    )
