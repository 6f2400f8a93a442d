"""Genes that mark cancer cells and the tissues around them: the one list of the package, human symbols."""

from __future__ import annotations

TUMOUR_MARKERS: dict[str, tuple[str, ...]] = {
    "breast": ("EPCAM", "KRT8", "KRT18", "KRT19", "CDH1", "ERBB2", "MUC1", "GRB7", "CCND1", "MKI67"),
    "pancreas": ("EPCAM", "KRT7", "KRT17", "KRT19", "MUC1", "CEACAM5", "CEACAM6", "TFF1", "S100P", "MSLN"),
}
"""Markers of carcinoma cells by organ, as in textbooks of pathology; chosen before any section was scored."""
EPITHELIAL, PROLIFERATION, STROMAL, IMMUNE, FAT = "epithelial", "proliferation", "stromal", "immune", "fat"
TISSUE_MARKERS: dict[str, tuple[str, ...]] = {
    # Wu et al., Nature Genetics 2021 (atlas of breast cancers): EPCAM and keratins name epithelial cells.
    EPITHELIAL: ("EPCAM", "KRT7", "KRT8", "KRT18", "KRT19", "CDH1", "CLDN4", "MUC1"),
    # Whitfield et al., Nature Reviews Cancer 2006 (common markers of proliferation).
    PROLIFERATION: ("MKI67", "TOP2A", "BIRC5", "CCNB1", "CDC20", "UBE2C", "AURKA", "PLK1"),
    # Wu et al. 2021: fibroblasts and perivascular cells; the collagens of the extracellular matrix.
    STROMAL: ("COL1A1", "COL1A2", "COL3A1", "DCN", "LUM", "PDGFRB", "FAP", "VIM"),
    # Wu et al. 2021: T cells (CD3D), B cells (MS4A1, CD79A), plasma cells (JCHAIN), myeloid cells (CD68).
    IMMUNE: ("PTPRC", "CD3D", "CD3E", "CD2", "MS4A1", "CD79A", "JCHAIN", "CD68"),
    # Emont et al., Nature 2022 (atlas of white adipose tissue): adipocytes.
    FAT: ("ADIPOQ", "PLIN1", "PLIN4", "FABP4", "LPL", "CIDEC", "LEP", "CD36"),
}
"""Markers of the kinds of tissue in a section, each with its source."""
