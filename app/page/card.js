// The card of a model: Markdown → elements. Whatever the text holds, it makes no markup and runs nothing.

import { h } from './dom.js';
import { blob } from './core.js';

const SPAN = /`([^`]+)`|\*\*(.+?)\*\*|!\[([^\]]*)\]\(([^)\s]+)\)|\[([^\]]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s)|]+)/g;

/** Return the elements of a card; `base`: the address of its pictures. */
export function card(markdown, base) {
  const root = h('div.card');
  const lines = markdown.split('\n');
  let into = root;
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const block = (test) => { const from = i; while (i < lines.length && test(lines[i])) i++; return lines.slice(from, i); };
    const heading = /^(#{1,6}) (.*)/.exec(line);
    if (heading) { into.append(h(`h${Math.min(6, heading[1].length + 2)}`, {}, spans(heading[2], base))); i++; }
    else if (line.startsWith('```')) { i++; into.append(h('pre', { tabIndex: 0 }, block((each) => !each.startsWith('```')).join('\n'))); i++; }
    else if (line.startsWith('|')) into.append(table(block((each) => each.startsWith('|')), base));
    else if (/^[-*] /.test(line)) into.append(h('ul', block((each) => /^[-*] /.test(each)).map((each) => h('li', spans(each.slice(2), base)))));
    else if (line === '<details>') { into = h('details'); root.append(into); i++; }
    else if (line === '</details>') { into = root; i++; }
    else if (/^<summary>.*<\/summary>$/.test(line)) { into.append(h('summary', line.slice(9, -10))); i++; }
    else if (!line.trim()) i++;
    else {
      i++;
      into.append(h('p', spans([line, ...block((each) => each.trim() && !/^(#{1,6} |```|\||[-*] |<)/.test(each))].join(' '), base)));
    }
  }
  return root;
}

/** Return the sentence of the card that stands out: its first bold one. */
export const headline = (markdown) => /^\*\*(.+?)\*\*/m.exec(markdown)?.[1];

function spans(text, base) {
  const made = [];
  let place = 0;
  for (const found of text.matchAll(SPAN)) {
    const [all, literal, bold, alt, source, label, target, address] = found;
    made.push(text.slice(place, found.index));
    if (literal) made.push(h('code', literal));
    else if (bold) made.push(h('strong', spans(bold, base)));
    else if (source) made.push(picture(alt, source, base));
    else made.push(link(label || address, target || address));
    place = found.index + all.length;
  }
  return [...made, text.slice(place)];
}

const link = (label, target) => (/^https?:\/\//.test(target) ? h('a', { href: target, rel: 'noreferrer' }, label) : label);

function picture(alt, source, base) {
  const image = h('img', { alt });
  if (/^[\w.-]+$/.test(source)) blob(`${base}/${source}`).then((found) => { image.src = URL.createObjectURL(found); }, () => image.replaceWith(alt));
  return image;
}

function table(lines, base) {
  const rows = lines.map((line) => line.slice(1, line.lastIndexOf('|')).split('|').map((cell) => cell.trim()));
  const [head, , ...body] = rows;
  const cells = (row, kind) => h('tr', row.map((cell) => h(cell ? kind : 'td', spans(cell, base))));
  return h('div.scroll', { tabIndex: 0, role: 'group', ariaLabel: 'Table' },
    h('table', head.some(Boolean) && h('thead', cells(head, 'th')), h('tbody', body.map((row) => cells(row, 'td')))));
}
