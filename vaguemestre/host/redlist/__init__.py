"""The red list (liste rouge): who may write to a professional directly, and whose mail a secretariat reads first."""
