"""The network in plain torch: no AnnData, no files."""

from ._config import NetworkConfig
from ._losses import class_kl, info_nce, reconstruction, separation, vote_loss
from ._network import Output, SpaCRDNetwork, Tokens

__all__ = [
    "NetworkConfig",
    "Output",
    "SpaCRDNetwork",
    "Tokens",
    "class_kl",
    "info_nce",
    "reconstruction",
    "separation",
    "vote_loss",
]
