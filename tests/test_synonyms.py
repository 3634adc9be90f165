"""Synonym networks: what is an edge, what is read, what is refused; vectors against plain loops."""

from __future__ import annotations

import gzip
import json
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knn_cert import _reading
from knn_cert.text.synonyms import SynonymNetwork
from knn_cert.text.synonyms import vectors as vectors_of

LETTERS = "abcdefg"
tables = st.dictionaries(st.sampled_from(LETTERS), st.lists(st.sampled_from(LETTERS)), min_size=1)


def quietly(table, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SynonymNetwork.from_table(table, **settings)


# --- the graph ---


@given(tables)
def test_an_edge_joins_two_words_if_either_lists_the_other(table):
    network = quietly(table)
    entries = {(w, v) for w, others in table.items() for v in others if v != w}
    words = set(table) | {v for _, v in entries}
    assert network.words == tuple(sorted(words)) and len(network) == len(words)
    for w in LETTERS:
        near = tuple(sorted(v for v in words if (w, v) in entries or (v, w) in entries))
        assert network.neighbours(w) == near
        assert network.candidates(w) == (w, *near)
        assert (w in network) == (w in words)
    assert network.added == sum((v, w) not in entries for w, v in entries)


@given(tables)
def test_a_component_is_what_chains_of_substitutions_reach(table):
    network = quietly(table)
    for w in LETTERS:
        reached = {w}
        for _ in LETTERS:
            reached |= {v for u in reached for v in network.neighbours(u)}
        assert network.component(w) == tuple(sorted(reached))


@given(tables, st.randoms())
def test_the_digest_is_of_the_graph_and_not_of_how_it_was_written(table, random):
    shuffled = [(w, random.sample(others, len(others))) for w, others in table.items()]
    random.shuffle(shuffled)
    assert quietly(dict(shuffled)).digest == quietly(table).digest
    assert quietly({**table, "new": []}).digest != quietly(table).digest


def test_the_digest_changes_with_an_edge_and_with_a_similarity():
    digests = {
        SynonymNetwork.from_pairs(pairs, similarities=similarities).digest
        for pairs in (["ab", "bc"], ["ab", "ac"])
        for pairs in [[tuple(pair) for pair in pairs]]
        for similarities in (None, lambda a, b: 0.9, lambda a, b: math.nextafter(0.9, 1.0))
    }
    assert len(digests) == 6


def test_missing_reverse_entries_are_added_and_told():
    with pytest.warns(
        UserWarning, match=r"2 of 4 entries .* no reverse entry .* 'c' is listed for 'a'"
    ) as told:
        network = SynonymNetwork.from_table({"a": ["b", "c"], "b": ["a"], "d": [], "c": ["b"]})
    assert told[0].filename == __file__
    assert network.added == 2
    assert network.neighbours("c") == ("a", "b")


def test_a_symmetric_table_is_taken_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = SynonymNetwork.from_table({"a": ["b", "b", "a"], "b": ["a"]})
    assert network.added == 0 and network.candidates("a") == ("a", "b")


def test_a_word_outside_has_only_itself():
    network = SynonymNetwork.from_pairs([("a", "b")])
    assert "z" not in network
    assert network.neighbours("z") == ()
    assert network.candidates("z") == network.component("z") == ("z",)


def test_a_network_says_its_size_and_survives_pickling():
    network = SynonymNetwork.from_pairs([("a", "b"), ("b", "c"), ("c", "c")], similarities=lambda a, b: 0.5)
    assert repr(network) == "SynonymNetwork(3 words, 2 edges, with similarities)"
    assert pickle.loads(pickle.dumps(network)).digest == network.digest


# --- similarities ---


def test_similarities_may_be_given_in_either_order_or_by_a_function():
    given_ = SynonymNetwork.from_pairs(
        [("b", "a"), ("b", "c")], similarities={("b", "a"): 0.5, ("b", "c"): 1}
    )
    called = SynonymNetwork.from_pairs(
        [("b", "a"), ("b", "c")], similarities=lambda a, b: {"a": 0.5, "b": 1}[a]
    )
    assert given_.digest == called.digest and given_.has_similarities
    assert given_.similarity("a", "b") == given_.similarity("b", "a") == 0.5
    assert given_.similarity("a", "a") == given_.similarity("z", "z") == 1.0


@pytest.mark.parametrize(
    ("similarities", "error", "message"),
    [
        ({}, ValueError, "the similarity of 'a' and 'b' is missing"),
        ({("a", "b"): 0.5, ("b", "a"): 0.6}, ValueError, "the same both ways, got 0.5 and 0.6"),
        ({("a", "b"): 1.5}, ValueError, r"must lie in \[-1, 1\], got 1.5"),
        ({("a", "b"): math.nan}, ValueError, r"must lie in \[-1, 1\], got nan"),
        ({("a", "b"): "0.5"}, TypeError, "'a' and 'b' must be a real number"),
    ],
)
def test_similarities_that_are_none_are_refused(similarities, error, message):
    with pytest.raises(error, match=message):
        SynonymNetwork.from_pairs([("a", "b")], similarities=similarities)


def test_words_that_are_no_neighbours_have_no_similarity():
    network = SynonymNetwork.from_pairs([("a", "b"), ("b", "c")], similarities=lambda a, b: 0.9)
    with pytest.raises(ValueError, match="'a' and 'c' are no neighbours"):
        network.similarity("a", "c")
    with pytest.raises(ValueError, match="has no similarities; build it with"):
        SynonymNetwork.from_pairs([("a", "b")]).similarity("a", "b")


def test_vectors_give_similarities_to_the_edges_of_a_table():
    network = SynonymNetwork.from_pairs([("a", "b"), ("b", "c")])
    carried = network.with_similarities(["c", "b", "a"], [[0.0, 2.0], [1e-200, 1e-200], [3e200, 0.0]])
    assert carried.similarity("a", "b") == pytest.approx(math.sqrt(0.5), abs=1e-15)
    assert carried.similarity("b", "c") == pytest.approx(math.sqrt(0.5), abs=1e-15)
    assert carried.dropped == 0 and not network.has_similarities
    assert [carried.neighbours(w) for w in "abc"] == [network.neighbours(w) for w in "abc"]


def test_edges_of_words_without_a_vector_are_refused_or_dropped_as_asked():
    network = SynonymNetwork.from_pairs([("a", "b"), ("b", "c"), ("c", "d")])
    with pytest.raises(ValueError, match="the word 'c' of the edge 'b' - 'c' has no vector"):
        network.with_similarities(["a", "b", "d"], np.eye(3))
    carried = network.with_similarities(["a", "b", "d"], np.ones((3, 2)), missing="drop")
    assert carried.dropped == 2 and carried.words == network.words
    assert carried.neighbours("c") == () and carried.neighbours("a") == ("b",)
    with pytest.raises(ValueError, match="missing must be 'raise' or 'drop', got 'skip'"):
        network.with_similarities(["a", "b", "d"], np.eye(3), missing="skip")


# --- networks of vectors ---


def naive_network(words, vectors, threshold, n_neighbors, removed):
    """Edges and cosines by plain loops; the components are removed one after the other by power iteration."""
    rows = [[float(x) for x in row] for row in vectors]
    if removed is not None:
        mean = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
        rows = [[x - m for x, m in zip(row, mean, strict=True)] for row in rows]
        for _ in range(removed):
            axis = [1.0 / (j + 2) for j in range(len(mean))]
            for _ in range(3000):
                scores = [dot(row, axis) for row in rows]
                axis = [dot(scores, column) for column in zip(*rows, strict=True)]
                norm = math.sqrt(dot(axis, axis))
                axis = [x / norm for x in axis]
            rows = [[x - dot(row, axis) * a for x, a in zip(row, axis, strict=True)] for row in rows]
    cosine = {
        (v, w): dot(x, y) / math.sqrt(dot(x, x) * dot(y, y))
        for v, x in zip(words, rows, strict=True)
        for w, y in zip(words, rows, strict=True)
    }
    edges = {}
    for v in words:
        near = [w for w in words if w != v and cosine[v, w] >= threshold]
        for w in sorted(near, key=lambda w: (-cosine[v, w], w))[:n_neighbors]:
            edges[min(v, w), max(v, w)] = cosine[v, w]
    return edges


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def edges_of(network):
    return {(v, w): network.similarity(v, w) for v in network.words for w in network.neighbours(v) if v < w}


@pytest.mark.parametrize("removed", [None, 0, 1, 2])
@pytest.mark.parametrize(("threshold", "n_neighbors"), [(0.8, 8), (0.3, 2), (0.0, 1), (0.5, 100)])
def test_a_network_of_vectors_is_that_of_plain_loops(removed, threshold, n_neighbors):
    generator = np.random.default_rng(5)
    words = [f"w{i}" for i in generator.permutation(30)]
    vectors = generator.normal(size=(30, 4)) * [5.0, 3.0, 2.0, 1.0] + [4.0, 0.0, 0.0, 1.0]
    network = SynonymNetwork.from_vectors(
        words, vectors, threshold=threshold, n_neighbors=n_neighbors, all_but_the_top=removed
    )
    truth = naive_network(words, vectors, threshold, n_neighbors, removed)
    found = edges_of(network)
    assert found.keys() == truth.keys() and found
    assert all(found[edge] == pytest.approx(truth[edge], abs=1e-9) for edge in truth)
    assert network.words == tuple(sorted(words))


def test_the_network_does_not_depend_on_blocks_order_layout_or_precision(monkeypatch):
    generator = np.random.default_rng(7)
    words, vectors = [f"w{i}" for i in range(60)], generator.normal(size=(60, 5)).astype(np.float32)
    network = SynonymNetwork.from_vectors(words, vectors, threshold=0.5, n_neighbors=3)
    order = generator.permutation(60)
    frozen = np.asfortranarray(vectors[order].astype(np.float64))
    frozen.setflags(write=False)
    assert (
        network.digest
        == SynonymNetwork.from_vectors([words[i] for i in order], frozen, threshold=0.5, n_neighbors=3).digest
    )
    for block in (1, 7 * 60, 61):
        monkeypatch.setattr(vectors_of, "_BLOCK", block)
        again = SynonymNetwork.from_vectors(words, vectors, threshold=0.5, n_neighbors=3)
        assert again.digest == network.digest


def test_of_equally_near_words_the_first_in_the_alphabet_are_taken():
    network = SynonymNetwork.from_vectors(list("dcba"), np.ones((4, 3)), n_neighbors=1, threshold=0.9)
    assert edges_of(network) == {("a", "b"): 1.0, ("a", "c"): 1.0, ("a", "d"): 1.0}
    assert network.added == 2  # b has a, and c and d have it too, but a has only b


def test_a_cosine_at_the_threshold_is_an_edge():
    network = SynonymNetwork.from_vectors(["a", "b", "c"], [[1, 0], [0, 1], [-1, 0]], threshold=0.0)
    assert set(edges_of(network)) == {("a", "b"), ("b", "c")}


@pytest.mark.parametrize(
    ("words", "vectors", "settings", "error", "message"),
    [
        (["a", "a"], np.eye(2), {}, ValueError, "'a' occurs twice"),
        (["a", "b"], np.eye(3), {}, ValueError, r"shape \(2, d\).* got \(3, 3\)"),
        ([], np.zeros((0, 3)), {}, ValueError, "not be empty"),
        (["a", "b"], [[0, 0], [1, 1]], {}, ValueError, "the vector of 'a' is zero"),
        (["a", "b"], [[1, 0], [np.nan, 1]], {}, ValueError, "the vector of 'b' must be finite"),
        (["a", "b"], [[1, 0], [np.inf, 1]], {}, ValueError, "the vector of 'b' must be finite"),
        (["a", b"b"], np.eye(2), {}, TypeError, "got b'b' of type bytes; decode it"),
        ("ab", np.eye(2), {}, TypeError, "got one string"),
        (["a", ""], np.eye(2), {}, ValueError, "got an empty one"),
        (["a", "b"], [["x", "y"], ["z", "u"]], {}, TypeError, "vectors must be an array of real numbers"),
        (["a", "b"], np.eye(2), {"threshold": 1.5}, ValueError, r"threshold must lie in \[0, 1\], got 1.5"),
        (["a", "b"], np.eye(2), {"threshold": math.nan}, ValueError, "threshold must lie"),
        (["a", "b"], np.eye(2), {"threshold": "0.8"}, TypeError, "threshold must be a real number"),
        (["a", "b"], np.eye(2), {"n_neighbors": 0}, ValueError, "n_neighbors must be at least 1"),
        (["a", "b"], np.eye(2), {"n_neighbors": 2.0}, TypeError, "n_neighbors must be a whole number"),
        (["a", "b"], np.eye(2), {"all_but_the_top": -1}, ValueError, "all_but_the_top must be at least 0"),
        (["a", "b"], np.eye(2), {"all_but_the_top": 2}, ValueError, "all_but_the_top must be less than 2"),
        (["a", "b"], np.ones((2, 2)), {"all_but_the_top": 0}, ValueError, "the vector of 'a' is zero"),
    ],
)
def test_vectors_that_make_no_network_are_refused(words, vectors, settings, error, message):
    with pytest.raises(error, match=message):
        SynonymNetwork.from_vectors(words, vectors, **settings)


# --- tables and files ---


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({}, ValueError, "the table is empty"),
        ([("a", ["b"])], TypeError, "must map each word .* got list; SynonymNetwork.from_pairs"),
        ({"a": "bc"}, TypeError, "the entry of 'a' must be a sequence of words, got 'bc'"),
        ({"a": {"b": 0.5}}, TypeError, "the entry of 'a' must be a sequence of words"),
        ({"a": None}, TypeError, "the entry of 'a' must be a sequence of words"),
        ({"a": ["b", 3]}, TypeError, "every word must be a str, got 3 of type int"),
        ({"a": ["b", ""]}, ValueError, "got an empty one"),
        ({b"a": ["b"]}, TypeError, "got b'a' of type bytes; decode it"),
    ],
)
def test_tables_that_are_none_are_refused(table, error, message):
    with pytest.raises(error, match=message):
        SynonymNetwork.from_table(table)


def test_pairs_that_are_none_are_refused():
    for pairs in (["ab"], [("a", "b", "c")]):
        with pytest.raises(ValueError, match="two words each"):
            SynonymNetwork.from_pairs(pairs)
    with pytest.raises(ValueError, match="the table is empty"):
        SynonymNetwork.from_pairs([])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("table.json", '{"groß": ["big"],\n "big": ["groß"], "alone": []}'),
        ("pairs.txt", "big groß\ngroß big \r\nalone alone\n\n"),
        ("pairs", "big\tgroß\nalone alone"),
    ],
)
def test_tables_and_pairs_are_read_from_files_packed_or_not(tmp_path, name, content, packed):
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    network = SynonymNetwork.read(str(path))
    assert network.words == ("alone", "big", "groß")
    assert edges_without_similarities(network) == {("big", "groß")}


@pytest.mark.parametrize("name", ["table.json", "pairs.txt"])
def test_a_byte_order_mark_is_no_part_of_a_word(tmp_path, name):
    path = tmp_path / name
    path.write_text('{"a": ["b"], "b": ["a"]}' if name.endswith("json") else "a b", encoding="utf-8-sig")
    assert SynonymNetwork.read(path).words == ("a", "b")


def test_a_file_that_unpacks_to_too_much_is_refused_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(_reading, "LARGEST_CONTENT", 1 << 20)
    path = tmp_path / "pairs.txt.gz"
    path.write_bytes(gzip.compress(b"a b\n" * (1 << 19)))
    with pytest.raises(ValueError, match="expected at most 1 MiB once unpacked, got more; fetch it again"):
        SynonymNetwork.read(path)


def edges_without_similarities(network):
    return {(v, w) for v in network.words for w in network.neighbours(v) if v < w}


def test_a_file_with_one_sided_entries_warns_where_it_is_read(tmp_path):
    path = tmp_path / "table.json"
    path.write_text('{"a": ["b"]}')
    with pytest.warns(UserWarning, match="1 of 1 entries") as told:
        network = SynonymNetwork.read(path)
    assert told[0].filename == __file__ and network.added == 1


# The time in a packed file would be part of the name of a test, and differ from process to process.
CUT = gzip.compress(json.dumps({"a": ["b"], "b": ["a"]}).encode(), mtime=0)[:-9]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b'{"a": ["b"],\n "\xe9": []}', "a.json, line 2: expected UTF-8 text, got byte 0xe9"),
        ("a.txt", b"a b\nc d\n\xff e\n", "a.txt, line 3: expected UTF-8"),
        ("a.json.gz", CUT, "a.json.gz: expected a whole gzip file, got one that is cut off or corrupt"),
        ("a.json", b'{"a": ["b"],\n "b": ["a"', r"a.json, line 2: expected JSON.*cut off"),
        ("a.json", b"", "a.json, line 1: expected JSON"),
        ("a.json", b'["a", "b"]', "a.json: expected a JSON object of words .* got list"),
        ("a.json", b"{}", "a.json: the table is empty"),
        ("a.json", b'{"a": "b"}', "a.json: the entry of 'a' must be a sequence of words"),
        ("a.json", b'{"a": ["b", 1]}', "a.json: every word must be a str"),
        ("a.json", b'{"a": ["b"], "b": [], "a": ["c"]}', "a.json: the word 'a' has two entries"),
        ("a.txt", b"a b\nc d e\n", "a.txt, line 2: expected two words, got 'c d e'"),
        ("a.txt", b"a b\n\nc d\n", "a.txt, line 2: expected two words, got ''"),
        ("a.txt", b"a b\nc", "a.txt, line 2: expected two words, got 'c'"),
        ("a.txt", b"\n", "a.txt is empty"),
    ],
)
def test_a_file_that_is_damaged_or_of_another_layout_is_refused_with_its_place(
    tmp_path, name, content, message
):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        SynonymNetwork.read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_absent_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        SynonymNetwork.read(tmp_path / "none.json")


# --- the tables of the papers ---


def test_the_counter_fitted_table_has_the_numbers_of_its_description(shared):
    path = shared / "data" / "synonyms" / "counterfitted_neighbors.json.gz"
    with pytest.warns(UserWarning, match="14157 of 109187 entries"):
        network = SynonymNetwork.read(path)
    assert (len(network), network.added) == (50_000, 14_157)
    assert sum(bool(network.neighbours(word)) for word in network.words) == 25_611
    assert all(
        word in network.neighbours(other) for word in network.words for other in network.neighbours(word)
    )


def test_pairs_of_words_are_read_as_they_are_distributed(shared):
    path = shared / "data" / "synonyms" / "ppdb_synonyms.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [frozenset(line.split()) for line in file]
    network = SynonymNetwork.read(path)
    assert edges_without_similarities(network) == {tuple(sorted(line)) for line in lines if len(line) == 2}


def test_glove_vectors_make_a_network(shared):
    file = np.load(shared / "data" / "wordvec" / "glove6b_50d_subset.npz")
    words, vectors = [word.decode() for word in file["words"][:1500]], file["vectors"][:1500]
    network = SynonymNetwork.from_vectors(words, vectors, threshold=0.8, all_but_the_top=2)
    assert "monday" in network.neighbours("tuesday")
    rows = vectors.astype(np.float64) - vectors.astype(np.float64).mean(axis=0)
    u, s, v = np.linalg.svd(rows, full_matrices=False)
    rows = (u * np.where(np.arange(len(s)) < 2, 0.0, s)) @ v
    a, b = rows[words.index("monday")], rows[words.index("tuesday")]
    cosine = a @ b / np.sqrt((a @ a) * (b @ b))
    assert network.similarity("monday", "tuesday") == pytest.approx(cosine, abs=1e-9)
