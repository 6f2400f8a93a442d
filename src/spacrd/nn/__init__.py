"""The network in plain torch: no AnnData, no files."""

from ._config import NetworkConfig
from ._network import SpaCRDNetwork, Tokens

__all__ = ["NetworkConfig", "SpaCRDNetwork", "Tokens"]
