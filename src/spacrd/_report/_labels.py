"""Words for the names under which facts are recorded."""

from __future__ import annotations

PATCHES = {
    "encoder": "encoder",
    "revision": "revision of the encoder",
    "weights": "file of the weights",
    "weights_sha256": "SHA-256 of the weights",
    "precision": "numeric precision",
    "dim": "dimensions of the embedding",
    "size": "side of a patch for the encoder, pixels",
    "patch_um": "side of a patch, µm",
    "patch_px": "side of a patch, pixels of the image",
    "mpp": "micrometres per pixel",
    "mpp_source": "how the scale was found",
    "image": "image",
    "coordinate_system": "coordinate system",
    "level": "resolution of the image that was read (0: full)",
    "padding": "patches beyond the border are filled by",
    "n_patches": "patches",
    "n_padded": "patches that reach beyond the border",
    "n_off_image": "spots off the image",
    "version": "version of spacrd",
}
"""What :func:`spacrd.pp.extract_patches` records."""
TRAINING = {
    "sections": "training sections",
    "platforms": "platforms of the training sections",
    "n_spots": "training spots",
    "n_labelled": "labelled training spots",
    "n_positive": "training spots labelled cancer",
    "negative_classes": "counts as not cancer",
    "spacrd_version": "version of spacrd, fit",
    "torch_version": "version of torch, fit",
}
"""What :func:`spacrd.tl.fit` records."""
METHODS = {
    "expected_f1": "highest expected F1",
    "gmm": "crossing of two Gaussians",
    "otsu": "Otsu's method",
    "given": "given by the user",
}
"""Ways to find a threshold."""
RECIPES = {"default": "default (linear discriminants)", "published": "published (SpaCRD, the network of the paper)"}


def worded(name: str, words: dict[str, str]) -> str:
    """Return the words for a recorded name; of a name that is not known, its own."""
    return words.get(name, name.replace("_", " "))
