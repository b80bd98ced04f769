// A place page as a scraper meets it: tabs, a list that loads on scroll, "More", translations.
'use strict';

const boot = JSON.parse(document.getElementById('boot').textContent);
const panel = document.getElementById('panel');
const texts = new Map();
const loads = Number(sessionStorage.getItem(location.href) || 0) + 1; // of this place in this tab
sessionStorage.setItem(location.href, loads);
let sort = 'relevant';
const OPENING_MS = 8; // "More" does not open at once on the real page either

function add(cards, list) {
  for (const card of cards) texts.set(card.id, card.texts);
  list.insertAdjacentHTML('beforeend', cards.map((card) => card.html).join(''));
}

function show(name) {
  panel.replaceChildren(document.getElementById(name).content.cloneNode(true));
  document.querySelector('.hero').hidden = name === 'reviews';
  panel.parentElement.classList.toggle('lists', name === 'reviews');
  if (name === 'overview' && panel.querySelector('.cards')) add(boot.first, panel.querySelector('.cards'));
  if (name === 'reviews') startList(panel.querySelector('.DxyBCb'));
}

function startList(scroller) {
  const list = scroller.querySelector('.cards');
  const spinner = scroller.querySelector('.lXJj5c');
  let next = 0, isLoading = false, wentUp = false, lastTop = 0;

  async function load() {
    if (isLoading || next === null) return;
    isLoading = true;
    const answer = await fetch(`${boot.list}&sort=${sort}&loads=${loads}&offset=${next}${wentUp ? '&moved=1' : ''}`);
    const batch = answer.ok ? await answer.json() : { cards: [], next };
    if (!scroller.isConnected) return;
    add(batch.cards, list);
    next = batch.next;
    isLoading = false;
    if (next === null) spinner.remove();
  }
  scroller.addEventListener('scroll', () => {
    if (scroller.scrollTop < lastTop - 200) wentUp = true;
    lastTop = scroller.scrollTop;
    if (scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - 600) load();
  });
  load();
}

function openTab(tab) {
  for (const other of document.querySelectorAll('[role=tab]')) other.setAttribute('aria-selected', String(other === tab));
  show(tab.textContent.trim().toLowerCase());
}

function write(block, version, isOpen, button) {
  block.querySelector('.wiI7pd').textContent = isOpen || !version.short ? version.text : version.short;
  block.lang = version.lang;
  block.querySelectorAll('.w8nwRe').forEach((more) => more.parentElement.remove());
  if (!isOpen && version.short) {
    const jsaction = button.getAttribute('jsaction').replace(/\.review\..*/, '.review.expandReview');
    block.insertAdjacentHTML('beforeend', `<span> <button class="w8nwRe kyuRq" aria-expanded="false" aria-label="See more" jsaction="${jsaction}">More</button></span>`);
  }
}

function openOrders() {
  if (document.getElementById('action-menu')) return;
  document.body.append(document.getElementById('orders').content.cloneNode(true));
  document.querySelector(`#action-menu [data-sort=${sort}]`).setAttribute('aria-checked', 'true');
}

function choose(item) {
  sort = item.dataset.sort;
  document.getElementById('action-menu').remove();
  show('reviews');
}

const actions = {
  sortMenu: () => setTimeout(openOrders, OPENING_MS),
  tabClick: (button) => openTab(button),
  moreReviews: () => openTab([...document.querySelectorAll('[role=tab]')].find((tab) => tab.textContent.trim() === 'Reviews')),
  expandReview(button, card, version) {
    const isOriginal = card.querySelector('.MyEned').lang === version.original.lang;
    write(card.querySelector('.MyEned'), isOriginal ? version.original : version.translation, true, button);
  },
  expandOwnerResponse(button, card, version) {
    card.querySelector('.CDe7pd .wiI7pd').textContent = version.reply.text;
    button.parentElement.remove();
  },
  showReviewInOriginal: (button, card, version) => translate(button, card, version, false),
  showReviewInTranslation: (button, card, version) => translate(button, card, version, true),
};

function translate(button, card, version, isTranslated) {
  write(card.querySelector('.MyEned'), isTranslated ? version.translation : version.original, false, button);
  button.setAttribute('aria-checked', String(isTranslated));
  button.setAttribute('jsaction', button.getAttribute('jsaction').replace(/showReviewIn\w+/, isTranslated ? 'showReviewInOriginal' : 'showReviewInTranslation'));
  button.firstElementChild.textContent = isTranslated ? `See original (${version.name})` : 'See translation (English)';
}

document.addEventListener('click', (event) => {
  const order = event.target.closest('[role=menuitemradio]');
  if (order) { choose(order); return; }
  const button = event.target.closest('button[jsaction]');
  if (!button) return;
  const name = button.getAttribute('jsaction').split(';')[0].split('.').pop();
  const action = actions[name];
  if (!action) return;
  const card = button.closest('.jftiEf');
  if (!card) { action(button); return; }
  setTimeout(() => button.isConnected && action(button, card, texts.get(card.dataset.reviewId)), OPENING_MS);
});

show('overview');
