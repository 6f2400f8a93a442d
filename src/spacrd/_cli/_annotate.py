"""``spacrd annotate``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._console import Console, Outcome
from ._options import add_options, given
from ._outputs import add_outputs, plan_outputs, write_data
from ._parser import Command
from ._read import add_inputs, find_inputs, read

READ = ("table_key", "library_key", "region", "image_key", "coordinate_system")
LABELS = ("regions", "class_key", "by", "min_share", "default")
NAMES = ("key_added",)
ARGUMENTS = (*READ, *LABELS, *NAMES)
CHANGES: Mapping[str, Mapping[str, Any]] = {
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


def _fill(parser: argparse.ArgumentParser) -> None:
    from ..pp import annotate

    add_options(add_inputs(parser, "the section that was drawn on", folders=True, nargs=1), annotate, READ, **CHANGES)
    add_options(parser.add_argument_group("labels"), annotate, LABELS, **CHANGES)
    add_options(add_outputs(parser, required=True), annotate, NAMES, **CHANGES)


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    (target,) = plan_outputs(sources, arguments)
    from .._sections import get_table
    from ..pp import annotate

    keywords = given(arguments, ARGUMENTS)
    if (file := Path(arguments.regions).expanduser()).is_file():
        keywords["regions"] = file
    (source,) = sources
    data = read(source, arguments, console)
    annotate(data, **keywords)
    console.say(f"Writing {target}")
    write_data(data, target, source, [arguments.table_key])
    labels = get_table(data, arguments.table_key).obs[arguments.key_added]
    classes = {str(name): int(number) for name, number in labels.value_counts().items()}
    record = {"outputs": [str(target)], "classes": classes, "unlabelled": int(labels.isna().sum())}
    counts = [f"{number:>8}  {name}" for name, number in [*classes.items(), ("(no label)", record["unlabelled"])]]
    return Outcome(record, "\n".join([*counts, f"obs[{arguments.key_added!r}] is in {target}"]))


COMMAND = Command(
    "annotate",
    "give spots the class of the region that was drawn around them",
    _fill,
    _run,
    """\
  spacrd annotate section.zarr --regions slide.geojson --key-added pathologist --out labelled.zarr
  spacrd annotate outs --fullres-image he.tif --regions he.geojson --key-added class --default normal --out one.zarr
""",
)
