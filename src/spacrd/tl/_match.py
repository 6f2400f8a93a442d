"""Check that a section fits a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import quote_names, warn
from .._keys import Keys
from ..features import LOW_COVERAGE, ExpressionContract, ImageContract, SectionArrays
from ..model import SpaCRD


def check_model(model: object) -> None:
    """Raise TypeError unless ``model`` is a fitted model."""
    if not isinstance(model, SpaCRD):
        raise TypeError(
            f"model must be a SpaCRD, got {type(model).__name__}. Load one with `spacrd.SpaCRD.load(path)`."
        )


def check_match(section: SectionArrays, model: SpaCRD, *, on_mismatch: str, done: str) -> None:
    """Raise or warn if a section does not fit a model.

    ``on_mismatch`` is ``"error"`` or ``"warn"``, for an embedding that was made in another way than the model's;
    ``done`` is ``"scored"`` or ``"explained"``, for messages.

    Raises
    ------
    ValueError
        If the section lacks the only modality of the model, its embedding has another width or, with
        ``on_mismatch="error"``, another origin; or if it has none of the model's genes, or those of another organism.
    """
    image, expression = model.config.image, model.config.expression
    if image is not None:
        if section.image is not None:
            _check_embedding(section, image, on_mismatch)
        else:
            text = f"Section {section.name!r} has no {image.key!r} in obsm: {_how_to_extract(image)}."
            if expression is None:
                raise ValueError(f"{text} The model reads the image alone.")
            warn(f"{text} It is {done} from expression alone.")
    if expression is not None:
        if section.genes is not None:
            _check_genes(section.name, section.genes, expression)
        elif image is None:
            raise ValueError(f"Section {section.name!r} has no genes, and the model reads expression alone.")
        else:
            warn(f"Section {section.name!r} has no genes. It is {done} from the image alone.")


def _how_to_extract(contract: ImageContract) -> str:
    """Name the call that makes the embedding that the model reads."""
    if not contract.encoder:
        return "store the embedding there that the model was fitted on"
    default = Keys.embedding(contract.encoder)
    key_added = "" if contract.key == default else f", key_added={contract.key!r}"
    return f"run spacrd.pp.extract_patches with encoder={contract.encoder!r}{key_added} first"


def _check_embedding(section: SectionArrays, contract: ImageContract, on_mismatch: str) -> None:
    dim = section.image.shape[1]
    if dim != contract.dim:
        raise ValueError(
            f"Section {section.name!r}: obsm[{contract.key!r}] has {dim} dimensions, the model was fitted on "
            f"{contract.dim}. Extract it with encoder {contract.encoder!r}."
        )
    for name in contract.differences(section.embedding):
        text = (
            f"Section {section.name!r}: obsm[{contract.key!r}] was made with {name} "
            f"{getattr(section.embedding, name)!r}, the model was fitted with {getattr(contract, name)!r}. Extract the "
            "patches again with the model's settings"
        )
        if on_mismatch == "error":
            raise ValueError(f"{text}, or pass on_mismatch='warn' to score all the same.")
        warn(f"{text}.")


def _check_genes(name: str, genes: np.ndarray, contract: ExpressionContract) -> None:
    available = np.isin(np.asarray(contract.genes), genes)
    n_substitutes = int(min((~available).sum(), np.isin(np.asarray(contract.substitutes), genes).sum()))
    if available.mean() < LOW_COVERAGE:
        _check_organism(name, contract.genes, genes, available)
    if not available.any() and not n_substitutes:
        raise ValueError(
            f"Section {name!r} and the model have no gene in common: the section has {quote_names(genes, 3)}, the "
            f"model reads {quote_names(contract.genes, 3)}. Use the same kind of gene names (symbols or Ensembl "
            "ids) and the same organism."
        )
    if available.mean() < LOW_COVERAGE:
        substitutes = f"; {n_substitutes} others take the place of missing ones" if n_substitutes else ""
        warn(
            f"Section {name!r} has {available.sum()} of the model's {len(available)} genes "
            f"({100 * available.mean():.0f} %){substitutes}. Expect less certain likelihoods."
        )


def _check_organism(name: str, genes_of_model: Sequence[str], genes: np.ndarray, available: np.ndarray) -> None:
    """Raise if the names differ from the model's in their case: 'ERBB2' is a human gene, 'Erbb2' is of the mouse."""
    by_casefold = {gene.casefold(): gene for gene in map(str, genes)}
    alike = np.array([gene.casefold() in by_casefold for gene in genes_of_model])
    if alike.mean() >= LOW_COVERAGE:
        gene = str(np.asarray(genes_of_model)[alike & ~available][0])
        raise ValueError(
            f"Section {name!r} has {available.sum()} of the model's {len(available)} genes, and {alike.sum()} if upper "
            f"and lower case were the same: the section has {by_casefold[gene.casefold()]!r}, the model reads "
            f"{gene!r}. These are names of another organism. Score with a model of the same organism; if the names "
            "were only written differently, rename `var_names`."
        )
