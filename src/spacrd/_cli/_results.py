"""Commands that show results: ``spacrd evaluate``, ``spacrd report`` and ``spacrd demo``."""

from __future__ import annotations

import argparse

from .._files import checked_path
from ._apart import check_apart
from ._console import Console, Outcome, table_text
from ._inputs import Input, add_inputs, add_model, find_inputs, is_zarr, load_model, read
from ._options import Changes, add_options, given
from ._outputs import add_outputs, check_writable, plan_outputs
from ._parser import Command

KEY_HELP = {"help": "name of the result, --key-added of spacrd score"}
EVALUATE_READS = ("table_key", "library_key", "key")
LABELS = ("label_key", "positive", "ignore")
EVALUATE_CHANGES: Changes = {
    "key": KEY_HELP,
    "positive": {
        "action": "append",
        "metavar": "CLASS",
        "help": "class that counts as cancer, every other one counts as normal; repeat it for several",
    },
    "ignore": {
        "action": "append",
        "metavar": "CLASS",
        "default": None,
        "help": "class that is left out, such as undetermined; repeat it for several",
    },
}


def _fill_evaluate(parser: argparse.ArgumentParser) -> None:
    add_options(add_inputs(parser, "scored sections with labels"), "metrics.evaluate", EVALUATE_READS, EVALUATE_CHANGES)
    add_options(parser.add_argument_group("labels"), "metrics.evaluate", LABELS, EVALUATE_CHANGES)


def _evaluate(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    from ..metrics import evaluate

    keywords = given(arguments, EVALUATE.arguments)
    keywords["ignore"] = arguments.ignore or ()
    rows = []
    for source in sources:
        frame = evaluate(read(source, arguments, console), **keywords)
        rows += [{"input": source.given, **row} for row in frame.reset_index().to_dict("records")]
    columns = [name for name in rows[0] if name != "input" or len(sources) > 1]
    return Outcome({"sections": rows}, table_text(rows, columns), asked=True)


EVALUATE = Command(
    "evaluate",
    "compare scored sections with their labels",
    "metrics.evaluate",
    (*EVALUATE_READS, *LABELS),
    _fill_evaluate,
    _evaluate,
    """\
  spacrd evaluate scored.zarr --label-key pathologist --positive "invasive cancer"
  spacrd evaluate *.h5ad --label-key class --positive tumour --ignore undetermined --json > metrics.json
""",
)

REPORT_OUT = "report of all inputs: an HTML file, or a folder for an overview and a page for each section"
REPORT_READS = ("table_key", "library_key", "key", "image_key", "coordinate_system")


def _fill_report(parser: argparse.ArgumentParser) -> None:
    add_options(add_inputs(parser, "scored sections"), "report", REPORT_READS, {"key": KEY_HELP})
    add_model(parser, required=False, text="folder of the model that scored, for more facts about it")
    add_outputs(parser, REPORT_OUT, required=True)


def _report(arguments: argparse.Namespace, console: Console) -> Outcome:
    sources = find_inputs(arguments)
    if arguments.out is not None and (len(sources) > 1 or not arguments.out.lower().endswith(".html")):
        return _report_together(sources, arguments, console)
    targets = plan_outputs(sources, arguments, suffix=".html")
    check_apart(arguments, sources, targets)
    from .. import report

    model = None if arguments.model is None else load_model(arguments.model)
    keywords = given(arguments, REPORT.arguments)
    for source, target in zip(sources, targets, strict=True):
        data = read(source, arguments, console)
        console.say(f"Writing {target}")
        target.parent.mkdir(parents=True, exist_ok=True)
        report(data, target, model=model, overwrite=arguments.overwrite, **keywords)
    outputs = [str(target) for target in targets]
    return Outcome({"outputs": outputs}, f"Reports are in {', '.join(outputs)}")


def _report_together(sources: list[Input], arguments: argparse.Namespace, console: Console) -> Outcome:
    """Write one report of all inputs: a page, or a folder with an overview and a page for each section."""
    from .. import report
    from .._report import checked_place, is_page

    target = checked_path(arguments.out, "--out")
    if target.suffix and not is_page(target) and (is_zarr(target) or not target.is_dir()):
        raise ValueError(
            f"{arguments.out!r} cannot hold a report: end it in .html, or name a folder, without a suffix, for a page "
            "of each section."
        )
    check_apart(arguments, sources, [], out=target)
    check_writable(target)
    if target.parent.is_dir():
        checked_place(target, overwrite=arguments.overwrite)  # before the sections are read
    model = None if arguments.model is None else load_model(arguments.model)
    data = [read(source, arguments, console) for source in sources]
    console.say(f"Writing {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    report(data, target, model=model, overwrite=arguments.overwrite, **given(arguments, REPORT.arguments))
    return Outcome({"outputs": [str(target)]}, f"The report of {len(sources)} inputs is in {target}")


REPORT = Command(
    "report",
    "write a self-contained HTML report of scored sections",
    "report",
    REPORT_READS,
    _fill_report,
    _report,
    """\
  spacrd report scored.zarr --out report.html
  spacrd report scored.zarr --model model --out report.html --overwrite
  spacrd report scored/*.h5ad --model model --out cohort
  spacrd report scored/*.h5ad --model model --out-dir reports
""",
)

DEMO_OPTIONS = ("out", "data", "target", "seed", "overwrite")


def _fill_demo(parser: argparse.ArgumentParser) -> None:
    metavars = {"out": "DIR", "data": "DIR", "target": "SECTION"}
    add_options(parser, "_demo.demo", DEMO_OPTIONS, {name: {"metavar": metavar} for name, metavar in metavars.items()})


def _demo(arguments: argparse.Namespace, console: Console) -> Outcome:
    import pandas as pd

    from .._demo import demo

    check_apart(arguments, [], [], out=checked_path(arguments.out, "--out"))
    say = console.say if console.quiet or console.as_json else console.result
    folder = demo(**given(arguments, DEMO.arguments), say=say)
    metrics = pd.read_csv(folder / "metrics.csv").to_dict("records")
    return Outcome({"outputs": [str(folder)], "sections": metrics}, "")


DEMO = Command(
    "demo",
    "fit on two simulated sections, score a third, save images, scores and model",
    "",
    DEMO_OPTIONS,
    _fill_demo,
    _demo,
    """\
  spacrd demo
  spacrd demo --data her2st --target A1 --out her2st-demo
""",
)
