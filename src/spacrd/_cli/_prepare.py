"""Commands that prepare sections: ``spacrd annotate`` and ``spacrd patches``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._files import checked_path
from ._apart import check_apart
from ._console import Console, Outcome, table_text
from ._each import for_each, outcome_of
from ._inputs import Input, add_inputs, find_inputs, read
from ._options import Changes, add_options, given
from ._outputs import add_outputs, check_holds, plan_outputs, write_data
from ._parser import Command

DRAWN_ON = ("table_key", "library_key", "region", "image_key", "coordinate_system")
LABELS = ("regions", "class_key", "by", "min_share", "default")
LABEL_NAMES = ("key_added",)
ANNOTATE_CHANGES: Changes = {
    "regions": {
        "metavar": "FILE",
        "help": "GeoJSON file of QuPath (File, Export objects as GeoJSON), or the name of a shapes element of a "
        "SpatialData. Coordinates are pixels of the image, but those of a shapes element, which its transformations "
        "place",
    },
    "default": {
        "metavar": "CLASS",
        "help": "class of spots that no region touches; by default they are unlabelled. With it they count as examples "
        "of that class in a fit",
    },
    "key_added": {"metavar": "NAME"},
}


def _fill_annotate(parser: argparse.ArgumentParser) -> None:
    inputs = add_inputs(parser, "the section that was drawn on", folders=True, nargs=1)
    add_options(inputs, "pp.annotate", DRAWN_ON, ANNOTATE_CHANGES)
    add_options(parser.add_argument_group("labels"), "pp.annotate", LABELS, ANNOTATE_CHANGES)
    add_options(add_outputs(parser, required=True), "pp.annotate", LABEL_NAMES, ANNOTATE_CHANGES)


def _annotate(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    (target,) = plan_outputs(sources, arguments)
    check_apart(arguments, sources, [target])
    from .._sections import get_table
    from ..pp import annotate

    keywords = given(arguments, ANNOTATE.arguments)
    if (file := Path(arguments.regions).expanduser()).is_file():
        keywords["regions"] = file
    (source,) = sources
    data = read(source, arguments, console)
    check_holds(data, target, arguments.library_key)
    annotate(data, **keywords)
    console.say(f"Writing {target}")
    write_data(data, target, source, [arguments.table_key])
    labels = get_table(data, arguments.table_key).obs[arguments.key_added]
    classes = {str(name): int(number) for name, number in labels.value_counts().items()}
    record = {"outputs": [str(target)], "classes": classes, "unlabelled": int(labels.isna().sum())}
    counts = [f"{number:>8}  {name}" for name, number in [*classes.items(), ("(no label)", record["unlabelled"])]]
    return Outcome(record, "\n".join([*counts, f"obs[{arguments.key_added!r}] is in {target}"]))


ANNOTATE = Command(
    "annotate",
    "give spots the class of the region that was drawn around them",
    "pp.annotate",
    (*DRAWN_ON, *LABELS, *LABEL_NAMES),
    _fill_annotate,
    _annotate,
    """\
  spacrd annotate section.zarr --regions slide.geojson --key-added pathologist --out labelled.zarr
  spacrd annotate outs --fullres-image he.tif --regions he.geojson --key-added class --default normal --out one.zarr
""",
)

CUT_FROM = ("table_key", "library_key", "region", "image_key", "coordinate_system", "mpp")
CUT = ("encoder", "weights", "patch_um", "batch_size", "precision")
PATCH_NAMES = ("key_added", "store_shapes")
COMPUTED = ("device", "n_workers", "resume")
PATCHES_CHANGES: Changes = {
    "table_key": {"help": "table of a SpatialData; of Visium HD that of a bin size, such as square_008um"},
    "encoder": {
        "help": "handcrafted (colour and texture, no weights), a name of spacrd.encoders.available(), a model name of "
        "timm, hf-hub:org/name or local-dir:/path"
    },
    "weights": {"metavar": "PATH", "help": "weights file or folder of the encoder; by default the published ones"},
    "store_shapes": {
        "nargs": "?",
        "const": True,
        "metavar": "NAME",
        "help": "store the patch squares as shapes, under this name or <region>_<encoder>_patches (SpatialData)",
    },
    "key_added": {"metavar": "NAME"},
    "resume": {"metavar": "DIR"},
}


def _fill_patches(parser: argparse.ArgumentParser) -> None:
    inputs = add_inputs(parser, "sections with an image", folders=True)
    add_options(inputs, "pp.extract_patches", CUT_FROM, PATCHES_CHANGES)
    add_options(parser.add_argument_group("patches"), "pp.extract_patches", CUT, PATCHES_CHANGES)
    add_options(add_outputs(parser, required=True), "pp.extract_patches", PATCH_NAMES, PATCHES_CHANGES)
    add_options(parser.add_argument_group("computing"), "pp.extract_patches", COMPUTED, PATCHES_CHANGES)


def _patches(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    targets = plan_outputs(sources, arguments)
    resume = None if arguments.resume is None else checked_path(arguments.resume, "--resume")
    check_apart(arguments, sources, targets, resume=resume)
    from .. import encoders
    from .._keys import Keys
    from ..pp import extract_patches, find_store, warn_unequal

    blocks: list[Path] = []  # of each input; sections of one name in a folder of their own
    if resume is not None:
        blocks = [resume] if len(sources) == 1 or resume.is_file() else [resume / target.stem for target in targets]
    for folder in blocks:
        find_store(folder)
    key = arguments.key_added or Keys.embedding(encoders.get(arguments.encoder).name)
    keywords = given(arguments, PATCHES.arguments)
    rows: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    outputs: list[str] = []

    def embed(number: int, source: Input) -> None:
        data = read(source, arguments, console)
        check_holds(data, targets[number], arguments.library_key)
        before = _shapes(data)
        console.say(f"Embedding patches with {arguments.encoder}")
        if blocks:
            keywords["resume"] = blocks[number]
        extract_patches(data, **keywords)
        console.say(f"Writing {targets[number]}")
        squares = [name for name, element in _shapes(data).items() if before.get(name) is not element]
        write_data(data, targets[number], source, [arguments.table_key, *squares])
        outputs.append(str(targets[number]))
        records.append(_patch_record(data, arguments.table_key, key))
        rows.extend(_patch_rows(source, records[-1]))

    failures = for_each(sources, console, embed)
    if records:
        warn_unequal(records)
    text = table_text(rows, ["section", "n_patches", "n_off_image", "patch_um", "mpp", "image"])
    record = {"outputs": outputs, "embedding": key, "sections": rows}
    return outcome_of(record, f"{text}\nobsm[{key!r}] is in {', '.join(outputs)}", failures, len(sources))


def _shapes(data: Any) -> dict[str, Any]:
    return dict(getattr(data, "shapes", {}))


def _patch_record(data: Any, table_key: str, key: str) -> dict[str, Any]:
    """Return what was recorded of the patches of an input."""
    from .._sections import get_table, result_record

    return dict(result_record(get_table(data, table_key), key))


def _patch_rows(source: Input, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was recorded of the patches, one entry per section."""
    return [{"input": source.given, "section": name, **facts} for name, facts in record["sections"].items()]


PATCHES = Command(
    "patches",
    "cut a patch around each spot and embed it",
    "pp.extract_patches",
    (*CUT_FROM, *CUT, *PATCH_NAMES, *COMPUTED),
    _fill_patches,
    _patches,
    """\
  spacrd patches section.zarr --out patches.zarr
  spacrd patches outs --fullres-image he.tif --out section.zarr        Space Ranger
  spacrd patches one.h5ad two.h5ad --out-dir patches --patch-um 100
  spacrd patches *.zarr --out "patches/{name}_he.zarr"
  spacrd patches hd --table-key square_016um --encoder uni --weights uni.bin --out hd.zarr
""",
)
