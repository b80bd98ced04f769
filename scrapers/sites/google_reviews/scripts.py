"""JavaScript that leads a page to its list of reviews; ``list_scripts`` reads the list.

State lives in ``window.__scrapestream``: the ids of the cards seen and the cards that wait for
their full text. Each script is the body of a function; ``arguments`` are its parameters.
"""

from __future__ import annotations

import json

from scrapers.sites.google_reviews.selectors import CARD

_CARDS = f"const CARDS = {json.dumps(CARD.selectors)};"
STATE = (
    _CARDS
    + """
const S = window.__scrapestream || (window.__scrapestream = {
  ids: new Set(), idOf: new WeakMap(), retried: new Set(), stale: new WeakSet(), come: new Set(),
  observer: null, last: null, root: null, card: null, isSure: false, isWindowed: false,
  steppedAt: 0, pending: [], read: [], hidden: [],
  removed: new Set(), isWanted: false, size: -1, quietSince: performance.now(), spinnerSeen: false,
});
const leaveList = () => {
  if (S.observer) S.observer.disconnect();
  S.observer = null; S.root = null; S.last = null; S.isSure = false; S.come.clear();
};
const quietMs = () => {
  const size = document.getElementsByTagName('*').length;
  if (size !== S.size) { S.size = size; S.quietSince = performance.now(); }
  return performance.now() - S.quietSince;
};
const shown = (e) => e && e.getClientRects().length > 0;
const main = () => [...document.querySelectorAll('[role=main]')]
  .find((m) => m.querySelector('h1, .jftiEf, [role=tab]') && !m.querySelector('[role=feed]'))
  || document.body;
const tabs = () => [...(main() || document).querySelectorAll('[role=tab]')];
const reviewsTab = (words) => tabs().find((tab) => {
  const word = (tab.textContent.trim() || tab.getAttribute('aria-label') || '').toLowerCase();
  return words.some((stem) => word.includes(stem));
});
const moreReviews = () => document.querySelector('button[jsaction*="moreReviews"]');
const SPINNER = '[role=progressbar], .qjESne, .veYFef, .lXJj5c';
function after(e) {  // the next element in document order that is not inside e
  for (; e && e !== S.root; e = e.parentElement)
    if (e.nextElementSibling) return e.nextElementSibling;
  return null;
}
function hasSpinner() {  // it stands after the last card; costs what is there
  if (!S.root || !S.last) return false;
  if (!S.last.isConnected) {  // a list that keeps few cards
    if (![...S.root.querySelectorAll(SPINNER)].some(shown)) return false;
    S.spinnerSeen = true;
    return true;
  }
  for (let e = after(S.last); e; e = after(e)) {
    const spinner = e.matches(SPINNER) ? e : e.querySelector(SPINNER);
    if (spinner && shown(spinner)) { S.spinnerSeen = true; return true; }
  }
  return false;
}
"""
)

SETTLED = (
    STATE
    + """
const [words] = arguments;
if (!document.body) return null;
const quiet = quietMs();
const q = (selector) => document.querySelector(selector);
if (q('form#captcha-form, #recaptcha, .g-recaptcha')) return 'captcha';
const place = q('h1.DUwDvf, .F7nice, .jANrlb');
if (!place && q("form[action*='consent.google'], #consent-bump")) return 'consent';
const way = reviewsTab(words) || moreReviews();
const total = q('tr.BHOKXe, button[jsaction$="reviewChart.moreReviews"]');
if (way && (total || quiet > 1000)) return 'reviews';
if (q('.S3H0Nb') && place && quiet > 300) return 'limited';
const settled = document.readyState === 'complete' && quiet > 1500;
if (settled && (place || q('[role=feed]'))) return 'page';
return settled && document.body.innerText.trim().length > 20 ? 'page' : null;
"""
)
"""True once the page shows what it is (parameter: words of the reviews tab)."""

REJECT_CONSENT = """
const [words] = arguments;
const buttons = [...document.querySelectorAll('button, input[type=submit], [role=button]')];
const label = (b) =>
  (b.getAttribute('aria-label') || b.value || b.textContent || '').trim().toLowerCase();
const named = buttons.find((b) => words.some((word) => label(b).startsWith(word)));
const declining = document.querySelector("form input[name=set_eom][value=true]");
const submit = (form) => form && form.querySelector('button, input[type=submit]');
const button = named || submit(declining && declining.form)
  || submit(document.querySelector("form[action*='consent.google']"));
if (!button) return false;
button.click();
return true;
"""
"""Decline cookies, by the label, else by the form's own mark (parameter: labels)."""

CONSENT_GONE = """
return document.body && !document.querySelector("form[action*='consent.google'], #consent-bump");
"""

OPEN_REVIEWS = (
    STATE
    + """
const [words] = arguments;
const tab = reviewsTab(words);
if (tab && tab.getAttribute('aria-selected') === 'true') return 'open';
const more = moreReviews();
if (!tab && !more) return null;
document.querySelectorAll(CARDS.join(',')).forEach((card) => S.stale.add(card));
leaveList();
(tab || more).click();
return tab ? 'tab' : 'more';
"""
)
"""Click the tab of all reviews, known by its word: with a Menu tab its index moves."""

REVIEWS_OPEN = (
    STATE
    + """
const [words] = arguments;
const quiet = quietMs();
const tab = reviewsTab(words);
if (tab && tab.getAttribute('aria-selected') !== 'true') return null;
const cards = [...document.querySelectorAll(CARDS.join(','))];
if (cards.some((card) => !S.stale.has(card))) return 'list';
return cards.length && quiet > 1500 ? 'same' : null;
"""
)
"""True once the list of all reviews is there: cards that the overview did not have."""

OPEN_SORT_MENU = (
    STATE
    + """
const [words] = arguments;
const BUTTONS = ['button[data-value="Sort"]', 'button[aria-label="Sort reviews"]',
  'button.HQzyZ[aria-haspopup="true"]'];
const label = (b) =>
  ((b.getAttribute('aria-label') || '') + ' ' + b.textContent).toLowerCase();
const menus = () => [...main().querySelectorAll('button[aria-haspopup]')].filter(shown);
const button = BUTTONS.map((selector) => main().querySelector(selector)).find(shown)
  || menus().find((b) => words.some((stem) => label(b).includes(stem)));
if (!button) return false;
document.querySelectorAll(CARDS.join(',')).forEach((card) => S.stale.add(card));
leaveList();
button.click();
return true;
"""
)
"""Open the menu of orders, known by its marks or its word; false where a page has none."""

CHOOSE_SORT = (
    STATE
    + """
const [index, count] = arguments;
const KINDS = ['[role=menuitemradio]', '[role=menuitem]', '[role=option]'];
const items = KINDS.map((kind) => [...document.querySelectorAll(kind)].filter(shown))
  .find((found) => found.length === count);
if (!items) return null;
items[index].click();
return true;
"""
)
"""Click the order at ``index`` of ``count``: known by its place, for words differ by language."""

SORTED = (
    STATE
    + """
const quiet = quietMs();
const cards = [...document.querySelectorAll(CARDS.join(','))].filter(shown);
if (!cards.length) return null;
if (cards.every((card) => !S.stale.has(card))) return 'list';
return quiet > 1500 ? 'same' : null;
"""
)
"""True once the list has been drawn anew, or stays as it was."""
