"""Folders of images: which files are read, in which order, into which pixels, and what is refused."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import knn_cert
from knn_cert import datasets
from knn_cert.datasets import Dataset, load_image_folder

Image = pytest.importorskip("PIL.Image", reason="reading images needs Pillow")
ROOT = Path(knn_cert.__file__).resolve().parents[1]  # the copy under test, in a checkout or installed


def png(pixels: np.ndarray, *, claims: tuple[int, int] | None = None) -> bytes:
    """Return a PNG of pixels (height, width, 3), uint8, written without Pillow.

    ``claims`` is a height and width to put into the header instead of the true ones.
    """
    height, width = claims or pixels.shape[:2]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = b"".join(b"\0" + line.tobytes() for line in pixels)  # 0: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def noise(seed: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def rows_of(*images: np.ndarray) -> np.ndarray:
    """Return the rows that these images must become where nothing has to be resized."""
    return np.array([[np.float32(v) / np.float32(255) for v in image.ravel()] for image in images])


def write(file: Path, content: bytes | np.ndarray) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else png(content))
    return file


@pytest.fixture
def pets(tmp_path):
    """Five images of 4 x 4 pixels in each of the folders cat, dog and fish; the k-th of all is noise(k)."""
    for c, name in enumerate(("cat", "dog", "fish")):
        for i in range(5):
            write(tmp_path / "pets" / name / f"{i}.png", noise(5 * c + i))
    return tmp_path / "pets"


@pytest.fixture
def divided(tmp_path):
    """Folders train and test, each with two images of 4 x 4 pixels in cat and dog."""
    for p, part in enumerate(("train", "test")):
        for c, name in enumerate(("cat", "dog")):
            for i in range(2):
                write(tmp_path / "divided" / part / name / f"{i}.png", noise(4 * p + 2 * c + i))
    return tmp_path / "divided"


# --- which rows ---------------------------------------------------------------------------------------------


def test_every_image_becomes_one_row_with_the_number_of_its_folder(pets):
    dataset = load_image_folder(pets, size=4, test_size=0.2)
    assert isinstance(dataset, Dataset) and dataset.name == "pets"
    assert dataset.class_names == {0: "cat", 1: "dog", 2: "fish"}
    assert dataset.X_train.shape == (12, 48) and dataset.X_test.shape == (3, 48)
    assert dataset.X_train.dtype == dataset.X_test.dtype == np.float32
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.int64
    assert sorted(dataset.y_test.tolist()) == [0, 1, 2]
    expected = rows_of(*(noise(k) for k in range(15)))
    for X, y in ((dataset.X_train, dataset.y_train), (dataset.X_test, dataset.y_test)):
        for row, label in zip(X, y, strict=True):
            (k,) = np.flatnonzero((expected == row).all(axis=1))
            assert k // 5 == label
    assert len(np.unique(np.r_[dataset.X_train, dataset.X_test], axis=0)) == 15


def test_columns_are_rows_then_columns_then_colours(pets):
    dataset = load_image_folder(pets, classes=["cat", "dog"], size=4, limit=2, test_size=2)
    assert len(dataset.feature_names) == 48
    at = dataset.feature_names.index("pixel_3_1_b")
    values = {np.float32(noise(k)[3, 1, 2]) / np.float32(255) for k in (0, 1, 5, 6)}
    assert set(np.r_[dataset.X_train[:, at], dataset.X_test[:, at]].tolist()) == {float(v) for v in values}


def test_classes_are_numbered_in_the_order_asked_for_and_others_are_not_read(pets):
    write(pets / "fish" / "0.png", b"not read")
    dataset = load_image_folder(pets, classes=("dog", "cat"), size=4, test_size=0.2)
    assert dataset.class_names == {0: "dog", 1: "cat"} and len(dataset.y_train) == 8
    dogs = rows_of(*(noise(k) for k in range(5, 10)))
    for row, label in zip(dataset.X_train, dataset.y_train, strict=True):
        assert (dogs == row).all(axis=1).any() == (label == 0)


def test_the_seed_decides_the_split_and_the_same_seed_repeats_it(pets):
    splits = [load_image_folder(pets, size=4, test_size=0.4, random_state=s) for s in (1, 1, 2)]
    for field in ("X_train", "y_train", "X_test", "y_test"):
        assert np.array_equal(getattr(splits[0], field), getattr(splits[1], field))
    assert not np.array_equal(splits[0].X_test, splits[2].X_test)


@pytest.mark.parametrize("second", ["test", "val"])
def test_folders_for_training_and_testing_are_not_split_again(divided, second):
    (divided / "test").rename(divided / second)
    dataset = load_image_folder(divided, size=4, test_size=0.9, random_state=5)
    assert dataset.y_train.tolist() == dataset.y_test.tolist() == [0, 0, 1, 1]
    assert np.array_equal(dataset.X_train, rows_of(*(noise(k) for k in range(4))))
    assert np.array_equal(dataset.X_test, rows_of(*(noise(k) for k in range(4, 8))))


def test_a_test_folder_comes_before_a_validation_folder(divided):
    write(divided / "val" / "cat" / "0.png", b"not read")
    assert np.array_equal(load_image_folder(divided, size=4).X_test[0], rows_of(noise(4))[0])


def test_rows_are_sorted_by_path_in_whatever_order_the_system_lists_the_files(divided, monkeypatch):
    for i, name in enumerate(("a.png", "B.PNG", "10.png", "9.png", "c/d/0.png")):
        write(divided / "train" / "cat" / name, noise(20 + i))
    straight = load_image_folder(divided, size=4)
    order = [0, 1, 22, 23, 21, 20, 24]  # 0, 1, 10, 9, B, a, c: by code points, and 1. comes before 10
    assert np.array_equal(straight.X_train[:7], rows_of(*(noise(k) for k in order)))

    def backwards(folder, onerror=None):
        for here, folders, names in reversed(list(walk(folder, onerror=onerror))):
            yield here, folders, names[::-1]

    walk = os.walk
    monkeypatch.setattr("knn_cert.datasets._images.os.walk", backwards)
    assert np.array_equal(load_image_folder(divided, size=4).X_train, straight.X_train)


def test_the_limit_takes_the_first_images_of_each_class_by_name(divided):
    dataset = load_image_folder(divided, size=4, limit=1)
    assert np.array_equal(dataset.X_train, rows_of(noise(0), noise(2)))
    assert np.array_equal(dataset.X_test, rows_of(noise(4), noise(6)))
    assert len(load_image_folder(divided, size=4, limit=99).X_train) == 4


def test_hidden_files_other_files_and_files_beside_the_class_folders_are_ignored(divided):
    before = load_image_folder(divided, size=4)
    for name in ("train/cat/.0.png", "train/cat/._1.png", "train/.git/x.png", "train/cat/.thumbs/x.png"):
        write(divided / name, b"hidden")
    for name in ("train/cat/labels.txt", "train/cat/png", "train/dog/0.png.part", "train/loose.png", "x.png"):
        write(divided / name, b"no image of a class")
    after = load_image_folder(divided, size=4)
    assert np.array_equal(before.X_train, after.X_train) and np.array_equal(before.X_test, after.X_test)


def test_a_link_to_an_image_is_read_like_the_image(divided, tmp_path):
    write(tmp_path / "elsewhere.png", noise(77))
    (divided / "train" / "cat" / "2.png").symlink_to(tmp_path / "elsewhere.png")
    assert np.array_equal(load_image_folder(divided, size=4).X_train[2], rows_of(noise(77))[0])


# --- which pixels -------------------------------------------------------------------------------------------


def loaded(tmp_path: Path, name: str, content: bytes | np.ndarray, size: int) -> np.ndarray:
    """Return what one image becomes, as pixels (size, size, 3) between 0 and 255."""
    for part in ("train", "test"):
        for c in "ab":
            write(tmp_path / part / c / name, content)
    dataset = load_image_folder(tmp_path, size=size)
    assert np.array_equal(dataset.X_train, np.tile(dataset.X_test[0], (2, 1)))
    return dataset.X_train[0].astype(np.float64).reshape(size, size, 3) * 255


def triangle_weights(n_in: int, n_out: int) -> np.ndarray:
    """Return the weights (n_out, n_in) of antialiased bilinear resizing, straight from its definition.

    Output k looks at the inputs around (k + 1/2) n_in / n_out through a triangle as wide as two output pixels
    (two input pixels where the image grows).
    """
    scale = n_in / n_out
    centres = (np.arange(n_out)[:, None] + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(n_in) + 0.5 - centres) / max(scale, 1.0))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("height", "width", "size", "first"),
    [
        (24, 40, 6, (0, 2)),  # the width becomes 10
        (40, 24, 6, (2, 0)),
        (30, 30, 7, (0, 0)),
        (4, 8, 12, (0, 6)),  # enlarged to a width of 24
        (6, 10, 6, (0, 2)),  # only cut
        (10, 6, 6, (2, 0)),
    ],
)
def test_the_shorter_side_is_resized_and_the_middle_cut_out(tmp_path, height, width, size, first):
    pixels = noise(1, height, width)
    short = min(height, width)
    down, across = (triangle_weights(n, n * size // short) for n in (height, width))
    whole = np.einsum("ih,hwc,jw->ijc", down, pixels.astype(np.float64), across)
    expected = whole[first[0] : first[0] + size, first[1] : first[1] + size]
    # Two roundings to whole pixels, one for each direction, and weights of finite precision.
    assert np.abs(loaded(tmp_path, "x.png", pixels, size) - expected).max() < 1.1


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"), [(4, 7, (0, 4), (1, 5)), (7, 4, (1, 5), (0, 4))]
)
def test_an_image_that_need_not_be_resized_keeps_its_exact_pixels(tmp_path, height, width, rows, columns):
    pixels = noise(2, height, width)
    expected = pixels[slice(*rows), slice(*columns)]
    assert np.array_equal(np.rint(loaded(tmp_path, "x.png", pixels, 4)), expected)


def test_a_very_long_and_thin_image_needs_no_memory_for_the_part_that_is_cut_off(tmp_path):
    pixels = np.zeros((1, 200_000, 3), np.uint8)
    pixels[0, 99_990:100_010] = (10, 20, 30)
    middle = loaded(tmp_path, "x.png", pixels, 224)  # all of it, 224 pixels high, would be 30 GB
    assert np.abs(middle - (10, 20, 30)).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "kind", "tolerance"),
    [
        ("x.png", "PNG", 0),
        ("x.bmp", "BMP", 0),
        ("x.PPM", "PPM", 0),
        ("x.gif", "GIF", 0),
        ("x.webp", "WEBP", 6),
        ("x.jpg", "JPEG", 3),
        ("x.JPEG", "JPEG", 3),
        ("x.jpg", "PNG", 0),  # ImageNet has a PNG that is called .JPEG
    ],
)
def test_every_kind_of_image_is_read_by_its_content(tmp_path, name, kind, tolerance):
    colours = np.zeros((32, 32, 3), np.uint8)
    colours[:16], colours[16:] = (200, 40, 90), (30, 120, 250)
    Image.fromarray(colours).save(tmp_path / "saved", kind)
    got = loaded(tmp_path / "images", name, (tmp_path / "saved").read_bytes(), 32)
    for rows in (slice(0, 14), slice(18, 32)):  # JPEG and WebP blur the edge between the colours
        assert np.abs(got[rows] - colours[rows]).max() <= tolerance + 1e-4


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 70, (70, 70, 70)),
        ("LA", (70, 0), (70, 70, 70)),
        ("P", 3, (9, 10, 11)),
        ("RGBA", (1, 2, 3, 0), (1, 2, 3)),
    ],
)
def test_other_kinds_of_pixels_become_rgb(tmp_path, mode, value, expected, recwarn):
    image = Image.new(mode, (4, 4), value)
    options = {}
    if mode == "P":
        image.putpalette(list(range(256)) * 3)
        options["transparency"] = bytes(range(256))
    image.save(tmp_path / "saved", "PNG", **options)
    got = loaded(tmp_path / "images", "x.png", (tmp_path / "saved").read_bytes(), 4)
    assert np.abs(got - expected).max() < 1e-4
    assert not recwarn.list


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a.transpose(1, 0, 2)[::-1, ::-1]),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_images_are_turned_as_their_exif_orientation_says(tmp_path, orientation, turn):
    pixels = noise(3, 4, 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "saved", "PNG", exif=exif)
    upright = turn(pixels)
    top, left = (upright.shape[0] - 4) // 2, (upright.shape[1] - 4) // 2
    got = loaded(tmp_path / "images", "x.png", (tmp_path / "saved").read_bytes(), 4)
    assert np.array_equal(np.rint(got), upright[top : top + 4, left : left + 4])


# --- what is refused ----------------------------------------------------------------------------------------


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: expected a folder of images, there is none"):
        load_image_folder(tmp_path / "nowhere")
    write(tmp_path / "images.zip", b"PK")
    with pytest.raises(
        NotADirectoryError, match="images.zip: expected a folder of images, got a file; unpack"
    ):
        load_image_folder(tmp_path / "images.zip")


def test_a_class_without_images_is_refused_with_the_extensions_looked_for(pets):
    write(pets / "dugong" / "photo.tiff", b"II*\0")
    with pytest.raises(ValueError, match=r"dugong: expected images .*\.png, \.jpg, \.jpeg.*found none"):
        load_image_folder(pets, size=4)


@pytest.mark.parametrize("folders", [[], ["cat"], ["train"], ["test", ".hidden"]])
def test_fewer_than_two_classes_are_refused_with_what_was_found(tmp_path, folders):
    for name in folders:
        write(tmp_path / name / "x.png", noise(0))
    got = ", ".join(name for name in folders if name[0] != ".") or "none"
    with pytest.raises(ValueError, match=f"expected at least 2 class folders .* got {got}; make one folder"):
        load_image_folder(tmp_path, size=4)


@pytest.mark.parametrize(
    "classes", [["cat", "duck"], ["cat", "../pets/dog"], ["cat", ".git"], ["cat", "Dog"]]
)
def test_a_class_that_is_not_there_is_refused_with_those_that_are(pets, classes):
    write(pets / ".git" / "x.png", noise(0))
    with pytest.raises(ValueError, match=f"{classes[1]} missing, got cat, dog, fish"):
        load_image_folder(pets, classes=classes, size=4)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"classes": "cat"}, TypeError, "classes must be a sequence of str or None, got str"),
        ({"classes": 2}, TypeError, "classes must be a sequence of str or None, got int"),
        ({"classes": ["cat", 1]}, TypeError, "classes must hold str only, got int"),
        ({"classes": ["cat"]}, ValueError, "at least 2 different names"),
        ({"classes": ["cat", "cat"]}, ValueError, "at least 2 different names"),
        ({"size": 4.0}, TypeError, "size must be a whole number, got 4.0 of type float; it is the side"),
        ({"size": 0}, ValueError, "size must be at least 1, got 0"),
        ({"limit": True}, TypeError, "limit must be a whole number, got True of type bool"),
        ({"limit": 0}, ValueError, "limit must be at least 1, got 0"),
        ({"test_size": 1.0}, ValueError, "test_size must be a fraction"),
        ({"limit": 1}, ValueError, "at least 2 rows of every class"),
    ],
)
def test_wrong_arguments_are_refused(pets, keywords, error, message):
    with pytest.raises(error, match=message):
        load_image_folder(pets, **{"size": 4, **keywords})


def test_a_class_on_one_side_only_is_refused_unless_it_is_left_out(divided):
    write(divided / "train" / "fish" / "0.png", noise(9))
    with pytest.raises(ValueError, match="got no fish in test"):
        load_image_folder(divided, size=4)
    with pytest.raises(ValueError, match="got no fish in test"):
        load_image_folder(divided, classes=["cat", "fish"], size=4)
    write(divided / "test" / "owl" / "0.png", noise(9))
    with pytest.raises(ValueError, match="got no fish in test, no owl in train"):
        load_image_folder(divided, size=4)
    assert load_image_folder(divided, classes=["dog", "cat"], size=4).class_names == {0: "dog", 1: "cat"}


def saved(kind: str, pixels: np.ndarray, tmp_path: Path) -> bytes:
    Image.fromarray(pixels).save(tmp_path / "saved", kind)
    return (tmp_path / "saved").read_bytes()


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        *((kind, lambda b: b[: len(b) // 2]) for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")),
        ("PNG", lambda b: b[:-18]),  # every pixel is there, the checksum is not
        ("PNG", lambda b: b[:1000] + bytes([b[1000] ^ 1]) + b[1001:]),
        ("PNG", lambda b: b""),
        ("PNG", lambda b: b"<html>not found</html>"),
    ],
)
def test_a_damaged_image_is_refused_by_name_and_not_skipped(pets, tmp_path, kind, damage):
    file = write(pets / "dog" / "3.png", saved(kind, noise(4, 40, 40), tmp_path))
    load_image_folder(pets, size=4)  # the undamaged one is read
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match="expected a whole image .* got one that cannot be read") as caught:
        load_image_folder(pets, size=4)
    assert str(file) in str(caught.value)


def test_grey_pixels_of_16_bits_are_refused_because_they_would_come_out_white(pets, tmp_path):
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "deep.png")
    file = write(pets / "dog" / "3.png", (tmp_path / "deep.png").read_bytes())
    with pytest.raises(ValueError, match=f"{re.escape(str(file))}.*mode I;16 instead of at most 8 bits"):
        load_image_folder(pets, size=4)


@pytest.mark.parametrize("kind", ["EPS", "TIFF", "PDF"])
def test_a_file_of_another_format_is_refused_whatever_it_is_called(pets, tmp_path, kind):
    file = write(pets / "dog" / "3.png", saved(kind, noise(4), tmp_path))
    with pytest.raises(
        ValueError, match=f"{re.escape(str(file))}: expected a whole image .*UnidentifiedImageError"
    ):
        load_image_folder(pets, size=4)


@pytest.mark.parametrize(
    "side", [9_600, 20_000]
)  # Pillow's limit is 9,459 squared; it refuses twice as many pixels
def test_an_image_that_claims_too_many_pixels_is_refused_before_it_is_decoded(pets, side):
    file = write(pets / "dog" / "3.png", png(noise(5), claims=(side, side)))
    with pytest.raises(
        ValueError, match=f"{re.escape(str(file))}: expected an image of at most PIL.Image.MAX_IMAGE_PIXELS"
    ):
        load_image_folder(pets, size=4)


def test_the_limit_of_pixels_is_pillows_own_and_can_be_raised(pets, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    with pytest.raises(ValueError, match="MAX_IMAGE_PIXELS = 15"):
        load_image_folder(pets, size=4)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16)
    assert len(load_image_folder(pets, size=4).X_train) == 12


def test_a_linked_folder_is_refused_and_what_it_leads_to_is_not_read(pets, tmp_path):
    write(tmp_path / "outside" / "secret.png", b"not read")
    for link in (pets / "owl", pets / "dog" / "more"):
        link.symlink_to(tmp_path / "outside")
        with pytest.raises(
            ValueError, match=f"{re.escape(str(link))}: expected a folder, got a symbolic link .*outside"
        ):
            load_image_folder(pets, size=4)
        link.unlink()
    (pets / "dog" / "circle").symlink_to(pets)
    with pytest.raises(ValueError, match="circle: expected a folder, got a symbolic link"):
        load_image_folder(pets, size=4)
    assert len(load_image_folder(pets, classes=["cat", "fish"], size=4).X_train) == 8


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_linked_training_or_test_folder_is_refused(divided, tmp_path, part):
    (divided / part).rename(tmp_path / "moved")
    (divided / part).symlink_to(tmp_path / "moved")
    with pytest.raises(ValueError, match=f"{part}: expected a folder, got a symbolic link .*moved"):
        load_image_folder(divided, size=4)


def test_the_folder_itself_may_be_a_link(pets, tmp_path):
    (tmp_path / "link").symlink_to(pets)
    assert len(load_image_folder(tmp_path / "link", size=4).X_train) == 12


def test_a_link_that_leads_nowhere_is_refused_be_it_a_class_or_an_image(pets, tmp_path):
    (pets / "owl").symlink_to(tmp_path / "gone")
    with pytest.raises(ValueError, match="owl: expected a folder, got a symbolic link .*gone"):
        load_image_folder(pets, size=4)
    (pets / "owl").unlink()
    (pets / "cat" / "9.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="9.png: expected an image file, got a broken link"):
        load_image_folder(pets, size=4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_is_called_like_an_image_does_not_block(pets):
    os.mkfifo(pets / "cat" / "9.png")
    with pytest.raises(
        ValueError, match="9.png: expected an image file, got a broken link or a special file"
    ):
        load_image_folder(pets, size=4)


def test_a_folder_that_may_not_be_opened_is_an_error_and_not_left_out(divided, monkeypatch):
    write(divided / "train" / "cat" / "locked" / "x.png", noise(0))
    scandir = os.scandir

    def locked(path):  # who runs the tests as root may open everything
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(PermissionError, match="locked"):
        load_image_folder(divided, size=4)


def test_without_pillow_the_message_names_the_extra(pets, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"needs Pillow .*pip install 'knn-cert\[images\]'"):
        load_image_folder(pets, size=4)


# --- the package --------------------------------------------------------------------------------------------


def test_the_loader_is_a_public_name_and_others_are_still_unknown():
    assert "load_image_folder" in datasets.__all__ and "load_image_folder" in dir(datasets)
    with pytest.raises(AttributeError, match="no attribute 'load_image_folders'"):
        datasets.load_image_folders  # noqa: B018


def test_importing_the_loader_does_not_import_pillow():
    code = "import sys; from knn_cert.datasets import load_image_folder; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
