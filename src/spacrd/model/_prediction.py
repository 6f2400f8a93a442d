"""What a model says of a section."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._reference import Shift


@dataclass(frozen=True)
class Prediction:
    """Scores of one section.

    Attributes
    ----------
    likelihood
        Probability of cancer, calibrated as the model says, (n,) float32.
    logit
        Its logit, (n,) float64.
    uncertainty
        Half the width of the likelihood's interval of one standard error, (n,) float32; NaN for a model that cannot
        tell.
    interval
        That interval, (n, 2) float64, in likelihoods.
    latent
        Latent means, (n, latent) float32.
    modality
        ``"image+expression"``, ``"image"`` or ``"expression"``: what the section had.
    shift
        How far the section lies from those the model was fitted on.
    known
        Whether the model was fitted on this very section.

    Examples
    --------
    After the :ref:`setup of the examples <examples>`:

    >>> import numpy as np
    >>> table = section["table"]
    >>> spots = spacrd.model.SectionArrays(
    ...     name="new",
    ...     xy=table.obsm["spatial"],
    ...     um_per_unit=1.0,
    ...     counts=table.X,
    ...     genes=table.var_names.to_numpy(),
    ...     image=table.obsm["X_handcrafted"],
    ...     target=np.full(table.n_obs, np.nan),
    ... )
    >>> prediction = model.predict(spots)
    >>> prediction.modality
    'image+expression'
    """

    likelihood: np.ndarray
    logit: np.ndarray
    uncertainty: np.ndarray
    interval: np.ndarray
    latent: np.ndarray
    modality: str
    shift: Shift
    known: bool = False
