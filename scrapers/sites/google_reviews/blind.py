"""JavaScript for a list whose cards we do not know, while its reviews are heard of.

The list is the largest box that scrolls; it has loaded when it has grown.
"""

from __future__ import annotations

from scrapers.sites.google_reviews.scripts import STATE

GROWN = (
    STATE
    + """
const overflows = (e) => e.scrollHeight > e.clientHeight + 1;
if (!S.root || !S.root.isConnected || !overflows(S.root)) {
  const boxes = [...main().querySelectorAll('*')].filter((e) =>
    overflows(e) && shown(e) && /auto|scroll/.test(getComputedStyle(e).overflowY));
  S.root = boxes.reduce((most, e) => e.scrollHeight > most.scrollHeight ? e : most,
    boxes[0] || document.scrollingElement);
}
const { scrollTop, clientHeight, scrollHeight } = S.root;
if (scrollTop + clientHeight < scrollHeight - 1) S.root.scrollTop = scrollHeight;
const hasGrown = scrollHeight !== S.blindHeight;
S.blindHeight = scrollHeight;
return hasGrown;
"""
)
"""Scroll down; true when the list is longer than at the last time."""

LIST_STATE = (
    STATE
    + """
const spinner = Boolean(S.root && [...S.root.querySelectorAll(SPINNER)].some(shown));
S.spinnerSeen = S.spinnerSeen || spinner;
return { spinner, ended: S.spinnerSeen && !spinner };
"""
)
"""As ``list_scripts.LIST_STATE``, without a last card to look behind."""
