"""Folders of images, one sub-folder a class, as a table of pixels; every image is read whole or refused."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._printing import listed, one_line, printable
from ..gate.numbers import as_whole_number
from ..tables import holdout_rows
from ._dataset import Dataset, rgb_feature_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pillow is told to try these formats and no other, whatever a file is called: it also knows formats that
# start another program (EPS) or go through a large C library with a long list of holes (TIFF).
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP")
_EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pbm", ".pgm", ".ppm", ".webp")
# Pillow's modes with 8 bits a channel or fewer. From others, such as grey with 16 bits, it makes RGB by
# cutting values at 255: the image would come out white.
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_TEST_FOLDERS = ("test", "val")  # the first that is there


def load_image_folder(
    path: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    size: int = 224,
    test_size: float = 0.2,
    random_state: int = 0,
    limit: int | None = None,
) -> Dataset:
    """Load images from a folder with one sub-folder per class.

    Instead of class folders, ``path`` may hold a folder ``train`` and a folder ``test`` (or ``val``, which is
    taken where there is no ``test``), each with the class folders in it; then nothing is split.

    Every image is turned as its EXIF orientation says and converted to RGB (transparency and colour profiles
    are dropped; of an animation, the first frame counts). The largest square in its middle is resized to
    ``size`` x ``size`` with an antialiased bilinear filter, which is the shorter side resized to ``size`` and
    the middle cut out. Its pixels are divided by 255.

    Parameters
    ----------
    path : path-like
        Images may lie anywhere below their class folder. Hidden files and folders are ignored, and so are
        files whose name does not end in .png, .jpg, .jpeg, .bmp, .gif, .pbm, .pgm, .ppm or .webp.
    classes : sequence of str, optional
        Two or more class folders: only these are read, and the class numbers 0, 1, ... follow this order. By
        default all of them, by name.
    size : int >= 1
        Side of the square images.
    test_size : float in (0, 1) or int
        Fraction or number of images held out, stratified by class. Ignored, with ``random_state``, where
        there are ``train`` and ``test``.
    random_state : int
        Seed of the stratified, shuffled split.
    limit : int >= 1, optional
        Read only so many images of each class (of ``train`` and of ``test``, where there are those): the
        first by name.

    Returns
    -------
    Dataset
        ``X_train`` of shape (n_train, 3 * size**2) in [0, 1], rows then columns then colours, and ``X_test``
        likewise. They are float32, and a table exists once: 20,000 images of 224 x 224 take 12 GB. With
        ``train`` and ``test``, rows are sorted by class, then by path below the class folder.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, OSError
        If ``path`` is no folder, or a file or folder in it may not be read.
    ValueError
        If there are fewer than two classes; a class has no images, or stands on one side only of ``train``
        and ``test``; an image is cut off, corrupt, of another format or of more than 8 bits a channel, or has
        more pixels than ``PIL.Image.MAX_IMAGE_PIXELS``; a folder is a symbolic link. The message names the
        file: none is skipped.
    ImportError
        If Pillow is missing.
    """
    root = Path(path).expanduser()
    wanted = _check_classes(classes)
    size = as_whole_number(size, "size", least=1, remedy="it is the side of the square images in pixels")
    if limit is not None:
        remedy = "it is the number of images to read of each class, or None for all"
        limit = as_whole_number(limit, "limit", least=1, remedy=remedy)
    _import_pillow()
    if not root.is_dir():
        if root.exists():
            raise NotADirectoryError(
                f"{printable(root)}: expected a folder of images, got a file; unpack or convert it"
            )
        raise FileNotFoundError(
            f"{printable(root)}: expected a folder of images, there is none; check the path"
        )
    parts = _train_and_test(root)
    if parts is None:
        names = _choose_classes(root, wanted)
        files, y = _list_images(root, names, limit)
        train, test = holdout_rows(y, test_size, random_state)
        train_files, y_train = [files[i] for i in train], y[train]
        test_files, y_test = [files[i] for i in test], y[test]
        split = "stratified hold-out"
    else:
        names = _choose_classes(parts[0], wanted)
        _check_same_classes(*parts, names, exactly=wanted is None)
        train_files, y_train = _list_images(parts[0], names, limit)
        test_files, y_test = _list_images(parts[1], names, limit)
        split = f"the folders {parts[0].name} and {parts[1].name}"
    return Dataset(
        name=root.resolve().name or "images",
        X_train=_read_images(train_files, size),
        y_train=y_train,
        X_test=_read_images(test_files, size),
        y_test=y_test,
        feature_names=rgb_feature_names(size),
        class_names=dict(enumerate(names)),
        description=(
            f"Images of {listed(names)} in {printable(root)}: {size} x {size} RGB pixels divided by 255; "
            f"{split}."
        ),
    )


# --- arguments ----------------------------------------------------------------------------------------------


def _check_classes(classes: Sequence[str] | None) -> list[str] | None:
    if classes is None:
        return None
    remedy = "name two or more class folders, such as classes=['cat', 'dog']"
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(f"classes must be a sequence of str or None, got {type(classes).__name__}; {remedy}")
    names = list(classes)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"classes must hold str only, got {type(name).__name__}; {remedy}")
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"classes must hold at least 2 different names, got {names}; {remedy}")
    return names


def _import_pillow() -> tuple[ModuleType, ModuleType]:
    """Return Pillow's modules Image and ImageOps, or raise ImportError with the extra that brings them."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            f"reading images needs Pillow ({error}); install it with pip install 'knn-cert[images]'"
        ) from error
    return Image, ImageOps


# --- folders ------------------------------------------------------------------------------------------------


def _subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder that are not hidden, sorted.

    A link that leads nowhere counts: it may have been a class, and is refused when it is read.
    """
    return sorted(
        p.name
        for p in folder.iterdir()
        if not p.name.startswith(".") and (p.is_dir() or (p.is_symlink() and not p.exists()))
    )


def _refuse_link(folder: Path) -> None:
    """Raise if a folder is a symbolic link, which can lead outside, in circles, or to images read before."""
    if folder.is_symlink():
        raise ValueError(
            f"{printable(folder)}: expected a folder, got a symbolic link (to "
            f"{printable(os.readlink(folder))}), which is not followed; put a copy there, link its "
            "files one by one, or remove it"
        )


def _train_and_test(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of training and test images, or None if ``root`` holds class folders."""
    there = _subfolders(root)
    for name in _TEST_FOLDERS:
        if "train" in there and name in there:
            for folder in (root / "train", root / name):
                _refuse_link(folder)
            return root / "train", root / name
    return None


def _choose_classes(folder: Path, wanted: list[str] | None) -> list[str]:
    """Return the names of the class folders to read, in the order of the class numbers."""
    there = _subfolders(folder)
    found = listed(there) or "none"
    if wanted is None:
        if len(there) < 2:
            raise ValueError(
                f"{printable(folder)}: expected at least 2 class folders (or the folders train and "
                f"{' or '.join(_TEST_FOLDERS)} with class folders in each), got {found}; make one folder for "
                "each class and put its images there"
            )
        return there
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ValueError(
            f"{printable(folder)}: expected the class folders {listed(wanted)}, {listed(missing)} missing, "
            f"got {found}; correct classes or the path"
        )
    return wanted


def _check_same_classes(train: Path, test: Path, names: list[str], *, exactly: bool) -> None:
    """Raise unless the test folder has these classes too, and if ``exactly`` no other."""
    there = set(_subfolders(test))
    alone = [(name, test) for name in names if name not in there]
    if exactly:
        alone += [(name, train) for name in sorted(there.difference(names))]
    if alone:
        raise ValueError(
            f"expected the same class folders in {printable(train)} and in {printable(test)}, got "
            f"{listed(f'no {name} in {folder.name}' for name, folder in alone)}; add images of these "
            "classes, or choose those that both have by classes=[...]"
        )


def _list_images(folder: Path, names: list[str], limit: int | None) -> tuple[list[Path], NDArray[np.int64]]:
    """Return the images of some classes, by class and then by path, and their class numbers."""
    files: list[Path] = []
    counts = []
    for name in names:
        of_class = _images_below(folder / name)
        if not of_class:
            raise ValueError(
                f"{printable(folder / name)}: expected images (files that end in {', '.join(_EXTENSIONS)}), "
                "found none; convert images of other kinds, or leave the folder out by classes=[...]"
            )
        files += of_class[:limit]
        counts.append(len(of_class[:limit]))
    return files, np.repeat(np.arange(len(names), dtype=np.int64), counts)


def _images_below(folder: Path) -> list[Path]:
    """Return the images anywhere below a folder, sorted by path as text: the same order on every system."""

    def fail(error: OSError) -> None:  # os.walk leaves a folder out that it may not open, unless told
        raise error

    _refuse_link(folder)
    found: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _refuse_link(Path(here, name))
        found += [
            Path(here, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in _EXTENSIONS
        ]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


# --- images -------------------------------------------------------------------------------------------------


def _read_images(files: list[Path], size: int) -> NDArray[np.float32]:
    """Return one row of pixels in [0, 1] for each file."""
    X = np.empty((len(files), 3 * size * size), dtype=np.float32)
    for row, file in zip(X, files, strict=True):
        row[:] = _read_image(file, size).ravel()
        # A fixed divisor, not a scaler fitted on the data: an attacker of the table cannot move it.
        row /= 255
    return X


def _read_image(file: Path, size: int) -> NDArray[np.uint8]:
    """Return the middle of an image as RGB, shape (size, size, 3)."""
    Image, ImageOps = _import_pillow()
    if not file.is_file():  # opening a pipe would wait for ever
        raise ValueError(
            f"{printable(file)}: expected an image file, got a broken link or a special file; remove it"
        )
    with open(file, "rb") as stream, warnings.catch_warnings():
        # Pillow only warns of an image up to twice its limit.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(stream, formats=_FORMATS) as image:
                # Decoding ends with the last pixel; this looks at the rest of the file (checksums in a PNG).
                image.verify()
            stream.seek(0)
            with Image.open(stream, formats=_FORMATS) as image:
                if image.mode not in _MODES:
                    raise ValueError(f"mode {image.mode} instead of at most 8 bits for a channel")
                return np.asarray(_middle(ImageOps.exif_transpose(image), size, Image.Resampling.BILINEAR))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(
                f"{printable(file)}: expected an image of at most PIL.Image.MAX_IMAGE_PIXELS = "
                f"{Image.MAX_IMAGE_PIXELS} pixels, got a larger one ({one_line(error)}); remove it, or raise "
                "the limit if you trust the file"
            ) from error
        except Exception as error:  # Pillow names no closed set of errors for a damaged file
            raise ValueError(
                f"{printable(file)}: expected a whole image ({', '.join(_FORMATS)}), got one that cannot be "
                f"read ({type(error).__name__}: {one_line(error)}); replace, convert or remove it"
            ) from error


def _middle(image: Any, size: int, resampling: Any) -> Any:
    """Return the largest square in the middle of a Pillow image, as RGB and resized."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # without this step Pillow warns that transparency gets lost
    side = min(image.size)
    # Whole pixels: a square that began at half a pixel would be blurred. Cutting out and resizing are one
    # step, because the whole of a very long and thin image, resized, may not fit into memory.
    left, top = ((length - side) // 2 for length in image.size)
    return image.convert("RGB").resize((size, size), resampling, box=(left, top, left + side, top + side))
