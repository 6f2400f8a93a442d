"""Network and losses in plain torch."""

from ._config import NetworkConfig
from ._losses import class_kl as class_kl
from ._losses import info_nce as info_nce
from ._losses import reconstruction as reconstruction
from ._losses import separation as separation
from ._losses import vote_loss as vote_loss
from ._network import Output as Output
from ._network import SpaCRDNetwork
from ._network import Tokens as Tokens

__all__ = ["NetworkConfig", "SpaCRDNetwork"]
