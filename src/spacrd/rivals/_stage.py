"""STAGE: an auto-encoder of expression whose bottleneck is the place of a spot (Li et al., 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .._checks import check_choice, check_positive_int
from ..features import SectionArrays, scale
from ._card import RivalCard
from ._inputs import GeneSpace, normal_spots
from ._interface import FittedRival, MissingInputError, RivalScore
from ._markers import top_markers
from ._registry import Entry

if TYPE_CHECKING:
    from ._stage_network import PlaceAutoencoder
    from ._train import Training

SCORES = ("markers", "reconstruction")


class STAGE:
    """Expression smoothed by its place, or its reconstruction error.

    Parameters
    ----------
    score
        ``"markers"``: train on the section to be scored, decode the places of its spots to smooth expression, and
        average the markers, each scaled to 0..1. ``"reconstruction"``: train on the spots labelled normal, and score
        the squared error of a spot. The first is what the authors use their method for.
    markers
        Genes that are high in cancer; by default the ``n_markers`` genes that differ most on the training sections.
        Used by ``score="markers"``.
    n_markers
        Number of markers to find.
    n_top_genes
        Highly variable genes to read beside the markers.
    epochs, batch_size
        Passes over the spots, and spots in a batch. The authors use 2000 passes or more.
    """

    def __init__(
        self,
        *,
        score: str = "markers",
        markers: Sequence[str] | None = None,
        n_markers: int = 10,
        n_top_genes: int = 3000,
        epochs: int = 300,
        batch_size: int = 512,
    ) -> None:
        self.kind = check_choice(score, SCORES, "score")
        if markers is not None and (isinstance(markers, str) or not len(markers)):
            raise ValueError(f"markers must be a list of at least one gene name, got {markers!r}.")
        self.markers = markers
        self.n_markers = check_positive_int(n_markers, "n_markers")
        self.n_top_genes = check_positive_int(n_top_genes, "n_top_genes")
        self.epochs = check_positive_int(epochs, "epochs")
        self.batch_size = check_positive_int(batch_size, "batch_size")

    def fit(self, sections: Sequence[SectionArrays], *, seed: int = 0) -> FittedRival:
        """Find genes and markers; train on normal spots for the reconstruction error."""
        from ._stage_network import train
        from ._train import Training

        training = Training(self.epochs, self.batch_size)
        if self.kind == "reconstruction":
            normal = normal_spots(sections)
            genes = GeneSpace.of(normal, self.n_top_genes)
            expression = np.concatenate([genes.dense(section) for section in normal])
            places = np.concatenate([unit_places(section.xy) for section in normal])
            return FittedReconstruction(genes, train(expression, places, training, seed))
        genes = GeneSpace.of(sections, self.n_top_genes)
        if self.markers is None:
            markers = top_markers(sections, self.n_markers)
        else:
            markers = np.unique(np.asarray(self.markers, dtype=str))
        return FittedMarkers(genes.pick(np.union1d(genes.genes, markers)), markers, training, seed)


def unit_places(xy: np.ndarray) -> np.ndarray:
    """Coordinates moved to 0 and divided by the longer side of the section, (n, 2) float64."""
    shifted = xy - xy.min(axis=0)
    return shifted / (shifted.max() or 1.0)


@dataclass(frozen=True)
class FittedMarkers:
    """Markers, and how a section is smoothed.

    Attributes
    ----------
    genes
        Genes of the auto-encoder, markers among them.
    markers
        Genes that make the score.
    training, seed
        How the auto-encoder is trained on the scored section.
    """

    genes: GeneSpace
    markers: np.ndarray
    training: Training
    seed: int

    def score(self, section: SectionArrays) -> RivalScore:
        """Mean of the smoothed markers, each scaled to 0..1 over the section."""
        from ._stage_network import train
        from ._train import evaluate

        if section.genes is not None and not np.isin(self.markers, section.genes).any():
            raise MissingInputError(f"Section {section.name!r} has none of the {len(self.markers)} markers.")
        places = unit_places(section.xy)
        network = train(self.genes.dense(section), places, self.training, self.seed)
        columns = np.flatnonzero(np.isin(self.genes.genes, self.markers))
        smoothed = evaluate(lambda block: network.decode(block)[:, columns], places)
        everyone = np.arange(len(smoothed))
        scaled = scale(smoothed, "minmax", np.ones(len(smoothed), dtype=bool)).rows(everyone)
        return RivalScore(scaled.mean(axis=1), note=", ".join(self.markers))


@dataclass(frozen=True)
class FittedReconstruction:
    """Auto-encoder of normal spots.

    Attributes
    ----------
    genes
        Genes of the auto-encoder.
    network
        Trained auto-encoder.
    """

    genes: GeneSpace
    network: PlaceAutoencoder

    def score(self, section: SectionArrays) -> RivalScore:
        """Mean squared error of each spot's expression."""
        from ._train import evaluate

        return RivalScore(evaluate(self.network.errors, self.genes.dense(section)))


_MARKERS = RivalCard(
    "STAGE + markers",
    kind="supervised",
    modality="expression",
    labels="all",
    paper="Li et al., Nucleic Acids Research 2024",
    repository="https://github.com/zhanglabtools/STAGE",
    licence="MIT",
    transductive=True,
    seeded=True,
    adapted=(
        "The original smooths and densifies expression and has no score of cancer: here the smoothed markers are "
        "averaged. Labels of the training sections choose the markers; with a list of markers no label is used. Highly "
        "variable genes of the training sections; 300 epochs in place of 2000; places divided by the longer side of "
        "the section."
    ),
    lost="Nothing.",
    depth_trap=(
        "Finds it: the mean of log-normalised values rises with depth, because noise is lost in the logarithm, and "
        "smoothing brings that out."
    ),
)
_ONE_CLASS = replace(
    _MARKERS,
    name="STAGE (one-class)",
    kind="one-class",
    labels="normal",
    transductive=False,
    adapted=(
        "A use that the authors did not intend: trained on normal spots of several sections, scored by the error of "
        "reconstruction. Places of different sections share no frame, so that the part of the loss that ties the "
        "bottleneck to places has no meaning across sections. 300 epochs in place of 2000."
    ),
    depth_trap="Ranks it backwards: spots of few counts are noisier and reconstruct worse.",
)
RIVALS = {
    "stage": Entry(STAGE, _MARKERS),
    "stage-one-class": Entry(partial(STAGE, score="reconstruction"), _ONE_CLASS),
}
