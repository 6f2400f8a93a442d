"""``spacrd patches``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ._console import Console, Outcome, table_text
from ._inputs import Input
from ._options import add_options, given
from ._outputs import add_outputs, plan_outputs, write_data
from ._parser import Command
from ._read import add_inputs, find_inputs, read_all

READ = ("table_key", "library_key", "region", "image_key", "coordinate_system", "mpp")
CUT = ("encoder", "weights", "patch_um", "batch_size", "precision")
NAMES = ("key_added", "store_shapes")
COMPUTED = ("device", "n_workers", "resume")
ARGUMENTS = (*READ, *CUT, *NAMES, *COMPUTED)
CHANGES: Mapping[str, Mapping[str, Any]] = {
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


def _fill(parser: argparse.ArgumentParser) -> None:
    from ..pp import extract_patches

    add_options(add_inputs(parser, "sections with an image", folders=True), extract_patches, READ, **CHANGES)
    add_options(parser.add_argument_group("patches"), extract_patches, CUT, **CHANGES)
    add_options(add_outputs(parser, required=True), extract_patches, NAMES, **CHANGES)
    add_options(parser.add_argument_group("computing"), extract_patches, COMPUTED, **CHANGES)


def _run(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    targets = plan_outputs(sources, arguments)
    from .. import encoders
    from .._keys import Keys
    from ..pp import extract_patches

    key = arguments.key_added or Keys.embedding(encoders.get(arguments.encoder).name)
    sections = read_all(sources, arguments, console)
    before = [_shapes(data) for data in sections]
    console.say(f"Embedding patches with {arguments.encoder}")
    extract_patches(sections, **given(arguments, ARGUMENTS))
    rows = []
    for source, data, target, old in zip(sources, sections, targets, before, strict=True):
        rows += _rows(source, data, arguments.table_key, key)
        console.say(f"Writing {target}")
        squares = [name for name, element in _shapes(data).items() if old.get(name) is not element]
        write_data(data, target, source, [arguments.table_key, *squares])
    text = table_text(rows, ["section", "n_patches", "n_off_image", "patch_um", "mpp", "image"])
    outputs = [str(target) for target in targets]
    record = {"outputs": outputs, "embedding": key, "sections": rows}
    return Outcome(record, f"{text}\nobsm[{key!r}] is in {', '.join(outputs)}")


def _shapes(data: Any) -> dict[str, Any]:
    return dict(getattr(data, "shapes", {}))


def _rows(source: Input, data: Any, table_key: str, key: str) -> list[dict[str, Any]]:
    from .._sections import get_table, result_record

    sections = result_record(get_table(data, table_key), key)["sections"]
    return [{"input": source.given, "section": name, **facts} for name, facts in sections.items()]


COMMAND = Command(
    "patches",
    "cut a patch around each spot and embed it",
    _fill,
    _run,
    """\
  spacrd patches section.zarr --out patches.zarr
  spacrd patches outs --fullres-image he.tif --out section.zarr        Space Ranger
  spacrd patches one.h5ad two.h5ad --out-dir patches --patch-um 100
  spacrd patches hd --table-key square_016um --encoder uni --weights uni.bin --out hd.zarr
""",
)
