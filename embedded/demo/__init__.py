"""Pages, texts and webhook boxes of the demo site."""
