"""The network in plain torch: no AnnData, no files."""

from ._network import NetworkConfig, SpaCRDNetwork, Tokens

__all__ = ["NetworkConfig", "SpaCRDNetwork", "Tokens"]
