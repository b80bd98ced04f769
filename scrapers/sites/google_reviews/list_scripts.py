"""JavaScript that reads the open list of reviews: one call a batch, never one a field.

A watch on the list names its new cards, so that what is there already costs nothing, and a
card counts by its id: lists that draw their cards anew, take them away while they scroll or
use them for other reviews are read all the same.
"""

from __future__ import annotations

from scrapers.sites.google_reviews.scripts import STATE

ROUND = (
    STATE
    + """
const [expandMs, keepRead] = arguments;
const KEEP_SHOWN = 60;  // more than any screen holds
const STEP_MS = 100;  // the list draws its next cards after a frame or two
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
  const page = document.scrollingElement;
  const scrolls = [];
  for (let e = card.parentElement; e && e !== document.body && e !== page; e = e.parentElement)
    if (/auto|scroll/.test(getComputedStyle(e).overflowY)) scrolls.push(e);
  scrolls.push(page);
  const sure = scrolls.find((e) => e.scrollHeight > e.clientHeight + 1);
  S.isSure = Boolean(sure);  // a short list overflows nothing yet; `overflow-x` looks like it
  return sure || scrolls[0];
}
const idOf = (card) => card.getAttribute('data-review-id')
  || (card.querySelector('[data-review-id]') || card).getAttribute('data-review-id') || '';
function cardsIn(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  return node.matches(S.card) ? [node] : [...node.querySelectorAll(S.card)];
}
function take(records) {  // costs what is new, not what is there
  const come = new Set(), gone = new Set();
  for (const { type, target, addedNodes, removedNodes } of records) {
    if (type === 'attributes') {
      const card = target.closest(S.card);
      if (!card) continue;
      S.come.add(card);
      const before = S.idOf.get(card);
      if (before && before !== idOf(card)) S.isWindowed = true;  // used for another review
    }
    for (const node of addedNodes)
      for (const card of cardsIn(node)) { S.come.add(card); come.add(idOf(card)); }
    if (removedNodes.length && target.closest(S.card)) continue;  // what a card holds, not a card
    for (const node of removedNodes) for (const card of cardsIn(node)) gone.add(idOf(card));
  }
  // Cards that leave while others stay: a list that keeps a window of them. When all leave, or
  // the same come again, it is drawn anew.
  if (!S.isWindowed && [...gone].some((id) => id && !come.has(id)) && S.root.querySelector(S.card))
    S.isWindowed = true;
}
function enter(root) {
  leaveList();
  S.root = root;
  if (!root) return;
  S.isSure = root.scrollHeight > root.clientHeight + 1;
  S.observer = new MutationObserver(take);
  S.observer.observe(root, {
    subtree: true, childList: true, attributes: true, attributeFilter: ['data-review-id'],
  });
  for (const card of root.querySelectorAll(S.card)) S.come.add(card);
}
function isRow(cards) {  // each is the next card after the one before; a line may lie between
  return cards.every((card, index) => {
    if (!card || !card.isConnected) return false;
    let next = index ? cards[index - 1].nextElementSibling : card;
    for (let step = 0; step < 3 && next && !next.matches(S.card); step++)
      next = next.nextElementSibling;
    return next === card;
  });
}
function newCards() {
  take(S.observer.takeRecords());
  const fresh = [];
  for (const card of S.come) {
    const id = idOf(card);
    if (!id || (card.parentElement && card.parentElement.closest(S.card))) continue;
    const isDrawnAnew = S.ids.has(id) && !S.idOf.has(card);
    if (S.removed.has(id)) S.isWanted = true;  // the site wants what it has drawn
    S.idOf.set(card, id);
    if (isDrawnAnew && !S.pending.some((entry) => entry.id === id)) S.read.push(card);
    if (S.ids.has(id)) continue;
    S.ids.add(id);
    fresh.push({ id, card });
  }
  S.come.clear();
  if (isRow([S.last, ...fresh.map(({ card }) => card)])) {
    if (fresh.length) S.last = fresh[fresh.length - 1].card;
    return fresh;
  }
  // Costs what is there: a browser compares two places by walking over all that is beside them.
  const isBefore = (a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING;
  if (fresh.every(({ card }) => card.isConnected))
    fresh.sort((a, b) => isBefore(a.card, b.card) ? -1 : 1);
  for (const { card } of fresh)
    if (!S.last || !S.last.isConnected || isBefore(S.last, card)) S.last = card;
  return fresh;
}
function current(entry) {  // the element that shows the review now; null when none does
  if (entry.card.isConnected && idOf(entry.card) === entry.id) return entry.card;
  const shownNow = [...S.root.querySelectorAll(`[data-review-id="${CSS.escape(entry.id)}"]`)];
  return shownNow.map((e) => e.closest(S.card)).find(Boolean) || null;
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

if (!S.root || !S.root.isConnected || !S.isSure) {
  const root = findRoot();
  if (root !== S.root) enter(root);
}
if (!S.root) return null;
const now = performance.now();
for (const { id, card } of newCards())
  S.pending.push({ id, card, since: now, clicked: new Set(), translation: '', language: '' });
S.pending = S.pending.filter((entry) => {
  const card = current(entry);
  if (card) { entry.card = card; return true; }
  // Gone before it was read: once more when it comes again, else as it was.
  const isLost = entry.card.isConnected || !S.retried.has(entry.id);
  if (isLost) { S.retried.add(entry.id); S.ids.delete(entry.id); }
  return !isLost;
});
hasSpinner();  // a fast list shows it for a moment only
const toBottom = () => {
  const { scrollTop, clientHeight, scrollHeight } = S.root;
  if (scrollTop + clientHeight >= scrollHeight - 1) return;
  S.root.scrollTop = scrollHeight;
  // The browser says so with its next frame only: that would be a frame a batch.
  (S.root === document.scrollingElement ? document : S.root).dispatchEvent(new Event('scroll'));
};
function step() {  // through a list that keeps a window of cards: what we jump over never comes
  if (!S.steppedAt) {
    S.root.querySelectorAll(S.card).forEach((card) => { card.style.display = ''; });
    S.root.scrollTop = 0;
    S.steppedAt = now;
  }
  if (S.pending.length || now - S.steppedAt < STEP_MS) return;
  S.root.scrollTop += 0.7 * S.root.clientHeight;
  S.steppedAt = now;
}
if (S.isWindowed) step();
else toBottom();  // at once: the site fetches on while texts open and while we read
const states = S.pending.map((entry) => ready(entry) || now - entry.since > expandMs);  // all, so
if (!states.includes(true)) return null;  // that all open at once
if (states.includes(false) && now - S.pending[0].since < GATHER_MS) return null;
const count = states.includes(false) ? states.indexOf(false) : states.length;  // in their order
if (!count) return null;
const cards = S.pending.splice(0, count);
const answer = { cards: cards.map(markup), spinner: hasSpinner() };
// A long list costs the browser more with each card that it holds: the read ones go out of
// sight and are emptied, all but the last, so that the list stays long enough to scroll. Even
// those cost a look at each change of style, so of a very long list the first leave for good.
S.read.push(...cards.map(({ card }) => card));
const over = S.read.splice(0, Math.max(0, S.read.length - KEEP_SHOWN));
if (S.isWindowed) return answer;
for (const card of over) {
  card.style.display = 'none';
  card.replaceChildren();
}
S.hidden.push(...over);
const leaving = S.isWanted ? [] : S.hidden.splice(0, Math.max(0, S.hidden.length - keepRead));
if (!leaving.length) return answer;
take(S.observer.takeRecords());
for (const card of leaving) { S.removed.add(idOf(card)); card.remove(); }
S.observer.takeRecords();  // ours: not a list that takes its cards away
return answer;
"""
)
"""New cards once their texts are complete, at the latest ``expandMs`` after they came.

Scrolls on by itself; of the cards that were read ``keepRead`` stay in the document.
The value is ``{cards: [html], spinner}``.
"""

LIST_STATE = (
    STATE
    + """
const spinner = hasSpinner();
return { spinner, ended: S.spinnerSeen && !spinner };
"""
)
"""Whether the list still loads; ``ended`` only where a spinner was seen before."""

UNSTICK = (
    STATE
    + """
if (!S.root) return false;
const more = [...document.querySelectorAll('button[jsaction*="moreReviews"]')].find((button) =>
  S.last && S.last.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING);
if (more && shown(more)) more.click();  // the one above the list would start it anew
S.root.scrollTop = Math.max(0, S.root.scrollTop - 2 * S.root.clientHeight);
const heard = S.root === document.scrollingElement ? document : S.root;
heard.dispatchEvent(new WheelEvent('wheel', { deltaY: 400, bubbles: true }));
return new Promise((done) => setTimeout(() => {
  if (!S.isWindowed) S.root.scrollTop = S.root.scrollHeight;  // else the next steps lead there
  heard.dispatchEvent(new Event('scroll'));
  done(true);
}, 120));
"""
)
"""Move like a person whose list has stopped: up, then down again."""
