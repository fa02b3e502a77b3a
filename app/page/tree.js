// Trees: written as text, drawn with the label of every phrase.

import { h, s, put, percent } from './dom.js';
import * as text from './text.js';

const HIGH = 62;

export function create(context) {
  const input = text.create(context);
  const drawing = h('div.tree');
  input.node.querySelector('label').textContent = 'Sentence or tree';
  input.node.append(drawing);
  const payload = () => (input.payload() ? { ...input.payload(), type: 'text/plain' } : null);
  return {
    node: input.node, load: input.load, payload,
    explain: (phrases) => put(drawing, phrases ? drawn(phrases, context.facts.labels) : null),
  };
}

/** Return where each phrase stands: x by its words, y by its depth. */
function placed(phrases, wide) {
  const nodes = phrases.map((phrase) => ({ ...phrase, below: [], depth: 0, height: 0 }));
  for (const node of nodes) {
    node.above = node.parent === null ? null : nodes[node.parent];
    node.above?.below.push(node);
    node.depth = node.above ? node.above.depth + 1 : 0;
  }
  const leaves = nodes.filter((node) => !node.below.length);
  leaves.forEach((leaf, column) => { leaf.x = (column + 0.5) * wide; });
  for (const node of [...nodes].sort((a, b) => b.depth - a.depth)) {
    const places = node.below.map((child) => child.x);
    if (places.length) node.x = (Math.min(...places) + Math.max(...places)) / 2;
  }
  return { nodes, leaves };
}

function drawn(phrases, labels) {
  const wide = 20 + 7 * Math.max(4, ...phrases.map(({ label, text }) => Math.max(label.length, text.includes(' ') ? 0 : text.length)));
  const { nodes, leaves } = placed(phrases, wide);
  const deepest = Math.max(...nodes.map((node) => node.depth));
  const y = (node) => 22 + HIGH * node.depth;
  const all = leaves.length * wide, high = y({ depth: deepest }) + 46;
  const lines = nodes.filter((node) => node.above).map((node) => s('path.edge', {
    d: `M${node.above.x} ${y(node.above) + 14}C${node.above.x} ${y(node) - 20} ${node.x} ${y(node.above) + 26} ${node.x} ${y(node) - 15}`,
  }));
  const detail = h('p.note', { ariaLive: 'polite' }, 'Point at or tab to a phrase to read it.');
  const boxes = nodes.map((node) => {
    const said = `${node.text}: ${node.label}, ${percent(node.probability)}`;
    const show = () => { detail.textContent = said; };
    return s('g.phrase', { tabindex: 0, role: 'img', 'aria-label': said, onfocus: show, onmouseenter: show,
      style: { '--hue': hue(labels.indexOf(node.label), labels.length) } },
    s('rect', { x: node.x - wide / 2 + 3, y: y(node) - 15, width: wide - 6, height: 29, rx: 7 }),
    s('text', { x: node.x, y: y(node) + 4 }, node.label),
    !node.below.length && s('text.leaf', { x: node.x, y: y(node) + 31 }, node.text));
  });
  const box = h('div.scroll', { tabIndex: 0, role: 'group', ariaLabel: 'The tree' }, s('svg', { width: all, height: high }, lines, boxes));
  requestAnimationFrame(() => { box.scrollLeft = nodes[0].x - box.clientWidth / 2; });
  return [h('h3', 'The label of every phrase'), box, detail];
}

/** Return the hue of a label, from red to blue in the order of the labels; its text stands there too. */
const hue = (place, count) => (count > 1 ? 20 + (200 * place) / (count - 1) : 200);
