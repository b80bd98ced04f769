// A place page as a scraper meets it: tabs, a list that loads on scroll, "More", translations.
import { startList } from '/static/list.js';

const boot = JSON.parse(document.getElementById('boot').textContent);
if (boot.slow_open_ms) {
  await new Promise((done) => setTimeout(done, boot.slow_open_ms));
  const late = document.getElementById('late');
  late.replaceWith(late.content);
}
const panel = document.getElementById('panel');
const texts = new Map();
const OPENING_MS = 8; // "More" does not open at once on the real page either
const called = (name) => boot.classes[name] || name;
const the = (name) => `.${called(name)}`;
boot.sort = 'relevant';
boot.loads = Number(sessionStorage.getItem(location.href) || 0) + 1; // of this place in this tab
sessionStorage.setItem(location.href, boot.loads);

function remember(cards) {
  for (const card of cards) texts.set(card.id, card.texts);
}

function show(name) {
  panel.replaceChildren(document.getElementById(name).content.cloneNode(true));
  document.querySelector('.hero').hidden = name === 'reviews';
  panel.parentElement.classList.toggle('lists', name === 'reviews');
  const cards = panel.querySelector('.cards');
  if (name === 'overview' && cards) {
    remember(boot.first);
    cards.insertAdjacentHTML('beforeend', boot.first.map((card) => card.html).join(''));
  }
  if (name === 'reviews') startList(panel.querySelector('.DxyBCb'), boot, remember);
}

function openTab(tab) {
  const tabs = [...document.querySelectorAll('[role=tab]')];
  for (const other of tabs) other.setAttribute('aria-selected', String(other === tab));
  show(boot.tabs[tabs.indexOf(tab)]);
}

function write(block, version, isOpen, button) {
  block.querySelector(the('wiI7pd')).textContent = isOpen || !version.short ? version.text : version.short;
  block.lang = version.lang;
  block.querySelectorAll(the('w8nwRe')).forEach((more) => more.parentElement.remove());
  if (!isOpen && version.short) {
    const jsaction = button.getAttribute('jsaction').replace(/\.review\..*/, '.review.expandReview');
    block.insertAdjacentHTML('beforeend', `<span> <button class="${called('w8nwRe')} ${called('kyuRq')}" aria-expanded="false" aria-label="${boot.labels.see_more}" jsaction="${jsaction}">${boot.labels.more}</button></span>`);
  }
}

function openOrders() {
  if (document.getElementById('action-menu')) return;
  document.body.append(document.getElementById('orders').content.cloneNode(true));
  document.querySelector(`#action-menu [data-sort=${boot.sort}]`).setAttribute('aria-checked', 'true');
}

function choose(item) {
  boot.sort = item.dataset.sort;
  document.getElementById('action-menu').remove();
  show('reviews');
}

const actions = {
  sortMenu: () => setTimeout(openOrders, OPENING_MS),
  tabClick: (button) => openTab(button),
  moreReviews: () => openTab(document.querySelectorAll('[role=tab]')[boot.tabs.indexOf('reviews')]),
  expandReview(button, card, version) {
    const isOriginal = card.querySelector(the('MyEned')).lang === version.original.lang;
    write(card.querySelector(the('MyEned')), isOriginal ? version.original : version.translation, true, button);
  },
  expandOwnerResponse(button, card, version) {
    card.querySelector(`${the('CDe7pd')} ${the('wiI7pd')}`).textContent = version.reply.text;
    button.parentElement.remove();
  },
  showReviewInOriginal: (button, card, version) => translate(button, card, version, false),
  showReviewInTranslation: (button, card, version) => translate(button, card, version, true),
};

function translate(button, card, version, isTranslated) {
  write(card.querySelector(the('MyEned')), isTranslated ? version.translation : version.original, false, button);
  button.setAttribute('aria-checked', String(isTranslated));
  button.setAttribute('jsaction', button.getAttribute('jsaction').replace(/showReviewIn\w+/, isTranslated ? 'showReviewInOriginal' : 'showReviewInTranslation'));
  button.firstElementChild.textContent = isTranslated ? boot.labels.see_original.replace('{}', version.name) : boot.labels.see_translation;
}

document.addEventListener('click', (event) => {
  const order = event.target.closest('[role=menuitemradio]');
  if (order) { choose(order); return; }
  const button = event.target.closest('button[jsaction]');
  if (!button) return;
  const name = button.getAttribute('jsaction').split(';')[0].split('.').pop();
  const action = actions[name];
  if (!action) return;
  const card = button.closest('div[data-review-id][aria-label]');
  if (!card) { action(button); return; }
  setTimeout(() => button.isConnected && action(button, card, texts.get(card.dataset.reviewId)), OPENING_MS);
});

show('overview');
