// Trees: written as text, drawn with the label of every phrase.

import { h, s, put, percent } from './dom.js';
import * as text from './text.js';

const WIDE = 92, HIGH = 62;

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
function placed(phrases) {
  const nodes = phrases.map((phrase) => ({ ...phrase, below: [], depth: 0, height: 0 }));
  for (const node of nodes) {
    node.above = node.parent === null ? null : nodes[node.parent];
    node.above?.below.push(node);
    node.depth = node.above ? node.above.depth + 1 : 0;
  }
  const leaves = nodes.filter((node) => !node.below.length);
  leaves.forEach((leaf, column) => { leaf.x = (column + 0.5) * WIDE; });
  for (const node of [...nodes].reverse().sort((a, b) => b.depth - a.depth)) {
    if (!node.below.length) continue;
    const places = node.below.map((child) => child.x);
    node.x = (Math.min(...places) + Math.max(...places)) / 2;
  }
  return { nodes, leaves };
}

function drawn(phrases, labels) {
  const { nodes, leaves } = placed(phrases);
  const deepest = Math.max(...nodes.map((node) => node.depth));
  const y = (node) => 22 + HIGH * node.depth;
  const wide = leaves.length * WIDE, high = y({ depth: deepest }) + 46;
  const lines = nodes.filter((node) => node.above).map((node) => s('path.edge', {
    d: `M${node.above.x} ${y(node.above) + 14}C${node.above.x} ${y(node) - 20} ${node.x} ${y(node.above) + 26} ${node.x} ${y(node) - 15}`,
  }));
  const detail = h('p.note', { ariaLive: 'polite' }, 'Point at or tab to a phrase to read it.');
  const boxes = nodes.map((node) => {
    const said = `${node.text}: ${node.label}, ${percent(node.probability)}`;
    const show = () => { detail.textContent = said; };
    return s('g.phrase', { tabindex: 0, role: 'img', 'aria-label': said, onfocus: show, onmouseenter: show,
      style: { '--hue': hue(labels.indexOf(node.label), labels.length) } },
    s('rect', { x: node.x - WIDE / 2 + 3, y: y(node) - 15, width: WIDE - 6, height: 29, rx: 7 }),
    s('text', { x: node.x, y: y(node) + 4 }, node.label),
    !node.below.length && s('text.leaf', { x: node.x, y: y(node) + 31 }, node.text));
  });
  return [h('h3', 'The label of every phrase'),
    h('div.scroll', { tabIndex: 0, role: 'group', ariaLabel: 'The tree' },
      s('svg', { width: wide, height: high, viewBox: `0 0 ${wide} ${high}` }, lines, boxes)), detail];
}

/** From red over gray-green to blue for ordered labels; any hue tells neighbours from each other, and the label is written. */
const hue = (place, count) => (count > 1 ? 20 + (200 * place) / (count - 1) : 200);
