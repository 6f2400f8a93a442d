"""The fitted model."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy.special import expit, logit

from .._checks import check_positive_int, printable
from .._files import checked_path
from .._hardware import Hardware
from .._keys import NO_TUMOUR
from .._torch_mode import plain_torch
from ..features import NetworkInputs, SectionArrays, gene_coverage, prepare, take_genes
from ..nn import SpaCRDNetwork
from ._config import ModelConfig
from ._fingerprints import shares_spots, spot_hashes
from ._infer import Scores, propagated
from ._io._folder import read_folder, write_folder
from ._io._hub_models import download, upload
from ._io._weights import weights_id
from ._known import is_known
from ._level import Level, check_share, section_level
from ._parts import ModelParts
from ._prediction import Prediction
from ._profile import SectionProfile, profile_section
from ._shift import Shift
from ._verdict import give_verdict
from ._voters import score_voters


class SpaCRD:
    """Hold a fitted model: discriminants or networks, and all that is needed to score a section.

    :func:`spacrd.tl.fit` and :meth:`load` make it, and :func:`spacrd.tl.score` uses it.

    Parameters
    ----------
    config
        Settings of the model.
    parts
        Discriminants, networks and arrays, as :func:`spacrd.train.fit_sections` makes them.
    history
        One dictionary of losses per epoch, with its stage and network; empty without networks.
    source
        Address on the hub, ``"user/name@commit"``; empty if the model was not loaded from there.

    Examples
    --------
    >>> import spacrd
    >>> sections = [spacrd.datasets.toy_visium(n_rows=10, n_cols=10, n_genes=60, seed=i) for i in range(2)]
    >>> model = spacrd.tl.fit(sections, "pathologist", positive="invasive cancer", modality="expression")
    >>> model.save("cancer_model")
    >>> spacrd.SpaCRD.load("cancer_model").config.positive
    ('invasive cancer',)
    """

    def __init__(
        self, config: ModelConfig, parts: ModelParts, history: list[dict[str, Any]], *, source: str = ""
    ) -> None:
        self.config = config
        self.parts = parts
        for network in parts.voters.networks:
            network.cpu().eval()
        self.history = history
        self.source = source

    @property
    def networks(self) -> tuple[SpaCRDNetwork, ...]:
        """Return the networks whose votes are averaged."""
        return self.parts.voters.networks

    @property
    def id(self) -> str:
        """Return a short name of the weights: 12 hex digits of their SHA-256."""
        return weights_id(self.parts.tensors())

    def __repr__(self) -> str:
        c = self.config
        genes = f", {len(c.expression.genes)} genes" if c.expression else ""
        image = f", {c.image.key} ({c.image.dim} dimensions)" if c.image else ""
        n = c.calibration.n_sections
        calibrated = f"calibrated on {n} sections" if n else "not calibrated"
        networks = f"{c.members} network{'s' if c.members > 1 else ''}, " if c.members else ""
        source = f", from {self.source}" if self.source else ""
        what = f"recipe {c.recipe!r}{genes}{image}, positive {list(c.positive)}"
        return printable(f"SpaCRD {self.id}: {what}, {networks}{calibrated}{source}")

    @plain_torch()
    def predict(
        self,
        section: SectionArrays,
        *,
        expected_share: float | None = None,
        batch_size: int = 4096,
        device: str | None = None,
        precision: str = "32-true",
    ) -> Prediction:
        """Score one section given as arrays; :func:`spacrd.tl.score` does it for AnnData and SpatialData.

        Parameters
        ----------
        section
            Coordinates with counts, an embedding, or both; the target is not read.
        expected_share
            Share of cancer, where it is known; estimated if None.
        batch_size
            Spots per block; changes speed and memory, not the scores.
        device
            Torch device; the package setting if None.
        precision
            ``"32-true"``, or ``"bf16-mixed"`` for autocast.

        Returns
        -------
        Scores of every spot; NaN where a spot has none of the model's modalities.

        Raises
        ------
        TypeError
            If ``batch_size`` or ``expected_share`` is not a number.
        ValueError
            If an argument is out of bounds, the section has nothing that the model reads, or scores are not finite.
        """
        c = self.config
        check_positive_int(batch_size, "batch_size")
        check_share(expected_share, calibrated=c.calibration.n_sections > 0)
        hardware = Hardware.resolve(device, precision)
        read = take_genes(section, c.expression)
        inputs = prepare(
            read, expression=c.expression, image=c.image, n_neighbors=c.n_neighbors, max_distance_um=c.max_distance_um
        )
        available = [name for name, features in inputs.features.items() if features.valid.any()]
        if not available:
            raise ValueError(f"Section {section.name!r} has none of what the model reads: {', '.join(c.modalities)}.")
        scores = self._scores(inputs, section.name, batch_size, hardware)
        unscored = ~np.asarray(scores.counted.any(axis=1))
        profile = profile_section(
            section,
            inputs,
            expression=c.expression,
            use_image=c.image is not None,
            classifier=self.parts.prevalence,
            usual=self.parts.reference.usual,
            read=read,
        )
        contrast = np.where(unscored, np.nan, c.calibration.apply(scores.votes, scores.counted))
        shift = self._shift(section, inputs, profile)
        known = {"shifted": bool(shift.reasons()), "has_tumour": expected_share is not None}
        verdict, reason = give_verdict(c.presence, profile.presence, profile.share, **known)
        level, likelihood, uncertainty = Level(), expit(contrast), np.full(len(contrast), np.nan)
        if c.calibration.n_sections:
            usual = None if verdict == NO_TUMOUR else c.training_share
            level = section_level(expected_share, profile.share, usual, scores.latent, contrast)
            likelihood, uncertainty = level.likelihoods(contrast)
        return Prediction(
            likelihood=likelihood.astype(np.float32),
            logit=logit(likelihood),
            contrast=contrast,
            uncertainty=uncertainty.astype(np.float32),
            level=level,
            verdict=verdict,
            verdict_reason=reason,
            latent=np.where(unscored[:, None], np.float32(np.nan), scores.latent),
            modality="+".join(available),
            shift=shift,
            in_training=is_known(profile, c.training)
            or shares_spots(spot_hashes(read, c.expression, use_image=c.image is not None), c.training),
        )

    def _shift(self, section: SectionArrays, inputs: NetworkInputs, profile: SectionProfile) -> Shift:
        """Compare a section with the training sections."""
        facts = self.parts.reference.compare(profile)
        c = self.config
        if c.expression is not None:
            facts["gene_coverage"] = gene_coverage(section.genes, c.expression)
            if "expression" in c.discriminants:
                found = self.parts.voters.discriminants[c.discriminants.index("expression")]
                present = inputs.features["expression"].present
                usual = np.arange(len(present)) < len(c.expression.genes)
                facts["decision_coverage"] = found.coverage(present, usual)
        return Shift(**facts)

    def _scores(self, inputs: NetworkInputs, name: str, batch_size: int, hardware: Hardware) -> Scores:
        """Score with the voters, and propagate."""
        plain = score_voters(
            self.parts.voters,
            inputs,
            self.config.discriminants,
            batch_size=batch_size,
            device=hardware.device,
            precision=hardware.precision,
            description=f"score {name}",
        )
        scores = propagated(plain, inputs, self.config.propagation)
        if not np.isfinite(scores.votes[scores.counted]).all():
            raise ValueError(
                f"Section {name!r}: the model gives scores that are no numbers. Its weights are absurd, or the values "
                "it reads are."
            )
        return scores

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write ``config.json``, ``model.safetensors``, ``history.json`` and a model card ``README.md``.

        Parameters
        ----------
        path
            Folder to make. It is written under another name first and renamed when it is complete.
        overwrite
            Replace an existing model folder; a folder that holds anything else stays as it is.

        Raises
        ------
        FileExistsError
            If the folder is not empty and ``overwrite`` is False.
        ValueError
            If ``path`` is a file, a folder of something else, or :meth:`load` would refuse the model.
        """
        write_folder(path, self.config, self.parts, self.history, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, revision: str | None = None, token: str | None = None) -> SpaCRD:
        """Read a model from a folder, or from the Hugging Face hub.

        Parameters
        ----------
        path
            A folder, or a hub id ``"user/name"``; the network is asked only if there is no such folder. Files are
            checked before they are used, and nothing in them is executed.
        revision
            Commit, branch or tag on the hub; the newest if None. ``.source`` names the commit that was loaded.
        token
            Hub token for a private model; the stored login if None. It is never shown in a message.

        Raises
        ------
        TypeError
            If ``path`` is not a path.
        FileNotFoundError
            If there is no such folder or model, or a file of it is missing.
        ValueError
            If the folder is damaged, contradicts itself, was changed after it was saved or has a newer format.
        PermissionError
            If the hub asks for a login.
        ConnectionError
            If the hub cannot be reached and the cache has no copy.
        OSError
            If the hub fails.
        """
        folder, source = checked_path(path, "path", "a model folder or a hub id 'user/name'"), ""
        if not folder.exists():
            name = os.fspath(path)
            if len(ids := name.split("/")) != 2 or not all(ids) or name.startswith((".", "~")) or "\\" in name:
                raise FileNotFoundError(f"There is no model folder {name!r}.")
            folder, commit = download(name, revision=revision, token=token)
            source = f"{name}@{commit}"
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is a file; a spacrd model is a folder.")
        return cls(*read_folder(folder), source=source)

    def push_to_hub(
        self, repo_id: str, *, private: bool = True, token: str | None = None, card: str | None = None
    ) -> str:
        """Upload the model folder to the Hugging Face hub.

        Parameters
        ----------
        repo_id
            ``"user/name"``.
        private
            Whether a newly made repository is private.
        token
            Hub token; the stored login if None. It is never shown in a message.
        card
            Markdown of ``README.md``; the card that :meth:`save` writes if None.

        Returns
        -------
        URL of the commit.

        Raises
        ------
        TypeError, ValueError
            If ``repo_id`` cannot name a model, or ``card`` is no text, names a file or is empty.
        PermissionError
            If the hub asks for a login, or the login may not write.
        ConnectionError
            If the hub cannot be reached.
        OSError
            If the hub refuses the upload.

        Examples
        --------
        >>> model.push_to_hub("lab/model")  # doctest: +SKIP
        """
        return upload(self.save, repo_id, private=private, token=token, card=card)
