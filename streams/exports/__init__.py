"""Files of items: each format writes page by page, so that a long list needs no memory."""
