// The list of reviews: fetches batches while somebody scrolls, and misbehaves as it is told.
const MOST_CARDS = 40; // in the document at a time, where the list is virtual
const MARGIN_PX = 600;
const LAST_LOOK_MS = 400; // what came before can be seen before the page goes

export function startList(panel, boot, remember) {
  const list = panel.querySelector('.cards');
  const spinner = panel.querySelector('.lXJj5c');
  const scroller = boot.scroll === 'document' ? document.scrollingElement : panel;
  const cards = boot.virtual ? virtual(list, scroller) : { add: (html) => list.insertAdjacentHTML('beforeend', html), turn: () => true };
  const common = `&sort=${boot.sort}&loads=${boot.loads}`;
  const path = `${new URL(boot.list, location.href).pathname}`.replace(/\/reviews\.json$/, '');
  const query = boot.list.slice(boot.list.indexOf('?') + 1);
  let next = 0, tries = 0, isLoading = false, wentUp = false, lastTop = 0;

  function ask() {  // the answer that brings the reviews, in Google's shape
    const moved = wentUp ? '&moved=1' : '';
    const source = encodeURIComponent(`${path}?${query}${common}&tries=${tries}${moved}`);
    if (boot.network === 'rpc') return fetch(`/maps/rpc/listugcposts?authuser=0&hl=en&cursor=${next}&source-path=${source}`);
    const call = ['/MapsUgcPostService.ListUgcPosts', JSON.stringify([null, String(next), 10]), null, 'generic'];
    const body = new URLSearchParams({ 'f.req': JSON.stringify([[call]]) });
    return fetch(`/maps/_/MapsWizUi/data/batchexecute?rpcids=qv9Egd&source-path=${source}&hl=en&rt=c`, { method: 'POST', body });
  }

  async function load() {
    if (isLoading || next === null) return;
    isLoading = true;
    let answer = boot.network ? await ask() : null;
    if (!answer || answer.ok) {
      if (answer) await answer.text();
      const moved = wentUp ? '&moved=1' : '';
      answer = await fetch(`${boot.list}${common}&tries=${tries}&offset=${next}${moved}&list=${encodeURIComponent(boot.list)}`);
    }
    if (!panel.isConnected) return;
    const batch = await answer.json();
    isLoading = false;  // not before `next` is known: a scroll meanwhile would ask for the same again
    if (!answer.ok) {
      tries += 1;
      if (batch.sorry) setTimeout(() => location.assign(batch.sorry), LAST_LOOK_MS);
      return;  // until somebody scrolls
    }
    if (batch.act === 'crash') crash();
    while (batch.act === 'hang');
    tries = 0;
    remember(batch.cards);
    cards.add(batch.cards.map((card) => card.html).join(''));
    next = batch.next;
    if (next === null) spinner.remove();
  }

  const target = scroller === panel ? panel : document;
  target.addEventListener('scroll', () => {
    if (!panel.isConnected) return;
    if (scroller.scrollTop < lastTop - 200) wentUp = true;
    lastTop = scroller.scrollTop;
    const isAtEnd = scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - MARGIN_PX;
    if (cards.turn() && isAtEnd) load();
  });
  load();
}

function virtual(list, scroller) {  // cards that nobody sees leave the document; new ones are drawn for them
  const htmls = [], heights = [];
  const gap = document.createElement('div');
  list.before(gap);
  let first = 0;  // of the cards in the document
  const draw = (html) => { const box = document.createElement('template'); box.innerHTML = html; return box.content.firstElementChild; };
  const fit = () => { gap.style.height = `${heights.slice(0, first).reduce((sum, height) => sum + height, 0)}px`; };

  function down() {
    const last = first + list.children.length;
    for (const html of htmls.slice(last, last + 10)) list.append(draw(html));
    const leaving = [...list.children].slice(0, Math.max(0, list.children.length - MOST_CARDS));
    heights.push(...leaving.slice(heights.length - first).map((card) => card.getBoundingClientRect().height));
    for (const card of leaving) card.remove();
    first += leaving.length;
    fit();
  }
  function up() {
    while (first > 0 && scroller.scrollTop < gap.offsetHeight + MARGIN_PX) {
      first -= 1;
      list.prepend(draw(htmls[first]));
      if (list.children.length > MOST_CARDS) list.lastElementChild.remove();
      fit();
    }
  }
  return {
    add(html) {
      const box = document.createElement('template');
      box.innerHTML = html;
      htmls.push(...[...box.content.children].map((card) => card.outerHTML));
      down();
    },
    turn() {  // true when the last card that was fetched is in the document
      if (scroller.scrollTop < gap.offsetHeight + MARGIN_PX) up();
      const isLow = scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - MARGIN_PX;
      if (isLow && first + list.children.length < htmls.length) down();
      return first + list.children.length >= htmls.length;
    },
  };
}

function crash() {  // boxes so deep that the layout runs out of stack: the tab ends
  const root = document.createElement('div');
  let last = root;
  for (let depth = 0; depth < 10000; depth++) {
    const box = document.createElement('div');
    box.style.display = 'flex';
    last.append(box);
    last = box;
  }
  document.body.append(root);
  root.getBoundingClientRect();
}
