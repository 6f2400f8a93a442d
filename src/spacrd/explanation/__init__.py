"""Explain the logits of a fitted model by its inputs."""

from ._explain import SOURCES, Explanation, attention_role, explain_section

__all__ = ["SOURCES", "Explanation", "attention_role", "explain_section"]
