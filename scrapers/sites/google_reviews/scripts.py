"""JavaScript that runs in the page: one call a step, never one a field.

State lives in ``window.__scrapestream``: the last card seen and the cards that wait for
their full text. Each script is the body of a function; ``arguments`` are its parameters.
"""

from __future__ import annotations

import json

from scrapers.sites.google_reviews.selectors import CARD

_CARDS = f"const CARDS = {json.dumps(CARD.selectors)};"
_STATE = (
    _CARDS
    + """
const S = window.__scrapestream || (window.__scrapestream = {
  seen: new WeakSet(), stale: new WeakSet(), last: null, root: null, card: null,
  pending: [], read: [], size: -1, quietSince: performance.now(), spinnerSeen: false,
});
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
  if (!S.root || !S.last || !S.last.isConnected) return false;
  for (let e = after(S.last); e; e = after(e)) {
    const spinner = e.matches(SPINNER) ? e : e.querySelector(SPINNER);
    if (spinner && shown(spinner)) { S.spinnerSeen = true; return true; }
  }
  return false;
}
"""
)

SETTLED = (
    _STATE
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
    _STATE
    + """
const [words] = arguments;
const tab = reviewsTab(words);
if (tab && tab.getAttribute('aria-selected') === 'true') return 'open';
const more = moreReviews();
if (!tab && !more) return null;
document.querySelectorAll(CARDS.join(',')).forEach((card) => S.stale.add(card));
S.last = null; S.root = null;
(tab || more).click();
return tab ? 'tab' : 'more';
"""
)
"""Click the tab of all reviews, known by its word: with a Menu tab its index moves."""

REVIEWS_OPEN = (
    _STATE
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
    _STATE
    + """
const BUTTONS = ['button[data-value="Sort"]', 'button[aria-label="Sort reviews"]',
  'button.HQzyZ[aria-haspopup="true"]'];
const button = BUTTONS.map((selector) => main().querySelector(selector)).find(shown);
if (!button) return false;
document.querySelectorAll(CARDS.join(',')).forEach((card) => S.stale.add(card));
S.last = null; S.root = null;
button.click();
return true;
"""
)
"""Open the menu of orders; false where a page has none."""

CHOOSE_SORT = (
    _STATE
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
    _STATE
    + """
const quiet = quietMs();
const cards = [...document.querySelectorAll(CARDS.join(','))].filter(shown);
if (!cards.length) return null;
if (cards.every((card) => !S.stale.has(card))) return 'list';
return quiet > 1500 ? 'same' : null;
"""
)
"""True once the list has been drawn anew, or stays as it was."""

ROUND = (
    _STATE
    + """
const [expandMs] = arguments;
const KEEP_SHOWN = 60;  // more than any screen holds
const GATHER_MS = 150;  // one report a batch, unless a text opens slowly
const MORE = 'button[jsaction*=".expandReview"], button[jsaction*=".expandOwnerResponse"]';
const FALLBACK_MORE = 'button.w8nwRe[aria-expanded="false"]';
const TRANSLATED = '[jsaction*=".showReviewInOriginal"]';
const REPLY_TRANSLATED = '[jsaction*=".showOwnerResponseInOriginal"]';

function findRoot() {
  const all = [...document.querySelectorAll(CARDS.join(','))];
  const card = all.find((c) => !S.stale.has(c) && shown(c)) || all.find(shown);
  if (!card) return null;
  S.card = CARDS.find((selector) => card.matches(selector));
  for (let e = card.parentElement; e; e = e.parentElement)
    if (/auto|scroll/.test(getComputedStyle(e).overflowY)) return e;
  return document.scrollingElement;
}
function newCards() {
  const found = [];
  if (S.last && S.last.isConnected && S.root.contains(S.last)) {
    for (let e = after(S.last); e;) {  // costs what is new, not what is there
      if (e.matches(S.card)) { if (!S.seen.has(e)) found.push(e); e = after(e); }
      else e = e.firstElementChild || after(e);
    }
  } else {
    for (const e of S.root.querySelectorAll(S.card))
      if (!S.seen.has(e) && !e.parentElement.closest(S.card)) found.push(e);
  }
  for (const e of found) S.seen.add(e);
  if (found.length) S.last = found[found.length - 1];
  return found;
}
function ready(entry) {  // opens what is cut, then turns a translation back; never the reverse
  const { card } = entry;
  for (let step = 0; step < 4; step++) {
    let more = [...card.querySelectorAll(MORE)];
    if (!more.length) more = [...card.querySelectorAll(FALLBACK_MORE)];
    more = more.filter((b) => b.getAttribute('aria-expanded') !== 'true');
    const fresh = more.filter((b) => !entry.clicked.has(b));
    for (const b of fresh) { entry.clicked.add(b); b.click(); }
    if (more.some((b) => b.isConnected && b.getAttribute('aria-expanded') !== 'true')) return false;
    const reply = card.querySelector(REPLY_TRANSLATED);
    if (reply && !entry.clicked.has(reply)) { entry.clicked.add(reply); reply.click(); }
    const translated = card.querySelector(TRANSLATED);
    if (!translated) return !card.querySelector(REPLY_TRANSLATED);
    if (entry.clicked.has(translated)) return false;
    const block = card.querySelector('.MyEned, [lang]');
    const text = block && (block.querySelector('.wiI7pd') || block);
    entry.translation = text ? text.textContent.trim() : '';
    entry.language = (block && block.getAttribute('lang')) || '';
    entry.clicked.add(translated);
    translated.click();
  }
  return false;
}
function markup({ card, translation, language }) {
  if (!translation) return card.outerHTML;
  const copy = card.cloneNode(true);
  copy.setAttribute('data-shown-translation', translation);
  copy.setAttribute('data-shown-translation-language', language);
  return copy.outerHTML;
}

if (!S.root || !S.root.isConnected) { S.root = findRoot(); S.last = null; }
if (!S.root) return null;
for (const card of newCards()) {
  const since = performance.now();
  S.pending.push({ card, since, clicked: new Set(), translation: '', language: '' });
}
hasSpinner();  // a fast list shows it for a moment only
const toBottom = () => {
  const { scrollTop, clientHeight, scrollHeight } = S.root;
  if (scrollTop + clientHeight < scrollHeight - 1) S.root.scrollTop = scrollHeight;
};
toBottom();  // at once: the site fetches on while texts open and while we read
const now = performance.now();
const states = S.pending.map((entry) => ready(entry) || now - entry.since > expandMs);  // all, so
if (!states.includes(true)) return null;  // that all open at once
if (states.includes(false) && now - S.pending[0].since < GATHER_MS) return null;
const count = states.includes(false) ? states.indexOf(false) : states.length;  // in their order
if (!count) return null;
const cards = S.pending.splice(0, count);
const answer = { cards: cards.map(markup), spinner: hasSpinner() };
// A long list costs the browser more with each card that it shows: the read ones go out of
// sight, all but the last. The list stays long enough to scroll.
S.read.push(...cards.map(({ card }) => card));
for (const card of S.read.splice(0, Math.max(0, S.read.length - KEEP_SHOWN)))
  card.style.display = 'none';
return answer;
"""
)
"""New cards once their texts are complete, at the latest ``expandMs`` after they came.

Scrolls on by itself; the value is ``{cards: [html], spinner}``.
"""

LIST_STATE = (
    _STATE
    + """
const spinner = hasSpinner();
return { spinner, ended: S.spinnerSeen && !spinner };
"""
)
"""Whether the list still loads; ``ended`` only where a spinner was seen before."""

UNSTICK = (
    _STATE
    + """
if (!S.root) return false;
const more = [...document.querySelectorAll('button[jsaction*="moreReviews"]')].find((button) =>
  S.last && S.last.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING);
if (more && shown(more)) more.click();  // the one above the list would start it anew
S.root.scrollTop = Math.max(0, S.root.scrollTop - 2 * S.root.clientHeight);
S.root.dispatchEvent(new WheelEvent('wheel', { deltaY: 400, bubbles: true }));
return new Promise((done) => setTimeout(() => {
  S.root.scrollTop = S.root.scrollHeight;
  S.root.dispatchEvent(new Event('scroll'));
  done(true);
}, 120));
"""
)
"""Move like a person whose list has stopped: up, then down again."""
