"""What the logits of a fitted model rest on."""

from ._explain import SOURCES, Explanation, attention_role, explain_section

__all__ = ["SOURCES", "Explanation", "attention_role", "explain_section"]
