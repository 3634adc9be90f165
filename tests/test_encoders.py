"""Sentence embeddings: means by hand, rows that no other text moves, folders that are refused."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert import Replacements, SmoothedKNNClassifier
from knn_cert.text import Deletion, Embeddings, SmoothedTextEnsemble, TrainingWords
from knn_cert.text.corpus import Corpus
from knn_cert.text.encoders import TransformerEncoder, WordVectorEncoder, sif_weights

WORDS = ["the", "film", "good", "bad", "very", "."]
VECTORS = np.random.default_rng(0).normal(size=(6, 5))
WEIGHTS = np.array([0.1, 0.8, 1.0, 1.0, 0.5, 0.05])


# --- word vectors -------------------------------------------------------------------------------------------


def mean_by_hand(text: str, weights=None, normalize=False) -> list[float]:
    """The definition, with Python's numbers only; texts here are cut at spaces."""
    total, row = 0.0, [0.0] * VECTORS.shape[1]
    for word in text.lower().split():
        if word in WORDS:
            weight = 1.0 if weights is None else float(weights[WORDS.index(word)])
            total += weight
            row = [r + weight * float(v) for r, v in zip(row, VECTORS[WORDS.index(word)], strict=True)]
    row = [r / total for r in row] if total else row
    length = sum(r * r for r in row) ** 0.5
    return [r / length for r in row] if normalize and length else row


texts_of_words = st.lists(
    st.lists(st.sampled_from([*WORDS, "GOOD", "unheard", "of"]), min_size=1, max_size=12).map(" ".join),
    min_size=1,
    max_size=8,
)


@given(texts_of_words, st.booleans(), st.booleans())
def test_a_row_is_the_weighted_mean_of_the_vectors_of_its_known_words(texts, weighted, normalize):
    weights = WEIGHTS if weighted else None
    encoder = WordVectorEncoder(WORDS, VECTORS, weights=weights, normalize=normalize)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rows = encoder.encode(texts)
    assert rows.dtype == np.float32 and rows.shape == (len(texts), 5)
    expected = [mean_by_hand(text, weights, normalize) for text in texts]
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)


@given(texts_of_words, st.data())
def test_no_other_text_moves_a_row_by_a_single_bit(texts, data):
    encoder = WordVectorEncoder(WORDS, VECTORS, weights=WEIGHTS, normalize=True)
    order = data.draw(st.permutations(range(len(texts))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        together = encoder.encode(texts)
        alone = np.concatenate([encoder.encode([text]) for text in texts])
        shuffled = encoder.encode([texts[i] for i in order])
        of_corpus = encoder.encode_corpus(Corpus.from_texts(texts))
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(shuffled, together[order])
    np.testing.assert_array_equal(of_corpus, together)


def test_a_noised_text_without_words_gets_a_row_of_zeros_and_no_warning():
    corpus = Corpus(np.array([1, 0]), np.array([0, 0, 2]), ("good", "unheard"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = WordVectorEncoder(WORDS, VECTORS).encode_corpus(corpus)
    np.testing.assert_array_equal(rows[0], 0.0)
    np.testing.assert_array_equal(rows[1], VECTORS[2].astype(np.float32))


def test_texts_without_a_known_word_get_zeros_and_one_warning_that_says_how_many():
    encoder = WordVectorEncoder(WORDS, VECTORS, normalize=True)
    with pytest.warns(UserWarning, match="2 of 3 texts have no word with a vector, text 1 first"):
        rows = encoder.encode(["good", "unheard of", ""])
    assert np.linalg.norm(rows[0]) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(rows[1:], 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode(["unheard of"])


def test_coverage_counts_tokens_types_and_texts_without_known_words():
    found = WordVectorEncoder(WORDS, VECTORS).coverage(["good good unheard", "of", "The film."])
    assert (found.tokens, found.known_tokens, found.types, found.known_types) == (7, 5, 6, 4)
    assert found.without_known.tolist() == [1]


def test_only_the_ratios_of_weights_count():
    one = WordVectorEncoder(WORDS, VECTORS, weights=WEIGHTS).encode(["very good film"])
    other = WordVectorEncoder(WORDS, VECTORS, weights=WEIGHTS * 1e200).encode(["very good film"])
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_arrays_that_are_changed_afterwards_change_no_row():
    vectors, weights = VECTORS.astype(np.float32), WEIGHTS.copy()
    encoder = WordVectorEncoder(WORDS, vectors, weights=weights)
    before = encoder.encode(["the good film"])
    vectors[:], weights[:] = 7.0, 1.0
    np.testing.assert_array_equal(encoder.encode(["the good film"]), before)


def test_the_digest_of_word_vectors_changes_with_all_that_decides_a_row_and_with_nothing_else():
    changed = VECTORS.copy()
    changed[2, 3] += 0.1
    encoders = [
        WordVectorEncoder(WORDS, VECTORS),
        WordVectorEncoder(WORDS, changed),
        WordVectorEncoder(WORDS, VECTORS, weights=WEIGHTS),
        WordVectorEncoder(WORDS, VECTORS, normalize=True),
        WordVectorEncoder([*WORDS[:-1], "!"], VECTORS),
    ]
    digests = [encoder.digest for encoder in encoders]
    assert len(set(digests)) == 5 and all(len(digest) == 64 for digest in digests)
    encoders[0].encode(["good"])
    assert encoders[0].digest == WordVectorEncoder(tuple(WORDS), VECTORS.tolist()).digest == digests[0]


def test_sif_weights_are_a_half_at_their_own_frequency_and_fall_with_it():
    frequencies = 1.0 / np.arange(1, 50)
    weights = sif_weights(frequencies, a=0.1)
    np.testing.assert_allclose(weights, [0.1 / (0.1 + p) for p in frequencies], rtol=1e-15)
    assert weights[9] == pytest.approx(0.5) and (np.diff(weights) > 0.0).all()
    assert sif_weights([0.0], a=1e-3).tolist() == [1.0]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"words": "the film"}, TypeError, "words must be a sequence of strings, got one str"),
        ({"words": [*WORDS[:-1], 3]}, TypeError, r"words\[5\] must be a str, got 3"),
        ({"words": np.array(WORDS, dtype="S")}, TypeError, r'decode them, word\.decode\("utf-8"\)'),
        ({"words": [*WORDS[:-1], "the"]}, ValueError, "'the' at 0 and 5; keep one vector"),
        ({"words": [word.upper() + " X" for word in WORDS]}, ValueError, "got none among 6"),
        ({"words": WORDS[:-1]}, ValueError, r"shape \(5, d\), one row for each of the words, got \(6, 5\)"),
        ({"vectors": VECTORS[:, 0]}, ValueError, r"got \(6,\)"),
        ({"vectors": VECTORS[:, :0]}, ValueError, r"got \(6, 0\)"),
        ({"vectors": np.where(VECTORS > 1.0, np.nan, VECTORS)}, ValueError, "vectors must be finite"),
        ({"vectors": VECTORS * 1e60}, ValueError, "finite in single precision, got .*inf.* leave such words"),
        ({"vectors": [["a"] * 5] * 6}, TypeError, "vectors must be an array of real numbers"),
        ({"weights": WEIGHTS[:5]}, ValueError, r"weights must have the shape \(6,\)"),
        ({"weights": WEIGHTS - 0.05}, ValueError, r"got 0\.0 for '\.'; leave words"),
        ({"weights": np.where(WEIGHTS < 0.1, np.nan, 1.0)}, ValueError, r"got nan for '\.'"),
        ({"weights": np.where(WEIGHTS < 0.1, 1e-300, 1.0)}, ValueError, "above 1e-12 of the largest"),
        ({"normalize": "l2"}, TypeError, "normalize must be True or False, got 'l2'"),
    ],
)
def test_words_and_vectors_that_make_no_encoder_are_refused(change, kind, message):
    arguments = {"words": WORDS, "vectors": VECTORS} | change
    with pytest.raises(kind, match=message):
        WordVectorEncoder(arguments.pop("words"), arguments.pop("vectors"), **arguments)


@pytest.mark.parametrize(
    ("frequencies", "a", "message"),
    [
        ([-0.1], 1e-3, "smallest -0.1"),
        ([np.nan], 1e-3, "finite"),
        ([[0.1]], 1e-3, "1-D"),
        ([0.1], 0.0, "> 0"),
    ],
)
def test_frequencies_that_are_none_are_refused(frequencies, a, message):
    with pytest.raises(ValueError, match=message):
        sif_weights(frequencies, a=a)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [("good", TypeError), ([b"good"], TypeError), ([None], TypeError), (["\udcff"], ValueError)],
)
def test_what_is_no_text_is_refused(texts, kind):
    with pytest.raises(kind, match="texts"):
        WordVectorEncoder(WORDS, VECTORS).encode(texts)


def test_a_certificate_on_rows_holds_for_every_replacement_of_as_many_texts():
    words = ["good", "great", "bad", "poor", "film"]
    encoder = WordVectorEncoder(
        words, [[1.0, 0.1], [0.9, -0.1], [-1.0, 0.0], [-0.9, 0.2], [0.0, 0.3]], normalize=True
    )
    texts = ["good film", "great film", "good great", "great", "bad film", "poor film", "bad poor", "poor"]
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    query = encoder.encode(["a great good film"])

    def predicted(texts, labels):
        return SmoothedKNNClassifier(5, 0.5, n_threads=1).fit(encoder.encode(texts), labels)

    certificate = predicted(texts, labels).certify(query, Replacements())
    assert certificate.label[0] == 1 and certificate.budget[0] == 1
    # Whichever text is replaced, by whatever: the query itself and its opposite included.
    for row, text, label in itertools.product(
        range(8), ["a great good film", "bad", "film", "great"], [0, 1]
    ):
        tampered, their = [*texts[:row], text, *texts[row + 1 :]], labels.copy()
        their[row] = label
        assert predicted(tampered, their).predict(query)[0] == 1, (row, text, label)
    # One more is too many.
    tampered, their = ["a great good film"] * 2 + texts[2:], np.array([0, 0, 1, 1, 0, 0, 0, 0])
    assert predicted(tampered, their).predict(query)[0] == 0


# --- transformers -------------------------------------------------------------------------------------------

TOKENS = "[PAD] [UNK] [CLS] [SEP] [MASK] the film good bad was ##ly ##s . , very".split()
TEXTS = [
    "The film was good.",
    "bad",
    "very very very bad film, was it?",
    "",
    "good",
    "films . the the badly good",
]


@pytest.fixture(scope="module")
def torch():
    pytest.importorskip("transformers", reason="encoders need transformers: pip install 'knn-cert[text]'")
    return pytest.importorskip("torch", reason="encoders need torch: pip install 'knn-cert[text]'")


@pytest.fixture(scope="module")
def saved(torch, tmp_path_factory):
    """A folder with a tiny BERT of random parameters, much dropout, and its vocabulary."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = BertConfig(
            vocab_size=len(TOKENS),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=40,
            hidden_dropout_prob=0.5,
            attention_probs_dropout_prob=0.5,
            initializer_range=0.5,
        )
        BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    """The same, to be spoilt."""
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def encoder_of(folder, **settings):
    return TransformerEncoder(folder, **({"max_length": 40} | settings))


def states_by_hand(torch, saved, text: str, max_length: int):
    """Last states of one text, by the library itself: one text at a time, without padding."""
    from transformers import BertModel, BertTokenizer

    tokenizer = BertTokenizer.from_pretrained(saved)
    model = BertModel.from_pretrained(saved).eval()
    with torch.no_grad():
        found = tokenizer([text], truncation=True, max_length=max_length, return_tensors="pt")
        return model(**found).last_hidden_state[0].numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("max_length", [4, 40])
def test_a_row_is_the_pooled_last_state_of_its_text_alone(torch, saved, pooling, max_length):
    rows = encoder_of(saved, pooling=pooling, max_length=max_length, batch_size=4).encode(TEXTS)
    assert rows.dtype == np.float32 and rows.shape == (len(TEXTS), 32)
    for row, text in zip(rows, TEXTS, strict=True):
        states = states_by_hand(torch, saved, text, max_length)
        assert len(states) <= max_length
        expected = states.mean(axis=0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_rows_do_not_depend_on_the_batch_but_for_rounding(saved):
    reference = encoder_of(saved, batch_size=1).encode(TEXTS)
    assert np.ptp(reference, axis=0).max() > 0.1  # texts differ by more than what is allowed below
    for batch_size in (2, 3, 64):
        rows = encoder_of(saved, batch_size=batch_size).encode(TEXTS)
        np.testing.assert_allclose(rows, reference, rtol=1e-4, atol=1e-5)


def test_with_one_text_a_batch_no_other_text_moves_a_row_by_a_single_bit(saved):
    encoder = encoder_of(saved, batch_size=1)
    together = encoder.encode(TEXTS)
    np.testing.assert_array_equal(encoder.encode(TEXTS[::-1])[::-1], together)
    for i, text in enumerate(TEXTS):
        np.testing.assert_array_equal(encoder.encode([text])[0], together[i])


def test_rows_are_the_same_twice_in_spite_of_dropout_and_leave_the_callers_torch_alone(torch, saved):
    state, mode = torch.random.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    first = encoder_of(saved).encode(TEXTS)
    second = encoder_of(saved).encode(TEXTS)
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.are_deterministic_algorithms_enabled() == mode


def test_a_lower_precision_that_the_caller_allows_changes_no_row(torch, saved):
    encoder = encoder_of(saved)
    expected = encoder.encode(TEXTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(encoder.encode(TEXTS), expected)


def test_rows_of_length_one_are_divided_each_by_its_own_length(saved):
    plain, unit = encoder_of(saved).encode(TEXTS), encoder_of(saved, normalize=True).encode(TEXTS)
    for one, row in zip(unit, plain, strict=True):
        np.testing.assert_allclose(one, row / sum(float(x) ** 2 for x in row) ** 0.5, rtol=1e-5, atol=1e-7)


def test_no_texts_give_no_rows(saved):
    assert encoder_of(saved).encode([]).shape == (0, 32)


def test_the_digest_changes_with_a_parameter_a_word_and_a_setting(torch, saved, copied):
    digest = encoder_of(saved).digest
    encoder = encoder_of(saved, batch_size=2)
    encoder.encode(TEXTS)
    assert encoder.digest == digest and len(digest) == 64
    assert len({digest, encoder_of(saved, pooling="cls").digest, encoder_of(saved, max_length=9).digest}) == 3
    rename(copied, "very", "rather")
    assert encoder_of(copied).digest != digest
    rename(copied, "rather", "very")
    assert encoder_of(copied).digest == digest
    change_weights(copied, lambda weights: weights["encoder.layer.1.output.dense.bias"].add_(1e-3))
    assert encoder_of(copied).digest != digest


def rename(folder, word, other):
    path = folder / "vocab.txt"
    path.write_text(path.read_text("utf-8").replace(f"\n{word}\n", f"\n{other}\n"), "utf-8")


def change_weights(folder, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_model_without_the_pooler_that_is_not_used_gives_the_same_rows_and_digest(torch, saved, copied):
    def drop(weights):
        for name in [name for name in weights if name.startswith("pooler.")]:
            del weights[name]

    change_weights(copied, drop)
    state = torch.random.get_rng_state()
    a, b = encoder_of(saved), encoder_of(copied)
    assert torch.equal(torch.random.get_rng_state(), state)  # the library draws what is missing
    np.testing.assert_array_equal(a.encode(TEXTS), b.encode(TEXTS))
    assert a.digest == b.digest


def test_weights_in_half_precision_are_taken_in_single_precision(torch, copied):
    change_weights(copied, lambda weights: weights.update({k: v.half() for k, v in weights.items()}))
    settings = json.loads((copied / "config.json").read_text("utf-8"))
    (copied / "config.json").write_text(json.dumps(settings | {"dtype": "float16"}), "utf-8")
    encoder = encoder_of(copied)
    assert encoder.encode(TEXTS).dtype == np.float32
    change_weights(copied, lambda weights: weights.update({k: v.float() for k, v in weights.items()}))
    (copied / "config.json").write_text(json.dumps(settings | {"dtype": "float32"}), "utf-8")
    np.testing.assert_array_equal(encoder.encode(TEXTS), encoder_of(copied).encode(TEXTS))


def test_encoders_say_what_they_are(saved):
    told = encoder_of(saved, pooling="cls", normalize=True).describe()
    for part in ("BertModel", "2 layers", "first token", "40 tokens", "32 features", "its norm"):
        assert part in told
    assert encoder_of(saved).n_features == 32
    word = WordVectorEncoder(WORDS, VECTORS, weights=WEIGHTS)
    assert word.describe().startswith("weighted mean") and word.n_features == 5


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"pooling": "max"}, ValueError, "pooling must be one of mean, cls, got 'max'"),
        ({"max_length": 2}, ValueError, "max_length must be between 3 and 40 for this model, got 2"),
        ({"max_length": 41}, ValueError, "max_length must be between 3 and 40 for this model, got 41"),
        ({"max_length": 8.0}, TypeError, "max_length must be a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"normalize": 1}, TypeError, "normalize must be True or False"),
        ({"device": "gpu"}, ValueError, "device must be one that torch can use here"),
        ({"device": 0}, TypeError, "device must be a string"),
    ],
)
def test_settings_out_of_range_are_refused(saved, settings, kind, message):
    with pytest.raises(kind, match=message):
        encoder_of(saved, **settings)


def test_a_path_that_is_no_folder_is_refused_and_not_looked_up_by_name(torch, tmp_path):
    for path in ("bert-base-uncased", tmp_path / "nowhere", __file__):
        with pytest.raises(NotADirectoryError, match="existing folder.*not downloaded.*save_pretrained"):
            TransformerEncoder(path)
    with pytest.raises(TypeError, match="path must be that of a folder, got None"):
        TransformerEncoder(None)


@pytest.mark.parametrize(
    ("file", "what"),
    [("config.json", "configuration"), ("model.safetensors", "weights"), ("vocab.txt", "vocabulary")],
)
def test_a_folder_that_lacks_a_part_is_refused_with_the_names_of_its_files(copied, file, what):
    (copied / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"has no {what}: expected .*{file}.*save_pretrained"):
        encoder_of(copied)


def cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def of_another_layer(folder):
    change_weights(folder, lambda weights: weights.pop("encoder.layer.1.output.dense.weight"))


def of_another_shape(folder):
    change_weights(
        folder,
        lambda weights: weights.update(
            {"embeddings.LayerNorm.weight": weights["embeddings.LayerNorm.weight"][:8].clone()}
        ),
    )


def with_code(folder):
    path = folder / "config.json"
    settings = json.loads(path.read_text("utf-8")) | {"model_type": "own"}
    settings["auto_map"] = {"AutoModel": "own.Model", "AutoConfig": "own.Config"}
    (folder / "own.py").write_text("raise SystemExit('the code of the folder was run')\n", "utf-8")
    path.write_text(json.dumps(settings), "utf-8")


def with_more_words(folder):
    with open(folder / "vocab.txt", "a", encoding="utf-8") as file:
        file.write("moving\n")


def without_numbers(folder):
    change_weights(folder, lambda weights: weights["embeddings.LayerNorm.weight"].fill_(float("nan")))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut_off, "cannot be loaded"),
        (of_another_shape, "cannot be loaded"),
        (with_code, "cannot be loaded"),
        (
            of_another_layer,
            r"got none for 1 of its parameters, encoder\.layer\.1\.output\.dense\.weight first",
        ),
        (
            with_more_words,
            "numbers below 15.*got 15 in the vocabulary; the tokenizer is not that of the model",
        ),
    ],
)
def test_files_that_are_corrupt_or_do_not_belong_together_are_refused(copied, spoil, message):
    spoil(copied)
    with pytest.raises(ValueError, match=message) as caught:
        encoder_of(copied)
    assert str(copied) in str(caught.value)


def test_a_network_that_gives_no_numbers_is_not_taken_for_an_encoder(copied):
    without_numbers(copied)
    with pytest.raises(ValueError, match="not finite for text 0 .*corrupt"):
        encoder_of(copied).encode(["good"])


def test_a_model_that_is_no_encoder_is_refused(torch, copied):
    from transformers import T5Config, T5Model

    T5Model(T5Config(vocab_size=15, d_model=8, d_kv=4, num_layers=1, d_ff=8, num_heads=2)).save_pretrained(
        copied
    )
    # T5 has no tokenizer of words; that of BERT, saved as such, is found.
    (copied / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', "utf-8")
    with pytest.raises(ValueError, match="expected an encoder such as BERT, got T5Model"):
        encoder_of(copied)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(saved, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"{package}.*pip install 'knn-cert\\[text\\]'.*WordVectorEncoder"):
        TransformerEncoder(saved)


def test_importing_encoders_imports_neither_torch_nor_transformers():
    code = (
        "import sys, knn_cert.text.encoders as e\n"
        "e.WordVectorEncoder(['good'], [[1.0]]).encode(['good'])\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_models_with_only_the_top_layer_trained_vote_on_fixed_embeddings(saved):
    texts = ["good film", "bad film"] * 8
    encoder = encoder_of(saved)
    ensemble = SmoothedTextEnsemble(Embeddings(encoder, C=100.0), Deletion(0.3), 20, random_state=0)
    ensemble.fit(texts, [1, 0] * 8)
    cert = ensemble.certify(["good film", "bad film"], TrainingWords("inserted"))
    assert cert.label.tolist() == [1, 0]
    assert "sentence embeddings of TransformerEncoder" in cert.guarantee
