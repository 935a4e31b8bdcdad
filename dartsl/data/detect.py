"""From what a user names (`digits`, a file, a folder) to a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dartsl.data.images import FORMS, IMAGE, Expected, Form, ImageData, check_expected
from dartsl.data.named import DATA, OF_IMAGES, locate
from dartsl.data.readers import cifar_binary, cifar_python, digits, embedded, folder, idx, npz, table
from dartsl.data.readers.layout import is_image_folder, unwrapped
from dartsl.data.targets import CLASSES, Wanted, require_answers
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Images, Input, Series, Vector
from dartsl.lang.settings.values import names_table

# By the kind of a network's input, and name.
EMBEDDED: dict[tuple[str, str], Callable[[], ImageData]] = {
    (Images.kind, "digits"): digits.read,
    (Series.kind, "digits"): digits.read_series,
    (Vector.kind, "breast_cancer"): embedded.read_breast_cancer,
    (Vector.kind, "diabetes"): embedded.read_diabetes,
}
KINDS: dict[int, type[Input]] = {1: Vector, 2: Series, 3: Images}  # by the number of axes of an example
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


def load(
    name_or_path: str,
    *,
    expect: Expected | None = None,
    parameter: str | None = None,
    sizes: Sequence[str | None] = (),
    wanted: Wanted = CLASSES,
) -> ImageData:
    """Read an embedded data set by its name, or a file or folder, whose format is found out.

    `expect` is (channels, height, width, classes) of the network that will use it (or (channels, length, classes), or
    (features, classes)); `parameter` is that of the network which sets its classes, if there is one, and `sizes` are
    those which set the sizes of its input, in the order of `expect`, None where none does. A folder of images
    is resized to what is expected, other formats must fit. `wanted` says whether classes or numbers are to be
    predicted, and which columns of a table they are.
    Raises UserError where there is no such data set, where it is damaged or holds anything else than examples and
    labels, where it does not fit `expect`, and where it is too small to be halved.
    """
    data = _read(name_or_path, expect, wanted)
    require_answers(data.name, data.numbers, wanted.numbers)
    if expect is not None:
        check_expected(data, expect, parameter, sizes)
    if len(data.train_images) < 2:
        raise UserError(
            f"{data.name}: one training {data.form.one}, which cannot be split between weights and alphas",
            f"add training {data.form.several}",
        )
    return data


def _read(name_or_path: str, expect: Expected | None, wanted: Wanted) -> ImageData:
    takes = Images if expect is None else KINDS[len(expect) - 1]
    path = locate(name_or_path, takes)
    if path is None:
        return EMBEDDED[takes.kind, name_or_path]()
    try:
        form = IMAGE if expect is None else FORMS[len(expect) - 1]
        if path.is_dir() and form is not IMAGE:
            raise UserError(
                f"{path}: a folder, and the network takes {form.several}", "name an .npz file of them"
            )
        return _read_folder(path, expect) if path.is_dir() else _read_file(path, form, wanted)
    except OSError as error:  # not allowed, or gone
        raise UserError(
            f"{name_or_path}: cannot be read ({error})", "check the path and its permissions"
        ) from None


def _read_file(path: Path, form: Form, wanted: Wanted) -> ImageData:
    if names_table(path.name):
        if form is not FORMS[1]:
            raise UserError(
                f"{path}: a table, and the network takes {form.several}", "`input vector(features)`"
            )
        return table.read(path, wanted)
    if path.suffix.lower() == ".npz":
        return npz.read(path, form, wanted.numbers)
    if path.name.endswith(_ARCHIVES):
        raise UserError(f"{path}: an archive", "unpack it and name the folder it holds")
    if "ubyte" in path.name or path.name.startswith(("data_batch", "test_batch")):
        raise UserError(f"{path}: one file of a data set of several", f"name its folder: {path.parent}")
    raise UserError(f"{path}: a file of an unknown format", f"give {DATA[form.several].formats}")


def _read_folder(path: Path, expect: Expected | None) -> ImageData:
    """A data set that lies in `path`, in a folder that it only wraps, or in one that torchvision makes below it."""
    found = _found(path) or _found(unwrapped(path))
    if found is not None:
        return found()
    if is_image_folder(path):
        return folder.read(path, None if expect is None else (expect[0], expect[1], expect[2]))
    files = sorted(path.rglob("*.npz"))
    if files:
        raise UserError(
            f"{path}: a folder of .npz files", f"name one of them: {', '.join(map(str, files[:4]))}"
        )
    raise UserError(f"{path}: a folder of an unknown format", f"give {OF_IMAGES.formats}")


def _found(path: Path) -> Callable[[], ImageData] | None:
    """The reader of CIFAR or IDX files in a folder or those below it. Raises UserError for several data sets."""
    found = _recognise(path)
    if found is not None:
        return found
    inner = sorted(child for child in path.iterdir() if child.is_dir())
    inner += [child / "raw" for child in inner if (child / "raw").is_dir()]
    below = {child: reader for child in inner if (reader := _recognise(child)) is not None}
    if len(below) > 1:
        names = ", ".join(str(child) for child in below)
        raise UserError(f"{path}: holds several data sets", f"name one of them: {names}")
    return next(iter(below.values()), None)


def _recognise(path: Path) -> Callable[[], ImageData] | None:
    """The reader of the CIFAR or IDX files that lie in `path` itself; one file of a set is enough."""

    def has(*names: str) -> bool:
        return any((path / name).is_file() for name in names)

    if has(*cifar_python.CIFAR10_TRAIN, "test_batch"):
        return lambda: cifar_python.read_cifar10(path)
    if has(*cifar_binary.CIFAR10_TRAIN, "test_batch.bin"):
        return lambda: cifar_binary.read_cifar10(path)
    if has("train", "test"):
        return lambda: cifar_python.read_cifar100(path)
    if has("train.bin", "test.bin"):
        return lambda: cifar_binary.read_cifar100(path)
    if any(idx.find_file(path, part, kind) for part in ("train", "t10k") for kind in ("images", "labels")):
        resolved = path.resolve()
        name = resolved.parent.name if resolved.name == "raw" else resolved.name
        return lambda: idx.read(path, name)
    return None
