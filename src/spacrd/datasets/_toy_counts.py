"""Counts of a simulated section: negative binomial, one gene programme per tissue class."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ._toy_tissue import CLASSES, FAT, GLANDS, IMMUNE, IN_SITU, INVASIVE, STROMA, TissueMap

PROGRAMME_SEED = 20210114
"""Programmes belong to the biology, not to the section: every section shares them."""

_EPITHELIUM = "EPCAM KRT8 KRT18 KRT19 KRT7 CDH1 CLDN3 CLDN4 CLDN7 MUC1 CD24 ELF3 SPINT2 TACSTD2 AGR2 XBP1".split()
_MARKERS = {
    INVASIVE: (
        "ERBB2 GRB7 PGAP3 STARD3 MIEN1 FASN SCD MKI67 TOP2A CCND1 MYC BIRC5 UBE2C S100A9 S100A8 CEACAM6 MMP11 "
        "TFF3 TFF1 MUCL1 SLC9A3R1 PPP1R1B PSMD3 CRABP2 TPX2 AURKA KRT81 S100P CEACAM5 LCN2"
    ).split(),
    IN_SITU: "ERBB2 GRB7 KRT14 KRT17 FASN CCND1 SCGB2A2 AZGP1 TFAP2B PIP S100A14 CRABP1 CA9 SLC2A1 CST1".split(),
    GLANDS: "KRT5 KRT14 KRT15 KRT17 OXTR LTF PIGR ELF5 KIT SLPI SAA1 SAA2 MMP7 ACTA2 MYH11 MYLK SFRP1 WFDC2".split(),
    STROMA: (
        "COL1A1 COL1A2 COL3A1 COL5A1 COL6A1 COL6A2 COL6A3 DCN LUM FBLN1 FN1 SPARC POSTN THY1 PDGFRA PDGFRB VIM FAP "
        "CTHRC1 MMP2 SFRP4 IGFBP7 TAGLN VWF PECAM1 CLDN5 MGP C1R C1S FBN1"
    ).split(),
    FAT: "ADIPOQ PLIN1 PLIN4 FABP4 LEP LPL CIDEC CIDEA CD36 G0S2 ADH1B GPD1 AQP7 SAA1 PCK1 CFD LIPE RBP4".split(),
    IMMUNE: (
        "PTPRC CD3D CD3E CD2 CD4 CD8A CD19 MS4A1 CD79A CD79B IGKC IGHG1 IGHM JCHAIN CXCL13 CCL19 CCL5 GZMK GZMA NKG7 "
        "TRBC1 TRBC2 IL7R LTB CORO1A CD74 HLA-DRA HLA-DRB1 CD68 LYZ"
    ).split(),
}
_COMMON = "ACTB GAPDH B2M MALAT1 NEAT1 EEF1A1 TMSB4X TMSB10 FTL FTH1 UBC UBB HSP90AA1 HSP90AB1 TPT1 MT-CO1".split()
_FAMILIES = (("RPL", 3, 40), ("RPS", 2, 30), ("PSMA", 1, 8), ("PSMB", 1, 11), ("NDUFA", 1, 14), ("NDUFB", 1, 12))
_ENDLESS = ("ZNF", "TMEM", "CCDC", "SLC25A", "KIF", "RNF", "MRPL", "TTC", "WDR", "LRRC", "ANKRD", "KCTD")


def gene_names(n_genes: int) -> list[str]:
    """Return ``n_genes`` distinct gene symbols: markers of every class in turn, then common and other genes."""
    by_class = [_EPITHELIUM, *_MARKERS.values()]
    turns = [genes[i] for i in range(max(map(len, by_class))) for genes in by_class if i < len(genes)]
    families = [f"{stem}{number}" for stem, start, stop in _FAMILIES for number in range(start, stop)]
    names = list(dict.fromkeys([*turns, *_COMMON, *families]))
    number = 0
    while len(names) < n_genes:
        number += 1
        names += [f"{stem}{number}" for stem in _ENDLESS]
    return names[:n_genes]


def _programmes(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the log mean of each gene in each class ``(n_classes, n_genes)`` and its dispersion ``(n_genes,)``."""
    rng = np.random.default_rng(PROGRAMME_SEED)
    column_of = {name: column for column, name in enumerate(names)}
    level = rng.normal(-1.0, 1.0, len(names))
    common = set(_COMMON) | {name for name in names if name.startswith(("RPL", "RPS"))}
    level[[column_of[name] for name in names if name in common]] += 2.6
    # Most genes hardly care where they are; a weak effect in many keeps gene selection from being trivial.
    effect = rng.normal(0.0, 0.15, (len(CLASSES), len(names)))
    for number, markers in _MARKERS.items():
        columns = [column_of[name] for name in markers if name in column_of]
        effect[number, columns] += rng.uniform(0.6, 2.2, len(columns))
    columns = [column_of[name] for name in _EPITHELIUM if name in column_of]
    for number, strength in ((INVASIVE, 1.1), (IN_SITU, 1.2), (GLANDS, 0.9)):
        effect[number, columns] += strength * rng.uniform(0.5, 1.2, len(columns))
    # Fat holds little RNA; crowded nests and lymphocytes much.
    effect[FAT] -= 0.9
    effect[[INVASIVE, IN_SITU]] += 0.25
    return level + effect, rng.uniform(0.3, 1.2, len(names))


def draw_counts(
    rng: np.random.Generator, tissue: TissueMap, xy_um: np.ndarray, names: list[str], *, batch: float
) -> sparse.csr_matrix:
    """Draw raw counts of the spots at ``xy_um``, float32 CSR ``(n_spots, n_genes)``.

    Parameters
    ----------
    rng
        Source of every random choice.
    tissue
        Class map of the section.
    xy_um
        Spot centres, um.
    names
        Gene names, from :func:`gene_names`.
    batch
        Strength of what sets this section apart: depth, gain of each gene, share of ambient RNA and how far the
        tumour switches on each of its genes. 0: none.
    """
    log_mean, dispersion = _programmes(names)
    n_spots, n_genes = len(xy_um), len(names)
    present = 1.0 - batch * rng.uniform(0.0, 0.6, n_genes)
    tumour_part = log_mean[[IN_SITU, INVASIVE]] - log_mean[STROMA]
    log_mean[[IN_SITU, INVASIVE]] = log_mean[STROMA] + np.clip(present, 0.0, 1.0) * tumour_part
    # What a spot captures: itself, and RNA that diffused in from around it.
    shares = 0.72 * tissue.fractions(xy_um, 26.0) + 0.28 * tissue.fractions(xy_um, 110.0)
    mean = shares @ np.exp(log_mean)
    ambient = np.clip(0.15 + 0.08 * batch * rng.standard_normal(), 0.02, 0.4)
    mean = (1.0 - ambient) * mean + ambient * mean.mean(axis=0)
    gain = np.exp(0.4 * batch * rng.standard_normal(n_genes))
    depth = np.exp(0.35 * batch * rng.standard_normal() + 0.4 * rng.standard_normal(n_spots))
    mean *= gain * depth[:, None]
    counts = rng.poisson(rng.gamma(1.0 / dispersion, mean * dispersion))
    return sparse.csr_matrix(counts, dtype=np.float32)
