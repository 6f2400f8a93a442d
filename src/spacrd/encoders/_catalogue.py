"""Encoders that timm can load, as data.

Model arguments follow the model cards. Models that timm cannot load (Phikon-v2 needs transformers, CONCH its own
package) become encoders through :func:`spacrd.encoders.register`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ._spec import EncoderSpec

H_OPTIMUS_MEAN, H_OPTIMUS_STD = (0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517)


def _frozen(**arguments: Any) -> MappingProxyType[str, Any]:
    return MappingProxyType(arguments)


# Layers are named here and looked up when timm is loaded.
_SWIGLU = {"mlp_layer": "timm.layers.SwiGLUPacked", "act_layer": "torch.nn.SiLU"}

_SPECS = (
    EncoderSpec(
        "uni",
        "timm",
        1024,
        224,
        model="hf-hub:MahmoodLab/uni",
        architecture="vit_large_patch16_224",
        model_kwargs=_frozen(init_values=1e-5, dynamic_img_size=True, num_classes=0),
        architecture_kwargs=_frozen(img_size=224, patch_size=16),
        mpp=0.5,
        licence="CC-BY-NC-ND-4.0",
        gated=True,
    ),
    EncoderSpec(
        "uni2-h",
        "timm",
        1536,
        224,
        model="hf-hub:MahmoodLab/UNI2-h",
        architecture="vit_giant_patch14_224",
        model_kwargs=_frozen(
            img_size=224,
            patch_size=14,
            depth=24,
            num_heads=24,
            init_values=1e-5,
            embed_dim=1536,
            mlp_ratio=2.66667 * 2,
            no_embed_class=True,
            reg_tokens=8,
            dynamic_img_size=True,
            num_classes=0,
            **_SWIGLU,
        ),
        mpp=0.5,
        licence="CC-BY-NC-ND-4.0",
        gated=True,
    ),
    EncoderSpec(
        "virchow2",
        "timm",
        2560,
        224,
        model="hf-hub:paige-ai/Virchow2",
        architecture="vit_huge_patch14_224",
        model_kwargs=_frozen(**_SWIGLU),
        architecture_kwargs=_frozen(
            img_size=224, init_values=1e-5, reg_tokens=4, mlp_ratio=5.3375, global_pool="", dynamic_img_size=True
        ),
        pooling="cls+mean",
        mpp=0.5,
        licence="CC-BY-NC-ND-4.0",
        gated=True,
    ),
    *(
        EncoderSpec(
            name,
            "timm",
            1536,
            224,
            model=f"hf-hub:bioptimus/{repository}",
            architecture="vit_giant_patch14_reg4_dinov2",
            model_kwargs=_frozen(init_values=1e-5, dynamic_img_size=False),
            architecture_kwargs=_frozen(img_size=224, global_pool="token"),
            mean=H_OPTIMUS_MEAN,
            std=H_OPTIMUS_STD,
            mpp=0.5,
            licence=licence,
            gated=True,
        )
        for name, repository, licence in (
            ("h-optimus-0", "H-optimus-0", "Apache-2.0"),
            ("h-optimus-1", "H-optimus-1", "CC-BY-NC-ND-4.0"),
        )
    ),
    EncoderSpec(
        "resnet50", "timm", 2048, 224, model="resnet50.tv_in1k", architecture="resnet50", licence="BSD-3-Clause"
    ),
    EncoderSpec(
        "swin-tiny",
        "timm",
        768,
        224,
        model="swin_tiny_patch4_window7_224.ms_in1k",
        architecture="swin_tiny_patch4_window7_224",
        licence="MIT",
    ),
)

CATALOGUE = {spec.name: spec for spec in _SPECS}
