"""The public calls of the main job on made-up sections, one in a process of its own; ``main_job.py`` runs them.

``python -m benchmarks.main_job_cases CASE FOLDER`` prints one line of JSON. It works with the spacrd that is imported,
which may be that of another commit.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

LABEL = {"label_key": "label", "positive": "cancer"}
N_MARKERS = 10
"""One gene in so many is higher in cancer."""
MODEL_SPOTS = 4000
"""Most spots of a section that a model which scores larger ones is fitted on."""
PATCHES_PX, MPP = 2400, 0.5
Call = Callable[[], Any]


@dataclass(frozen=True)
class Size:
    """How large the sections are: spots of each, genes, one gene in how many is seen in a spot, width of embeddings."""

    n_sections: int = 3
    spots: int = 1000
    genes: int = 4000
    one_in: int = 10
    dim: int = 256
    patches: int = 500


TINY = Size(n_sections=2, spots=144, genes=60, one_in=3, dim=8, patches=9)
"""Of the sections that load the libraries before a call is measured."""


class Cases:
    """Hold the sections of one size, and the calls on them; ``folder`` has models of the imported spacrd."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder

    def sections(self, image: bool = True) -> list[Any]:
        return [section(self.size, seed, image=image) for seed in range(self.size.n_sections)]

    def model(self, name: str = "expression") -> Any:
        import spacrd

        path = self.model_path(name)
        if not path.exists():
            small = Cases(replace(self.size, spots=min(self.size.spots, MODEL_SPOTS)), self.folder)
            _fit(small.sections(name == "both"), name).save(path)
        return spacrd.SpaCRD.load(path)

    def model_path(self, name: str) -> Path:
        return self.folder / f"{name}-{min(self.size.spots, MODEL_SPOTS)}-{self.size.genes}"

    def fit_expression(self) -> Call:
        data = self.sections(image=False)
        return lambda: _fit(data, "expression")

    def fit_both(self) -> Call:
        data = self.sections()
        return lambda: _fit(data, "both")

    def score_in_memory(self) -> Call:
        import spacrd

        data, model = section(self.size, 9), self.model("both")
        return lambda: spacrd.tl.score(data, model)

    def score_from_zarr(self) -> Call:
        import anndata as ad
        import zarr

        import spacrd

        data, model = section(self.size, 9), self.model("both")
        group = zarr.open_group(self.folder / f"section-{self.size.spots}-{self.size.genes}.zarr", mode="w")
        ad.io.write_elem(group, "X", data.X)
        width = data.obsm["X_made"].shape[1]
        group.create_array("features", data=data.obsm["X_made"], chunks=(4096, width))
        data.X, data.obsm["X_made"] = ad.io.sparse_dataset(group["X"]), group["features"]
        return lambda: spacrd.tl.score(data, model)

    def scored(self) -> tuple[Any, Any]:
        import spacrd

        data, model = section(self.size, 9), self.model("both")
        spacrd.tl.score(data, model)
        return data, model

    def explain(self) -> Call:
        import spacrd

        data, model = self.scored()
        return lambda: spacrd.tl.explain(data, model)

    def threshold(self) -> Call:
        import spacrd

        data, _ = self.scored()
        return lambda: spacrd.tl.threshold(data, method="gmm")

    def regions(self) -> Call:
        import spacrd

        data, _ = self.scored()
        return lambda: spacrd.tl.regions(data, mpp=1.0)

    def evaluate(self) -> Call:
        import spacrd

        data, _ = self.scored()
        return lambda: spacrd.metrics.evaluate(data, **LABEL)

    def report(self) -> Call:
        import spacrd

        data, model = self.scored()
        return lambda: spacrd.report(data, self.folder / "report.html", model=model, overwrite=True)

    def cross_validate(self) -> Call:
        import spacrd

        data = self.sections(image=False)
        return lambda: spacrd.tl.cross_validate(data, **LABEL, modality="expression", baselines=False)

    def cross_validate_her2st(self) -> Call:
        """The five sections with a pathologist's labels, of the folder in SPACRD_DATA, whatever the size."""
        from benchmarks.sections import PROTOCOLS
        from benchmarks.sections import section as real

        import spacrd

        data = [real(name) for name in PROTOCOLS["expression"]]
        return lambda: spacrd.tl.cross_validate(
            data, "cancer", positive="cancer", modality="expression", baselines=False
        )

    def save(self) -> Call:
        model = self.model()
        return lambda: model.save(self.folder / "saved", overwrite=True)

    def load(self) -> Call:
        import spacrd

        self.model("both")
        return lambda: spacrd.SpaCRD.load(self.model_path("both"))

    def extract_patches(self) -> Call:
        import numpy as np
        from benchmarks.patches_images import section as with_image
        from benchmarks.patches_images import spots

        import spacrd

        image = np.random.default_rng(0).integers(0, 255, (3, PATCHES_PX, PATCHES_PX), dtype=np.uint8)
        data = with_image(image, spots(PATCHES_PX, self.size.patches))
        return lambda: spacrd.pp.extract_patches(data, encoder="handcrafted", mpp=MPP, patch_um=112.0, key_added="X")


PROGRAMS = {
    "import_spacrd": [sys.executable, "-c", "import spacrd"],
    "import_all": [sys.executable, "-c", "import spacrd; spacrd.tl, spacrd.pp, spacrd.pl, spacrd.SpaCRD"],
    "help_score": [sys.executable, "-m", "spacrd", "score", "--help"],
    "help_fit": [sys.executable, "-m", "spacrd", "fit", "--help"],
}
"""Cases that are a program of their own; all of it is measured, and so is that of ``first_fit``."""
CASES = [
    *PROGRAMS,
    "first_fit",
    "fit_expression",
    "fit_both",
    *("score_in_memory", "score_from_zarr", "explain", "threshold", "regions", "evaluate", "report"),
    *("cross_validate", "save", "load", "extract_patches"),
]
REAL = ["cross_validate_her2st"]
"""Cases on real sections, run only when they are named."""
SPOTS = {"first_fit": 1000, "import_spacrd": 0, "import_all": 0, "help_score": 0, "help_fit": 0, "save": 0, "load": 0}
SPOTS |= dict.fromkeys(REAL, 0)
OF_ALL = ("fit_expression", "fit_both", "cross_validate")


def section(size: Size, seed: int, *, image: bool = True) -> Any:
    """A section on a grid, whose left half is cancer, with counts of a known density."""
    import numpy as np
    from benchmarks.scale_cases import counts, table

    made = table(size.spots, size.genes, seed=seed, dim=size.dim if image else 1)
    cancer = (made.obs["label"] == "cancer").to_numpy()
    matrix = counts(np.random.default_rng(seed), size.spots, size.genes, size.one_in)
    raised = cancer[np.repeat(np.arange(size.spots), np.diff(matrix.indptr))] & (matrix.indices % N_MARKERS == 0)
    matrix.data[raised] *= 2
    made.X = matrix
    if image:
        made.obsm["X_made"][cancer, : size.dim // 8] += 0.5
    else:
        del made.obsm["X_made"], made.uns["spacrd"]
    return made


def _fit(data: list[Any], name: str) -> Any:
    import spacrd

    reads = {"modality": "expression"} if name == "expression" else {"image_rep": "X_made"}
    return spacrd.tl.fit(data, **LABEL, **reads)


def n_spots(case: str, size: Size) -> int:
    """Spots that a case works on."""
    found = SPOTS.get(case, size.spots)
    return size.patches if case == "extract_patches" else found * (size.n_sections if case in OF_ALL else 1)


def program(words: list[str]) -> dict[str, float]:
    """CPU seconds and peak memory of a program of its own."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_s": used.ru_utime + used.ru_stime, "peak_gib": used.ru_maxrss * 1024 / 2**30}


def call(case: str, size: Size, folder: Path) -> dict[str, float]:
    """CPU seconds and peak memory of a call, after the same on a tiny section has loaded the libraries."""
    from benchmarks.scale_cases import Peak

    getattr(Cases(TINY, folder), case)()()
    work = getattr(Cases(size, folder), case)()
    with Peak() as peak:
        work()
    return {"cpu_s": peak.cpu, "peak_gib": peak.total / 2**30}


def measure(case: str, size: Size, folder: Path) -> dict[str, Any]:
    """One row of the table: figures, or the reason why there are none."""
    row = {"case": case, **asdict(size), "n": n_spots(case, size)}
    try:
        if case in PROGRAMS:
            return {**row, **program(PROGRAMS[case])}
        if case == "first_fit":
            path = folder / "first.h5ad"
            section(Size(spots=SPOTS[case], genes=size.genes, one_in=size.one_in), 0, image=False).write_h5ad(path)
            words = (
                f"spacrd.tl.fit(anndata.read_h5ad({str(path)!r}), 'label', positive='cancer', modality='expression')"
            )
            return {**row, **program([sys.executable, "-c", f"import anndata, spacrd; {words}"])}
        return {**row, **call(case, size, folder)}
    except subprocess.CalledProcessError as error:
        return {**row, "reason": error.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]}
    except Exception as error:  # a case that another commit does not know
        return {**row, "reason": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.environ.setdefault("SPACRD_PROGRESS", "0")
    print(json.dumps(measure(sys.argv[1], Size(**json.loads(sys.argv[3])), Path(sys.argv[2]))))
