"""Make torchvision importable beside a torch build its compiled operators do not match."""

from __future__ import annotations

from typing import Any

_declared: list[Any] = []
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> None:
    """Import torchvision, which timm and Lightning's metrics do unconditionally.

    With a CPU build of torch and a CUDA build of torchvision the import dies because two operators are not
    registered. Neither is used here: on exactly that error they are declared, and the import is tried again.
    """
    import sys

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error) or _declared:
            raise
        import torch

        operators = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS:
            operators.define(schema)
        _declared.append(operators)  # the declaration lives as long as this object
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision  # noqa: F401
    except ImportError:
        # torch alone is enough for training: torchmetrics does without torchvision.
        return
