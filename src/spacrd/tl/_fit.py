"""Fit a model on annotated sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from .._checks import check_choice
from .._hardware import Hardware
from .._sections import Selection
from ..model import Recipe, SpaCRD
from ..train import FitSettings, fit_sections
from ._labels import ClassLabels
from ._read import read_training

if TYPE_CHECKING:
    from anndata import AnnData
    from lightning.pytorch import Callback
    from spatialdata import SpatialData


def fit(
    data: AnnData | SpatialData | Sequence[AnnData | SpatialData],
    label_key: str,
    *,
    positive: str | Sequence[str],
    negative: str | Sequence[str] | None = None,
    modality: Literal["image", "expression"] | None = None,
    image_rep: str | None = None,
    layer: str | None = None,
    library_key: str | None = None,
    table_key: str = "table",
    n_top_genes: int = 3000,
    genes: Sequence[str] | None = None,
    n_neighbors: int = 6,
    max_distance: float | None = None,
    scaling: Literal["minmax", "quantile", "zscore", "none"] | None = None,
    recipe: str | Recipe = "default",
    max_epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    members: int | None = None,
    seed: int = 0,
    device: str | None = None,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    devices: int = 1,
    strategy: str = "auto",
    callbacks: Sequence[Callback] = (),
) -> SpaCRD:
    """Fit a model on annotated sections; nothing is written into the data.

    Parameters
    ----------
    data
        Sections: one object, or a list. An object may hold several (``library_key``, or regions of a SpatialData).
    label_key
        ``.obs`` column of annotated classes. Unlabelled spots (NaN) take part as neighbours and in the alignment of
        image and expression, never in a loss that reads labels.
    positive
        Class or classes that are cancer.
    negative
        Classes that are not cancer; every other class is then unlabelled. All others if None.
    modality
        ``"image"`` or ``"expression"`` to use one alone; by default what the sections have.
    image_rep
        Embedding in ``.obsm``; by default the one that :func:`spacrd.pp.extract_patches` made.
    layer
        Layer of raw counts; ``.X`` if None.
    library_key
        ``.obs`` column of section names.
    table_key
        Table of a SpatialData.
    n_top_genes
        Genes to keep, chosen by variability without labels among those all sections share. Others take their place in
        a section that lacks more than half of them, except with the networks of ``"published"``.
    genes
        Genes to use instead of choosing; no others take their place.
    n_neighbors
        Neighbours beside the spot itself, within its section.
    max_distance
        Farthest neighbour in micrometres.
    scaling
        Scaling of every feature within its section; the recipe's if None.
    recipe
        ``"default"`` (linear discriminants), ``"published"`` (the networks of the authors' program) or a
        :class:`spacrd.model.Recipe`. The next four arguments have no effect with a recipe without networks.
    max_epochs
        Epochs of each training stage, at most; the recipe's if None.
    batch_size
        Spots per step; the recipe's if None.
    lr
        Learning rate; the recipe's if None.
    members
        Networks to train and average; the recipe's if None.
    seed
        Seed of weights, batches, dropout and sampling. On a CPU, the same seed gives the same weights bit by bit.
    device
        Torch device; the package setting if None.
    precision
        ``"bf16-mixed"`` for autocast to bfloat16: faster where the device has it, not the same weights.
    devices
        Devices of this machine to train on, one process each; batches are divided among them.
    strategy
        Name of a Lightning strategy that says how the processes are launched.
    callbacks
        Lightning callbacks, given to every stage.

    Returns
    -------
    The fitted model, with its training history if it has networks.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    KeyError
        If a column, layer, embedding or table is missing.
    ValueError
        If the labels lack a class, the counts are not counts, the sections do not fit each other, or an argument is out
        of bounds.

    See Also
    --------
    spacrd.tl.score : Score sections with the model.
    spacrd.train.fit_sections : The same for arrays.

    References
    ----------
    Xue et al., SpaCRD, AAAI 2026. The recipe ``"published"`` follows the authors' program.

    Examples
    --------
    >>> import spacrd
    >>> sections = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(2)]
    >>> for section in sections:
    ...     spacrd.pp.extract_patches(section)
    >>> cancer = ["invasive cancer", "cancer in situ"]
    >>> model = spacrd.tl.fit(sections, "pathologist", positive=cancer)
    >>> model.config.modalities
    ('image', 'expression')
    """
    labels = ClassLabels.resolve(label_key, positive, negative)
    if modality is not None:
        check_choice(modality, ("image", "expression"), "modality")
    settings = FitSettings.resolve(
        recipe=recipe,
        n_top_genes=n_top_genes,
        genes=genes,
        n_neighbors=n_neighbors,
        max_distance=max_distance,
        scaling=scaling,
        max_epochs=max_epochs,
        batch_size=batch_size,
        lr=lr,
        members=members,
        seed=seed,
        label_key=label_key,
        positive=labels.positive,
    )
    hardware = Hardware.resolve(device, precision, devices, strategy)
    sections = read_training(
        data,
        labels,
        modality=modality,
        image_rep=image_rep,
        genes=settings.genes,
        selection=Selection(table_key=table_key, library_key=library_key, layer=layer),
        scale=max_distance is not None,
    )
    settings = replace(settings, negative=labels.others([section for section, _ in sections]))
    return fit_sections([arrays for _, arrays in sections], settings, hardware=hardware, callbacks=callbacks)
