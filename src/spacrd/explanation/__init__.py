"""What the logits of a fitted model rest on."""
